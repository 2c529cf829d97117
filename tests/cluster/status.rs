//! How credential specs stand: the controller and an examiner as their charts install them, at a real API server and a real domain.
#![allow(clippy::expect_used, clippy::panic, reason = "only tests here; failing is their job")]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use pando_tests::chain::{NAMESPACE, SECRET, credential_spec};
use pando_tests::{BASE, Cluster, Domain, Front, GUARD_PASSWORD, Mood, StatusService, Tool, Transport, pando};
use serde_json::Value;

const HOME: &str = "gmsa";

fn chart(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../charts")).join(name)
}

/// The resources, and both charts with what their tests need.
fn install(cluster: &Cluster, domain: &Domain) -> (PathBuf, PathBuf) {
    cluster.namespace(HOME);
    cluster.namespace(NAMESPACE);
    for crds in ["pando-gmsa-webhook", "pando-gmsa-controller"] {
        let crds = chart(crds).join("crds");
        cluster.kubectl().args(["apply", "-f"]).arg(&crds).ok();
        cluster.kubectl().args(["wait", "--for=condition=Established", "--timeout=60s", "-f"]).arg(crds).ok();
    }
    let controller = cluster.helm().args(["install", "status"]).arg(chart("pando-gmsa-controller"));
    let installer = format!("installer.namespace={NAMESPACE},installer.name=dll");
    controller.args(["--skip-crds", "--namespace", HOME, "--set", &installer]).ok();
    let account = cluster.helm().args(["install", "webapp"]).arg(chart("rancher-gmsa-account-provider"));
    let place = place(domain).replace(',', "\\,");
    let values = format!(
        "examiner.enabled=true,examiner.domains={{{place}}},impersonationAccount.username=svc-guard,\
         impersonationAccount.password={GUARD_PASSWORD},domain.dnsName=contoso.com"
    );
    account.args(["--namespace", NAMESPACE, "--set", &values]).ok();
    (cluster.kubeconfig_of(HOME, "status"), cluster.kubeconfig_of(NAMESPACE, "webapp-examiner"))
}

fn place(domain: &Domain) -> String {
    let ports = domain.ports();
    format!("contoso.com,kdc={},ldap={},dc-host=dc1.contoso.com", ports.kerberos, ports.ldap)
}

/// The container's own command line, as the chart has it, but for where it answers probes.
fn arguments(cluster: &Cluster, namespace: &str, deployment: &str) -> Vec<String> {
    let shown = cluster.kubectl().args(["-n", namespace, "get", "deployment", deployment, "-o", "json"]).ok();
    let shown: Value = serde_json::from_str(&shown.stdout).expect("kubectl writes JSON");
    let arguments = shown.pointer("/spec/template/spec/containers/0/args").and_then(Value::as_array);
    let arguments = arguments.expect("the container has arguments").iter().filter_map(Value::as_str);
    arguments.map(|one| if one.starts_with("--probes=") { "--probes=127.0.0.1:0" } else { one }.to_owned()).collect()
}

fn spec(cluster: &Cluster, domain: &Domain, name: &str) {
    let file = credential_spec(domain);
    let form = ["credspec", "convert", "--to", "kubernetes", "--name", name];
    let resource = Tool::new(pando()).args(form).arg(file).ok().stdout;
    cluster.apply(resource);
}

fn node(cluster: &Cluster, name: &str, has_guard: bool) {
    let drivers = if has_guard { "[{name: gmsa.pando.dev, nodeID: x}]" } else { "[]" };
    cluster.apply(format!(
        "{{apiVersion: v1, kind: Node, metadata: {{name: {name}, labels: {{kubernetes.io/os: linux}}}}}}\n---\n\
         {{apiVersion: storage.k8s.io/v1, kind: CSINode, metadata: {{name: {name}}}, spec: {{drivers: {drivers}}}}}\n"
    ));
}

/// Waits until the condition is so, as a person would.
#[track_caller]
fn becomes(cluster: &Cluster, name: &str, kind: &str, status: &str) -> Value {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let shown = cluster.kubectl().args(["get", "gmsastatus", name, "-o", "json", "--ignore-not-found"]).run();
        let shown: Value = serde_json::from_str(&shown.stdout).unwrap_or_default();
        let conditions = shown.pointer("/status/conditions").and_then(Value::as_array).cloned().unwrap_or_default();
        if let Some(found) = conditions.iter().find(|one| one["type"] == kind && one["status"] == status) {
            return found.clone();
        }
        assert!(Instant::now() < deadline, "{name} never became {kind}={status}: {shown:#}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[track_caller]
fn is_gone(cluster: &Cluster, name: &str) {
    cluster.kubectl().args(["wait", "--for=delete", "--timeout=60s", "gmsastatus", name]).ok();
}

#[test]
fn kubectl_shows_how_a_spec_stands_through_everything_that_happens_to_it() {
    let (mut cluster, domain) = (Cluster::start(), Domain::start());
    let (controller, examiner) = install(&cluster, &domain);
    let run = |cluster: &Cluster, name: &str, namespace: &str, deployment: &str, kubeconfig: &PathBuf| {
        StatusService::start(cluster, name, arguments(cluster, namespace, deployment), kubeconfig)
    };
    let mut first = run(&cluster, "controller", HOME, "status", &controller);
    // A second one, because nobody leads.
    let mut second = run(&cluster, "another", HOME, "status", &controller);
    node(&cluster, "one", true);
    node(&cluster, "two", false);
    spec(&cluster, &domain, "webapp01");
    let some = becomes(&cluster, "webapp01", "PluginInstalled", "False");
    assert_eq!(some["message"], "the guard on 1 of 2 Linux nodes");
    becomes(&cluster, "webapp01", "SecretFound", "Unknown");

    let mut examining = run(&cluster, "examiner", NAMESPACE, "webapp-examiner", &examiner);
    for kind in ["SecretFound", "DirectoryReachable", "RetrievalAllowed", "LogonSucceeded"] {
        becomes(&cluster, "webapp01", kind, "True");
    }
    node(&cluster, "two", true);
    becomes(&cluster, "webapp01", "Ready", "True");
    let shown = cluster.kubectl().args(["get", "gmsastatus"]).ok();
    let headings =
        ["READY", "ACCOUNT", "DOMAIN", "NODES", "SECRET", "DIRECTORY", "RETRIEVAL", "LAST-FETCH", "NEXT-ROTATION"];
    let shown = headings.iter().fold(shown, |shown, heading| shown.says(heading));
    let row = shown.stdout.lines().nth(1).expect("there is one").split_whitespace().collect::<Vec<_>>();
    assert_eq!(row[..8], ["webapp01", "True", "webapp01", "contoso.com", "2/2", "True", "True", "True"], "{shown}");
    // The password in force was made today and lasts a month.
    assert!(row[9].starts_with("20") && row[9].ends_with('Z'), "{shown}");

    // The account's own password is changed by its provider, which says when it will be.
    let rotates = "gmsa.pando.dev/password-rotates=2027-03-04T05:06:07Z";
    cluster.kubectl().args(["-n", NAMESPACE, "annotate", "secret", SECRET, rotates]).ok();
    let rotation = ["wait", "--timeout=60s", "--for=jsonpath={.status.accountRotationTime}=2027-03-04T05:06:07Z"];
    cluster.kubectl().args(rotation).args(["gmsastatus", "webapp01"]).ok();
    let wide = cluster.kubectl().args(["get", "gmsastatus", "-o", "wide"]).ok();
    wide.says("ACCOUNT-ROTATION").says("2027-03-04T05:06:07Z");

    // The gMSA's password is no longer released to the account.
    let set = |value: &str| {
        let change = format!("dn: CN=webapp01,CN=Managed Service Accounts,{BASE}\nchangetype: modify\n{value}\n");
        domain.as_admin("ldapmodify", Transport::Ldaps).input(change).ok();
    };
    set("replace: userAccountControl\nuserAccountControl: 4098");
    // Nothing tells of it but the next look; a changed spec is looked at at once.
    cluster
        .kubectl()
        .args(["patch", "gmsa", "webapp01", "--type=merge", "-p"])
        .arg(r#"{"credspec":{"CmsPlugins":["ActiveDirectory","ActiveDirectory"]}}"#)
        .ok();
    becomes(&cluster, "webapp01", "LogonSucceeded", "False");
    set("replace: userAccountControl\nuserAccountControl: 4096");

    // The API server goes, and comes again: everybody is still there.
    cluster.stop_api();
    cluster.start_api();
    cluster.kubectl().args(["-n", NAMESPACE, "delete", "secret", SECRET]).ok();
    becomes(&cluster, "webapp01", "SecretFound", "False");
    // One of two replicas may have heard of it later, and have written what it knew once more.
    let reason = r#"--for=jsonpath={.status.conditions[?(@.type=="Ready")].reason}=SecretFound"#;
    cluster.kubectl().args(["wait", "--timeout=60s", reason, "gmsastatus", "webapp01"]).ok();
    cluster.apply(format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: {SECRET}, namespace: {NAMESPACE}}}\n\
         stringData: {{username: svc-guard, password: {GUARD_PASSWORD}, domainName: contoso.com}}\n"
    ));
    becomes(&cluster, "webapp01", "Ready", "True");

    // The spec goes, and its status with it; also when it went while nobody looked.
    cluster.kubectl().args(["delete", "gmsa", "webapp01"]).ok();
    is_gone(&cluster, "webapp01");
    // What is not to be there is taken away.
    cluster.apply("{apiVersion: gmsa.pando.dev/v1alpha1, kind: GMSAStatus, metadata: {name: stray}}");
    is_gone(&cluster, "stray");

    for service in [&mut first, &mut second, &mut examining] {
        assert!(service.is_alive(), "{}", service.log());
        assert!(!service.log().contains(GUARD_PASSWORD), "no password is logged");
    }
    // Writes only on change: dozens of rounds came to a few writes.
    assert!(first.writes("update") + second.writes("update") < 40, "{}\n{}", first.metrics(), second.metrics());
}

#[test]
fn an_api_server_that_is_busy_broken_silent_or_gone_is_waited_out() {
    let (cluster, domain) = (Cluster::start(), Domain::start());
    let (controller, _) = install(&cluster, &domain);
    let front = Front::start(&cluster);
    let through = front.kubeconfig(&cluster, &controller);
    let moods = [Mood::Says(429), Mood::Says(500), Mood::Gone, Mood::Silent];
    front.becomes(Mood::Says(429));
    let mut running = StatusService::start(&cluster, "controller", arguments(&cluster, HOME, "status"), &through);
    // From the beginning: nobody takes what cannot be read for missing.
    for mood in moods {
        front.becomes(mood);
        front.await_requests(2);
        assert!(running.is_alive(), "{}", running.log());
        running.page("readyz").run().says("503");
    }
    front.becomes(Mood::Passes);
    spec(&cluster, &domain, "webapp01");
    becomes(&cluster, "webapp01", "SpecValid", "True");
    // In the middle.
    for (number, mood) in moods.into_iter().chain([Mood::Lost]).enumerate() {
        front.becomes(mood);
        let plugins = vec!["ActiveDirectory"; number + 2].join("\",\"");
        let patch = format!("{{\"credspec\":{{\"CmsPlugins\":[\"{plugins}\"]}}}}");
        cluster.kubectl().args(["patch", "gmsa", "webapp01", "--type=merge", "-p", &patch]).ok();
        front.becomes(Mood::Passes);
        let generation = format!("--for=jsonpath={{.status.observedGeneration}}={}", number + 2);
        cluster.kubectl().args(["wait", "--timeout=120s", &generation, "gmsastatus", "webapp01"]).ok();
    }
    assert!(running.is_alive(), "{}", running.log());
}

#[test]
fn a_replica_that_hears_late_overwrites_nothing_newer() {
    let (cluster, domain) = (Cluster::start(), Domain::start());
    let (controller, _) = install(&cluster, &domain);
    let front = Front::start(&cluster);
    let through = front.kubeconfig(&cluster, &controller);
    let first = StatusService::start(&cluster, "controller", arguments(&cluster, HOME, "status"), &controller);
    let mut late = StatusService::start(&cluster, "late", arguments(&cluster, HOME, "status"), &through);
    spec(&cluster, &domain, "webapp01");
    becomes(&cluster, "webapp01", "SpecValid", "True");
    let (overtaken, updates) = (late.writes("overtaken"), late.writes("update"));
    front.is_late_with(Some("/gmsacredentialspecs"));
    let broken = r#"{"credspec":{"DomainJoinConfig":null}}"#;
    cluster.kubectl().args(["patch", "gmsa", "webapp01", "--type=merge", "-p", broken]).ok();
    becomes(&cluster, "webapp01", "SpecValid", "False");
    // It sees that status, and has heard of nothing that it could have been concluded from.
    let deadline = Instant::now() + Duration::from_secs(60);
    while late.writes("overtaken") == overtaken {
        assert!(Instant::now() < deadline, "{}\n{}", late.metrics(), late.log());
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(late.writes("update"), updates, "{}", late.metrics());
    becomes(&cluster, "webapp01", "SpecValid", "False");
    // It hears in the end, and writes when nobody else does.
    front.is_late_with(None);
    drop(first);
    spec(&cluster, &domain, "webapp01");
    becomes(&cluster, "webapp01", "SpecValid", "True");
    assert!(late.is_alive(), "{}", late.log());
}

#[test]
fn controller_and_examiner_may_do_nothing_else() {
    let (cluster, domain) = (Cluster::start(), Domain::start());
    let (controller, examiner) = install(&cluster, &domain);
    let may = |who: &PathBuf, words: &[&str]| {
        cluster.kubectl_with(who).args(["auth", "can-i"]).args(words).run().stdout.trim() == "yes"
    };
    for allowed in [
        &["update", "gmsastatuses", "--subresource=status"][..],
        &["watch", "gmsaaccountreports"],
        &["list", "nodes"],
        &["watch", "daemonset.apps/dll", "-n", NAMESPACE],
    ] {
        assert!(may(&controller, allowed), "{allowed:?}");
    }
    for denied in [
        &["get", "secrets"][..],
        &["list", "secrets", "-A"],
        &["get", "secret/webapp-creds", "-n", NAMESPACE],
        &["patch", "gmsaaccountreports", "--subresource=status", "-n", NAMESPACE],
        &["update", "gmsastatuses"],
        &["update", "gmsacredentialspecs.windows.k8s.io"],
        &["delete", "gmsacredentialspecs.windows.k8s.io"],
        &["use", "gmsacredentialspecs.windows.k8s.io"],
        &["update", "nodes"],
        &["patch", "csinodes.storage.k8s.io"],
        &["list", "pods", "-A"],
        &["update", "daemonset.apps/dll", "-n", NAMESPACE],
        &["get", "daemonset.apps/other", "-n", NAMESPACE],
        &["create", "events"],
    ] {
        assert!(!may(&controller, denied), "{denied:?}");
    }
    let own = ["patch", "gmsaaccountreport/webapp-creds", "--subresource=status", "-n", NAMESPACE];
    assert!(may(&examiner, &own));
    for denied in [
        &["patch", "gmsaaccountreport/others", "--subresource=status", "-n", NAMESPACE][..],
        &["patch", "gmsaaccountreport/webapp-creds", "-n", NAMESPACE],
        &["create", "gmsaaccountreports", "-n", NAMESPACE],
        &["patch", "gmsaaccountreport/webapp-creds", "--subresource=status", "-n", HOME],
        &["get", "secret/others", "-n", NAMESPACE],
        &["update", "secret/webapp-creds", "-n", NAMESPACE],
        &["list", "secrets", "-n", NAMESPACE],
        &["update", "gmsastatuses", "--subresource=status"],
        &["update", "gmsacredentialspecs.windows.k8s.io"],
        &["list", "nodes"],
    ] {
        assert!(!may(&examiner, denied), "{denied:?}");
    }
}
