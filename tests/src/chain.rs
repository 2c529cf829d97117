//! The links between a container and its domain: the account provider, the credential spec, the guard.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::domain::await_json;
use crate::{ALICE_PASSWORD, Domain, GUARD_PASSWORD, Tool, Wine, pando};

/// The namespace that the account provider serves.
pub const NAMESPACE: &str = "cattle-windows-gmsa-system";
/// The secret with the impersonation account's credentials.
pub const SECRET: &str = "webapp-creds";

/// A running `pando account-provider` for a domain.
pub struct AccountProvider {
    process: Child,
    log: PathBuf,
}

impl AccountProvider {
    /// Serves one secret, that of `svc-guard`, for plugins that look in the domain's `host` folder.
    pub fn start(domain: &Domain) -> Self {
        Self::start_with(domain, "svc-guard", GUARD_PASSWORD)
    }

    /// The same with other credentials in the secret.
    pub fn start_with(domain: &Domain, username: &str, password: &str) -> Self {
        write_secret(domain, SECRET, username, password, "contoso.com");
        let state = domain.path("provider").display().to_string();
        Self::serve(domain, &["--secrets", &domain.path("secrets").display().to_string(), "--state", &state])
    }

    /// Serves that secret to Rancher's own plugin as well, and writes the audit to the domain's `audit.log`.
    pub fn start_legacy(domain: &Domain) -> Self {
        write_secret(domain, SECRET, "svc-guard", GUARD_PASSWORD, "contoso.com");
        let path = |name: &str| domain.path(name).display().to_string();
        let (secrets, state, audit) = (path("secrets"), path("provider"), path("audit.log"));
        Self::serve(domain, &["--secrets", &secrets, "--state", &state, "--legacy", "--audit-log", &audit])
    }

    /// Serves the Secret of that name in a cluster, as whom this configuration is for.
    pub fn start_in_cluster(domain: &Domain, kubeconfig: &Path, secret: &str) -> Self {
        Self::serve(domain, &["--kubernetes-secret", secret, "--kubeconfig", &kubeconfig.display().to_string()])
    }

    /// The same where all but the release's own folder is missing or cannot be written, as in the container of its chart.
    pub fn start_confined(domain: &Domain, kubeconfig: &Path, secret: &str) -> Self {
        let release = domain.path("host").join(NAMESPACE).join("releases").join(secret);
        let (aside, host) = (domain.path("aside").display().to_string(), domain.path("host").display().to_string());
        fs::create_dir_all(domain.path("aside")).expect("a folder can be made");
        let release = release.display().to_string();
        let script = "mkdir -p $1 && mount --bind $1 $2 && mount -t tmpfs -o mode=755 t $3 && mkdir -p $1 && mount --bind $2 $1 && \
                      mount -o remount,ro $3 && shift 3 && exec \"$@\"";
        let outer =
            ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh", &release, &aside, &host];
        let kubeconfig = kubeconfig.display().to_string();
        Self::serve_within(domain, &outer, &["--kubernetes-secret", secret, "--kubeconfig", &kubeconfig])
    }

    /// The same; the account's directory is there.
    pub fn start_placed(domain: &Domain, kubeconfig: &Path, place: &str) -> Self {
        let kubeconfig = kubeconfig.display().to_string();
        Self::serve(domain, &["--kubernetes-secret", SECRET, "--kubeconfig", &kubeconfig, "--domain", place])
    }

    /// The same on a node of this name, and has the account change its own password, in the directory there, when it is older than a month.
    pub fn start_rotating(domain: &Domain, kubeconfig: &Path, node: &str, place: &str) -> Self {
        let kubeconfig = kubeconfig.display().to_string();
        let source = ["--kubernetes-secret", SECRET, "--kubeconfig", &kubeconfig, "--probes", "127.0.0.1:0"];
        let rotation = ["--rotate-after", "2592000", "--rotate-grace", "2", "--node", node, "--domain", place];
        let audit = ["--audit-log", "-"];
        Self::serve(domain, &[&source[..], &rotation, &audit].concat())
    }

    /// As [`start`](Self::start), but the Windows program, on that computer; the domain's `host` folder is its own.
    pub fn start_on_windows(domain: &Domain, wine: &Wine) -> Self {
        write_secret(domain, SECRET, "svc-guard", GUARD_PASSWORD, "contoso.com");
        let host = wine.drive_c("var/lib/rancher/gmsa");
        std::os::unix::fs::symlink(host, domain.path("host")).expect("a link can be made");
        let (secrets, state) = (Wine::path(&domain.path("secrets")), r"C:\provider".to_owned());
        let program = wine.program("pando.exe").into_command();
        Self::spawn(
            domain,
            program,
            &["--secrets", &secrets, "--state", &state],
            &Wine::path(&domain.path("provider.json")),
        )
    }

    fn serve(domain: &Domain, source: &[&str]) -> Self {
        Self::serve_within(domain, &[], source)
    }

    fn serve_within(domain: &Domain, outer: &[&str], source: &[&str]) -> Self {
        let ready = domain.path("provider.json").display().to_string();
        let host = domain.path("host").display().to_string();
        Self::spawn(domain, domain.pando_within(outer), &[source, &["--host-dir", &host]].concat(), &ready)
    }

    fn spawn(domain: &Domain, mut program: Command, source: &[&str], ready_file: &str) -> Self {
        let (ready, log) = (domain.path("provider.json"), domain.path("provider.log"));
        let _ = fs::remove_file(&ready);
        let output = File::create(&log).expect("the log can be made");
        let mut process = program
            .args(["--log", "debug", "account-provider", "run", "--namespace", NAMESPACE])
            .args(source)
            .args(["--ready-file", ready_file])
            .stdin(Stdio::null())
            .stdout(output.try_clone().expect("the log can be shared"))
            .stderr(output)
            .spawn()
            .expect("pando can be started");
        await_json(&mut process, &ready, &log);
        Self { process, log }
    }

    /// What Prometheus gets of the one that was started with probes.
    pub fn metrics(domain: &Domain) -> String {
        let ready = fs::read_to_string(domain.path("provider.json")).expect("it says where");
        let ready: serde_json::Value = serde_json::from_str(&ready).expect("it is JSON");
        let address = ready["probes"].as_str().expect("it has probes");
        Tool::new("curl").args(["-sS", "--fail", &format!("http://{address}/metrics")]).ok().stdout
    }

    /// Waits until it has logged that.
    #[track_caller]
    pub fn says(&self, text: &str) {
        let deadline = Instant::now() + Duration::from_secs(120);
        while !self.log().contains(text) {
            assert!(Instant::now() < deadline, "it never says {text:?}:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Everything it has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).expect("the log can be read")
    }
}

/// Writes one of the secrets that an account provider of the domain's namespace serves.
pub fn write_secret(domain: &Domain, name: &str, username: &str, password: &str, domain_name: &str) {
    let secret = domain.path("secrets").join(name);
    fs::create_dir_all(&secret).expect("the secret's folder can be made");
    for (key, value) in [("username", username), ("password", password), ("domainName", domain_name)] {
        fs::write(secret.join(key), value).expect("a secret can be written");
    }
}

impl Drop for AccountProvider {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Has alice write the credential spec of `webapp01$` to the domain's `credspec.json`.
pub fn credential_spec(domain: &Domain) -> PathBuf {
    let (spec, password) = (domain.path("credspec.json"), domain.path("alice-password"));
    fs::write(&password, ALICE_PASSWORD).expect("the password file can be written");
    domain
        .program(pando())
        .args(["credspec", "new", "--account", "webapp01", "--user", "alice@contoso.com", "--plugin", "rkc"])
        .args([
            "--plugin-input",
            &format!("{NAMESPACE}:{SECRET}"),
            "--ldaps",
            &format!("localhost:{}", domain.ports().ldaps.port()),
        ])
        .arg("--ca")
        .arg(domain.ca())
        .arg("--password-file")
        .arg(password)
        .arg("--out")
        .arg(&spec)
        .ok();
    spec
}

/// `pando guard fetch` of a credential spec, into the domain's own `ccache` and into `gmsa.keytab`.
pub fn guard_fetch(domain: &Domain, spec: &std::path::Path) -> Tool {
    domain
        .program(pando())
        .args(["guard", "fetch", "--json", "--dc-host", "dc1.contoso.com"])
        .args(["--kdc", &domain.ports().kerberos.to_string(), "--ldap", &domain.ports().ldap.to_string()])
        .arg("--credspec")
        .arg(spec)
        .arg("--ccache")
        .arg(domain.path("ccache"))
        .arg("--keytab")
        .arg(domain.path("gmsa.keytab"))
        .arg("--host-dir")
        .arg(domain.path("host"))
}
