//! A realm and a directory of other people's making: MIT krb5's KDC and OpenLDAP's slapd, each in its own folder on its own ports.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use client::{Domain, Endpoint};
use tempfile::TempDir;

pub const REALM: &str = "EXAMPLE.TEST";
pub const PASSWORD: &str = "correct horse";

/// Both servers; they end with it.
pub struct Realm {
    pub dir: TempDir,
    pub kdc_port: u16,
    pub ldap_port: u16,
    pub ldaps_port: u16,
    kdc: Child,
    slapd: Option<Child>,
}

/// A port for a server that is started a moment later. It lies below those that the system gives out (32768 and up), or a
/// connection of another test could have it by then.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = (std::process::id() % 1_000) as u16 * 20;
    let candidates = || 10_000 + (first + NEXT.fetch_add(1, Ordering::Relaxed)) % 20_000;
    std::iter::repeat_with(candidates)
        .find(|&port| {
            let here = (Ipv4Addr::LOCALHOST, port);
            TcpListener::bind(here).is_ok() && UdpSocket::bind(here).is_ok()
        })
        .unwrap()
}

/// Starts a server and waits until it says that it is ready.
fn start(command: &mut Command, ready: &str) -> Child {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (sender, receiver) = std::sync::mpsc::channel();
    let streams: [Box<dyn Read + Send>; 2] =
        [Box::new(child.stdout.take().unwrap()), Box::new(child.stderr.take().unwrap())];
    for stream in streams {
        let sender = sender.clone();
        // Reads on to the end, or the server would block on a full pipe.
        std::thread::spawn(move || {
            BufReader::new(stream).lines().map_while(Result::ok).for_each(|line| drop(sender.send(line)))
        });
    }
    drop(sender);
    let mut said = Vec::new();
    for line in receiver {
        if line.contains(ready) {
            return child;
        }
        said.push(line);
    }
    let ended = child.wait();
    panic!("{command:?} did not start ({ended:?}): {said:#?}");
}

impl Realm {
    pub fn start() -> Self {
        let dir = TempDir::new().unwrap();
        let (kdc_port, ldap_port, ldaps_port) = (free_port(), free_port(), free_port());
        let path = |name: &str| dir.path().join(name).display().to_string();
        std::fs::write(
            path("krb5.conf"),
            format!(
                "[libdefaults]\n default_realm = {REALM}\n dns_lookup_kdc = false\n dns_lookup_realm = false\n rdns = false\n\
                 dns_canonicalize_hostname = false\n[realms]\n {REALM} = {{\n kdc = 127.0.0.1:{kdc_port}\n }}\n"
            ),
        )
        .unwrap();
        std::fs::write(
            path("kdc.conf"),
            format!(
                "[kdcdefaults]\n kdc_listen = 127.0.0.1:{kdc_port}\n kdc_tcp_listen = 127.0.0.1:{kdc_port}\n[realms]\n {REALM} = {{\n\
                 database_name = {}\n key_stash_file = {}\n master_key_type = aes256-cts\n\
                 supported_enctypes = aes256-cts:normal aes128-cts:normal\n max_renewable_life = 7d\n\
                 default_principal_flags = +preauth +renewable\n }}\n[logging]\n kdc = STDERR\n",
                path("principal"),
                path("stash")
            ),
        )
        .unwrap();
        run(Self::krb5(dir.path(), "kdb5_util").args(["create", "-s", "-W", "-P", "master"]));
        for line in [
            format!("addprinc -pw \"{PASSWORD}\" alice"),
            format!("addprinc -pw \"{PASSWORD}\" bob"),
            format!("addprinc -pw \"{PASSWORD}\" -preauth trusting"),
            format!("addprinc -pw \"{PASSWORD}\" +needchange expired"),
            format!("addprinc -pw \"{PASSWORD}\" -allow_tix disabled"),
            "addprinc -randkey ldap/localhost".to_owned(),
            format!("ktadd -k {} ldap/localhost", path("ldap.keytab")),
        ] {
            run(Self::krb5(dir.path(), "kadmin.local").args(["-q", &line]));
        }
        let kdc = start(Self::krb5(dir.path(), "krb5kdc").args(["-n", "-P", &path("kdc.pid")]), "commencing operation");
        let mut realm = Self { dir, kdc_port, ldap_port, ldaps_port, kdc, slapd: None };
        realm.prepare_slapd();
        realm.start_slapd();
        realm
    }

    /// A command of MIT krb5's in this realm.
    pub fn krb5(dir: &Path, program: &str) -> Command {
        let sbin = Path::new("/usr/sbin").join(program);
        let mut command = Command::new(if sbin.exists() { sbin } else { program.into() });
        command
            .env("KRB5_CONFIG", dir.join("krb5.conf"))
            .env("KRB5_KDC_PROFILE", dir.join("kdc.conf"))
            .env("KRB5_KTNAME", dir.join("ldap.keytab"))
            .env("LC_ALL", "C");
        command
    }

    pub fn command(&self, program: &str) -> Command {
        Self::krb5(self.dir.path(), program)
    }

    fn prepare_slapd(&self) {
        let path = |name: &str| self.dir.path().join(name).display().to_string();
        std::fs::create_dir(path("db")).unwrap();
        let authority =
            pki::Authority::create("tests", pki::Validity(Duration::from_secs(172_800)), &dtyp::SystemClock).unwrap();
        let server = pki::Purpose::server(["localhost", "127.0.0.1"]);
        let identity =
            authority.issue(&server, pki::Validity(Duration::from_secs(86_400)), &dtyp::SystemClock).unwrap();
        std::fs::write(path("ca.pem"), authority.certificate_pem()).unwrap();
        identity.store(Path::new(&path("slapd.pem")), Path::new(&path("slapd.key"))).unwrap();
        std::fs::write(
            path("slapd.conf"),
            format!(
                "include /etc/ldap/schema/core.schema\ninclude /etc/ldap/schema/cosine.schema\ninclude /etc/ldap/schema/inetorgperson.schema\n\
                 modulepath /usr/lib/ldap\nmoduleload back_mdb\npidfile {}\nsasl-host localhost\nsasl-realm {REALM}\n\
                 TLSCACertificateFile {}\nTLSCertificateFile {}\nTLSCertificateKeyFile {}\n\
                 authz-regexp \"uid=([^,/]+),(cn=[^,]+,)?cn=gssapi,cn=auth\" \"uid=$1,ou=people,dc=example,dc=test\"\n\
                 sizelimit 10000\ndatabase mdb\nsuffix \"dc=example,dc=test\"\nrootdn \"uid=alice,ou=people,dc=example,dc=test\"\n\
                 directory {}\naccess to * by users read by anonymous auth\n",
                path("slapd.pid"),
                path("ca.pem"),
                path("slapd.pem"),
                path("slapd.key"),
                path("db")
            ),
        )
        .unwrap();
        let person = |uid: &str, rest: &str| {
            format!(
                "dn: uid={uid},ou=people,dc=example,dc=test\nobjectClass: inetOrgPerson\nuid: {uid}\ncn: {uid} of the tests\nsn: {uid}\n\
                 displayName: {uid} Example\nuserPassword: {PASSWORD}\n{rest}\n"
            )
        };
        let ldif = [
            "dn: dc=example,dc=test\nobjectClass: domain\ndc: example\n\n".to_owned(),
            "dn: ou=people,dc=example,dc=test\nobjectClass: organizationalUnit\nou: people\n\n".to_owned(),
            person("alice", ""),
            person("bob", ""),
            person("carol (ops)*", ""),
            person("twin", ""),
            "dn: uid=twin2,ou=people,dc=example,dc=test\nobjectClass: inetOrgPerson\nuid: twin2\nuid: twin\ncn: t\nsn: t\n\n".to_owned(),
            "dn: cn=admins,dc=example,dc=test\nobjectClass: groupOfNames\ncn: admins\n\
             member: uid=alice,ou=people,dc=example,dc=test\nmember: uid=carol (ops)*,ou=people,dc=example,dc=test\n\n"
                .to_owned(),
        ]
        .concat();
        std::fs::write(path("init.ldif"), ldif).unwrap();
        run(Command::new("/usr/sbin/slapadd").args(["-q", "-f", &path("slapd.conf"), "-l", &path("init.ldif")]));
    }

    /// Starts slapd (again) on the same ports.
    pub fn start_slapd(&mut self) {
        self.stop_slapd();
        let urls = format!("ldap://127.0.0.1:{} ldaps://127.0.0.1:{}", self.ldap_port, self.ldaps_port);
        let config = self.dir.path().join("slapd.conf").display().to_string();
        self.slapd =
            Some(start(self.command("slapd").args(["-d", "stats", "-h", &urls, "-f", &config]), "slapd starting"));
        // It says so a moment before it listens.
        while TcpStream::connect((Ipv4Addr::LOCALHOST, self.ldaps_port)).is_err() {
            let running = self.slapd.as_mut().unwrap().try_wait().unwrap();
            assert!(running.is_none(), "slapd ended: {running:?}");
            std::thread::yield_now();
        }
    }

    pub fn stop_slapd(&mut self) {
        if let Some(mut slapd) = self.slapd.take() {
            slapd.kill().unwrap();
            slapd.wait().unwrap();
        }
    }

    pub fn domain(&self) -> Domain {
        Domain::new("example.test")
            .with_kdcs([Endpoint::new("127.0.0.1", self.kdc_port)])
            .with_ldap("localhost", [Endpoint::new("127.0.0.1", self.ldap_port)])
    }
}

impl Drop for Realm {
    fn drop(&mut self) {
        self.stop_slapd();
        let _ = self.kdc.kill();
        let _ = self.kdc.wait();
    }
}

/// Runs a command to its end; gives what it printed.
pub fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    assert!(output.status.success(), "{command:?}: {text}");
    text
}
