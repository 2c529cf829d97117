//! Retrieving a managed password from a directory that answers what each test wants, and logging on with it at MIT krb5's KDC.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod mit;

use std::sync::Arc;

use client::gmsa::{Error, Retrieved, log_on, retrieve};
use client::kerberos::Options;
use client::ldap::{Connection, Limits, Transport};
use client::tls::Trust;
use client::{Endpoint, Keytab};
use dtyp::{Clock, Sid, SystemClock};
use ldap::ResultCode;
use ldap::message::{Message, Request};
use ldap::response::{self, Kind, Outcome};
use mit::{Realm, run};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

const DN: &str = "CN=webapp01,CN=Managed Service Accounts,DC=example,DC=test";

fn sid() -> Sid {
    Sid::domain_of(1, 2, 3).with_rid(1104).unwrap()
}

/// 128 characters, as the 256 bytes of a managed password.
fn text(letter: char) -> String {
    (0..128u8).map(|n| if n % 7 == 0 { letter } else { char::from(b'a' + n % 26) }).collect()
}

/// MSDS-MANAGEDPASSWORD_BLOB. MS-ADTS 2.2.19. An hour before the password changes.
fn blob(current: char, previous: Option<char>) -> Vec<u8> {
    blob_with(current, previous, 36_000_000_000, 33_000_000_000)
}

fn blob_with(current: char, previous: Option<char>, until_change: u64, unchanged: u64) -> Vec<u8> {
    let password = |letter| text(letter).encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let mut data = password(current);
    let before = previous.map(|letter| {
        data.extend(password(letter));
        0x112u16
    });
    let query = u16::try_from(16 + data.len()).unwrap();
    data.extend(until_change.to_le_bytes());
    data.extend(unchanged.to_le_bytes());
    let length = u32::try_from(16 + data.len()).unwrap();
    let mut blob = [&1u16.to_le_bytes()[..], &[0; 2], &length.to_le_bytes(), &0x10u16.to_le_bytes()].concat();
    for offset in [before.unwrap_or(0), query, query + 8] {
        blob.extend(offset.to_le_bytes());
    }
    blob.extend(data);
    blob
}

/// What the directory says about the account.
#[derive(Clone)]
struct Answers {
    matches: usize,
    class: &'static str,
    name: &'static str,
    blob: Option<Vec<u8>>,
    /// The SID at the second look.
    later: Sid,
    /// The domain controller's functional level.
    level: &'static str,
}

impl Default for Answers {
    fn default() -> Self {
        Self {
            matches: 1,
            class: "msDS-GroupManagedServiceAccount",
            name: "webapp01$",
            blob: Some(blob('C', None)),
            later: sid(),
            level: "7",
        }
    }
}

impl Answers {
    fn to(&self, request: &[u8]) -> Vec<u8> {
        let request = Message::decode(request).unwrap();
        let Request::Search(search) = &request.request else { panic!("{request:?}") };
        let mut out = Vec::new();
        if search.base == DN {
            assert_eq!(search.attributes[0], "msDS-ManagedPassword");
            let mut entry = response::Entry::begin(out, request.id, DN);
            entry.attribute("objectSid");
            entry.value(&self.later.to_bytes());
            if let Some(blob) = &self.blob {
                entry.attribute("msDS-ManagedPassword");
                entry.value(blob);
            }
            entry.attribute("msDS-KeyVersionNumber");
            entry.value(b"7");
            out = entry.end();
        } else if search.base.is_empty() {
            let mut entry = response::Entry::begin(out, request.id, "");
            entry.attribute("domainControllerFunctionality");
            entry.value(self.level.as_bytes());
            out = entry.end();
        } else {
            assert_eq!(search.filter.to_string(), "(sAMAccountName=webapp01$)");
            for n in 0..self.matches.min(2) {
                let mut entry = response::Entry::begin(out, request.id, if n == 0 { DN } else { "CN=other" });
                for (name, value) in [("sAMAccountName", self.name), ("objectClass", "top")] {
                    entry.attribute(name);
                    entry.value(value.as_bytes());
                    if name == "objectClass" {
                        entry.value(self.class.as_bytes());
                    }
                }
                entry.attribute("objectSid");
                entry.value(&sid().to_bytes());
                out = entry.end();
            }
        }
        let code = if self.matches > 2 { ResultCode::SIZE_LIMIT_EXCEEDED } else { ResultCode::SUCCESS };
        response::result(&mut out, request.id, Kind::SearchDone, &Outcome::new(code, ""), &[]);
        out
    }

    /// Serves one connection inside TLS; gives a connection to it.
    async fn serve(self) -> Connection {
        let authority = pki::Authority::create("tests", pki::Validity::DAY, &SystemClock).unwrap();
        let identity = authority.issue(&pki::Purpose::server(["localhost"]), pki::Validity::DAY, &SystemClock).unwrap();
        let config = rustls::ServerConfig::builder_with_provider(pki::provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(identity.chain().to_vec(), identity.key().clone_key())
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Endpoint::new("localhost", listener.local_addr().unwrap().port());
        tokio::spawn(async move {
            let mut stream =
                TlsAcceptor::from(Arc::new(config)).accept(listener.accept().await.unwrap().0).await.unwrap();
            let mut bytes = Vec::new();
            while stream.read_buf(&mut bytes).await.unwrap_or(0) > 0 {
                while let Some(length) = ldap::frame(&bytes, 1 << 20).unwrap().filter(|length| *length <= bytes.len()) {
                    let answer = self.to(&bytes[..length]);
                    bytes.drain(..length);
                    stream.write_all(&answer).await.unwrap();
                    stream.flush().await.unwrap();
                }
            }
        });
        let trust = Trust::pem(authority.certificate_pem().as_bytes()).unwrap();
        Connection::connect(&server, &Transport::Tls(trust), &Limits::default()).await.unwrap()
    }

    async fn retrieve(self) -> Result<Retrieved, Error> {
        retrieve(&mut self.serve().await, "DC=example,DC=test", "webapp01").await
    }
}

#[tokio::test]
async fn a_managed_password_comes_with_who_it_belongs_to() {
    let gmsa = Answers::default().retrieve().await.unwrap();
    assert_eq!(
        (gmsa.dn.as_str(), gmsa.sam_account_name.as_str(), gmsa.sid, gmsa.kvno),
        (DN, "webapp01$", sid(), Some(7))
    );
    assert!(gmsa.password.previous.is_none());
    assert!(!format!("{gmsa:?}").contains(&text('C')[..8]));
}

#[tokio::test]
async fn a_password_that_comes_before_its_time_has_the_version_to_come() {
    let versions = |blob: Vec<u8>| async {
        let gmsa = Answers { blob: Some(blob), ..Answers::default() }.retrieve().await.unwrap();
        let domain = client::Domain::new("example.test");
        let keytab = gmsa.keytab(&domain, &[], SystemClock.now());
        let current = gmsa.keys(&domain);
        keytab.entries.iter().map(|e| (e.kvno, current.contains(&e.key))).collect::<Vec<_>>()
    };
    let [before, after] = [(6, false), (7, true)].map(|it| [it; 2]);
    assert_eq!(versions(blob('C', Some('P'))).await, [after, before].concat());
    // Four minutes before the change: the version in force is the previous password's.
    let (minutes, month) = (2_400_000_000, 25_920_000_000_000);
    let [before, after] = [(7, false), (8, true)].map(|it| [it; 2]);
    assert_eq!(versions(blob_with('C', Some('P'), minutes, month)).await, [after, before].concat());
}

#[tokio::test]
async fn each_way_not_to_get_it_has_its_own_error() {
    let ordinary = Answers::default;
    let not_found = Answers { matches: 0, ..ordinary() }.retrieve().await;
    assert!(matches!(not_found, Err(Error::NotFound { account, .. }) if account == "webapp01$"));
    for matches in [2, 3] {
        assert!(matches!(Answers { matches, ..ordinary() }.retrieve().await, Err(Error::Ambiguous { .. })));
    }
    let computer = Answers { class: "computer", ..ordinary() }.retrieve().await;
    assert!(matches!(computer, Err(Error::NotManaged { classes, .. }) if classes == "top, computer"));
    let silent = Answers { blob: None, ..ordinary() }.retrieve().await.unwrap_err();
    assert!(matches!(silent, Error::NotAllowed { .. }) && silent.to_string().contains("not allowed to retrieve"));
    let old = Answers { blob: None, level: "4", ..ordinary() }.retrieve().await.unwrap_err();
    assert!(matches!(old, Error::NotImplemented { level: 4, .. }), "{old}");
    assert!(old.to_string().contains("does not implement gMSAs"), "{old}");
    for level in ["", "x", "5"] {
        let silent = Answers { blob: None, level, ..ordinary() }.retrieve().await;
        assert!(matches!(silent, Err(Error::NotAllowed { .. })), "{level}");
    }
    for answers in [
        Answers { name: "webapp02$", ..ordinary() },
        Answers { later: sid().domain().unwrap().with_rid(1).unwrap(), ..ordinary() },
        Answers { blob: Some(blob('C', None)[..200].to_vec()), ..ordinary() },
    ] {
        assert!(matches!(answers.retrieve().await, Err(Error::Malformed { .. })));
    }
}

#[tokio::test]
async fn it_is_not_even_asked_for_over_a_connection_that_others_read() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = Endpoint::from(listener.local_addr().unwrap());
    let mut connection = Connection::connect(&server, &Transport::Plain, &Limits::default()).await.unwrap();
    let refused = retrieve(&mut connection, "DC=example,DC=test", "webapp01$").await;
    assert!(matches!(refused, Err(Error::NotSealed { .. })));
    drop(connection);
    let mut sent = Vec::new();
    listener.accept().await.unwrap().0.read_to_end(&mut sent).await.unwrap();
    assert!(sent.is_empty());
}

#[tokio::test]
async fn the_account_logs_on_with_the_current_or_else_the_previous_password_and_kinit_takes_its_keytab() {
    let realm = Realm::start();
    run(realm.command("kadmin.local").args(["-q", &format!("addprinc -pw {} -kvno 7 webapp01$", text('P'))]));
    for (current, previous, good) in
        [('P', None, true), ('C', Some('P'), true), ('C', None, false), ('C', Some('D'), false)]
    {
        let gmsa = Answers { blob: Some(blob(current, previous)), ..Answers::default() }.retrieve().await.unwrap();
        let ticket = log_on(&realm.domain(), &gmsa, &Options::default()).await;
        assert_eq!(ticket.is_ok(), good, "{current} {previous:?} {ticket:?}");
    }
    let mut gmsa = Answers { blob: Some(blob('P', Some('C'))), ..Answers::default() }.retrieve().await.unwrap();
    // MIT krb5 salts otherwise than Active Directory: what the KDC says counts.
    assert_eq!(gmsa.salt(&realm.domain()), "EXAMPLE.TESThostwebapp01.example.test");
    gmsa.learn_salt(&realm.domain(), &Options::default()).await.unwrap();
    let path = realm.dir.path().join("webapp01.keytab");
    gmsa.keytab(&realm.domain(), &["HTTP/webapp01.example.test"], SystemClock.now()).write(&path).unwrap();
    let versions: Vec<_> =
        Keytab::read(&path).unwrap().entries.iter().map(|e| (e.principal.to_string(), e.kvno)).collect();
    assert_eq!(versions.len(), 8);
    assert!(
        versions.contains(&("HTTP/webapp01.example.test".into(), 6)) && versions.contains(&("webapp01$".into(), 7))
    );
    let cache = realm.dir.path().join("cc");
    run(realm.command("kinit").args(["-k", "-t", path.to_str().unwrap(), "-c", cache.to_str().unwrap(), "webapp01$"]));
}
