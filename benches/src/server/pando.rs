//! Pando itself, set up as an administrator would: provisioned, started, filled over LDAPS.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use client::{Domain, Endpoint};
use serde_json::Value;
use tempfile::TempDir;

use super::Running;
use crate::process::{Meter, run, run_with_input};
use crate::scenario::as_req::Kdc;
use crate::scenario::ldap::LdapServer;
use crate::{BenchError, population, while_doing};

/// The administrator's password.
pub const ADMIN_PASSWORD: &str = "Bench-4dministrator";
const DOMAIN: &str = "bench.example";
/// What the first domain controller of a domain is called.
const DC_HOST: &str = "dc1.bench.example";
const BASE: &str = "DC=bench,DC=example";
const PEOPLE: &str = "CN=Users,DC=bench,DC=example";

/// The binary beside this one, built with the same profile.
pub fn pando_binary() -> PathBuf {
    let here = std::env::current_exe().unwrap_or_default();
    let folder = here.parent().unwrap_or(Path::new("."));
    // Tests run from the folder `deps`.
    let folder = if folder.ends_with("deps") { folder.parent().unwrap_or(folder) } else { folder };
    folder.join("pando")
}

/// A running domain controller.
pub struct Pando {
    meter: Meter,
    ldap: SocketAddr,
    ldaps: SocketAddr,
    kerberos: SocketAddr,
    ca: String,
    _process: Running,
    folder: TempDir,
}

impl Pando {
    /// A domain with nobody but those every domain has.
    pub fn empty() -> Result<Self, BenchError> {
        let folder = TempDir::new().map_err(while_doing("making a temporary folder"))?;
        let (data, password, ready) =
            (folder.path().join("data"), folder.path().join("password"), folder.path().join("ready.json"));
        std::fs::write(&password, ADMIN_PASSWORD).map_err(while_doing("writing the administrator's password"))?;
        let mut provision = Command::new(pando_binary());
        provision.args(["domain", "provision", "--domain", DOMAIN, "--loopback", "--data"]).arg(&data);
        run(provision.arg("--admin-password-file").arg(&password))?;
        let mut serve = Command::new(pando_binary());
        serve.args(["dc", "run", "--ldap", "127.0.0.1:0", "--ldaps", "127.0.0.1:0", "--kerberos", "127.0.0.1:0"]);
        let mut process = Running::spawn(serve.arg("--data").arg(&data).arg("--ready-file").arg(&ready))?;
        let told = process.until("pando", || json(&ready))?;
        Ok(Self {
            meter: Meter::new("pando", process.id()),
            ldap: address(&told, "ldap")?,
            ldaps: address(&told, "ldaps")?,
            kerberos: address(&told, "kerberos")?,
            ca: told.get("ca").and_then(Value::as_str).unwrap_or_default().to_owned(),
            _process: process,
            folder,
        })
    }

    /// A domain with everybody in it.
    pub fn with_users(users: u32, passwords: bool) -> Result<Self, BenchError> {
        let pando = Self::empty()?;
        let names: Vec<String> = population::everybody(users).collect();
        // Two at a time: a password's keys take longer to derive than an entry to write.
        let (one, other) = names.split_at(names.len() / 2);
        thread::scope(|scope| {
            let first = scope.spawn(|| pando.add(one, passwords));
            pando.add(other, passwords)?;
            first.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })?;
        Ok(pando)
    }

    fn add(&self, names: &[String], passwords: bool) -> Result<(), BenchError> {
        let ldif = population::active_directory_ldif(names.iter().cloned(), PEOPLE, DOMAIN, passwords);
        let mut ldapadd = Command::new("ldapadd");
        ldapadd.env("LDAPTLS_CACERT", &self.ca).args(["-x", "-D", &format!("CN=Administrator,{PEOPLE}")]);
        ldapadd.args(["-w", ADMIN_PASSWORD, "-H", &format!("ldaps://localhost:{}", self.ldaps.port())]);
        run_with_input(&mut ldapadd, ldif.as_bytes()).map(drop)
    }

    /// Makes gMSAs whose passwords the service identity may retrieve; their names.
    pub fn managed_accounts(&self, count: u32) -> Result<Vec<String>, BenchError> {
        run(self.administer(["kds", "create"]).arg("--immediately"))?;
        let names: Vec<String> = (0..count).map(|number| format!("gmsa{number:04}")).collect();
        for name in &names {
            run(self.administer(["gmsa", "create"]).args([name, "--allow", population::SERVICE]))?;
        }
        Ok(names)
    }

    /// A command of the administrator's.
    pub fn administer(&self, words: [&str; 2]) -> Command {
        let mut command = Command::new(pando_binary());
        command.args(words).args(["--ldaps", &format!("localhost:{}", self.ldaps.port()), "--ca", &self.ca]);
        command.args(["--user", &format!("Administrator@{DOMAIN}"), "--password-file"]);
        command.arg(self.folder.path().join("password"));
        command
    }

    /// A path in its temporary folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Where a guard finds it, as its flag `--domain` has it.
    pub fn place(&self) -> String {
        format!("{DOMAIN},kdc={},ldap={},dc-host={DC_HOST}", self.kerberos, self.ldap)
    }

    /// Its process.
    pub fn meter(&self) -> &Meter {
        &self.meter
    }

    /// Its LDAP side.
    pub fn ldap(&self) -> LdapServer<'_> {
        LdapServer { meter: &self.meter, address: self.ldap, base: BASE, login: "sAMAccountName", rdn: ("CN", PEOPLE) }
    }

    /// Where a domain's client finds it.
    pub fn domain(&self) -> Domain {
        let endpoint = |address: SocketAddr| Endpoint::new(address.ip().to_string(), address.port());
        Domain::new(DOMAIN).with_kdcs([endpoint(self.kerberos)]).with_ldap(DC_HOST, [endpoint(self.ldap)])
    }

    /// Its Kerberos side.
    pub fn kdc(&self) -> Kdc<'_> {
        Kdc { meter: &self.meter, address: self.kerberos, realm: "BENCH.EXAMPLE" }
    }
}

/// A running account provider with one secret.
pub struct AccountProvider {
    meter: Meter,
    _process: Running,
    folder: TempDir,
}

impl AccountProvider {
    /// What the plugin is told to ask it for the secret.
    pub const INPUT: &'static str = "bench:creds";

    /// Serves one secret that nobody logs on with.
    pub fn start() -> Result<Self, BenchError> {
        Self::start_with("guard", "not-checked-here")
    }

    /// Serves these credentials.
    pub fn start_with(username: &str, password: &str) -> Result<Self, BenchError> {
        let folder = TempDir::new().map_err(while_doing("making a temporary folder"))?;
        let secret = folder.path().join("secrets").join("creds");
        std::fs::create_dir_all(&secret).map_err(while_doing("making a secret"))?;
        for (key, value) in [("username", username), ("password", password), ("domainName", DOMAIN)] {
            std::fs::write(secret.join(key), value).map_err(while_doing("writing a secret"))?;
        }
        let ready = folder.path().join("ready.json");
        let mut serve = Command::new(pando_binary());
        serve.args(["account-provider", "run", "--namespace", "bench", "--secrets"]).arg(folder.path().join("secrets"));
        serve.arg("--host-dir").arg(folder.path().join("host")).arg("--state").arg(folder.path().join("state"));
        let mut process = Running::spawn(serve.arg("--ready-file").arg(&ready))?;
        process.until("account-provider", || json(&ready))?;
        Ok(Self { meter: Meter::new("account-provider", process.id()), _process: process, folder })
    }

    /// Its process.
    pub fn meter(&self) -> &Meter {
        &self.meter
    }

    /// Where the plugin looks for it.
    pub fn host_dir(&self) -> PathBuf {
        self.folder.path().join("host")
    }
}

pub(super) fn json(path: &Path) -> Option<Value> {
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}

pub(super) fn address(told: &Value, name: &str) -> Result<SocketAddr, BenchError> {
    let text = told.get(name).and_then(|value| value.as_str().or_else(|| value.get(0)?.as_str()));
    let parsed = text.and_then(|text| text.parse().ok());
    parsed.ok_or_else(|| BenchError::Answer(format!("the ready file has no address `{name}`: {told}")))
}
