//! The chart that installs the plugins on Windows nodes: rendered, installed, upgraded and deleted at a real API server, which plays no nodes:
//! what a DaemonSet's controller and its pods would report is reported here.
#![allow(clippy::expect_used, clippy::panic, reason = "only tests here; failing is their job")]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use pando_tests::{Cluster, Finished, Tool, pando};
use serde_json::{Value, json};

const NAMESPACE: &str = "gmsa";
const RELEASE: &str = "gmsa-plugin";

fn chart() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../charts/rancher-ccg-dll-installer"))
}

fn helm(cluster: &Cluster, words: &[&str]) -> Tool {
    cluster.helm().args(words).arg(chart())
}

fn rendered(cluster: &Cluster, set: &str) -> Finished {
    helm(cluster, &["template", RELEASE, "--namespace", NAMESPACE, "--kube-version", "1.35", "--set", set]).run()
}

#[test]
fn it_is_clean_and_renders_with_every_switch() {
    let cluster = Cluster::shared();
    helm(cluster, &["lint", "--strict"]).ok();
    assert!(chart().join("README.md").is_file());
    for (switch, said) in [
        ("plugins={rkc,akv}", "- --plugin=akv"),
        ("replace=true", "- --replace"),
        ("runAs=caller", "- \"--run-as=caller\""),
        ("dir=D:\\\\Pando", "--dir=D:"),
        ("everySeconds=5", "- --every=5"),
        ("uninstall.timeoutSeconds=7", "- --timeout=7"),
        ("uninstall.tolerations[0].operator=Exists", "operator: Exists"),
        ("nodeSelector.a=b", "a: b"),
        ("priorityClassName=system-node-critical", "priorityClassName: system-node-critical"),
        ("global.cattle.systemDefaultRegistry=registry.example", "registry.example/pando:"),
        ("global.systemDefaultRegistry=registry.example", "registry.example/pando:"),
        ("uninstall.networkPolicy.apiServer.ports={16443}", "- {port: 16443, protocol: TCP}"),
        ("uninstall.networkPolicy.apiServer.to[0].ipBlock.cidr=10.0.0.10/32", "cidr: 10.0.0.10/32"),
        ("global.imagePullSecrets[0].name=mine", "name: mine"),
    ] {
        let finished = rendered(cluster, switch);
        assert_eq!(finished.code, Some(0), "{switch}: {finished}");
        finished.says(said);
    }
    rendered(cluster, "uninstall.enabled=false").never_says("kind: Job").never_says("kind: Role");
    for (wrong, word) in [
        ("plugins={}", "plugins"),
        ("plugins={ecs}", "plugins"),
        ("dir=/opt", "dir"),
        ("securityContext.windowsOptions.hostProcess=false", "hostProcess"),
        ("typo=1", "typo"),
        ("global.systemDefaultRegistry=1", "global"),
        ("uninstall.networkPolicy.apiServer.to[0].cidr=10.0.0.10/32", "networkPolicy"),
    ] {
        let finished = rendered(cluster, wrong);
        assert_ne!(finished.code, Some(0), "{wrong}");
        finished.says(word);
    }
}

fn daemonset(cluster: &Cluster) -> Value {
    let got = cluster.kubectl().args(["-n", NAMESPACE, "get", "daemonset", RELEASE, "-o", "json"]).ok();
    serde_json::from_str(&got.stdout).expect("kubectl prints JSON")
}

/// As the DaemonSet's controller reports it, of nodes that this test plays.
fn report(cluster: &Cluster, nodes: i64, updated: i64, ready: i64) {
    let generation = daemonset(cluster)["metadata"]["generation"].clone();
    let status = json!({"status": {
        "observedGeneration": generation, "desiredNumberScheduled": nodes, "updatedNumberScheduled": updated, "numberReady": ready,
        "currentNumberScheduled": nodes, "numberMisscheduled": 0
    }});
    let patch = ["-n", NAMESPACE, "patch", "daemonset", RELEASE, "--subresource=status", "--type=merge", "-p"];
    cluster.kubectl().args(patch).arg(status.to_string()).ok();
}

fn state(cluster: &Cluster) -> Value {
    daemonset(cluster)["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"].clone()
}

/// What stands between the marks of a rendered chart, of one kind.
fn hooks(cluster: &Cluster, kinds: &[&str]) -> String {
    let all = rendered(cluster, "everySeconds=60").stdout;
    let of_kind = |part: &&str| kinds.iter().any(|kind| part.contains(&format!("\nkind: {kind}\n")));
    let hooks: Vec<_> = all.split("\n---").filter(|part| part.contains("helm.sh/hook:")).filter(of_kind).collect();
    assert_eq!(hooks.len(), kinds.len(), "{all}");
    hooks.join("\n---")
}

#[test]
fn plugins_are_withdrawn_before_the_release_is_deleted() {
    let cluster = Cluster::start();
    cluster.namespace(NAMESPACE);
    helm(&cluster, &["install", RELEASE, "--namespace", NAMESPACE]).ok();
    assert_eq!(state(&cluster), "installed");
    // While it is installed nobody may anything.
    assert_eq!(cluster.kubectl().args(["-n", NAMESPACE, "get", "role,rolebinding,job", "-o", "name"]).ok().stdout, "");
    let me = cluster.kubeconfig_of(NAMESPACE, RELEASE);
    let may = |config: &PathBuf, words: &[&str]| {
        cluster.kubectl_with(config).args(["-n", NAMESPACE, "auth", "can-i"]).args(words).run().stdout.trim() == "yes"
    };
    assert!(!may(&me, &["get", "pods"]) && !may(&me, &["get", "daemonsets.apps"]));
    helm(&cluster, &["upgrade", RELEASE, "--namespace", NAMESPACE, "--set", "plugins={rkc,akv}"]).ok();

    // What helm makes first when it deletes the release; its job's program is run here, as the job's account.
    cluster
        .kubectl()
        .args(["-n", NAMESPACE, "apply", "-f", "-"])
        .input(hooks(&cluster, &["ServiceAccount", "Role", "RoleBinding", "NetworkPolicy", "Job"]))
        .ok();
    let job = cluster.kubeconfig_of(NAMESPACE, "gmsa-plugin-withdraw");
    let own = format!("daemonset.apps/{RELEASE}");
    assert!(may(&job, &["get", &own]) && may(&job, &["patch", &own]));
    for denied in
        [["delete", own.as_str()], ["patch", "daemonset.apps/other"], ["list", "daemonsets.apps"], ["get", "secrets"]]
    {
        assert!(!may(&job, &denied), "{denied:?}");
    }
    let withdraw = |timeout: &str| {
        let words = ["plugin", "withdraw", "--namespace", NAMESPACE, "--daemonset", RELEASE, "--timeout", timeout];
        Tool::new(pando()).args(words).arg("--kubeconfig").arg(&job)
    };
    report(&cluster, 3, 3, 3);
    withdraw("0").fails(1).says("0 of 3 Windows nodes").says("without its hooks");
    assert_eq!(state(&cluster), "absent");
    report(&cluster, 3, 3, 2);
    withdraw("0").fails(1).says("2 of 3 Windows nodes");

    // The last node answers while it waits.
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| withdraw("120").ok());
        report(&cluster, 3, 3, 3);
        waiting.join().expect("it ends").says("all 3 Windows nodes");
    });
    cluster.helm().args(["uninstall", RELEASE, "--namespace", NAMESPACE, "--no-hooks"]).ok();
    let deadline = Instant::now() + Duration::from_secs(60);
    let left = || cluster.kubectl().args(["-n", NAMESPACE, "get", "daemonset,job", "-o", "name"]).ok().stdout;
    while left().contains("daemonset") {
        assert!(Instant::now() < deadline, "the DaemonSet stays");
        std::thread::sleep(Duration::from_millis(50));
    }
    withdraw("0").fails(1).says("not found");
}

/// Who has that account's token may have every Windows node do as it says.
#[test]
fn nothing_that_gives_a_right_outlives_the_job_even_when_it_fails() {
    let cluster = Cluster::start();
    cluster.namespace(NAMESPACE);
    helm(&cluster, &["install", RELEASE, "--namespace", NAMESPACE]).ok();
    // Nobody runs the job here.
    cluster.helm().args(["uninstall", RELEASE, "--namespace", NAMESPACE, "--timeout", "2s"]).fails(1);
    let kinds = "serviceaccount,role,rolebinding,networkpolicy,job";
    let left = cluster.kubectl().args(["-n", NAMESPACE, "get", kinds, "-o", "name"]).ok().stdout;
    let left: Vec<_> = left.lines().filter(|name| name.contains("withdraw")).collect();
    assert_eq!(left, ["job.batch/gmsa-plugin-withdraw"]);
    let policy = hooks(&cluster, &["NetworkPolicy"]);
    assert!(!policy.contains("port: 53"), "it looks up no names: {policy}");
}

/// Its pods need the host; the job does not.
#[test]
fn the_job_is_restricted() {
    let cluster = Cluster::shared();
    cluster.namespace("strict-withdrawal");
    let enforce = "pod-security.kubernetes.io/enforce=restricted";
    let warn = "pod-security.kubernetes.io/warn=restricted";
    cluster.kubectl().args(["label", "namespace", "strict-withdrawal", enforce, warn]).ok();
    let job = hooks(cluster, &["Job"]);
    cluster
        .kubectl()
        .args(["-n", "strict-withdrawal", "apply", "--dry-run=server", "-f", "-"])
        .input(job)
        .ok()
        .never_says("would violate");
}
