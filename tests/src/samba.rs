//! A foreign domain: `fabrikam.test`, served by Debian's Samba.
//!
//! Samba's domain controller takes the usual ports (389, 636, 88), which it can only as root. Each one takes them on a loopback address of
//! its own, so that any number run beside each other and beside what the machine itself serves. Who runs the tests must be root, or be let
//! through by `sudo -n`.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use dtyp::SystemClock;
use pki::{Authority, Purpose, Validity};
use tempfile::TempDir;

use crate::people::{ADMIN_PASSWORD, ALICE_PASSWORD, GUARD_PASSWORD};
use crate::{Tool, address, binary};

/// The naming context of Samba's domain.
pub const FABRIKAM: &str = "DC=fabrikam,DC=test";
/// The domain controller's host name.
pub const FABRIKAM_DC: &str = "dc2.fabrikam.test";
/// The password of the computer `HOST1$`, whose keytab is `host.keytab`.
const HOST_PASSWORD: &str = "Keeps-the-machine-6";

/// A running domain `fabrikam.test` with Administrator, alice, `svc-guard` and the computer `HOST1$` in it. It ends with this value.
pub struct Samba {
    folder: TempDir,
    process: Child,
    address: Ipv4Addr,
}

impl Samba {
    /// A fresh domain.
    pub fn start() -> Self {
        let folder = TempDir::new().expect("a temporary folder can be made");
        let address = address::own();
        privileged("cp").args(["-r", "--sparse=always"]).arg(template()).arg(folder.path().join("samba")).ok();
        privileged("cp").arg("-r").arg(template().join("host.keytab")).arg(folder.path()).ok();
        privileged("chmod").args(["-R", "a+r"]).arg(folder.path().join("host.keytab")).ok();
        certificate(folder.path(), address);
        configure_clients(folder.path(), address);
        let process = serve(folder.path(), address);
        let mut samba = Self { folder, process, address };
        samba.await_ports();
        samba
    }

    /// A path in its own temporary folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Where it listens.
    pub fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// The certificate that its own hangs from.
    pub fn ca(&self) -> PathBuf {
        self.path("ca.pem")
    }

    /// `program` with this domain's Kerberos and LDAP configuration around it.
    pub fn tool(&self, program: impl AsRef<OsStr>) -> Tool {
        Tool::new(program)
            .env("HOME", self.folder.path())
            .env("KRB5_CONFIG", self.path("krb5.conf"))
            .env("KRB5CCNAME", format!("FILE:{}", self.path("ccache").display()))
            .env("LDAPTLS_CACERT", self.ca())
    }

    /// `kinit` for `principal`, reading the password from standard input.
    pub fn kinit(&self, principal: &str, password: &str) -> Tool {
        self.tool("kinit").arg(principal).input(format!("{password}\n"))
    }

    /// One of OpenLDAP's tools with the tickets of the domain's credential cache, every message sealed.
    pub fn ldap(&self, program: &str) -> Tool {
        self.tool(program).args(["-N", "-Q", "-Y", "GSSAPI", "-H", &format!("ldap://{}", self.address)])
    }

    /// One of OpenLDAP's tools as Administrator, over LDAPS.
    pub fn as_admin(&self, program: &str) -> Tool {
        let admin = ["-x", "-D", "Administrator@fabrikam.test", "-w", ADMIN_PASSWORD];
        self.tool(program).args(admin).args(["-H", &format!("ldaps://{}", self.address)])
    }

    fn await_ports(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(60);
        // The KDC's is the last.
        for port in [389, 636, 464, 88] {
            let address = SocketAddr::from((self.address, port));
            while TcpStream::connect(address).is_err() {
                let ended = self.process.try_wait().expect("Samba can be asked after");
                let log = fs::read_to_string(self.path("samba.log")).unwrap_or_default();
                assert!(ended.is_none() && Instant::now() < deadline, "Samba is not ready ({ended:?}):\n{log}");
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    }
}

impl Drop for Samba {
    fn drop(&mut self) {
        // It ends when its standard input does, also when the test is killed.
        drop(self.process.stdin.take());
        let _ = self.process.wait();
        // What root wrote only root removes.
        let _ = privileged("rm").arg("-rf").arg(self.folder.path().join("samba")).run();
    }
}

/// What makes a command run as root.
fn privilege() -> &'static [&'static str] {
    static PRIVILEGE: OnceLock<&[&str]> = OnceLock::new();
    PRIVILEGE.get_or_init(|| {
        let said = |tool: Tool| tool.run().code == Some(0);
        if Tool::new("id").arg("-u").ok().stdout.trim() == "0" {
            return &[];
        }
        let may = Command::new("sudo").args(["-n", "true"]).output().is_ok_and(|output| output.status.success());
        assert!(
            may && said(Tool::new("sudo").args(["-n", "true"])),
            "Samba's domain controller listens on ports that only root may take: run these tests as root, or let `sudo -n` work"
        );
        &["sudo", "-n"]
    })
}

fn privileged(program: &str) -> Tool {
    match privilege() {
        [] => Tool::new(program),
        [sudo, rest @ ..] => Tool::new(sudo).args(rest).arg(program),
    }
}

/// The folder that every Samba domain starts as a copy of; provisioned once.
fn template() -> &'static Path {
    static TEMPLATE: OnceLock<PathBuf> = OnceLock::new();
    TEMPLATE.get_or_init(|| {
        let version = Tool::new("samba").arg("--version").ok().stdout;
        let version: String = version.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '.').collect();
        let shelf = binary::target().join("test-samba");
        let template = shelf.join(format!("{version}-1"));
        if !template.is_dir() {
            fs::create_dir_all(&shelf).expect("a folder for the template can be made");
            let folder = TempDir::new_in(&shelf).expect("a temporary folder can be made");
            provision(&folder.path().join("samba"));
            let owner = Tool::new("id").arg("-u").ok().stdout;
            privileged("chown").args(["-R", owner.trim()]).arg(folder.path()).ok();
            // Another test executable may have been quicker: its template is as good.
            let _ = fs::rename(folder.path().join("samba"), &template);
        }
        template
    })
}

/// `samba-tool domain provision`, and who is in the domain.
fn provision(folder: &Path) {
    let tool = |words: &[&str]| privileged("samba-tool").env("HOME", folder).args(words);
    let names = ["--realm=FABRIKAM.TEST", "--domain=FABRIKAM", "--host-name=dc2", "--host-ip=127.0.0.1"];
    tool(&["domain", "provision"])
        .args(names)
        .args(["--server-role=dc", "--dns-backend=NONE", "--adminpass", ADMIN_PASSWORD])
        .arg(format!("--option=log file={}", folder.join("log").display()))
        .arg("--targetdir")
        .arg(folder)
        .ok();
    let configuration = folder.join("etc/smb.conf");
    let (configuration, database) = (configuration.display().to_string(), folder.join("private/sam.ldb"));
    let here = ["-s", &configuration, "-H", &database.display().to_string()];
    for (name, password) in [("alice", ALICE_PASSWORD), ("svc-guard", GUARD_PASSWORD)] {
        tool(&["user", "create", name, password]).args(here).ok();
    }
    tool(&["computer", "create", "HOST1"]).args(here).ok();
    tool(&["user", "setpassword", "HOST1$", "--newpassword", HOST_PASSWORD]).args(here).ok();
    tool(&["spn", "add", &format!("ldap/{FABRIKAM_DC}"), "DC2$"]).args(here).ok();
    let keytab = folder.join("host.keytab").display().to_string();
    tool(&["domain", "exportkeytab", &keytab, "--principal=HOST1$", "-s", &configuration]).ok();
}

/// Its own takes seconds to make, and names no address.
fn certificate(folder: &Path, address: Ipv4Addr) {
    let authority = Authority::create("Fabrikam", Validity::DAY, &SystemClock).expect("an authority");
    let names = Purpose::server([FABRIKAM_DC.to_owned(), address.to_string()]);
    let identity = authority.issue(&names, Validity::DAY, &SystemClock).expect("a certificate");
    fs::write(folder.join("ca.pem"), authority.certificate_pem()).expect("the authority can be written");
    fs::write(folder.join("cert.pem"), identity.chain_pem()).expect("the certificate can be written");
    // Samba takes a key that only root reads.
    let key = folder.join("key.pem");
    privileged("install").args(["-m", "600", "/dev/stdin"]).arg(key).input(identity.key_pem()).ok();
}

fn configure_clients(folder: &Path, address: Ipv4Addr) {
    let text = format!(
        "[libdefaults]\n default_realm = FABRIKAM.TEST\n dns_lookup_kdc = false\n dns_lookup_realm = false\n \
         dns_canonicalize_hostname = false\n rdns = false\n[realms]\n FABRIKAM.TEST = {{\n  kdc = {address}:88\n }}\n\
         [domain_realm]\n {address} = FABRIKAM.TEST\n .fabrikam.test = FABRIKAM.TEST\n"
    );
    fs::write(folder.join("krb5.conf"), text).expect("krb5.conf can be written");
}

fn serve(folder: &Path, address: Ipv4Addr) -> Child {
    let samba = folder.join("samba");
    let under = |name: &str| samba.join(name).display().to_string();
    let beside = |name: &str| folder.join(name).display().to_string();
    let text = format!(
        "[global]\nnetbios name = DC2\nrealm = FABRIKAM.TEST\nworkgroup = FABRIKAM\n\
         server role = active directory domain controller\nserver services = ldap, cldap, kdc\n\
         interfaces = {address}/8\nbind interfaces only = yes\n\
         private dir = {}\nstate directory = {}\ncache directory = {}\nlock directory = {}\npid directory = {}\n\
         ncalrpc dir = {}\nbinddns dir = {}\ntls certfile = {}\ntls keyfile = {}\ntls cafile = {}\n",
        under("private"),
        under("state"),
        under("cache"),
        under("lock"),
        under("lock"),
        under("ncalrpc"),
        under("bind-dns"),
        beside("cert.pem"),
        beside("key.pem"),
        beside("ca.pem"),
    );
    fs::write(folder.join("smb.conf"), text).expect("smb.conf can be written");
    let spn = ["spn", "add", &format!("ldap/{address}"), "DC2$", "-s"];
    let database = under("private/sam.ldb");
    privileged("mkdir").arg("-p").arg(under("lock")).ok();
    privileged("samba-tool").args(spn).arg(beside("smb.conf")).args(["-H", &database]).ok();
    let log = File::create(folder.join("samba.log")).expect("the log can be made");
    let words: Vec<&str> = privilege().iter().copied().chain(["samba"]).collect();
    let (program, rest) = words.split_first().expect("there is a program");
    let path = std::env::var("PATH").unwrap_or_default();
    Command::new(program)
        .args(rest)
        .args(["--interactive", "--model=single", "--debug-stdout", "-s"])
        .arg(folder.join("smb.conf"))
        .env("PATH", format!("{path}:/usr/sbin:/sbin"))
        .stdin(Stdio::piped())
        .stdout(log.try_clone().expect("the log can be shared"))
        .stderr(log)
        .spawn()
        .expect("Samba can be started: `cargo xtask test` installs it")
}
