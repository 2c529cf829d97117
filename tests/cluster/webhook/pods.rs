//! What pods get, and which of them are refused.

use std::time::{Duration, Instant};

use pando_tests::{Cluster, Finished, WebhookService, gmsa_credential_spec};
use serde_json::{Value, json};

use crate::shop::{INLINED, LEVELS, pod, shop, with};

#[test]
fn whoever_may_use_a_spec_gets_its_contents_at_every_level() {
    for (number, level) in LEVELS.into_iter().enumerate() {
        let named =
            with(pod(&format!("named-{number}"), "app"), level, json!({ "gmsaCredentialSpecName": "webapp01" }));
        let made = shop().admitted(&named);
        let options = made.pointer(&format!("{level}/securityContext/windowsOptions")).expect("they are there");
        assert_eq!(options, &json!({ "gmsaCredentialSpecName": "webapp01", "gmsaCredentialSpec": INLINED }));
    }
}

#[test]
fn whoever_may_not_is_told_so_and_not_whether_there_is_one() {
    for (number, level) in LEVELS.into_iter().enumerate() {
        for spec in ["webapp01", "nowhere"] {
            let named =
                with(pod(&format!("stranger-{number}"), "default"), level, json!({ "gmsaCredentialSpecName": spec }));
            let text = format!("service account \"default\" is not authorized to `use` GMSA cred spec \"{spec}\"");
            shop().refused(&named, &text);
        }
        let missing =
            with(pod(&format!("missing-{number}"), "app"), level, json!({ "gmsaCredentialSpecName": "missing" }));
        shop().refused(&missing, "cred spec missing does not exist");
    }
}

#[test]
fn contents_that_are_brought_along_must_be_those_of_the_resource() {
    for (number, level) in LEVELS.into_iter().enumerate() {
        let name = format!("brought-{number}");
        let brought = |options: Value| with(pod(&name, "app"), level, options);
        shop().refused(
            &brought(json!({ "gmsaCredentialSpec": INLINED })),
            "does not define the name of the corresponding resource",
        );
        let other = json!({ "gmsaCredentialSpecName": "webapp01", "gmsaCredentialSpec": INLINED.replace("WebApp01", "WebApp02") });
        shop().refused(&brought(other), "does not match the contents of GMSA resource \"webapp01\"");
        let spaced = INLINED.replace(",\"", ", \"");
        let same = json!({ "gmsaCredentialSpecName": "webapp01", "gmsaCredentialSpec": spaced });
        let made = shop().admitted(&brought(same.clone()));
        assert_eq!(made.pointer(&format!("{level}/securityContext/windowsOptions")), Some(&same));
    }
}

#[test]
fn a_running_pod_may_change_in_all_but_its_identity() {
    let named = with(pod("running", "app"), "/spec", json!({ "gmsaCredentialSpecName": "webapp01" }));
    shop().admitted(&named);
    shop().kubectl(&["set", "image", "pod/running", "zero=other"]).ok();
    shop().kubectl(&["label", "pod", "running", "seen=yes"]).ok();
    let patch = r#"{"spec":{"securityContext":{"windowsOptions":{"gmsaCredentialSpecName":"webapp02"}}}}"#;
    let refused = shop().kubectl(&["patch", "pod", "running", "-p", patch]).run();
    assert_ne!(refused.code, Some(0), "{refused}");
    let patch = r#"{"metadata":{"annotations":{"gmsa.pando.dev/credential-spec":"webapp01"}}}"#;
    let refused = shop().kubectl(&["patch", "pod", "running", "-p", patch]).run();
    assert_ne!(refused.code, Some(0), "{refused}");
    refused.says("cannot update an existing pod's GMSA settings (GMSA name modified on pod \"running\")");
    // Who may write a pod's status, as kubelets do, could write its annotations as well.
    let refused = shop().kubectl(&["patch", "pod", "running", "--subresource=status", "-p", patch]).run();
    assert_ne!(refused.code, Some(0), "{refused}");
    refused.says("cannot update an existing pod's GMSA settings (GMSA name modified on pod \"running\")");
    let well = r#"{"metadata":{"annotations":{"other":"x"}},"status":{"phase":"Running"}}"#;
    shop().kubectl(&["patch", "pod", "running", "--subresource=status", "-p", well]).ok();
}

/// The API server puts a binding's annotations into the pod, and whoever may bind pods need not be allowed to change them.
#[test]
fn a_binding_brings_a_pod_to_a_node_and_no_identity() {
    shop().admitted(&pod("bound", "default"));
    let bind = |path: &str, annotations: Value| {
        let meta = json!({ "name": "bound", "annotations": annotations });
        let target = json!({ "apiVersion": "v1", "kind": "Node", "name": "node-1" });
        let binding = json!({ "apiVersion": "v1", "kind": "Binding", "metadata": meta, "target": target });
        let path = format!("/api/v1/namespaces/shop/{path}");
        shop().kubectl(&["create", "--raw", &path, "-f", "-"]).input(binding.to_string()).run()
    };
    for path in ["pods/bound/binding", "bindings"] {
        let refused = bind(path, json!({ "gmsa.pando.dev/credential-spec": "webapp01" }));
        assert_ne!(refused.code, Some(0), "{path}: {refused}");
        refused.says("a binding gives a pod no GMSA identity");
    }
    let bound = bind("pods/bound/binding", json!({ "other": "x" }));
    assert_eq!(bound.code, Some(0), "{bound}");
    let got = shop().kubectl(&["get", "pod", "bound", "-o", "json"]).ok();
    let got: Value = serde_json::from_str(&got.stdout).expect("kubectl prints JSON");
    assert_eq!(
        (&got["spec"]["nodeName"], &got["metadata"]["annotations"]),
        (&json!("node-1"), &json!({ "other": "x" }))
    );
}

/// A container that looks into a running pod.
fn attach(to: &str, options: Value) -> Finished {
    let get = shop().kubectl(&["get", "pod", to, "-o", "json"]).ok();
    let mut pod: Value = serde_json::from_str(&get.stdout).expect("kubectl prints JSON");
    let one = json!({ "name": "shell", "image": "pause", "securityContext": { "windowsOptions": options } });
    pod["spec"]["ephemeralContainers"] = json!([one]);
    let path = format!("/api/v1/namespaces/shop/pods/{to}/ephemeralcontainers");
    shop().kubectl(&["replace", "--raw", &path, "-f", "-"]).input(pod.to_string()).run()
}

#[test]
fn ephemeral_containers_are_looked_at_when_they_come() {
    shop().admitted(&pod("debugged", "app"));
    shop().admitted(&pod("foreign", "default"));
    let refused = attach("foreign", json!({ "gmsaCredentialSpecName": "webapp01" }));
    assert_ne!(refused.code, Some(0), "{refused}");
    refused.says("service account \"default\" is not authorized to `use`");
    let refused = attach("debugged", json!({ "gmsaCredentialSpec": INLINED }));
    assert_ne!(refused.code, Some(0), "{refused}");
    let attached = attach("debugged", json!({ "gmsaCredentialSpecName": "webapp01" }));
    assert_eq!(attached.code, Some(0), "{attached}");
    let made: Value = serde_json::from_str(&attached.stdout).expect("it is JSON");
    let options = &made["spec"]["ephemeralContainers"][0]["securityContext"]["windowsOptions"];
    assert_eq!(options["gmsaCredentialSpec"], json!(INLINED));
}

/// Each question about a permission costs, and the API server ends a policy that costs too much.
#[test]
fn a_pod_may_name_as_many_specs_as_it_has_containers() {
    let containers = |name: &str, specs: &[String]| {
        let mut pod = pod(name, "many");
        let each = specs.iter().enumerate().map(|(number, spec)| {
            let options = json!({ "windowsOptions": { "gmsaCredentialSpecName": spec } });
            json!({ "name": format!("c{number}"), "image": "pause", "securityContext": options })
        });
        pod["spec"]["containers"] = each.collect();
        pod
    };
    let cluster = shop().cluster;
    cluster.service_account("shop", "many");
    let specs: Vec<_> = (0..25).map(|number| format!("many-{number}")).collect();
    let items: Vec<_> = specs.iter().map(|spec| gmsa_credential_spec(spec, "WebApp01")).collect();
    cluster.apply(json!({ "apiVersion": "v1", "kind": "List", "items": items }).to_string());
    let rule = json!({ "apiGroups": ["windows.k8s.io"], "resources": ["gmsacredentialspecs"], "resourceNames": specs, "verbs": ["use"] });
    let meta = json!({ "name": "many", "namespace": "shop" });
    let role =
        json!({ "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": meta, "rules": [rule] });
    cluster.apply(role.to_string());
    shop().kubectl(&["create", "rolebinding", "many", "--role=many", "--serviceaccount=shop:many"]).ok();

    for count in [3, 20, 60] {
        shop().admitted(&containers(&format!("same-{count}"), &vec![specs[0].clone(); count]));
    }
    shop().admitted(&containers("different", &specs[..24]));
    shop().refused(&containers("too-many", &specs), "names more than 24 different GMSA cred specs");
    // The last of many counts as much as the first.
    let mut last = specs[..23].to_vec();
    last.push("webapp01".to_owned());
    shop().refused(&containers("last", &last), "is not authorized to `use`");
}

#[test]
fn a_right_that_is_taken_away_does_not_forbid_to_look_into_what_runs() {
    let cluster = shop().cluster;
    cluster.service_account("shop", "leaver");
    shop().kubectl(&["create", "rolebinding", "leaver", "--role=use", "--serviceaccount=shop:leaver"]).ok();
    shop().admitted(&with(pod("left", "leaver"), "/spec", json!({ "gmsaCredentialSpecName": "webapp01" })));
    shop().kubectl(&["delete", "rolebinding", "leaver"]).ok();
    let who = "--as=system:serviceaccount:shop:leaver";
    let deadline = Instant::now() + Duration::from_secs(60);
    while shop().kubectl(&["auth", "can-i", "use", "gmsacredentialspecs.windows.k8s.io/webapp01", who]).run().code
        == Some(0)
    {
        assert!(Instant::now() < deadline, "the right is still there");
    }
    let attached = attach("left", json!({ "runAsUserName": "ContainerUser" }));
    assert_eq!(attached.code, Some(0), "{attached}");
}

#[test]
fn a_pod_without_containers_hears_that_from_the_api_server() {
    let mut none = pod("none", "app");
    none["spec"]["containers"] = json!([]);
    shop().refused(&none, "spec.containers: Required value");
    let named = with(pod("none", "app"), "/spec", json!({ "gmsaCredentialSpecName": "webapp01" }));
    let mut missing = named;
    missing["spec"].as_object_mut().expect("it is an object").remove("containers");
    shop().refused(&missing, "spec.containers: Required value");
}

#[test]
fn a_linux_pod_gets_the_guards_volume() {
    let linux = |name: &str, account: &str| {
        let mut pod = pod(name, account);
        pod["metadata"]["annotations"] = json!({ "gmsa.pando.dev/credential-spec": "webapp01" });
        pod["spec"]["os"] = json!({ "name": "linux" });
        pod
    };
    let made = shop().admitted(&linux("linux", "app"));
    let spec = &made["spec"];
    let volume =
        spec["volumes"].as_array().expect("there are volumes").iter().find(|one| one["name"] == "pando-identity");
    assert_eq!(volume.expect("it is one of them")["csi"]["driver"], "gmsa.pando.dev");
    for list in ["containers", "initContainers"] {
        for container in spec[list].as_array().expect("there are some") {
            let has = |list: &str, name: &str| {
                container[list].as_array().is_some_and(|all| all.iter().any(|one| one["name"] == name))
            };
            assert!(has("volumeMounts", "pando-identity") && has("env", "KRB5CCNAME"), "{container:#}");
        }
    }
    // What does not say its system may name it where a pod for Windows does.
    let mut selected = with(pod("selected", "app"), "/spec", json!({ "gmsaCredentialSpecName": "webapp01" }));
    selected["spec"]["nodeSelector"] = json!({ "kubernetes.io/os": "linux" });
    let made = shop().admitted(&selected);
    let volumes = made["spec"]["volumes"].as_array().expect("there are volumes");
    assert!(volumes.iter().any(|one| one["csi"]["volumeAttributes"]["credentialSpecName"] == "webapp01"), "{made:#}");
    shop().refused(&linux("stranger-linux", "default"), "is not authorized to `use` GMSA cred spec \"webapp01\"");
}

/// The webhook's log would say that it was asked.
#[test]
fn pods_without_an_identity_never_reach_the_webhook() {
    let plain = |name: &str| with(pod(name, "default"), "/spec", json!({ "runAsUserName": "ContainerUser" }));
    shop().admitted(&plain("plain"));
    let reviews = |metrics: String| -> Vec<String> {
        metrics.lines().filter(|line| line.starts_with("pando_webhook_reviews_total")).map(str::to_owned).collect()
    };
    // Other tests make pods meanwhile: a control plane of its own whose webhook is gone tells it apart.
    assert!(!reviews(shop().webhook.metrics()).iter().any(|line| line.contains("code=\"400\"")), "only pods come");
    let cluster = Cluster::start();
    drop(WebhookService::install(&cluster));
    cluster.namespace("shop");
    let create = |pod: Value| cluster.kubectl().args(["create", "-f", "-"]).input(pod.to_string()).run();
    assert_eq!(create(plain("plain")).code, Some(0));
    let refused = create(with(pod("named", "default"), "/spec", json!({ "gmsaCredentialSpecName": "webapp01" })));
    assert_ne!(refused.code, Some(0), "{refused}");
    refused.says("failed calling webhook");

    // And when somebody takes the webhook away, the policy is still there.
    for kind in ["mutatingwebhookconfiguration", "validatingwebhookconfiguration"] {
        cluster.kubectl().args(["delete", kind, "gmsa-webhook.gmsa-webhook"]).ok();
    }
    cluster.service_account("shop", "app");
    // The API server enforces a policy from the moment it has heard of it, which on a busy machine is later than its answer.
    let inlined = with(pod("bypass", "app"), "/spec", json!({ "gmsaCredentialSpec": INLINED })).to_string();
    let tried = || cluster.kubectl().args(["create", "--dry-run=server", "-f", "-"]).input(inlined.clone()).run();
    let deadline = Instant::now() + Duration::from_secs(60);
    while tried().code == Some(0) {
        assert!(Instant::now() < deadline, "no policy is enforced");
    }
    for level in LEVELS {
        for (options, text) in [
            (json!({ "gmsaCredentialSpecName": "webapp01" }), "is not authorized to `use` a GMSA cred spec"),
            (json!({ "gmsaCredentialSpec": INLINED }), "does not define the name of the corresponding resource"),
        ] {
            let refused = create(with(pod("bypass", "app"), level, options));
            assert_ne!(refused.code, Some(0), "{refused}");
            refused.says(text);
        }
    }
}

#[test]
fn the_resource_is_todays_with_short_names_and_columns() {
    let cluster = shop().cluster;
    for version in ["v1", "v1alpha1"] {
        let got = cluster
            .kubectl()
            .args(["get", &format!("gmsacredentialspecs.{version}.windows.k8s.io"), "webapp01", "-o", "json"])
            .ok();
        let spec: Value = serde_json::from_str(&got.stdout).expect("it is JSON");
        assert_eq!(spec["credspec"]["DomainJoinConfig"]["MachineAccountName"], "WebApp01");
    }
    cluster.kubectl().args(["get", "gmsa", "webapp01"]).ok().says("ACCOUNT").says("WebApp01").says("contoso.com");
    let mut object = gmsa_credential_spec("object", "WebApp01");
    object["credspec"]["ActiveDirectoryConfig"]["HostAccountConfig"]["PluginInput"] =
        json!({ "CredentialArn": "arn:x" });
    cluster.kubectl().args(["create", "-f", "-"]).input(object.to_string()).fails(1).says("PluginInput");
}
