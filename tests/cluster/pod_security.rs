//! All charts: pods that have nothing to do with the host are "restricted", and every such pod has a network policy for both ways.
#![allow(clippy::expect_used, clippy::panic, reason = "only tests here; failing is their job")]

use std::path::PathBuf;

use pando_tests::{Cluster, Workload};
use serde_json::Value;

/// A chart, what it must be told, and how many of its workloads are the host's own.
const CHARTS: [(&str, &str, usize); 6] = [
    ("pando-gmsa-webhook", "", 0),
    ("pando-gmsa-controller", "", 0),
    ("pando-directory", "domain.dnsName=contoso.com,administrator.secretName=admin,tls.secretName=tls", 0),
    ("rancher-gmsa-account-provider", "linux.enabled=true,examiner.enabled=true,domain.dnsName=contoso.com", 2),
    ("pando-guard", "domains={contoso.com}", 1),
    ("rancher-ccg-dll-installer", "", 1),
];

fn rendered(cluster: &Cluster, chart: &str, values: &str) -> String {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../charts")).join(chart);
    let tool = cluster.helm().args(["template", "release"]).arg(path);
    let tool = tool.args(["--namespace", "gmsa", "--kube-version", "1.35", "--set", values]);
    tool.ok().stdout
}

fn uses_the_host(workload: &Workload) -> bool {
    let spec = &workload.template["spec"];
    let volumes = spec["volumes"].as_array().cloned().unwrap_or_default();
    spec["hostNetwork"] == true || volumes.iter().any(|volume| volume.get("hostPath").is_some())
}

/// Whether a policy selects the pods of a workload, and says what may come in and what may go out.
fn confines(policy: &Value, workload: &Workload) -> bool {
    let wanted = policy.pointer("/spec/podSelector/matchLabels").and_then(Value::as_object);
    let labels = &workload.template["metadata"]["labels"];
    let both = policy["spec"]["policyTypes"] == serde_json::json!(["Ingress", "Egress"]);
    both && wanted.is_some_and(|wanted| wanted.iter().all(|(label, value)| labels[label] == *value))
}

#[test]
fn what_does_not_touch_the_host_is_restricted_and_confined_in_every_chart() {
    let cluster = Cluster::start();
    cluster.namespace("restricted");
    for mode in ["enforce", "warn"] {
        let label = format!("pod-security.kubernetes.io/{mode}=restricted");
        cluster.kubectl().args(["label", "namespace", "restricted", &label]).ok();
    }
    for (chart, values, of_the_host) in CHARTS {
        let text = rendered(&cluster, chart, values);
        let workloads = cluster.workloads(&text);
        let policies = cluster.documents(&text, &["NetworkPolicy"]);
        let hosts = workloads.iter().filter(|workload| uses_the_host(workload)).count();
        assert_eq!(hosts, of_the_host, "{chart}");
        assert!(!workloads.is_empty(), "{chart} makes no pods");
        for (number, workload) in workloads.iter().enumerate() {
            let pod = workload.pod(&format!("{chart}-{number}")).to_string();
            let created = cluster.kubectl().args(["-n", "restricted", "create", "-f", "-"]).input(pod).run();
            if uses_the_host(workload) {
                assert_eq!(created.code, Some(1), "{chart} {}: {created}", workload.name);
                created.says("violates PodSecurity");
                continue;
            }
            assert_eq!(created.code, Some(0), "{chart} {}: {created}", workload.name);
            created.never_says("would violate");
            let confined = policies.iter().filter(|policy| confines(policy, workload)).count();
            assert_eq!(confined, 1, "{chart}: {} has no policy of its own, or several", workload.name);
        }
    }
}
