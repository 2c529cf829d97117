//! MIT krb5's own clients, over UDP and TCP.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;

use directory::Environment;
use dtyp::SystemRandom;
use kerberos::PrincipalName;
use kerberos::crypto::{Etype, Key};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::watch;

use super::{PASSWORD, REALM};
use crate::kdc::listen::Bound;
use crate::kdc::memory::Memory;
use crate::kdc::{Kdc, Policy, control};

/// A KDC on a port of its own, and a client's home.
struct Host {
    memory: Memory,
    address: SocketAddr,
    home: TempDir,
    _stop: watch::Sender<bool>,
    _runtime: Runtime,
}

/// What a program said, and whether it was content.
struct Said {
    well: bool,
    text: String,
}

impl Host {
    fn start(settings: &str) -> Self {
        let memory = Memory::new("contoso.com", &SystemRandom);
        memory.add("alice", PASSWORD);
        memory.add("web1$", "a computer's");
        memory.add_service("web1$", "http/web1.contoso.com");
        let runtime = Runtime::new().unwrap();
        let (stop, shutdown) = watch::channel(false);
        let kdc = Arc::new(Kdc::new(Box::new(memory.clone()), Policy::default()));
        let address = runtime.block_on(async {
            let bound = Bound::bind(([127, 0, 0, 1], 0).into()).unwrap();
            let address = bound.address;
            bound.serve(&kdc, &Environment::system(), &shutdown).unwrap();
            address
        });
        let host = Self { memory, address, home: TempDir::new().unwrap(), _stop: stop, _runtime: runtime };
        std::fs::write(
            host.path("krb5.conf"),
            format!(
                "[libdefaults]\n default_realm = {REALM}\n dns_lookup_kdc = false\n dns_lookup_realm = false\n rdns = false\n\
                 dns_canonicalize_hostname = false\n{settings}[realms]\n {REALM} = {{\n kdc = {}\n }}\n",
                host.address
            ),
        )
        .unwrap();
        host
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn run(&self, program: &str, arguments: &[&str], input: &str) -> Said {
        let mut child = Command::new(program)
            .args(arguments)
            .env("KRB5_CONFIG", self.path("krb5.conf"))
            .env("KRB5CCNAME", format!("FILE:{}", self.path("ccache").display()))
            .env("KRB5_TRACE", self.path("trace"))
            .env("LC_ALL", "C")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{program} (package krb5-user) cannot be run: {error}"));
        // Who is refused before a password is asked for has ended, perhaps, and reads none.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        Said { well: output.status.success(), text: String::from_utf8(text).unwrap() }
    }

    /// Runs a program that must succeed.
    fn well(&self, program: &str, arguments: &[&str], input: &str) -> String {
        let said = self.run(program, arguments, input);
        let trace = std::fs::read_to_string(self.path("trace")).unwrap_or_default();
        assert!(said.well, "{program} {arguments:?}: {}\n{trace}", said.text);
        said.text
    }

    fn kinit(&self, arguments: &[&str]) -> String {
        self.well("kinit", arguments, &format!("{PASSWORD}\n"))
    }

    /// Runs kinit, which must fail.
    fn refused(&self, name: &str, password: &str) -> String {
        let said = self.run("kinit", &[name], &format!("{password}\n"));
        assert!(!said.well, "{}", said.text);
        said.text
    }

    /// Writes a keytab with the current key of an account.
    fn keytab(&self, name: &str) -> PathBuf {
        let account = self.memory.get(name).unwrap();
        let key = account.keys.strongest().unwrap().clone();
        let entry = kerberos::keytab::Entry {
            realm: REALM.to_owned(),
            principal: PrincipalName::user(&account.name),
            timestamp: dtyp::FileTime::from_unix(0, 0),
            kvno: account.keys.kvno,
            key,
        };
        let path = self.path(&format!("{name}.keytab"));
        kerberos::keytab::Keytab { entries: vec![entry] }.write(&path).unwrap();
        path
    }
}

/// All that a client does in a day.
fn a_day(host: &Host) {
    host.kinit(&["-f", "-r", "7d", "alice"]);
    let listed = host.well("klist", &["-f", "-e"], "");
    assert!(listed.contains("Default principal: alice@CONTOSO.COM"), "{listed}");
    assert!(listed.contains("krbtgt/CONTOSO.COM@CONTOSO.COM") && listed.contains("Flags: FRIA"), "{listed}");
    assert!(listed.contains("aes256-cts-hmac-sha1-96, aes256-cts-hmac-sha1-96"), "{listed}");
    let versions = host.well("kvno", &["http/web1.contoso.com"], "");
    assert!(versions.contains("http/web1.contoso.com@CONTOSO.COM: kvno = 1"), "{versions}");
    host.kinit(&["-R"]);
    let listed = host.well("klist", &["-f"], "");
    assert!(listed.contains("Flags: FRA"), "{listed}");
    host.well("kvno", &["http/web1.contoso.com"], "");
    let unknown = host.run("kvno", &["http/nowhere"], "");
    assert!(!unknown.well && unknown.text.contains("not found in Kerberos database"), "{}", unknown.text);
}

#[test]
fn mit_clients_work_with_this_kdc_over_udp() {
    a_day(&Host::start(""));
}

#[test]
fn mit_clients_work_with_this_kdc_over_tcp() {
    let host = Host::start(" udp_preference_limit = 1\n");
    a_day(&host);
    let trace = std::fs::read_to_string(host.path("trace")).unwrap();
    assert!(trace.contains("Sending TCP request") && !trace.contains("Sending initial UDP request"), "{trace}");
}

#[test]
fn mit_clients_log_on_with_a_keytab_and_a_service_takes_their_tickets() {
    let host = Host::start("");
    let keytab = host.keytab("web1$");
    let keytab = keytab.to_str().unwrap();
    host.well("kinit", &["-k", "-t", keytab, "web1$"], "");
    host.kinit(&["alice"]);
    // The client opens the service's ticket with the service's key, and looks at its PAC's server signature.
    let mut service = kerberos::keytab::Keytab::read(keytab).unwrap();
    service.entries[0].principal = PrincipalName::service("http/web1.contoso.com");
    let path = host.path("service.keytab");
    service.write(&path).unwrap();
    let verified = host.well("kvno", &["-k", path.to_str().unwrap(), "http/web1.contoso.com"], "");
    assert!(verified.contains("keytab entry valid"), "{verified}");
}

#[test]
fn mit_clients_use_principal_names_of_users() {
    let host = Host::start("");
    host.kinit(&["-E", "alice@contoso.com"]);
    let own = host.well("klist", &[], "");
    assert!(own.contains(r"Default principal: alice\@contoso.com@CONTOSO.COM"), "{own}");
    host.kinit(&["-C", "-E", "alice@contoso.com"]);
    assert!(host.well("klist", &[], "").contains("Default principal: alice@CONTOSO.COM"));
    host.kinit(&["-C", "ALICE"]);
    assert!(host.well("klist", &[], "").contains("Default principal: alice@CONTOSO.COM"));
    host.well("kvno", &["http/web1.contoso.com"], "");
}

#[test]
fn mit_clients_with_aes128_only_get_it() {
    let host = Host::start(" permitted_enctypes = aes128-cts\n");
    host.kinit(&["alice"]);
    assert!(host.well("klist", &["-e"], "").contains("aes128-cts-hmac-sha1-96, aes256-cts-hmac-sha1-96"));
}

#[test]
fn mit_clients_say_why_they_get_nothing() {
    let host = Host::start("");
    assert!(host.refused("alice", "wrong").contains("Password incorrect"));
    assert!(host.refused("nobody", PASSWORD).contains("not found in Kerberos database"));
    host.memory.change("alice", |account| account.control |= control::ACCOUNT_DISABLE);
    assert!(host.refused("alice", PASSWORD).contains("credentials have been revoked"));
    host.memory.change("alice", |account| account.control = 0x200);
    host.kinit(&["alice"]);
    host.memory.change("alice", |account| account.control |= control::ACCOUNT_DISABLE);
    let late = host.run("kvno", &["http/web1.contoso.com"], "");
    assert!(!late.well && late.text.contains("revoked"), "{}", late.text);
}

#[test]
fn tickets_stay_good_when_the_ticket_granting_service_gets_new_keys() {
    let host = Host::start("");
    host.kinit(&["-r", "7d", "alice"]);
    host.memory.renew_krbtgt(&SystemRandom);
    host.well("kvno", &["http/web1.contoso.com"], "");
    host.kinit(&["-R"]);
    assert_ne!(Key::random(Etype::Aes256, &SystemRandom), host.memory.ticket_granting().unwrap().keys.current[0]);
}
