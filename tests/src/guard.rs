//! A guard that serves a host: `pando guard run`, and containers that are started with its hooks.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Stdio};

use serde_json::Value;

use crate::domain::await_json;
use crate::{Domain, Tool, pando};

/// A running `pando guard run` for a domain, with everything it keeps in the domain's folder `guard`.
pub struct GuardService {
    process: Child,
    /// What it said when it was ready.
    pub ready: Value,
    folder: PathBuf,
}

impl GuardService {
    /// Serves with the plugin `rkc` and the domain's servers.
    pub fn start(domain: &Domain) -> Self {
        Self::start_with(domain, &[])
    }

    /// The same with more flags.
    pub fn start_with(domain: &Domain, flags: &[&str]) -> Self {
        Self::start_within(domain, &[], flags)
    }

    /// The same, started by another program that becomes it.
    pub fn start_within(domain: &Domain, outer: &[&str], flags: &[&str]) -> Self {
        let folder = Self::folder(domain);
        let (ready, log) = (folder.join("ready.json"), folder.join("log"));
        let _ = std::fs::remove_file(&ready);
        let output = File::options().create(true).append(true).open(&log).expect("the log can be made");
        let mut process = domain
            .pando_within(outer)
            .args(["--log", "debug"])
            .args(Self::arguments(domain))
            .args(["--metrics", "127.0.0.1:0"])
            .args(flags)
            .arg("--ready-file")
            .arg(&ready)
            .stdin(Stdio::null())
            .stdout(output.try_clone().expect("the log can be shared"))
            .stderr(output)
            .spawn()
            .expect("pando can be started");
        let ready = await_json(&mut process, &ready, &log);
        Self { process, ready, folder }
    }

    /// A folder for a domain's guard, through which a container's user passes.
    pub fn folder(domain: &Domain) -> PathBuf {
        let folder = domain.path("guard");
        std::fs::create_dir_all(&folder).expect("the folder can be made");
        open(&folder);
        open(folder.parent().expect("it is in the domain's folder"));
        folder
    }

    /// The command, as it is started for a domain.
    pub fn arguments(domain: &Domain) -> Vec<String> {
        let ports = domain.ports();
        let place = format!("contoso.com,kdc={},ldap={},dc-host=dc1.contoso.com", ports.kerberos, ports.ldap);
        let path = |name: &str| domain.path(name).display().to_string();
        let mut all: Vec<String> = ["guard", "run", "--domain"].map(str::to_owned).into();
        all.extend([place, "--run-dir".into(), path("guard/run"), "--audit-log".into(), path("guard/audit")]);
        all.extend(["--host-dir".into(), path("host")]);
        all
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Its socket.
    pub fn socket(&self) -> PathBuf {
        self.folder.join("run/guard.sock")
    }

    /// Where the identities are.
    pub fn krb(&self) -> PathBuf {
        self.folder.join("run/krb")
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).expect("the log can be read")
    }

    /// Its audit, line by line.
    pub fn audit(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.folder.join("audit")).expect("the audit can be read");
        text.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect()
    }

    /// What Prometheus gets.
    pub fn metrics(&self) -> String {
        self.page("metrics").arg("--fail").ok().stdout
    }

    /// Asks for a page that is for kubelet or Prometheus.
    pub fn page(&self, name: &str) -> Tool {
        let address = self.ready["metrics"].as_str().expect("it has metrics");
        Tool::new("curl").args(["-sS", &format!("http://{address}/{name}")])
    }

    /// `pando guard COMMAND` at its socket.
    pub fn ask(&self, command: &str) -> Tool {
        Tool::new(pando()).args(["guard", command, "--socket"]).arg(self.socket())
    }

    /// The leases there are.
    pub fn leases(&self) -> Vec<Value> {
        let listed = self.ask("leases").arg("--json").ok();
        serde_json::from_str(&listed.stdout).expect("it is a list")
    }

    /// Waits until the leases are as they should be.
    pub fn await_leases(&self, what: &str, as_expected: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        // A lease that waits looks at the clock twice a minute.
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(120);
        loop {
            let leases = self.leases();
            if as_expected(&leases) {
                return leases;
            }
            assert!(std::time::Instant::now() < deadline, "not {what}: {leases:?}\n{}", self.log());
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }

    /// Whether it runs.
    pub fn is_alive(&mut self) -> bool {
        self.process.try_wait().expect("the guard can be asked for").is_none()
    }

    /// Ends it as a service manager would (SIGTERM).
    pub fn stop(mut self) {
        Tool::new("kill").args(["-TERM", &self.process.id().to_string()]).ok();
        let ended = self.process.wait().expect("the guard can be waited for");
        assert!(ended.success(), "{ended}: {}", self.log());
    }

    /// Ends it as a crash would (SIGKILL).
    pub fn kill(mut self) {
        self.process.kill().expect("the guard can be killed");
        self.process.wait().expect("the guard can be waited for");
    }
}

impl Drop for GuardService {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn open(folder: &std::path::Path) {
    let passage = std::os::unix::fs::PermissionsExt::from_mode(0o711);
    std::fs::set_permissions(folder, passage).expect("the folder's mode can be set");
}
