//! What an administrator keeps with `pando gmsa` and `pando kds`, in a real domain.
#![allow(clippy::expect_used, clippy::panic, reason = "only tests here; failing is their job")]

use pando_tests::{ADMIN_PASSWORD, Domain, GUARD_PASSWORD, Tool, pando};
use serde_json::Value;

/// `pando ARGS` as somebody, at the domain.
fn pando_as(domain: &Domain, user: &str, password: &str, args: &[&str]) -> Tool {
    let file = domain.path(&format!("{user}-password"));
    std::fs::write(&file, password).expect("a password file can be written");
    let tool = Tool::new(pando()).args(args).args(["--ldaps", &domain.ports().ldaps.to_string(), "--user", user]);
    tool.arg("--ca").arg(domain.ca()).arg("--password-file").arg(file)
}

fn as_admin(domain: &Domain, args: &[&str]) -> Tool {
    pando_as(domain, "Administrator@contoso.com", ADMIN_PASSWORD, args)
}

fn as_guard(domain: &Domain, args: &[&str]) -> Tool {
    pando_as(domain, "svc-guard@contoso.com", GUARD_PASSWORD, args)
}

#[test]
fn a_gmsa_is_created_opened_closed_and_retired() {
    let domain = Domain::start();
    let create = ["gmsa", "create", "billing", "--allow", "alice", "--spn", "HTTP/billing.contoso.com"];
    as_admin(&domain, &create).ok().says("CN=billing,CN=Managed Service Accounts,DC=contoso,DC=com is ready");
    as_admin(&domain, &create).fails(1).says("is there already").says("pando gmsa show billing");
    as_admin(&domain, &["gmsa", "list"]).ok().says("billing$").says("webapp01$");
    let shown = as_admin(&domain, &["gmsa", "show", "billing$", "--json"]).ok();
    let shown: Value = serde_json::from_str(&shown.stdout).expect("--json prints JSON");
    assert_eq!(shown["interval_days"], 30, "{shown:#}");
    assert_eq!(shown["may_retrieve"], serde_json::json!(["alice"]), "{shown:#}");

    let refused = as_guard(&domain, &["gmsa", "test", "billing"]).run();
    assert_eq!(refused.code, Some(1), "{refused}");
    let explained = as_admin(&domain, &["gmsa", "explain", "billing", "svc-guard"]).run();
    assert_eq!(explained.code, Some(1), "{explained}");
    explained.says("it is allowed to alice").says("pando gmsa allow billing svc-guard");

    as_admin(&domain, &["gmsa", "allow", "billing", "svc-guard"]).ok().says("alice, svc-guard");
    as_admin(&domain, &["gmsa", "explain", "billing", "svc-guard"]).ok().says("svc-guard is allowed to");
    as_guard(&domain, &["gmsa", "test", "billing"]).ok().says("billing$ works");

    as_admin(&domain, &["gmsa", "deny", "billing", "svc-guard"]).ok();
    assert_eq!(as_guard(&domain, &["gmsa", "test", "billing"]).run().code, Some(1));
    as_admin(&domain, &["gmsa", "retire", "billing"]).ok();
    as_admin(&domain, &["gmsa", "show", "billing"]).run().says("there is no gMSA billing$");
}

#[test]
fn groups_of_groups_count_and_strangers_are_told_apart_from_mistakes() {
    let domain = Domain::start();
    as_admin(&domain, &["gmsa", "create", "nested", "--allow", "staff"]).ok();
    // alice is in rate-limit-admins, and that in staff.
    as_admin(&domain, &["gmsa", "explain", "nested", "alice"]).ok().says("staff is allowed to");
    as_admin(&domain, &["gmsa", "explain", "nested", "nobody"]).run().says("there is no principal nobody");
    let refused = as_guard(&domain, &["gmsa", "create", "mine"]).run();
    assert_eq!(refused.code, Some(1), "{refused}");
    refused.says("INSUFF_ACCESS_RIGHTS");
}

#[test]
fn what_is_no_gmsa_is_said_to_be_what_it_is() {
    let domain = Domain::start();
    let account = |name: &str, class: &str, more: &str| {
        format!(
            "dn: CN={name},CN=Managed Service Accounts,DC=contoso,DC=com\nobjectClass: {class}\nsAMAccountName: {name}$\n\
             userAccountControl: 4096\n{more}\n\n"
        )
    };
    let both = account("backup1", "msDS-ManagedServiceAccount", &pando_tests::unicode_pwd("Keeps-the-tapes-3"))
        + &account("next1", "msDS-DelegatedManagedServiceAccount", "msDS-ManagedPasswordInterval: 30");
    domain.as_admin("ldapadd", pando_tests::Transport::Ldaps).input(both).ok();
    for (name, kind) in [
        ("backup1", "backup1$ is no gMSA, but a standalone managed service account"),
        ("next1$", "next1$ is no gMSA, but a delegated managed service account"),
        ("alice", "alice is no gMSA, but a user"),
        ("staff", "staff is no gMSA, but a group"),
        ("dc1", "DC1$ is no gMSA, but a computer"),
        ("nobody", "there is no gMSA nobody$"),
    ] {
        as_admin(&domain, &["gmsa", "show", name]).fails(1).says(kind);
    }
    // The password of a standalone account is its computer's to set, and a person's who may.
    domain.kinit("backup1$", "Keeps-the-tapes-3").ok();
}

#[test]
fn names_are_refused_before_anything_is_asked_and_principals_go_by_any_of_theirs() {
    let domain = Domain::start();
    let create = |name| as_admin(&domain, &["gmsa", "create", name]).fails(1);
    create("longer-than-that").says("no gMSA has more than 15");
    create("web/app").says("no account name has the character '/'");
    as_admin(&domain, &["gmsa", "create", "billing", "--allow", "alice@contoso.com"]).ok();
    as_admin(&domain, &["gmsa", "explain", "billing", "alice@CONTOSO.com"]).ok().says("alice is allowed to");
    as_admin(&domain, &["gmsa", "explain", "billing", "alice@fabrikam.com"]).fails(1).says("there is no principal");
    let refused = as_guard(&domain, &["gmsa", "test", "billing"]).fails(1);
    refused.says("pando gmsa explain billing svc-guard@contoso.com");
    as_admin(&domain, &["gmsa", "explain", "billing", "svc-guard@contoso.com"]).fails(1).says("it is allowed to alice");
}

#[test]
fn a_forest_without_a_root_key_is_told_what_to_do() {
    let domain = Domain::start();
    as_guard(&domain, &["kds", "list"]).ok().says("There are no KDS root keys, or you may not see them");
    let listed = as_admin(&domain, &["kds", "list", "--json"]).ok();
    let listed: Value = serde_json::from_str(&listed.stdout).expect("--json prints JSON");
    let id = listed[0]["id"].as_str().expect("a name");
    as_admin(&domain, &["kds", "retire", id, "--force"]).ok().says("make one with pando kds create");
    as_admin(&domain, &["gmsa", "create", "late"])
        .fails(1)
        .says("no KDS root key is effective")
        .says("`pando kds create`");
}

#[test]
fn a_root_key_is_made_over_ldap_used_and_retired_and_its_secret_never_read() {
    let domain = Domain::start();
    as_admin(&domain, &["kds", "create"]).ok().says("is used from 20");
    as_admin(&domain, &["kds", "create", "--immediately"]).ok().says("is used from now on");
    let listed = as_admin(&domain, &["kds", "list", "--json"]).ok();
    let listed: Value = serde_json::from_str(&listed.stdout).expect("--json prints JSON");
    let (immediate, ahead) = (&listed[0], &listed[1]);
    assert_eq!((&immediate["effective"], &ahead["effective"]), (&Value::Bool(true), &Value::Bool(false)), "{listed:#}");

    // The newest that is effective is the one that a new account's password is derived from.
    as_admin(&domain, &["gmsa", "create", "fresh", "--allow", "svc-guard"]).ok();
    let shown = as_admin(&domain, &["gmsa", "show", "fresh", "--json"]).ok();
    let shown: Value = serde_json::from_str(&shown.stdout).expect("--json prints JSON");
    assert_eq!(shown["root_key"], immediate["id"], "{shown:#}");
    as_guard(&domain, &["gmsa", "test", "fresh"]).ok();

    let secret = domain.search_as_admin().args(["-b", "CN=Configuration,DC=contoso,DC=com"]);
    let secret = secret.args(["(objectClass=msKds-ProvRootKey)", "*", "msKds-RootKeyData"]).ok();
    assert!(secret.values("msKds-RootKeyData").is_empty(), "{secret}");

    let id = immediate["id"].as_str().expect("a name");
    as_admin(&domain, &["kds", "retire", id]).run().says("fresh$");
    as_admin(&domain, &["kds", "retire", id, "--force"]).ok();
    let ahead = ahead["id"].as_str().expect("a name");
    as_admin(&domain, &["kds", "retire", ahead]).ok().says("is deleted");
    let refused = as_guard(&domain, &["kds", "create"]).run();
    assert_eq!(refused.code, Some(1), "{refused}");
}

#[test]
fn a_gmsa_s_names_and_settings_change_and_no_name_leads_to_two_accounts() {
    let domain = Domain::start();
    as_admin(&domain, &["gmsa", "create", "shop", "--spn", "HTTP/shop.contoso.com"]).ok();
    as_admin(&domain, &["gmsa", "create", "store"]).ok();
    as_admin(&domain, &["gmsa", "spn", "add", "store", "HTTP/store.contoso.com", "HTTP/store"])
        .ok()
        .says("HTTP/store.contoso.com, HTTP/store");
    let taken = as_admin(&domain, &["gmsa", "spn", "add", "store", "http/SHOP.contoso.com"]).run();
    assert_eq!(taken.code, Some(1), "{taken}");
    taken.says("is a name of CN=shop,CN=Managed Service Accounts,DC=contoso,DC=com").says("remove it there first");
    as_admin(&domain, &["gmsa", "spn", "add", "store", "store.contoso.com"]).run().says("it is SERVICE/HOST");
    as_admin(&domain, &["gmsa", "spn", "remove", "store", "HTTP/nothing"])
        .run()
        .says("pando gmsa show lists those it has");
    as_admin(&domain, &["gmsa", "spn", "remove", "shop", "HTTP/shop.contoso.com"]).ok().says("are now: none");
    as_admin(&domain, &["gmsa", "spn", "add", "store", "HTTP/shop.contoso.com"]).ok();

    let set = ["gmsa", "set", "store", "--encryption-types", "aes256", "--delegate", "alice", "--disable"];
    as_admin(&domain, &set).ok().says("CN=store,CN=Managed Service Accounts,DC=contoso,DC=com is changed");
    let show = || -> Value {
        let shown = as_admin(&domain, &["gmsa", "show", "store", "--json"]).ok();
        serde_json::from_str(&shown.stdout).expect("--json prints JSON")
    };
    let shown = show();
    assert_eq!(shown["encryption_types"], serde_json::json!(["aes256"]), "{shown:#}");
    assert_eq!(
        (&shown["may_delegate"], &shown["enabled"]),
        (&serde_json::json!(["alice"]), &Value::Bool(false)),
        "{shown:#}"
    );
    as_admin(&domain, &["gmsa", "set", "store", "--delegate-nobody", "--enable", "--dns-host-name", "s.contoso.com"])
        .ok();
    let shown = show();
    assert_eq!((&shown["may_delegate"], &shown["enabled"]), (&serde_json::json!([]), &Value::Bool(true)), "{shown:#}");
    assert_eq!(shown["dns_host_name"], "s.contoso.com", "{shown:#}");
    assert_eq!(as_admin(&domain, &["gmsa", "set", "store"]).run().code, Some(2), "nothing to change");
}

#[test]
fn the_authority_of_the_servers_certificate_is_printed() {
    let domain = Domain::start();
    let printed = Tool::new(pando()).args(["domain", "ca", "--data"]).arg(domain.path("data")).ok().stdout;
    assert_eq!(printed, std::fs::read_to_string(domain.ca()).expect("it can be read"));
    Tool::new(pando()).args(["domain", "ca", "--data", "/nowhere"]).fails(1).says("pando dc run");
}
