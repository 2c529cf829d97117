//! HashiCorp Vault's interface, as OpenBao serves it: what its own command line writes becomes a gMSA's identity.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "only tests here; failing is their job"
)]

use std::fs;
use std::path::{Path, PathBuf};

use pando_tests::chain::{credential_spec, guard_fetch};
use pando_tests::{Cluster, Domain, GUARD_PASSWORD, OpenBao, Tool};

const CLSID: &str = "{c11659ca-8467-49db-b7f3-4fc13c61c991}";
const POLICY: &str = r#"path "secret/data/ccg/*" { capabilities = ["read"] }"#;

fn spec(domain: &Domain, input: &str) -> PathBuf {
    let path = credential_spec(domain);
    let text = fs::read_to_string(&path).expect("the spec can be read");
    let mut spec: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
    let host = &mut spec["ActiveDirectoryConfig"]["HostAccountConfig"];
    host["PluginGUID"] = CLSID.into();
    host["PluginInput"] = input.into();
    fs::write(&path, spec.to_string()).expect("the spec can be written");
    path
}

fn server(domain: &Domain) -> OpenBao {
    let folder = domain.path("bao");
    fs::create_dir(&folder).expect("a folder can be made");
    OpenBao::start(&folder)
}

/// Declares the server, with these lines of how the guard proves itself.
fn declare(domain: &Domain, bao: &OpenBao, auth: &str) {
    let (address, ca) = (bao.address(), bao.ca());
    let text = format!("[[plugin]]\n[plugin.vault]\naddress = '{address}'\nca = '{}'\n{auth}\n", ca.display());
    fs::write(domain.path("plugins.toml"), text).expect("the declaration can be written");
}

fn fetch(domain: &Domain, input: &str) -> Tool {
    guard_fetch(domain, &spec(domain, input)).arg("--plugins").arg(domain.path("plugins.toml")).args(["--log", "trace"])
}

/// An AppRole with the policy, and what the guard needs to log in as it.
fn app_role(bao: &OpenBao, secret_id: &Path) -> String {
    bao.policy("ccg", POLICY);
    bao.bao(["auth", "enable", "approle"]).ok();
    bao.bao(["write", "auth/approle/role/guard", "token_policies=ccg", "token_ttl=5m"]).ok();
    let role_id = bao.bao(["read", "-field=role_id", "auth/approle/role/guard/role-id"]).ok().stdout;
    let secret = bao.bao(["write", "-force", "-field=secret_id", "auth/approle/role/guard/secret-id"]).ok().stdout;
    fs::write(secret_id, secret).expect("the secret identifier can be written");
    format!("approle = {{ role-id = '{}', secret-id-file = '{}' }}", role_id.trim(), secret_id.display())
}

#[test]
fn a_secret_that_its_own_client_stored_becomes_a_gmsas_identity_and_no_token_is_left() {
    let domain = Domain::start();
    let bao = server(&domain);
    bao.store("ccg/webapp01", "svc-guard", GUARD_PASSWORD);
    let secret_id = domain.path("secret-id");
    declare(&domain, &bao, &app_role(&bao, &secret_id));
    let before = bao.tokens();
    let fetched = fetch(&domain, "secret:ccg/webapp01").ok().says("Vault localhost").says("the AppRole");
    let fetched = fetched.says("secret:ccg/webapp01 (version 1)").never_says(GUARD_PASSWORD);
    fetched.never_says(fs::read_to_string(&secret_id).expect("it is there").trim());
    domain.tool("klist").ok().says("Default principal: webapp01$@CONTOSO.COM");
    assert_eq!(bao.tokens(), before, "the guard's token was revoked");
}

#[test]
fn a_token_that_an_agent_keeps_reads_the_version_in_force_or_the_one_that_is_named() {
    let domain = Domain::start();
    let bao = server(&domain);
    bao.policy("ccg", POLICY);
    let token = bao.bao(["token", "create", "-policy=ccg", "-field=token"]).ok().stdout;
    fs::write(domain.path("token"), &token).expect("the token can be written");
    declare(&domain, &bao, &format!("token-file = '{}'", domain.path("token").display()));
    bao.store("ccg/webapp01", "svc-guard", "the-password-before");
    fetch(&domain, "secret:ccg/webapp01").fails(1).says("the impersonation account's logon");
    bao.store("ccg/webapp01", "svc-guard", GUARD_PASSWORD);
    fetch(&domain, "secret:ccg/webapp01").ok().never_says(token.trim());
    fetch(&domain, "secret:ccg/webapp01:2").ok();
    fetch(&domain, "secret:ccg/webapp01:1").fails(1).says("the impersonation account's logon");
    bao.bao(["kv", "delete", "-mount=secret", "ccg/webapp01"]).ok();
    fetch(&domain, "secret:ccg/webapp01").fails(1).says("was deleted: undelete it");
    bao.bao(["kv", "undelete", "-mount=secret", "-versions=2", "ccg/webapp01"]).ok();
    fetch(&domain, "secret:ccg/webapp01").ok();
}

#[test]
fn what_is_wrong_with_the_server_or_the_secret_is_said() {
    let domain = Domain::start();
    let bao = server(&domain);
    let secret_id = domain.path("secret-id");
    declare(&domain, &bao, &app_role(&bao, &secret_id));
    bao.bao(["kv", "put", "-mount=secret", "ccg/half", &format!("password={GUARD_PASSWORD}")]).ok();
    bao.store("other/webapp01", "svc-guard", GUARD_PASSWORD);
    bao.bao(["secrets", "enable", "-version=1", "-path=old", "kv"]).ok();
    for (input, why) in [
        ("secret:ccg/none", "has no secret secret:ccg/none"),
        ("secret:ccg/half", "one text `domain`"),
        ("secret:other/webapp01", "secret/data/other/webapp01"),
        ("old:ccg/webapp01", "the engine old is not one that this guard reads"),
        ("secret:ccg/../other/webapp01", "its names are not letters"),
    ] {
        fetch(&domain, input).fails(1).says(why).never_says(GUARD_PASSWORD);
        assert!(!domain.path("ccache").exists(), "nothing is written");
    }
    fs::write(&secret_id, "00000000-0000-0000-0000-000000000000").expect("it can be written");
    fetch(&domain, "secret:ccg/half").fails(1).says("invalid role or secret ID");
    bao.bao(["operator", "seal"]).ok();
    // Little time, so that nobody waits for it to be unsealed.
    let plugins = fs::read_to_string(domain.path("plugins.toml")).expect("it is there");
    let hasty = plugins.replace("[plugin.vault]", "timeout = 1\n[plugin.vault]");
    fs::write(domain.path("plugins.toml"), hasty).expect("it can be written");
    fetch(&domain, "secret:ccg/half").fails(1).says("unseal it");
}

/// A token of a service account, in a file of its own.
fn service_account_token(cluster: &Cluster, domain: &Domain, name: &str) -> PathBuf {
    cluster.service_account("pando", name);
    let token = cluster.kubectl().args(["-n", "pando", "create", "token", name]).ok().stdout;
    let path = domain.path(&format!("{name}-token"));
    fs::write(&path, token).expect("the token can be written");
    path
}

#[test]
fn a_service_account_of_kubernetes_logs_in_and_another_does_not() {
    let (cluster, domain) = (Cluster::start(), Domain::start());
    let bao = server(&domain);
    bao.policy("ccg", POLICY);
    bao.store("ccg/webapp01", "svc-guard", GUARD_PASSWORD);
    cluster.namespace("pando");
    let [guard, stranger, reviewer] =
        ["guard", "stranger", "reviewer"].map(|name| service_account_token(&cluster, &domain, name));
    let bind = ["create", "clusterrolebinding", "reviewer", "--clusterrole=system:auth-delegator"];
    cluster.kubectl().args(bind).arg("--serviceaccount=pando:reviewer").ok();
    let from = |file: &Path| format!("@{}", file.display());
    bao.bao(["auth", "enable", "kubernetes"]).ok();
    bao.bao(["write", "auth/kubernetes/config"])
        .arg(format!("kubernetes_host={}", cluster.url()))
        .arg(format!("kubernetes_ca_cert={}", from(&cluster.ca())))
        .arg(format!("token_reviewer_jwt={}", from(&reviewer)))
        .ok();
    let bound = ["bound_service_account_names=guard", "bound_service_account_namespaces=pando", "token_policies=ccg"];
    bao.bao(["write", "auth/kubernetes/role/pando-guard"]).args(bound).ok();

    let log_in = |role: &str, token: &Path| {
        let text = format!("kubernetes = {{ role = '{role}', token = '{}' }}", token.display());
        declare(&domain, &bao, &text);
        fetch(&domain, "secret:ccg/webapp01")
    };
    let before = bao.tokens();
    let fetched = log_in("pando-guard", &guard).ok().says("as the role pando-guard").never_says(GUARD_PASSWORD);
    fetched.never_says(fs::read_to_string(&guard).expect("it is there").trim());
    domain.tool("klist").ok().says("Default principal: webapp01$@CONTOSO.COM");
    assert_eq!(bao.tokens(), before, "the guard's token was revoked");
    let refused = log_in("pando-guard", &stranger).fails(1).says("does not log the role pando-guard in");
    refused.says("service account name not authorized").never_says(GUARD_PASSWORD);
    log_in("another", &guard).fails(1).says("invalid role name");
}

#[test]
fn a_namespace_of_the_server_keeps_its_own_secrets() {
    let domain = Domain::start();
    let bao = server(&domain);
    bao.bao(["namespace", "create", "team-a"]).ok();
    bao.policy("ccg", r#"path "team-a/secret/data/ccg/*" { capabilities = ["read"] }"#);
    let token = bao.bao(["token", "create", "-policy=ccg", "-field=token"]).ok().stdout;
    fs::write(domain.path("token"), token).expect("the token can be written");
    let inside = |tool: Tool| tool.env("BAO_NAMESPACE", "team-a");
    inside(bao.bao(["secrets", "enable", "-path=secret", "-version=2", "kv"])).ok();
    let (domain_name, user) = ("domain=contoso.com", "username=svc-guard");
    let password = format!("password={GUARD_PASSWORD}");
    inside(bao.bao(["kv", "put", "-mount=secret", "ccg/webapp01", domain_name, user, &password])).ok();

    let token = format!("token-file = '{}'", domain.path("token").display());
    declare(&domain, &bao, &format!("namespace = 'team-a'\n{token}"));
    fetch(&domain, "secret:ccg/webapp01").ok();
    declare(&domain, &bao, &token);
    fetch(&domain, "secret:ccg/webapp01").fails(1).says("does not let this guard read");
}
