//! The control plane that the other tests here stand on is a real one.
#![allow(clippy::expect_used, clippy::panic, reason = "only tests here; failing is their job")]

use pando_tests::Cluster;

#[test]
fn objects_come_and_go_and_service_accounts_may_do_nothing() {
    let cluster = Cluster::shared();
    cluster.namespace("coming");
    cluster.apply("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: one, namespace: coming}\ndata: {key: value}\n");
    let got = cluster.kubectl().args(["-n", "coming", "get", "configmap", "one", "-o", "jsonpath={.data.key}"]).ok();
    assert_eq!(got.stdout, "value");

    let nobody = cluster.kubeconfig_of("coming", "default");
    let get = ["-n", "coming", "get", "configmap", "one"];
    cluster.kubectl_with(&nobody).args(get).fails(1).says("system:serviceaccount:coming:default").says("forbidden");

    cluster.kubectl().args(["-n", "coming", "delete", "configmap", "one"]).ok();
    cluster.kubectl().args(get).fails(1).says("NotFound");
}

#[test]
fn what_is_stored_outlives_the_api_server() {
    let mut cluster = Cluster::start();
    cluster.namespace("staying");
    cluster.stop_api();
    cluster.kubectl().args(["get", "namespace", "staying"]).fails(1);
    cluster.start_api();
    cluster.kubectl().args(["get", "namespace", "staying"]).ok();
}

#[test]
fn helm_installs_into_it() {
    let cluster = Cluster::shared();
    let listed = cluster.helm().args(["list", "--all-namespaces", "--output", "json"]).ok();
    assert_eq!(listed.stdout.trim(), "[]");
}
