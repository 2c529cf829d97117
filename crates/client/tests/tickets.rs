//! Tickets from MIT krb5's KDC, and its own programs with the files written here.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod mit;

use std::sync::Arc;
use std::time::Duration;

use client::kerberos::{Error, KeyParameters, Options, Secret, initial, key_parameters, renew, service_ticket};
use client::{Ccache, Credential, Domain, Endpoint, Key, Keytab, PrincipalName};
use dtyp::{Clock, FileTime, ManualClock, SystemClock};
use kerberos::keytab::Entry;
use mit::{PASSWORD, REALM, Realm, run};

async fn logon(realm: &Realm, name: &str, password: &str) -> Result<Credential, Error> {
    initial(&realm.domain(), &PrincipalName::user(name), &Secret::password(password), &Options::default()).await
}

#[tokio::test]
async fn mit_s_programs_use_the_tickets_written_here() {
    let realm = Realm::start();
    let tgt = logon(&realm, "alice", PASSWORD).await.unwrap();
    assert!(tgt.renew_till.is_some());
    let ldap = service_ticket(&realm.domain(), &tgt, "ldap/localhost", &Options::default()).await.unwrap();
    assert_eq!(ldap.server.to_string(), "ldap/localhost");
    let renewed = renew(&realm.domain(), &tgt, &Options::default()).await.unwrap();
    assert!(renewed.is_ticket_granting() && renewed.end_time >= tgt.end_time);

    let path = realm.dir.path().join("krb5cc");
    let mut cache = Ccache::of(renewed);
    cache.credentials.push(ldap);
    cache.write(&path).unwrap();
    let listed = run(realm.command("klist").args(["-c", path.to_str().unwrap()]));
    assert!(listed.contains("Default principal: alice@EXAMPLE.TEST"), "{listed}");
    assert!(
        listed.contains("krbtgt/EXAMPLE.TEST@EXAMPLE.TEST") && listed.contains("ldap/localhost@EXAMPLE.TEST"),
        "{listed}"
    );
    // A ticket that is not in the cache yet: kvno gets it with ours.
    run(realm.command("kvno").env("KRB5CCNAME", &path).args([
        "-k",
        realm.dir.path().join("ldap.keytab").to_str().unwrap(),
        "ldap/localhost",
    ]));
    // And what MIT writes, with its settings among the tickets, reads here.
    let theirs = Ccache::read(&path).unwrap();
    assert!(theirs.ticket_granting().is_some() && theirs.service("ldap/localhost").is_some());
}

#[tokio::test]
async fn kinit_takes_the_keytab_written_here() {
    let realm = Realm::start();
    let who = PrincipalName::user("bob");
    let parameters = key_parameters(&realm.domain(), &who, &Options::default()).await.unwrap();
    assert_eq!(parameters.first().map(|p| (p.salt.as_slice(), p.iterations)), Some((&b"EXAMPLE.TESTbob"[..], 4096)));
    let key = |p: &KeyParameters| Key::from_password(p.etype, PASSWORD.as_bytes(), &p.salt, p.iterations);
    let keys: Vec<Key> = parameters.iter().map(key).collect();
    let entry = |key: &Key| Entry::new(who.clone(), REALM, 1, SystemClock.now(), key.clone());
    let path = realm.dir.path().join("bob.keytab");
    Keytab { entries: keys.iter().map(entry).collect() }.write(&path).unwrap();
    run(realm.command("kinit").args([
        "-k",
        "-t",
        path.to_str().unwrap(),
        "-c",
        realm.dir.path().join("cc").to_str().unwrap(),
        "bob",
    ]));
    let by_key = initial(&realm.domain(), &who, &Secret::Keys(keys), &Options::default()).await.unwrap();
    assert_eq!(by_key.client.to_string(), "bob");
}

#[tokio::test]
async fn each_refusal_says_who_and_why() {
    let realm = Realm::start();
    assert!(
        matches!(logon(&realm, "alice", "wrong").await, Err(Error::WrongSecret { principal, .. }) if principal == "alice@EXAMPLE.TEST")
    );
    assert!(matches!(logon(&realm, "trusting", "wrong").await, Err(Error::WrongSecret { .. })));
    assert!(logon(&realm, "trusting", PASSWORD).await.is_ok());
    assert!(matches!(logon(&realm, "nobody", PASSWORD).await, Err(Error::UnknownClient { .. })));
    assert!(matches!(logon(&realm, "expired", PASSWORD).await, Err(Error::PasswordExpired { .. })));
    assert!(matches!(logon(&realm, "disabled", PASSWORD).await, Err(Error::Revoked { .. })));
    let tgt = logon(&realm, "alice", PASSWORD).await.unwrap();
    let unknown = service_ticket(&realm.domain(), &tgt, "ldap/elsewhere", &Options::default()).await;
    assert!(matches!(unknown, Err(Error::UnknownService { service, .. }) if service == "ldap/elsewhere"));
}

#[tokio::test]
async fn clocks_that_differ_are_reported_with_both_times() {
    let realm = Realm::start();
    let wrong = SystemClock.now().saturating_add(Duration::from_secs(3600));
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(wrong));
    let options = Options { clock, ..Options::default() };
    for who in ["alice", "trusting"] {
        let result = initial(&realm.domain(), &PrincipalName::user(who), &Secret::password(PASSWORD), &options).await;
        let Err(Error::ClockSkew { server_time, local_time, .. }) = result else { panic!("{who}: {result:?}") };
        assert_eq!(local_time, wrong);
        assert!(server_time.saturating_add(Duration::from_secs(3000)) < local_time);
    }
    let tgt = logon(&realm, "alice", PASSWORD).await.unwrap();
    let later: Arc<dyn Clock> = Arc::new(ManualClock::new(FileTime::NEVER));
    let expired =
        service_ticket(&realm.domain(), &tgt, "ldap/localhost", &Options { clock: later, ..Options::default() }).await;
    assert!(matches!(expired, Err(Error::TicketExpired { .. })));
}

#[tokio::test]
async fn another_kdc_answers_when_the_first_does_not() {
    let realm = Realm::start();
    let dead = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let domain = realm.domain().with_kdcs([Endpoint::from(dead), Endpoint::new("localhost", realm.kdc_port)]);
    let who = PrincipalName::user("alice");
    initial(&domain, &who, &Secret::password(PASSWORD), &Options::default()).await.unwrap();
    let none = Domain::new("example.test").with_kdcs([Endpoint::from(dead)]);
    let result = initial(&none, &who, &Secret::password(PASSWORD), &Options::default()).await;
    assert!(
        matches!(&result, Err(Error::Unreachable { tried, .. }) if tried.contains(&dead.to_string())),
        "{result:?}"
    );
    let none = none.with_kdcs([]);
    assert!(matches!(
        initial(&none, &who, &Secret::password(PASSWORD), &Options::default()).await,
        Err(Error::NoKdc { .. })
    ));
}
