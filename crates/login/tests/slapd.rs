//! Logging in at OpenLDAP's slapd, as a service with a password and as one with a ticket.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "../../client/tests/mit/mod.rs"]
mod mit;

use client::PrincipalName;
use client::kerberos::{Options, Secret, initial};
use login::{Authenticator, Config, GroupSource, LoginError, ServiceIdentity, User};
use mit::{PASSWORD, Realm};

const ALICE: &str = "uid=alice,ou=people,dc=example,dc=test";

fn config(realm: &Realm, service: ServiceIdentity) -> Config {
    let mut config = Config::new(realm.domain(), service);
    config.filter = "(&(objectClass=inetOrgPerson)(uid={name}))".into();
    config.groups = GroupSource::Direct;
    config
}

fn by_password(realm: &Realm) -> Authenticator {
    let service = ServiceIdentity::Simple { name: ALICE.into(), password: PASSWORD.to_owned().into() };
    Authenticator::new(config(realm, service))
}

async fn login(authenticator: &Authenticator, name: &str, password: &str) -> Result<User, LoginError> {
    authenticator.login(name, &password.to_owned().into()).await
}

/// Writes a credential cache of alice's and gives its path.
async fn ticket(realm: &Realm) -> std::path::PathBuf {
    let alice = PrincipalName::user("alice");
    let tgt = initial(&realm.domain(), &alice, &Secret::password(PASSWORD), &Options::default()).await.unwrap();
    let path = realm.dir.path().join("krb5cc");
    client::Ccache::of(tgt).write(&path).unwrap();
    path
}

#[tokio::test]
async fn a_user_is_found_proven_and_known_with_groups() {
    let realm = Realm::start();
    let authenticator = by_password(&realm);
    authenticator.check().await.unwrap();
    let alice = login(&authenticator, "alice", PASSWORD).await.unwrap();
    assert_eq!((alice.dn.as_str(), alice.sam.as_str(), alice.display_name.as_str()), (ALICE, "alice", "alice Example"));
    assert!(alice.is_member_of("Admins") && alice.is_member_of("cn=admins,dc=example,dc=test"));
    let bob = login(&authenticator, " bob ", PASSWORD).await.unwrap();
    assert!(bob.groups.is_empty());
}

#[tokio::test]
async fn refusals_look_alike_to_outsiders() {
    let realm = Realm::start();
    let authenticator = by_password(&realm);
    let wrong = login(&authenticator, "alice", "wrong").await.unwrap_err();
    assert!(matches!(wrong, LoginError::WrongPassword { .. }));
    let nobody = login(&authenticator, "nobody", PASSWORD).await.unwrap_err();
    assert!(matches!(nobody, LoginError::NotFound { .. }));
    let twin = login(&authenticator, "twin", PASSWORD).await.unwrap_err();
    assert!(matches!(twin, LoginError::Ambiguous { .. }));
    assert_eq!((wrong.public(), nobody.public()), (nobody.public(), twin.public()));
    assert!(!wrong.is_unavailable());
}

#[tokio::test]
async fn an_empty_password_and_a_name_with_a_filter_in_it_open_nothing() {
    let realm = Realm::start();
    let authenticator = by_password(&realm);
    assert!(matches!(login(&authenticator, "alice", "").await, Err(LoginError::WrongPassword { .. })));
    for name in ["*", "ali*", "alice)(uid=*", "x)(|(uid=*", "", "\u{0}", "a\\2a", &"a".repeat(300)] {
        assert!(matches!(login(&authenticator, name, PASSWORD).await, Err(LoginError::NotFound { .. })), "{name}");
    }
    // A name that itself looks like a filter logs in as what it is.
    let carol = login(&authenticator, "carol (ops)*", PASSWORD).await.unwrap();
    assert!(carol.is_member_of("admins"));
}

#[tokio::test]
async fn a_service_with_a_ticket_survives_the_directory_and_takes_new_tickets() {
    let mut realm = Realm::start();
    let path = ticket(&realm).await;
    let mut config = config(&realm, ServiceIdentity::ccache(&path));
    config.pool = 1;
    let authenticator = Authenticator::new(config);
    login(&authenticator, "bob", PASSWORD).await.unwrap();
    // The server goes, and comes back: both connections are made anew.
    realm.stop_slapd();
    let gone = login(&authenticator, "bob", PASSWORD).await.unwrap_err();
    assert!(gone.is_unavailable(), "{gone}");
    realm.start_slapd();
    login(&authenticator, "bob", PASSWORD).await.unwrap();
    // The cache is gone when the next connection is due, then there is a new one.
    std::fs::remove_file(&path).unwrap();
    realm.start_slapd();
    assert!(matches!(login(&authenticator, "bob", PASSWORD).await, Err(LoginError::Identity(_))));
    ticket(&realm).await;
    login(&authenticator, "bob", PASSWORD).await.unwrap();
}

#[tokio::test]
async fn many_log_in_at_once_over_few_connections() {
    let realm = Realm::start();
    let authenticator = std::sync::Arc::new(by_password(&realm));
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..40 {
        let authenticator = std::sync::Arc::clone(&authenticator);
        tasks.spawn(async move {
            let good = n % 3 != 0;
            let name = if n % 2 == 0 { "alice" } else { "bob" };
            let result = login(&authenticator, name, if good { PASSWORD } else { "wrong" }).await;
            assert_eq!(result.as_ref().ok().map(|user| user.sam.as_str()), good.then_some(name), "{result:?}");
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
}
