//! The chain of trust with real clients at its end: what the guard wrote is used by MIT Kerberos and OpenLDAP.
#![allow(clippy::expect_used, clippy::panic, reason = "only tests here; failing is their job")]

use std::fs;
use std::os::unix::fs::PermissionsExt;

use dtyp::{Clock, SystemClock};
use pando_tests::chain::{AccountProvider, NAMESPACE, SECRET, credential_spec, guard_fetch};
use pando_tests::{ALICE_PASSWORD, BASE, Domain, GUARD_PASSWORD, Transport};

/// A domain whose `ccache` and `gmsa.keytab` were written by the guard.
fn fetched() -> Domain {
    let domain = Domain::start();
    let provider = AccountProvider::start(&domain);
    let fetched = guard_fetch(&domain, &credential_spec(&domain)).ok();
    let report: serde_json::Value = serde_json::from_str(&fetched.stdout).expect("--json prints JSON");
    assert!(report.is_object() || report.is_array(), "{report}");
    for secret in [GUARD_PASSWORD, ALICE_PASSWORD] {
        assert!(!fetched.stdout.contains(secret) && !fetched.stderr.contains(secret), "{fetched}");
        assert!(!domain.log().contains(secret) && !provider.log().contains(secret), "a password is in a log");
    }
    domain
}

#[test]
fn the_credential_cache_is_the_gmsa_to_every_client() {
    let domain = fetched();
    let tickets = domain.tool("klist").arg("-e").ok().says("Default principal: webapp01$@CONTOSO.COM");
    tickets.says("krbtgt/CONTOSO.COM@CONTOSO.COM").says("aes256-cts-hmac-sha1-96");
    domain.tool("kvno").arg("ldap/dc1.contoso.com").ok();
    domain.ldap_sasl("ldapwhoami", Transport::Plain, "GSSAPI").ok().says(r"u:CONTOSO\webapp01$");
    let search = domain.ldap_sasl("ldapsearch", Transport::Plain, "GSSAPI").args(["-LLL", "-b", BASE]);
    search.args(["(sAMAccountName=alice)", "distinguishedName"]).ok().says(&format!("CN=alice,OU=Engineering,{BASE}"));
}

#[test]
fn the_keytab_opens_the_gmsa_and_its_services() {
    let domain = fetched();
    let keytab = domain.path("gmsa.keytab");
    domain.tool("klist").arg("-kte").arg(&keytab).ok().says("webapp01$@CONTOSO.COM").says("aes256-cts-hmac-sha1-96");
    domain.tool("kdestroy").ok();
    domain.tool("kinit").arg("-kt").arg(&keytab).arg("webapp01$").ok();
    domain.ldap_sasl("ldapwhoami", Transport::Plain, "GSSAPI").ok().says(r"u:CONTOSO\webapp01$");
    // Another user's ticket for the gMSA's service decrypts with the keytab: the keys are the ones the KDC has.
    domain.kinit("alice", ALICE_PASSWORD).ok();
    domain.tool("kvno").arg("-k").arg(&keytab).arg("webapp01$").ok().says("keytab entry valid");
}

#[test]
fn each_version_of_the_keys_is_the_same_before_in_and_after_the_minutes_when_the_next_is_given_out() {
    let mut domain = Domain::start();
    let end = domain.end_of_password(1).unix_seconds();
    let from_now = |seconds: i64| format!("+{}s", end + seconds - SystemClock.now().unix_seconds());
    // Each line is a version with its key.
    let keys = |domain: &Domain| {
        let _provider = AccountProvider::start(domain);
        guard_fetch(domain, &credential_spec(domain)).ok();
        let listed = domain.tool("klist").args(["-k", "-e", "-K"]).arg(domain.path("gmsa.keytab")).ok();
        let lines = listed.stdout.lines().filter(|line| line.contains("webapp01$@")).map(|line| line.trim().to_owned());
        lines.collect::<std::collections::BTreeSet<_>>()
    };
    let first = keys(&domain);
    domain.restart_later(&from_now(-150));
    let early = keys(&domain);
    domain.restart_later(&from_now(30));
    let next = keys(&domain);
    assert_eq!((first.len(), early.len()), (2, 4));
    assert!(early.is_superset(&first), "{first:#?} {early:#?}");
    // An account that is younger than one interval has no previous password (MS-ADTS 3.1.1.4.5.39).
    assert!(
        !next.is_empty() && next.iter().all(|key| key.starts_with("2 ") && early.contains(key)),
        "{early:#?} {next:#?}"
    );
    domain.kinit("alice", ALICE_PASSWORD).ok();
    domain.tool("kvno").arg("webapp01$").ok().says("kvno = 2");
}

#[test]
fn a_month_later_the_password_is_another_and_the_guard_fetches_that() {
    let mut domain = fetched();
    let logon =
        |domain: &Domain, keytab: &str| domain.tool("kinit").arg("-kt").arg(domain.path(keytab)).arg("webapp01$");
    fs::copy(domain.path("gmsa.keytab"), domain.path("first.keytab")).expect("the keytab can be copied");
    logon(&domain, "first.keytab").ok();
    domain.restart_later("+31d");
    logon(&domain, "first.keytab").fails(1).says("Preauthentication failed");
    let _provider = AccountProvider::start(&domain);
    guard_fetch(&domain, &credential_spec(&domain)).ok();
    domain.ldap_sasl("ldapwhoami", Transport::Plain, "GSSAPI").ok().says(r"u:CONTOSO\webapp01$");
    logon(&domain, "gmsa.keytab").ok();
    logon(&domain, "first.keytab").fails(1);
}

#[test]
fn what_the_guard_writes_is_for_its_owner_only() {
    let domain = fetched();
    for file in ["ccache", "gmsa.keytab"] {
        let mode = fs::metadata(domain.path(file)).expect("it was written").permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{file}");
    }
}

#[test]
fn an_impersonation_account_that_may_not_retrieve_the_password_breaks_the_chain_there() {
    let domain = Domain::start();
    let _provider = AccountProvider::start_with(&domain, "alice", ALICE_PASSWORD);
    let refused = guard_fetch(&domain, &credential_spec(&domain)).run();
    assert_ne!(refused.code, Some(0), "{refused}");
    assert!(!domain.path("ccache").exists() && !domain.path("gmsa.keytab").exists(), "nothing is left behind");
    refused.never_says(ALICE_PASSWORD);
}

#[test]
fn a_secret_with_a_wrong_password_or_of_another_name_breaks_the_chain_there() {
    let domain = Domain::start();
    let _provider = AccountProvider::start_with(&domain, "svc-guard", "not-the-passw0rd");
    let spec = credential_spec(&domain);
    let refused = guard_fetch(&domain, &spec).run();
    assert_ne!(refused.code, Some(0), "{refused}");
    refused.never_says("not-the-passw0rd");

    let text = fs::read_to_string(&spec).expect("the credential spec can be read");
    fs::write(&spec, text.replace(&format!("{NAMESPACE}:{SECRET}"), &format!("{NAMESPACE}:other")))
        .expect("it can be written");
    let refused = guard_fetch(&domain, &spec).run();
    assert_ne!(refused.code, Some(0), "{refused}");
    assert!(!domain.path("ccache").exists());
}

#[test]
fn no_account_provider_no_identity() {
    let domain = Domain::start();
    let refused = guard_fetch(&domain, &credential_spec(&domain)).run();
    assert_ne!(refused.code, Some(0), "{refused}");
    refused.says(NAMESPACE);
}

#[test]
fn credential_specs_that_are_not_ones_are_refused_with_a_sentence() {
    let domain = Domain::start();
    let spec = domain.path("credspec.json");
    let deep = "[".repeat(100_000);
    for text in ["", "{", "[]", "null", r#"{"CmsPlugins":["ActiveDirectory"]}"#, r#"{"CmsPlugins":7}"#, &deep] {
        fs::write(&spec, text).expect("it can be written");
        let refused = guard_fetch(&domain, &spec).run();
        assert!(refused.code.is_some_and(|code| code != 0 && code != 101), "{refused}");
        assert!(!refused.stderr.is_empty(), "{refused}");
        refused.never_says("panicked");
    }
}
