//! A domain of one's own: a folder, a `pando dc run` process, and clients set up to find it.

use std::ffi::OsStr;
use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::{Engine, engine::general_purpose::STANDARD};
use dtyp::{FileTime, Sid};
use tempfile::TempDir;

use crate::clock::Clock;
use crate::people::{ADMIN_PASSWORD, BASE, unicode_pwd};
use crate::{Tool, pando, template};

/// How a client reaches LDAP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Port 389 as it is.
    Plain,
    /// Port 389, then StartTLS; failing when the server does not do it.
    StartTls,
    /// TLS from the first byte.
    Ldaps,
}

/// Where the domain controller listens.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
    /// LDAP.
    pub ldap: SocketAddr,
    /// LDAP over TLS.
    pub ldaps: SocketAddr,
    /// Kerberos, UDP and TCP.
    pub kerberos: SocketAddr,
}

/// A running domain `contoso.com` with the people of the story in it. Its process ends with it.
pub struct Domain {
    folder: TempDir,
    process: Child,
    ports: Ports,
    ca: PathBuf,
    clock: Clock,
}

impl Domain {
    /// A fresh domain with everybody in it.
    pub fn start() -> Self {
        let folder = TempDir::new().expect("a temporary folder can be made");
        template::copy_to(&folder.path().join("data"));
        Self::run(folder)
    }

    /// A fresh domain of the same name with other keys, and nobody in it but Administrator.
    pub fn stranger() -> Self {
        let folder = TempDir::new().expect("a temporary folder can be made");
        template::provision(folder.path());
        Self::run(folder)
    }

    /// Serves what is in the folder's `data`.
    pub(crate) fn run(folder: TempDir) -> Self {
        let (process, ports, ca) = serve(folder.path(), &Clock::default());
        let domain = Self { folder, process, ports, ca, clock: Clock::default() };
        domain.configure_clients();
        domain
    }

    /// Where it listens.
    pub fn ports(&self) -> Ports {
        self.ports
    }

    /// A path in the domain's own temporary folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The domain's own temporary folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The certificate that its TLS certificates hang from.
    pub fn ca(&self) -> &Path {
        &self.ca
    }

    /// The server's process.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Everything the server has logged, over all its runs.
    pub fn log(&self) -> String {
        let bytes = std::fs::read(self.path("log")).expect("the log can be read");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Asserts that the server still runs.
    #[track_caller]
    pub fn assert_alive(&mut self) {
        let ended = self.process.try_wait().expect("the server can be asked after");
        assert!(ended.is_none(), "the server ended ({ended:?}):\n{}", self.log());
    }

    /// Ends the server as a power cut would (SIGKILL).
    pub fn kill(&mut self) {
        self.process.kill().expect("the server can be killed");
        self.process.wait().expect("the server can be waited for");
    }

    /// Starts the server again on the same folder, with new ports.
    pub fn restart(&mut self) {
        (self.process, self.ports, self.ca) = serve(self.folder.path(), &self.clock);
        self.configure_clients();
    }

    /// Starts the server again at a later time, such as `+31d`; the domain's tools live at that time too from then on.
    pub fn restart_later(&mut self, by: &str) {
        self.clock = Clock::ahead(by);
        self.kill();
        self.restart();
    }

    /// Starts the server again with a clock that can be set while it runs, and sets it; the domain's tools live by it from then on.
    pub fn restart_with_hand(&mut self, at: FileTime) {
        self.clock = Clock::with_hand(&self.path("clock"));
        self.clock.set(at);
        self.kill();
        self.restart();
    }

    /// Sets the clock of everything that runs by it.
    pub fn set_clock(&self, to: FileTime) {
        self.clock.set(to);
    }

    /// `program` with this domain's Kerberos and LDAP configuration around it.
    pub fn tool(&self, program: &str) -> Tool {
        self.program(program)
            .env("HOME", self.folder.path())
            .env("KRB5_CONFIG", self.path("krb5.conf"))
            .env("KRB5CCNAME", format!("FILE:{}", self.path("ccache").display()))
            .env("LDAPCONF", self.path("ldap.conf"))
            .env("LDAPTLS_CACERT", &self.ca)
    }

    /// A program at the domain's time, with nothing else around it.
    pub(crate) fn program(&self, program: impl AsRef<OsStr>) -> Tool {
        let tool = Tool::new(program);
        self.clock.environment.iter().fold(tool, |tool, (name, value)| tool.env(name, value))
    }

    /// `pando` at the domain's time, to be started by the caller; by another program that becomes it, if there are such words.
    pub(crate) fn pando_within(&self, outer: &[&str]) -> Command {
        let words: Vec<_> = outer.iter().map(AsRef::as_ref).chain([pando().as_os_str()]).collect();
        let (program, arguments) = words.split_first().expect("pando is among them");
        let mut command = Command::new(program);
        command.args(arguments).envs(self.clock.environment.clone());
        command
    }

    /// One of OpenLDAP's tools, pointed at the server over `transport`.
    pub fn ldap(&self, program: &str, transport: Transport) -> Tool {
        let tool = self.tool(program);
        match transport {
            Transport::Plain => tool.args(["-H", &self.url("ldap", self.ports.ldap)]),
            Transport::StartTls => tool.args(["-ZZ", "-H", &self.url("ldap", self.ports.ldap)]),
            Transport::Ldaps => tool.args(["-H", &self.url("ldaps", self.ports.ldaps)]),
        }
    }

    /// The same with a simple bind.
    pub fn ldap_as(&self, program: &str, transport: Transport, name: &str, password: &str) -> Tool {
        self.ldap(program, transport).args(["-x", "-D", name, "-w", password])
    }

    /// The same as the administrator.
    pub fn as_admin(&self, program: &str, transport: Transport) -> Tool {
        self.ldap_as(program, transport, "Administrator@contoso.com", ADMIN_PASSWORD)
    }

    /// `ldapsearch` as the administrator over LDAPS, unwrapped and without comments.
    pub fn search_as_admin(&self) -> Tool {
        self.as_admin("ldapsearch", Transport::Ldaps).args(["-LLL", "-o", "ldif_wrap=no", "-b", BASE])
    }

    /// One of OpenLDAP's tools with a SASL mechanism and the domain's credential cache.
    pub fn ldap_sasl(&self, program: &str, transport: Transport, mechanism: &str) -> Tool {
        self.ldap(program, transport).args(["-N", "-Q", "-Y", mechanism])
    }

    /// `kinit` for `principal`, reading the password from standard input.
    pub fn kinit(&self, principal: &str, password: &str) -> Tool {
        self.tool("kinit").arg(principal).input(format!("{password}\n"))
    }

    /// Has the administrator set the password of somebody in Engineering.
    pub fn reset_password(&self, name: &str, password: &str) {
        self.replace(name, &unicode_pwd(password));
    }

    /// Has the administrator let users change passwords of any age.
    pub fn no_minimum_age(&self) {
        let change = format!("dn: {BASE}\nchangetype: modify\nreplace: minPwdAge\nminPwdAge: 0\n");
        self.as_admin("ldapmodify", Transport::Ldaps).input(change).ok();
    }

    /// Has the administrator replace one attribute of somebody in Engineering, given as a line of LDIF.
    pub fn replace(&self, name: &str, line: &str) {
        let attribute = line.split(':').next().unwrap_or_default();
        let change = format!("dn: CN={name},OU=Engineering,{BASE}\nchangetype: modify\nreplace: {attribute}\n{line}\n");
        self.as_admin("ldapmodify", Transport::Ldaps).input(change).ok();
    }

    /// The SID of the account with that sAMAccountName.
    pub fn sid_of(&self, account: &str) -> Sid {
        let found = self.search_as_admin().args([&format!("(sAMAccountName={account})"), "objectSid"]).ok();
        let text = found.value("objectSid").trim_start_matches(':').trim();
        Sid::from_bytes(&STANDARD.decode(text).expect("objectSid is octets")).expect("objectSid is a SID")
    }

    /// When the password of `webapp01$` with this number ends. They roll on a grid of ten hours, and last 72 of them. MS-GKDI 3.1.4.1.
    pub fn end_of_password(&self, number: u64) -> FileTime {
        const SLOT: u64 = 36_000 * 10_000_000;
        let found = self.search_as_admin().args(["(sAMAccountName=webapp01$)", "whenCreated"]).ok();
        let created = FileTime::parse_generalized(found.value("whenCreated")).expect("it is a time");
        FileTime((created.0 / SLOT + 72 * number) * SLOT)
    }

    fn url(&self, scheme: &str, address: SocketAddr) -> String {
        format!("{scheme}://localhost:{}", address.port())
    }

    /// Writes the Kerberos configuration anew, with more lines among its `[libdefaults]`.
    pub fn configure_kerberos(&self, more: &str) {
        let text = format!(
            "[libdefaults]\n default_realm = CONTOSO.COM\n dns_lookup_kdc = false\n dns_lookup_realm = false\n \
             dns_canonicalize_hostname = false\n rdns = false\n{more}\n[realms]\n CONTOSO.COM = {{\n  kdc = {}\n }}\n\n\
             [domain_realm]\n localhost = CONTOSO.COM\n .contoso.com = CONTOSO.COM\n",
            self.ports.kerberos
        );
        std::fs::write(self.path("krb5.conf"), text).expect("krb5.conf can be written");
    }

    fn configure_clients(&self) {
        self.configure_kerberos("");
        std::fs::write(self.path("ldap.conf"), "TLS_REQCERT demand\n").expect("ldap.conf can be written");
    }
}

impl Drop for Domain {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Starts `pando dc run` on FOLDER/data and waits until all of its ports answer.
fn serve(folder: &Path, clock: &Clock) -> (Child, Ports, PathBuf) {
    let ready = folder.join("ready.json");
    let _ = std::fs::remove_file(&ready);
    let log = File::options().create(true).append(true).open(folder.join("log")).expect("the log can be opened");
    let mut process = Command::new(pando())
        .envs(clock.environment.clone())
        .args(["--log", "debug", "dc", "run", "--ldap", "127.0.0.1:0", "--ldaps", "127.0.0.1:0"])
        .args(["--kerberos", "127.0.0.1:0", "--data"])
        .arg(folder.join("data"))
        .arg("--ready-file")
        .arg(&ready)
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("the log can be shared"))
        .stderr(log)
        .spawn()
        .expect("pando can be started");
    let told = await_json(&mut process, &ready, &folder.join("log"));
    let address = |name: &str| -> SocketAddr {
        let text = told.get(name).and_then(|value| value.as_str().or_else(|| value.get(0)?.as_str()));
        text.and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("no address `{name}` in {told}"))
    };
    let ca = told.get("ca").and_then(|value| value.as_str()).expect("the ready file names the CA");
    let ports = Ports { ldap: address("ldap"), ldaps: address("ldaps"), kerberos: address("kerberos") };
    (process, ports, PathBuf::from(ca))
}

/// Waits for the JSON that a process writes to `ready` once it serves.
pub(crate) fn await_json(process: &mut Child, ready: &Path, log: &Path) -> serde_json::Value {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let text = std::fs::read(ready).unwrap_or_default();
        if let Ok(value) = serde_json::from_slice(&text) {
            return value;
        }
        let ended = process.try_wait().expect("the process can be asked after");
        if ended.is_some() || Instant::now() > deadline {
            let _ = process.kill();
            panic!("not ready ({ended:?}):\n{}", std::fs::read_to_string(log).unwrap_or_default());
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}
