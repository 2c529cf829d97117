//! The links between a container and its domain: the account provider, the credential spec, the guard.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use crate::domain::await_json;
use crate::{ALICE_PASSWORD, Domain, GUARD_PASSWORD, Tool, pando};

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

    fn serve(domain: &Domain, source: &[&str]) -> Self {
        let (ready, log) = (domain.path("provider.json"), domain.path("provider.log"));
        let _ = fs::remove_file(&ready);
        let output = File::create(&log).expect("the log can be made");
        let mut process = domain
            .pando()
            .args(["--log", "debug", "account-provider", "run", "--namespace", NAMESPACE])
            .args(source)
            .arg("--host-dir")
            .arg(domain.path("host"))
            .arg("--ready-file")
            .arg(&ready)
            .stdin(Stdio::null())
            .stdout(output.try_clone().expect("the log can be shared"))
            .stderr(output)
            .spawn()
            .expect("pando can be started");
        await_json(&mut process, &ready, &log);
        Self { process, log }
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
