//! The whole chain with its secret in a real cluster: Secret, account provider, plugin, guard, directory, ticket.
#![allow(clippy::expect_used, clippy::panic, reason = "only tests here; failing is their job")]

use std::path::PathBuf;

use pando_tests::chain::{AccountProvider, NAMESPACE, SECRET, credential_spec, guard_fetch};
use pando_tests::{BASE, Cluster, Domain, GUARD_PASSWORD, Transport, unicode_pwd};

const NEXT_PASSWORD: &str = "Another-guard-entirely-7";

/// A Secret, and a service account that may read that one.
fn secret(cluster: &Cluster, name: &str, password: &str) -> PathBuf {
    put(cluster, name, password);
    cluster.service_account(NAMESPACE, name);
    cluster.apply(format!(
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {{name: {name}, namespace: {NAMESPACE}}}\nrules:\n\
         - {{apiGroups: [''], resources: [secrets], resourceNames: [{name}], verbs: [get, list, watch]}}\n"
    ));
    let bind = ["-n", NAMESPACE, "create", "rolebinding", name, "--role", name, "--serviceaccount"];
    cluster.kubectl().args(bind).arg(format!("{NAMESPACE}:{name}")).ok();
    cluster.kubeconfig_of(NAMESPACE, name)
}

fn put(cluster: &Cluster, name: &str, password: &str) {
    cluster.apply(format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: {name}, namespace: {NAMESPACE}}}\n\
         stringData: {{username: svc-guard, password: {password}, domainName: contoso.com}}\n"
    ));
}

#[test]
fn a_secret_in_the_cluster_becomes_a_ticket_through_changes_rotations_and_outages() {
    let (mut cluster, domain) = (Cluster::start(), Domain::start());
    cluster.namespace(NAMESPACE);
    let kubeconfig = secret(&cluster, SECRET, GUARD_PASSWORD);
    let provider = AccountProvider::start_in_cluster(&domain, &kubeconfig, SECRET);
    let spec = credential_spec(&domain);
    guard_fetch(&domain, &spec).ok().says("webapp01$@CONTOSO.COM");
    domain.tool("klist").ok().says("webapp01$@CONTOSO.COM");

    // The password changes: first in the directory, then in the Secret.
    let unicode = unicode_pwd(NEXT_PASSWORD);
    let change = format!("dn: CN=svc-guard,CN=Users,{BASE}\nchangetype: modify\nreplace: unicodePwd\n{unicode}\n");
    domain.as_admin("ldapmodify", Transport::Ldaps).input(change).ok();
    guard_fetch(&domain, &spec).fails(1).says("the impersonation account's logon");
    put(&cluster, SECRET, NEXT_PASSWORD);
    guard_fetch(&domain, &spec).ok();

    // The API server goes, and what was seen last answers; it comes again.
    cluster.stop_api();
    guard_fetch(&domain, &spec).ok();
    cluster.start_api();
    guard_fetch(&domain, &spec).ok();

    // The provider's authority and certificates are all new, and nobody else has to know.
    let first = provider.log();
    drop(provider);
    let provider = AccountProvider::start_in_cluster(&domain, &kubeconfig, SECRET);
    guard_fetch(&domain, &spec).ok();
    for log in [first, provider.log()] {
        assert!(!log.contains(GUARD_PASSWORD) && !log.contains(NEXT_PASSWORD), "no password is logged");
    }

    // The Secret is taken away.
    cluster.kubectl().args(["-n", NAMESPACE, "delete", "secret", SECRET]).ok();
    guard_fetch(&domain, &spec).fails(1).says("the plugin and its secret source");
}

#[test]
fn each_account_has_a_provider_of_its_own_that_answers_for_nothing_else() {
    let (cluster, domain) = (Cluster::start(), Domain::start());
    cluster.namespace(NAMESPACE);
    let mine = secret(&cluster, SECRET, GUARD_PASSWORD);
    secret(&cluster, "others", GUARD_PASSWORD);
    let _provider = AccountProvider::start_in_cluster(&domain, &mine, SECRET);
    let spec = credential_spec(&domain);
    guard_fetch(&domain, &spec).ok();

    // Another Secret of the namespace has no provider here.
    let text = std::fs::read_to_string(&spec).expect("the spec can be read");
    let other = domain.path("other.json");
    std::fs::write(&other, text.replace(SECRET, "others")).expect("it can be written");
    guard_fetch(&domain, &other).fails(1).says("the plugin and its secret source");

    let may = |words: &[&str]| {
        let asked = cluster.kubectl_with(&mine).args(["-n", NAMESPACE, "auth", "can-i"]).args(words).run();
        asked.stdout.trim() == "yes"
    };
    assert!(may(&["get", &format!("secret/{SECRET}")]));
    let own = format!("secret/{SECRET}");
    for denied in
        [["get", "secret/others"], ["list", "secrets"], ["watch", "secrets"], ["update", own.as_str()], ["get", "pods"]]
    {
        assert!(!may(&denied), "{denied:?}");
    }
    cluster.kubectl_with(&mine).args(["-n", NAMESPACE, "get", "secrets"]).fails(1).says("forbidden");
}

#[test]
fn a_provider_needs_no_other_folder_of_the_node_than_its_releases_own() {
    let (cluster, domain) = (Cluster::start(), Domain::start());
    cluster.namespace(NAMESPACE);
    let kubeconfig = secret(&cluster, SECRET, GUARD_PASSWORD);
    let _provider = AccountProvider::start_confined(&domain, &kubeconfig, SECRET);
    guard_fetch(&domain, &credential_spec(&domain)).ok().says("webapp01$@CONTOSO.COM");
    assert!(!domain.path("host").join(NAMESPACE).join("port.txt").exists());
}
