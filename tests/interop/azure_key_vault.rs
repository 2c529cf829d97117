//! Azure Key Vault: what Microsoft's own clients store and ask for, and what the guard makes of it.
//!
//! The vault and the metadata service are emulated; Microsoft's clients are real, and see no difference.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "only tests here; failing is their job"
)]

use std::path::PathBuf;

use pando_tests::azure::{AUDIENCE, Azure, IDENTITY, Request, STRANGER};
use pando_tests::chain::{credential_spec, guard_fetch};
use pando_tests::{Domain, GUARD_PASSWORD, Tool};

const ACCOUNT: &str = r"contoso.com\svc-guard:";

/// The spec of `webapp01$` with Microsoft's plugin in it.
fn spec(domain: &Domain, input: &str) -> PathBuf {
    let path = credential_spec(domain);
    let text = std::fs::read_to_string(&path).expect("the spec can be read");
    let mut spec: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
    let host = &mut spec["ActiveDirectoryConfig"]["HostAccountConfig"];
    host["PluginGUID"] = "{CCC2A336-D7F3-4818-A213-272B7924213E}".into();
    host["PluginInput"] = input.into();
    std::fs::write(&path, spec.to_string()).expect("the spec can be written");
    path
}

/// `pando guard fetch`, as told by a plugins file, with everything logged.
fn fetch(domain: &Domain, azure: &Azure, input: &str) -> Tool {
    let plugins = domain.path("plugins.toml");
    std::fs::write(&plugins, azure.plugins()).expect("the file can be written");
    let guard = guard_fetch(domain, &spec(domain, input)).arg("--plugins").arg(plugins).args(["--log", "trace"]);
    // Nobody answers there: a guard that used the environment's proxies would get nowhere.
    let proxies = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
    proxies.into_iter().fold(guard, |guard, name| guard.env(name, "http://127.0.0.1:1"))
}

#[test]
fn a_secret_that_microsofts_client_stored_becomes_a_gmsas_identity() {
    let domain = Domain::start();
    let azure = Azure::start(&domain.path(""));
    azure.store("ccg-reader", &format!("{ACCOUNT}{GUARD_PASSWORD}"));
    let fetched = fetch(&domain, &azure, &azure.input(IDENTITY, "ccg-reader")).ok();
    let fetched = fetched.says("Key Vault localhost").says(IDENTITY).says(AUDIENCE);
    fetched.never_says(GUARD_PASSWORD).never_says("signature");
    domain.tool("klist").ok().says("Default principal: webapp01$@CONTOSO.COM");
}

#[test]
fn the_plugin_asks_what_microsofts_own_clients_ask() {
    let domain = Domain::start();
    let azure = Azure::start(&domain.path(""));
    azure.store("ccg-reader", &format!("{ACCOUNT}{GUARD_PASSWORD}"));
    azure.requests();
    azure.microsofts_client("get", "ccg-reader").ok().says(GUARD_PASSWORD);
    let theirs = azure.requests();
    fetch(&domain, &azure, &azure.input(IDENTITY, "ccg-reader")).ok();
    let ours = azure.requests();

    let essence = |request: &Request| {
        let mut query = request.query.clone();
        // Which version of the vault's interface is spoken is each client's choice; that of the metadata service's is not.
        if request.server == "vault" {
            assert!(query.remove("api-version").is_some(), "{request:?}");
        }
        let headers = ["metadata", "authorization"].map(|name| request.headers.get(name).cloned());
        (request.server, request.method.clone(), request.path.clone(), query, headers)
    };
    // Theirs knocks first to be told whom tokens are for; ours knows.
    let theirs: Vec<_> =
        theirs.iter().map(essence).filter(|(server, .., headers)| *server == "imds" || headers[1].is_some()).collect();
    assert_eq!(ours.iter().map(essence).collect::<Vec<_>>(), theirs);
}

#[test]
fn a_rotated_secret_is_what_the_next_fetch_uses_and_a_version_that_is_named_stays() {
    let domain = Domain::start();
    let azure = Azure::start(&domain.path(""));
    azure.store("ccg-reader", &format!("{ACCOUNT}the-password-before"));
    fetch(&domain, &azure, &azure.input(IDENTITY, "ccg-reader")).fails(1).says("the impersonation account's logon");
    azure.store("ccg-reader", &format!("{ACCOUNT}{GUARD_PASSWORD}"));
    fetch(&domain, &azure, &azure.input(IDENTITY, "ccg-reader")).ok();
    let first = format!("ccg-reader/{:032}", 0);
    fetch(&domain, &azure, &azure.input(IDENTITY, &first)).fails(1).says("the impersonation account's logon");
}

#[test]
fn what_is_wrong_with_the_vault_or_the_secret_is_said() {
    let domain = Domain::start();
    let azure = Azure::start(&domain.path(""));
    azure.store("no-account", GUARD_PASSWORD);
    azure.store("no-domain", &format!("\\svc-guard:{GUARD_PASSWORD}"));
    azure.store("type-name", "System.Security.SecureString");
    azure.store("another-domain", &format!("fabrikam.com\\svc-guard:{GUARD_PASSWORD}"));
    let nobody = "11111111-2222-3333-4444-555555555555";
    for (object_id, secret, why) in [
        (IDENTITY, "missing", "has no secret missing"),
        (IDENTITY, "no-account", "it has no colon"),
        (IDENTITY, "no-domain", "its domain is empty"),
        (IDENTITY, "type-name", "System.Security.SecureString"),
        (IDENTITY, "another-domain", "fabrikam.com"),
        (STRANGER, "no-account", "Key Vault Secrets User"),
        (nobody, "no-account", "no managed identity 11111111"),
    ] {
        let refused = fetch(&domain, &azure, &azure.input(object_id, secret)).fails(1);
        refused.says(why).never_says(GUARD_PASSWORD).never_says("signature");
        assert!(!domain.path("ccache").exists(), "nothing is written");
    }
    azure.requests();
    let elsewhere = format!("ObjectId={IDENTITY};SecretUri=https://evil.example/secrets/x");
    fetch(&domain, &azure, &elsewhere).fails(1).says("no access token is sent there");
    assert!(azure.requests().is_empty());
}
