//! Linux pods: a guard that serves kubelet, asked in the messages of the published interfaces, with a real API server behind it.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "only tests here; failing is their job"
)]

use std::path::PathBuf;
use std::sync::OnceLock;

use pando_tests::chain::{AccountProvider, credential_spec};
use pando_tests::{Cluster, Domain, GuardService, KubePod, Node, Tool, WebhookService};
use serde_json::{Value, json};

/// The resource.
const RESOURCE: &str = include_str!("../../charts/pando-gmsa-webhook/crds/gmsacredentialspecs.yaml");

/// Who may use `webapp01`.
const ROLES: &str = "
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: use-webapp01}
rules:
- {apiGroups: [windows.k8s.io], resources: [gmsacredentialspecs], verbs: [use], resourceNames: [webapp01, missing]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: use-webapp01, namespace: shop}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: use-webapp01}
subjects: [{kind: ServiceAccount, namespace: shop, name: web}]
";

/// A cluster with the namespace `shop`, in which `web` may use `webapp01` and `default` nothing.
fn prepare(cluster: &Cluster) -> PathBuf {
    cluster.apply(RESOURCE);
    cluster.kubectl().args(["wait", "--for=condition=Established", "crd/gmsacredentialspecs.windows.k8s.io"]).ok();
    let chart = concat!(env!("CARGO_MANIFEST_DIR"), "/../charts/pando-guard");
    let install = cluster.helm().args(["install", "pando-guard", chart, "--namespace", "guard", "--create-namespace"]);
    install.args(["--set", "domains={contoso.com}"]).ok();
    cluster.namespace("shop");
    cluster.service_account("shop", "web");
    cluster.apply(ROLES);
    // Every domain of these tests is provisioned from one template, so one spec is good for all.
    let domain = Domain::start();
    let contents = std::fs::read_to_string(credential_spec(&domain)).expect("the spec can be read");
    let contents: Value = serde_json::from_str(&contents).expect("it is JSON");
    let spec = json!({
        "apiVersion": "windows.k8s.io/v1", "kind": "GMSACredentialSpec", "metadata": { "name": "webapp01" },
        "credspec": contents,
    });
    cluster.apply(spec.to_string());
    cluster.kubeconfig_of("guard", "pando-guard")
}

/// The cluster of all tests that do not stop it, and the guard's kubeconfig.
fn shop() -> &'static (&'static Cluster, PathBuf) {
    static SHOP: OnceLock<(&Cluster, PathBuf)> = OnceLock::new();
    SHOP.get_or_init(|| (Cluster::shared(), prepare(Cluster::shared())))
}

/// A node of the shop's cluster with its guard.
fn node(domain: &Domain, flags: &[&str]) -> (Node, GuardService) {
    let node = Node::start(domain);
    let guard = node.guard(domain, &shop().1, flags);
    (node, guard)
}

fn pod(name: &str, account: &str) -> KubePod {
    KubePod::create(shop().0, "shop", name, account)
}

#[track_caller]
fn ok(answer: &Value) {
    assert_eq!(answer["code"], "OK", "{answer}");
}

#[track_caller]
fn refused(answer: &Value, code: &str, text: &str) {
    assert_eq!(answer["code"], code, "{answer}");
    assert!(answer["details"].as_str().expect("a text").contains(text), "should have said {text:?}: {answer}");
}

/// Neither a lease nor a mount nor a folder is left.
#[track_caller]
fn nothing_is_left(node: &Node, guard: &GuardService) {
    assert!(guard.leases().is_empty(), "{:?}", guard.leases());
    node.sh("find $1 -name mount").arg("sh").arg(node.path("kubelet/pods")).ok().never_says("mount");
    assert_eq!(std::fs::read_dir(guard.krb()).expect("it is there").count(), 0);
    let volumes = guard.krb().with_file_name("volumes");
    assert_eq!(std::fs::read_dir(volumes).expect("it is there").count(), 0);
}

const WHO: &str = "klist && ldapwhoami -N -Q -Y GSSAPI -H ldap://localhost:$PORT";

fn who(domain: &Domain) -> String {
    WHO.replace("$PORT", &domain.ports().ldap.port().to_string())
}

#[test]
fn a_pod_has_its_identity_while_it_has_the_volume() {
    let domain = Domain::start();
    let _provider = AccountProvider::start(&domain);
    let (node, guard) = node(&domain, &[]);
    let info = node.call("pluginregistration.Registration/GetInfo", &json!({}));
    assert_eq!((&info["answer"]["type"], &info["answer"]["name"]), (&json!("CSIPlugin"), &json!("gmsa.pando.dev")));
    assert_eq!(info["answer"]["endpoint"], json!(node.path("csi/csi.sock")));
    ok(&node.call("pluginregistration.Registration/NotifyRegistrationStatus", &json!({ "plugin_registered": true })));
    assert_eq!(node.call("csi.v1.Node/NodeGetInfo", &json!({}))["answer"]["node_id"], "node-1");
    let capabilities = node.call("csi.v1.Node/NodeGetCapabilities", &json!({}));
    assert_eq!(capabilities["answer"]["capabilities"], json!([{ "rpc": { "type": "VOLUME_MOUNT_GROUP" } }]));

    let web = pod("having", "web");
    let mut publication = node.publication(&web, "webapp01");
    publication["volume_capability"]["mount"]["volume_mount_group"] = "2000".into();
    publication["volume_context"]["servicePrincipals"] = "HTTP/webapp01.contoso.com".into();
    ok(&node.publish(&publication));
    ok(&node.publish(&publication));
    assert_eq!(guard.leases().len(), 1);

    let mut member = node.container(&domain, &web, "12345", "2000");
    let said = member.sh(&who(&domain));
    assert!(said.contains("webapp01$@CONTOSO.COM") && said.contains(r"u:CONTOSO\webapp01$"), "{said}");
    let keys = member.sh("klist -k /run/pando/identity/keytab");
    assert!(keys.contains("HTTP/webapp01.contoso.com@CONTOSO.COM"), "{keys}");
    let written = member.sh("touch /run/pando/identity/x");
    assert!(written.contains("Read-only file system"), "{written}");
    let other = node.container(&domain, &web, "12345", "").sh("cat /run/pando/identity/krb5cc");
    assert!(other.contains("Permission denied"), "{other}");

    // As kubelet's namespace has it too, where the mount is a copy of the guard's.
    let options = node.sh("findmnt -n -o OPTIONS -T $1").arg("sh").arg(node.target(&web)).ok();
    options.says("ro,nosuid,nodev,noexec");
    let lease = guard.krb().join(guard.leases()[0]["lease"].as_str().expect("a name"));
    let passing = Tool::new("ls").arg(lease).within("setpriv", &["--reuid", "54321", "--clear-groups"]);
    passing.fails(2).says("Permission denied");

    let changed = json!({ "credentialSpecName": "missing" });
    let mut other = publication.clone();
    other["volume_context"]["credentialSpecName"] = changed["credentialSpecName"].clone();
    refused(&node.publish(&other), "ALREADY_EXISTS", "with other attributes");

    ok(&node.unpublish(&publication));
    ok(&node.unpublish(&publication));
    nothing_is_left(&node, &guard);
    let audit = guard.audit();
    let workload = &audit[0]["workload"];
    assert_eq!(
        (&workload["namespace"], &workload["pod"], &workload["service_account"]),
        (&json!("shop"), &json!("having"), &json!("web"))
    );
    let metrics = guard.metrics();
    assert!(metrics.contains(r#"pando_guard_volume_calls_total{call="publish",code="Ok"} 2"#), "{metrics}");
    assert!(!guard.log().contains(&web.token) && !format!("{audit:?}").contains(&web.token), "tokens are not written");
}

/// From the annotation to the ticket: what the webhook writes is what the guard understands.
#[test]
fn a_pod_that_names_its_spec_gets_the_identity_by_the_webhook_and_the_guard() {
    let domain = Domain::start();
    let _provider = AccountProvider::start(&domain);
    let (node, guard) = node(&domain, &[]);
    let _webhook = WebhookService::install(shop().0);
    let (web, made) = KubePod::create_as(
        shop().0,
        &json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {
                "namespace": "shop", "name": "named",
                "annotations": { "gmsa.pando.dev/credential-spec": "webapp01" },
            },
            "spec": {
                "os": { "name": "linux" }, "serviceAccountName": "web",
                "containers": [{ "name": "web", "image": "web" }],
            },
        }),
    );
    let volumes = made["spec"]["volumes"].as_array().expect("there are volumes");
    let volume = volumes.iter().find(|volume| volume["csi"]["driver"] == "gmsa.pando.dev").expect("the guard's");
    let container = &made["spec"]["containers"][0];
    assert!(container["env"].to_string().contains("FILE:/run/pando/identity/krb5cc"), "{container:#}");
    let mut publication = node.publication(&web, "");
    for (name, value) in volume["csi"]["volumeAttributes"].as_object().expect("it has attributes") {
        publication["volume_context"][name] = value.clone();
    }
    ok(&node.publish(&publication));
    let said = node.container(&domain, &web, "12345", "").sh(&who(&domain));
    assert!(said.contains(r"u:CONTOSO\webapp01$"), "{said}");
    ok(&node.unpublish(&publication));
    nothing_is_left(&node, &guard);
}

/// What the chart gives the guard's service account is enough, as the other tests show, and no more.
#[test]
fn the_guards_service_account_reads_specs_and_nothing_else() {
    let (cluster, kubeconfig) = shop();
    let may = |words: &[&str]| {
        let asked = cluster.kubectl_with(kubeconfig).args(["auth", "can-i"]).args(words).run();
        asked.stdout.trim() == "yes"
    };
    assert!(may(&["get", "gmsacredentialspecs.windows.k8s.io"]));
    for (verb, resource) in [
        ("list", "gmsacredentialspecs.windows.k8s.io"),
        ("use", "gmsacredentialspecs.windows.k8s.io"),
        ("create", "gmsacredentialspecs.windows.k8s.io"),
        ("get", "pods"),
        ("get", "secrets"),
        ("create", "serviceaccounts/token"),
        ("impersonate", "serviceaccounts"),
        ("get", "nodes"),
    ] {
        assert!(!may(&[verb, resource, "--all-namespaces"]), "{verb} {resource}");
    }
    let driver = cluster.kubectl().args(["get", "csidriver", "gmsa.pando.dev", "-o", "jsonpath={.spec}"]).ok().stdout;
    let driver: Value = serde_json::from_str(&driver).expect("it is JSON");
    assert_eq!(
        (&driver["podInfoOnMount"], &driver["tokenRequests"][0]["audience"]),
        (&json!(true), &json!("gmsa.pando.dev"))
    );
}

#[test]
fn without_a_group_whoever_gets_to_the_volume_reads_it_unless_the_node_wants_one() {
    let domain = Domain::start();
    let _provider = AccountProvider::start(&domain);
    let (node, guard) = node(&domain, &[]);
    let web = pod("groupless", "web");
    let publication = node.publication(&web, "webapp01");
    ok(&node.publish(&publication));
    let said = node.container(&domain, &web, "12345", "").sh(&who(&domain));
    assert!(said.contains(r"u:CONTOSO\webapp01$"), "{said}");
    // On the node itself, nobody else gets to it.
    let file = node.target(&web).join("krb5cc");
    let other =
        Tool::new("cat").arg(&file).within("setpriv", &["--reuid", "54321", "--clear-groups", "--regid", "54321"]);
    node.tool(other).fails(1).says("Permission denied");
    let lease = guard.krb().join(guard.leases()[0]["lease"].as_str().expect("a name")).join("webapp01/krb5cc");
    let other = Tool::new("cat").arg(lease).within("setpriv", &["--reuid", "54321", "--clear-groups"]);
    node.tool(other).fails(1).says("Permission denied");
    ok(&node.unpublish(&publication));
    guard.kill();

    let guard = node.guard(&domain, &shop().1, &["--fs-group-required"]);
    refused(&node.publish(&publication), "FAILED_PRECONDITION", "set spec.securityContext.fsGroup");
    nothing_is_left(&node, &guard);
}

#[test]
fn only_who_may_use_a_spec_gets_it_and_nobody_else_learns_whether_there_is_one() {
    let domain = Domain::start();
    let _provider = AccountProvider::start(&domain);
    let (node, guard) = node(&domain, &[]);
    let (web, other) = (pod("allowed", "web"), pod("other", "default"));
    let there = node.publish(&node.publication(&other, "webapp01"));
    refused(&there, "PERMISSION_DENIED", "the service account default in the namespace shop may not use");
    let missing = node.publish(&node.publication(&other, "missing"));
    let told = |answer: &Value, name: &str| answer["details"].as_str().expect("a text").replace(name, "NAME");
    assert_eq!(told(&there, "webapp01"), told(&missing, "missing"));
    refused(&node.publish(&node.publication(&web, "missing")), "NOT_FOUND", "no GMSACredentialSpec missing");

    // What kubelet says of a pod is not enough: the token must be that pod's.
    let mut spoofed = node.publication(&web, "webapp01");
    let theirs = node.publication(&other, "webapp01");
    let tokens = "csi.storage.k8s.io/serviceAccount.tokens";
    spoofed["volume_context"][tokens] = theirs["volume_context"][tokens].clone();
    refused(&node.publish(&spoofed), "UNAUTHENTICATED", "podInfoOnMount");
    let foreign = shop().0.kubectl().args(["-n", "shop", "create", "token", "web"]).ok().stdout;
    spoofed["volume_context"][tokens] = json!({ "gmsa.pando.dev": { "token": foreign.trim() } }).to_string().into();
    refused(&node.publish(&spoofed), "UNAUTHENTICATED", "audience");
    spoofed["volume_context"][tokens] = json!({ "gmsa.pando.dev": { "token": "eyJhbGciOi" } }).to_string().into();
    refused(&node.publish(&spoofed), "UNAUTHENTICATED", "does not accept the token");
    spoofed["volume_context"].as_object_mut().expect("a map").remove(tokens);
    refused(&node.publish(&spoofed), "FAILED_PRECONDITION", "tokenRequests");

    let mut elsewhere = node.publication(&web, "webapp01");
    elsewhere["target_path"] = format!("{}/pods/{}/../../../etc/x", node.path("kubelet").display(), web.uid).into();
    refused(&node.call("csi.v1.Node/NodePublishVolume", &elsewhere), "INVALID_ARGUMENT", "no plain path");
    elsewhere["target_path"] = node.target(&other).display().to_string().into();
    refused(&node.publish(&elsewhere), "INVALID_ARGUMENT", "another pod's");
    nothing_is_left(&node, &guard);
    let audit = guard.audit();
    assert!(audit.iter().all(|line| line["outcome"] == "refused"), "{audit:?}");
    assert!(audit.iter().any(|line| line["credspec"] == "webapp01" && line["workload"]["pod"] == "other"), "{audit:?}");
}

#[test]
fn volumes_outlive_the_guard_and_what_nobody_uses_is_taken_down() {
    let domain = Domain::start();
    let _provider = AccountProvider::start(&domain);
    let (node, guard) = node(&domain, &[]);
    let pods = ["staying", "leaving", "forgotten"].map(|name| pod(name, "web"));
    let [staying, leaving, forgotten] = pods.each_ref().map(|pod| node.publication(pod, "webapp01"));
    for publication in [&staying, &leaving, &forgotten] {
        ok(&node.publish(publication));
    }
    let mut container = node.container(&domain, &pods[0], "12345", "");
    let before = container.sh("cksum < /run/pando/identity/krb5cc");
    let lease_of = |guard: &GuardService, pod: &KubePod| {
        let log = guard.log();
        let line = log.lines().find(|line| line.contains("identity mounted") && line.contains(&pod.name));
        let lease = line.and_then(|line| line.split("lease=").nth(1)).expect("it is logged");
        lease.split_whitespace().next().expect("a name").trim_matches('"').to_owned()
    };
    let lost = lease_of(&guard, &pods[2]);
    let krb = guard.krb();
    guard.kill();
    // One is unmounted while no guard looks; of the other, the guard's own files are lost.
    node.sh(&format!("umount {}", node.target(&pods[1]).display())).ok();
    std::fs::remove_dir_all(krb.join(&lost)).expect("it is there");
    for record in [format!("../volumes/{lost}.json"), format!("../records/{lost}.json")] {
        std::fs::remove_file(krb.join(record)).expect("it is there");
    }

    let guard = node.guard(&domain, &shop().1, &[]);
    assert_eq!(guard.leases().len(), 1, "{}", guard.log());
    let mounted = node.sh("findmnt -n -o TARGET | grep pods/ || true").ok().stdout;
    let mounted: Vec<_> = mounted.lines().collect();
    assert!(mounted.len() == 1 && mounted[0].contains(&pods[0].uid), "{mounted:?}\n{}", guard.log());
    assert_eq!(container.sh("cksum < /run/pando/identity/krb5cc"), before);
    ok(&node.publish(&staying));
    guard.ask("leases").ok().says("pod shop/staying");
    // Stopped in order, it says goodbye to kubelet, and mounts stay.
    guard.stop();
    assert!(!node.path("reg.sock").exists() && !node.path("csi/csi.sock").exists());
    assert_eq!(container.sh("cksum < /run/pando/identity/krb5cc"), before);
    let guard = node.guard(&domain, &shop().1, &[]);
    assert_eq!(guard.leases().len(), 1);
    for publication in [&staying, &leaving, &forgotten] {
        ok(&node.unpublish(publication));
    }
    nothing_is_left(&node, &guard);
}

/// A month later, the gMSA has another password, and the guard comes back.
#[test]
fn a_running_container_sees_the_renewed_identity_and_no_outage_between() {
    let mut domain = Domain::start();
    let _provider = AccountProvider::start(&domain);
    let (node, guard) = node(&domain, &[]);
    let web = pod("renewed", "web");
    let publication = node.publication(&web, "webapp01");
    ok(&node.publish(&publication));
    let mut container = node.container(&domain, &web, "12345", "");
    let before = container.sh("cksum < /run/pando/identity/krb5cc");
    domain.kill();
    let during = container.sh("klist");
    assert!(during.contains("krbtgt/CONTOSO.COM@CONTOSO.COM"), "{during}");
    let another = pod("during-an-outage", "web");
    let refused_now = node.publish(&node.publication(&another, "webapp01"));
    refused(&refused_now, "UNAVAILABLE", "the chain breaks at");
    let leases = guard.leases();
    assert_eq!(leases.len(), 1, "{leases:?}");
    let fetched = leases[0]["fetched"].clone();
    guard.kill();

    domain.restart_later("+31d");
    let _provider = AccountProvider::start(&domain);
    let guard = node.guard(&domain, &shop().1, &[]);
    guard.await_leases("renewed", |leases| leases.len() == 1 && leases[0]["fetched"] != fetched);
    let after = container.sh("cksum < /run/pando/identity/krb5cc");
    assert_ne!(before, after, "{}", guard.log());
    // The first one's programs live a month ago; and faketime works for root alone in there.
    let said = node.container(&domain, &web, "0", "").sh(&who(&domain));
    assert!(said.contains(r"u:CONTOSO\webapp01$"), "{said}");
    ok(&node.unpublish(&publication));
    nothing_is_left(&node, &guard);
}

#[test]
fn what_kubelet_gave_up_waiting_for_is_done_when_it_asks_again() {
    let domain = Domain::start();
    let _provider = AccountProvider::start(&domain);
    let (node, guard) = node(&domain, &[]);
    let web = pod("waiting", "web");
    let publication = node.publication(&web, "webapp01");
    let signal = |name: &str| Tool::new("kill").args([name, &domain.pid().to_string()]).ok();
    node.sh("mkdir -p -m 750 $(dirname $1)").arg("sh").arg(node.target(&web)).ok();
    signal("-STOP");
    let waited = node.call_within("csi.v1.Node/NodePublishVolume", &publication, 1);
    signal("-CONT");
    // Whoever looks at the clock first says so: the caller, or the guard, which heard how long the caller waits.
    assert!(["DEADLINE_EXCEEDED", "CANCELLED"].contains(&waited["code"].as_str().expect("a code")), "{waited}");
    let mut again = node.publish(&publication);
    // The guard may just be noticing.
    while again["code"] == "ABORTED" {
        again = node.publish(&publication);
    }
    ok(&again);
    assert_eq!(guard.leases().len(), 1);
    let said = node.container(&domain, &web, "12345", "").sh(&who(&domain));
    assert!(said.contains(r"u:CONTOSO\webapp01$"), "{said}");
    ok(&node.unpublish(&publication));
    nothing_is_left(&node, &guard);
}

#[test]
fn without_the_api_server_no_pod_gets_an_identity_and_those_that_have_one_keep_it() {
    let mut cluster = Cluster::start();
    let kubeconfig = prepare(&cluster);
    let domain = Domain::start();
    let _provider = AccountProvider::start(&domain);
    let node = Node::start(&domain);
    let guard = node.guard(&domain, &kubeconfig, &[]);
    let (web, late) =
        (KubePod::create(&cluster, "shop", "early", "web"), KubePod::create(&cluster, "shop", "late", "web"));
    let (early, late) = (node.publication(&web, "webapp01"), node.publication(&late, "webapp01"));
    ok(&node.publish(&early));
    cluster.stop_api();
    refused(&node.publish(&late), "UNAVAILABLE", "having the API server check the pod's token");
    assert_eq!(guard.leases().len(), 1);
    ok(&node.publish(&early));
    ok(&node.unpublish(&late));
    let said = node.container(&domain, &web, "12345", "").sh(&who(&domain));
    assert!(said.contains(r"u:CONTOSO\webapp01$"), "{said}");
    ok(&node.unpublish(&early));
    nothing_is_left(&node, &guard);
    cluster.start_api();
    ok(&node.publish(&late));
    ok(&node.unpublish(&late));
}

#[test]
fn the_driver_passes_the_conformance_tests_of_csi() {
    let domain = Domain::start();
    let (node, guard) = node(&domain, &[]);
    let place = node.path("kubelet/pods/sanity/volumes");
    node.sh("mkdir -p $1").arg("sh").arg(&place).ok();
    let finished = node
        .csi_sanity()
        .arg("--csi.endpoint")
        .arg(node.path("csi/csi.sock"))
        .arg("--csi.mountdir")
        .arg(place.join("target"))
        .arg("--csi.stagingdir")
        .arg(place.join("staging"))
        // There is no controller, and so no volume that it has made.
        .args(["--ginkgo.no-color", "--ginkgo.seed=1", "--ginkgo.skip=Controller Server|should remove target path"])
        .run();
    assert_eq!(finished.code, Some(0), "{finished}\n{}", guard.log());
    finished.says("10 Passed | 0 Failed");
}
