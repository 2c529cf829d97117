//! OpenLDAP's slapd with Cyrus SASL over MIT's GSS-API, from plain connections to sealed ones.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod mit;

use client::kerberos::{Options, Secret, initial};
use client::ldap::{Change, Connection, Error, Limits, LogonCause, Modification, Scope, Sealing, Search, Transport};
use client::tls::Trust;
use client::{Credential, Endpoint, PrincipalName};
use mit::{PASSWORD, Realm};

const BASE: &str = "dc=example,dc=test";
const ALICE: &str = "uid=alice,ou=people,dc=example,dc=test";

async fn tgt(realm: &Realm) -> Credential {
    let alice = PrincipalName::user("alice");
    initial(&realm.domain(), &alice, &Secret::password(PASSWORD), &Options::default()).await.unwrap()
}

async fn plain(realm: &Realm) -> Connection {
    Connection::connect_any(&realm.domain().ldap, &Transport::Plain, &Limits::default()).await.unwrap()
}

#[tokio::test]
async fn a_gssapi_bind_with_each_layer() {
    let realm = Realm::start();
    let tgt = tgt(&realm).await;
    for sealing in [Sealing::Confidential, Sealing::Integrity, Sealing::None] {
        let mut connection = plain(&realm).await;
        connection.bind_gssapi(&realm.domain(), &tgt, "localhost", sealing, &Options::default()).await.unwrap();
        assert_eq!(connection.is_sealed(), sealing == Sealing::Confidential);
        assert_eq!(connection.who_am_i().await.unwrap().to_lowercase(), format!("dn:{ALICE}"), "{sealing:?}");
        let found = connection.search(&Search::subtree(BASE, "(uid=bob)", &["cn"])).await.unwrap();
        assert_eq!(found[0].text("CN"), Some("bob of the tests"));
        connection.unbind().await;
    }
}

#[tokio::test]
async fn objects_are_added_changed_renamed_read_in_pages_and_deleted() {
    let realm = Realm::start();
    let mut connection = plain(&realm).await;
    connection
        .bind_gssapi(&realm.domain(), &tgt(&realm).await, "localhost", Sealing::Confidential, &Options::default())
        .await
        .unwrap();
    let text = |value: &str| vec![value.as_bytes().to_vec()];
    let dn = |n: usize| format!("cn=person {n},ou=people,{BASE}");
    for n in 0..30 {
        // Large enough that the answer takes many frames of the layer.
        let description = vec![vec![b'x'; 20_000 + n]];
        let person = [("objectClass", text("person")), ("sn", text("s")), ("description", description)];
        connection.add(&dn(n), &person).await.unwrap();
    }
    let found = connection.search(&Search::subtree(BASE, "(sn=s)", &["description"]).paged(7)).await.unwrap();
    assert_eq!(found.len(), 30);
    assert!(found.iter().all(|entry| entry.first("description").is_some_and(|value| value.len() >= 20_000)));

    let changes = [
        Modification::replace("description", "short"),
        Modification { change: Change::Add, attribute: "sn".into(), values: text("t") },
        Modification { change: Change::Delete, attribute: "sn".into(), values: text("s") },
    ];
    connection.modify(&dn(0), &changes).await.unwrap();
    connection.rename(&dn(0), "cn=renamed", None).await.unwrap();
    let entry = connection.read(&format!("cn=renamed,ou=people,{BASE}"), &["*"]).await.unwrap().unwrap();
    assert_eq!((entry.text("description"), entry.values("sn")), (Some("short"), &text("t")[..]));

    connection.delete(&dn(1)).await.unwrap();
    assert_eq!(connection.read(&dn(1), &[]).await.unwrap(), None);
    let again = connection.delete(&dn(1)).await.unwrap_err();
    assert_eq!(again.code(), Some(32));
    // A refusal leaves the connection as it was.
    assert!(connection.is_alive() && connection.who_am_i().await.is_ok());
}

#[tokio::test]
async fn a_simple_bind_over_tls_with_the_ca_that_is_pinned() {
    let realm = Realm::start();
    let password = PASSWORD.to_owned().into();
    let ours = Trust::pem_file(realm.dir.path().join("ca.pem")).unwrap();
    let other =
        pki::Authority::create("another", pki::Validity(std::time::Duration::from_secs(86_400)), &dtyp::SystemClock)
            .unwrap();
    let other = Trust::pem(other.certificate_pem().as_bytes()).unwrap();
    let (ldap, ldaps) = (Endpoint::new("localhost", realm.ldap_port), Endpoint::new("127.0.0.1", realm.ldaps_port));
    for (server, good, bad) in [
        (&ldaps, Transport::Tls(ours.clone()), Transport::Tls(other.clone())),
        (&ldap, Transport::StartTls(ours), Transport::StartTls(other)),
    ] {
        let mut connection = Connection::connect(server, &good, &Limits::default()).await.unwrap();
        assert!(connection.is_sealed());
        connection.bind_simple(ALICE, &password).await.unwrap();
        connection
            .bind_gssapi(&realm.domain(), &tgt(&realm).await, "localhost", Sealing::None, &Options::default())
            .await
            .unwrap();
        assert!(connection.who_am_i().await.unwrap().contains("alice"));
        let refused = Connection::connect(server, &bad, &Limits::default()).await;
        assert!(matches!(refused, Err(Error::Tls { .. })), "{refused:?}");
    }
}

#[tokio::test]
async fn wrong_and_empty_passwords_and_limits() {
    let realm = Realm::start();
    let mut connection = plain(&realm).await;
    let wrong = connection.bind_simple(ALICE, &"wrong".to_owned().into()).await.unwrap_err();
    assert!(matches!(wrong, Error::Logon { cause: LogonCause::Unspecified, .. }), "{wrong}");
    let empty = connection.bind_simple(ALICE, &String::new().into()).await.unwrap_err();
    assert!(matches!(empty, Error::EmptyPassword { .. }));
    connection.bind_simple(ALICE, &PASSWORD.to_owned().into()).await.unwrap();

    let limits = Limits { entries: 2, ..Limits::default() };
    let mut small = Connection::connect_any(&realm.domain().ldap, &Transport::Plain, &limits).await.unwrap();
    small.bind_simple(ALICE, &PASSWORD.to_owned().into()).await.unwrap();
    let everything = Search::subtree(BASE, "(objectClass=*)", &["1.1"]);
    assert!(matches!(small.search(&everything).await, Err(Error::TooLarge { limit: 2, .. })));
    assert!(!small.is_alive());

    let mut invalid = everything.clone();
    invalid.filter = "(((".into();
    assert!(matches!(connection.search(&invalid).await, Err(Error::Invalid { .. })));
    let mut base = everything;
    base.scope = Scope::OneLevel;
    assert_eq!(connection.search(&base).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_server_that_goes_away_is_noticed() {
    let mut realm = Realm::start();
    let mut connection = plain(&realm).await;
    connection.bind_simple(ALICE, &PASSWORD.to_owned().into()).await.unwrap();
    realm.stop_slapd();
    let gone = connection.who_am_i().await.unwrap_err();
    assert!(gone.is_connection_lost() && !connection.is_alive(), "{gone}");
    assert!(matches!(
        Connection::connect_any(&realm.domain().ldap, &Transport::Plain, &Limits::default()).await,
        Err(Error::Connect { .. })
    ));
}
