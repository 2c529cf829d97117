//! Pods made at a real API server, with the chart's webhook and policy in it.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "only tests here; failing is their job"
)]

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use dtyp::{Clock, ManualClock, SystemClock};
use pando_tests::{Cluster, Finished, Front, Tool, WebhookService, gmsa_credential_spec};
use pki::{Authority, Purpose, Validity};
use serde_json::{Value, json};

/// Today's form of the contents: compact, sorted, and with Go's escapes.
const INLINED: &str = concat!(
    r#"{"ActiveDirectoryConfig":{"GroupManagedServiceAccounts":[{"Name":"WebApp01","Scope":"contoso.com"},{"Name":"WebApp01","Scope":"CONTOSO"}],"#,
    r#""HostAccountConfig":{"PluginGUID":"{E4781092-F116-4B79-B55E-28EB6A224E26}","PluginInput":"gmsa:\u003cpassword\u003e","PortableCcgVersion":"1"}},"#,
    r#""CmsPlugins":["ActiveDirectory"],"DomainJoinConfig":{"DnsName":"contoso.com","DnsTreeName":"contoso.com","#,
    r#""Guid":"244818ae-87ac-4fcd-92ec-e79e5252348a","MachineAccountName":"WebApp01","NetBiosName":"CONTOSO","Sid":"S-1-5-21-2126449477-2524075714-3094792973"}}"#
);

/// One control plane with the webhook, in which `app` may use the spec `webapp01`, and the one called `missing`.
struct Shop {
    cluster: &'static Cluster,
    webhook: WebhookService,
}

fn shop() -> &'static Shop {
    static SHOP: OnceLock<Shop> = OnceLock::new();
    SHOP.get_or_init(|| {
        let cluster = Cluster::shared();
        let webhook = WebhookService::install(cluster);
        cluster.namespace("shop");
        cluster.service_account("shop", "app");
        cluster.apply(gmsa_credential_spec("webapp01", "WebApp01").to_string());
        cluster.apply(gmsa_credential_spec("webapp02", "WebApp02").to_string());
        let rules = "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: use, namespace: shop}\nrules:\n\
             - {apiGroups: [windows.k8s.io], resources: [gmsacredentialspecs], resourceNames: [webapp01, missing], verbs: [use]}\n";
        cluster.apply(rules);
        cluster.kubectl().args(["-n", "shop", "create", "rolebinding", "use", "--role=use", "--serviceaccount=shop:app"]).ok();
        Shop { cluster, webhook }
    })
}

const LEVELS: [&str; 3] = ["/spec", "/spec/containers/1", "/spec/initContainers/0"];

fn pod(name: &str, account: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": { "name": name, "namespace": "shop" },
        "spec": {
            "serviceAccountName": account,
            "containers": [{ "name": "zero", "image": "pause" }, { "name": "one", "image": "pause" }],
            "initContainers": [{ "name": "first", "image": "pause" }],
        },
    })
}

fn with(mut pod: Value, level: &str, options: Value) -> Value {
    pod.pointer_mut(level).expect("the level is there")["securityContext"] = json!({ "windowsOptions": options });
    pod
}

impl Shop {
    fn create(&self, pod: &Value) -> Finished {
        self.cluster.kubectl().args(["create", "-f", "-", "-o", "json"]).input(pod.to_string()).run()
    }

    /// Makes the pod; how it came out.
    #[track_caller]
    fn admitted(&self, pod: &Value) -> Value {
        let made = self.create(pod);
        assert_eq!(made.code, Some(0), "{made}\n{}", self.webhook.log());
        serde_json::from_str(&made.stdout).expect("kubectl prints JSON")
    }

    #[track_caller]
    fn refused(&self, pod: &Value, text: &str) {
        let refused = self.create(pod);
        assert_ne!(refused.code, Some(0), "{refused}");
        refused.says(text);
    }

    fn kubectl(&self, words: &[&str]) -> Tool {
        self.cluster.kubectl().args(["-n", "shop"]).args(words)
    }
}

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
        cluster.kubectl().args(["delete", kind, "gmsa-webhook-gmsa-webhook"]).ok();
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
fn what_is_no_review_gets_todays_answers() {
    let Shop { cluster, webhook } = shop();
    let authority = webhook.authority(cluster);
    let post = |path: &str, kind: &str, body: &str| webhook.post(&authority, path, kind, body);
    let address = webhook.ready["https"].as_str().expect("it says where");
    let get = |path: &str| {
        let curl = Tool::new("curl").args(["-sS", "-o", "/dev/null", "-w", "%{http_code}", "--cacert"]);
        curl.arg(&authority).arg(format!("https://{address}{path}")).ok().stdout
    };
    assert_eq!(post("/validate", "application/json; charset=utf-8", "{}").0, "415");
    assert_eq!(post("/mutate", "text/plain", "{}").0, "415");
    assert_eq!(
        (get("/validate").as_str(), get("/health").as_str(), get("/info").as_str(), get("/other").as_str()),
        ("405", "204", "200", "404")
    );
    for body in ["", "{", "[]", "7", "{\"request\": 7}"] {
        let (code, answer) = post("/validate", "application/json", body);
        assert_eq!(
            (code.as_str(), &answer["response"]["allowed"], &answer["response"]["status"]["code"]),
            ("200", &json!(false), &json!(400))
        );
    }
    assert_eq!(post("/mutate", "application/json", &" ".repeat(10 << 20)).0, "413");
    let review =
        json!({ "request": { "uid": "u", "kind": { "kind": "Deployment" }, "operation": "CREATE", "object": {} } });
    let (_, answer) = post("/mutate", "application/json", &review.to_string());
    assert_eq!(answer["response"]["uid"], "u");
    assert_eq!(answer["response"]["status"]["message"], "expected a Pod object, got a Deployment");
}

/// The largest bodies that it takes, full of what costs most to keep, from whoever reaches the port. The chart gives it 128 MiB.
#[test]
fn no_body_makes_it_need_more_memory_than_its_pod_has() {
    let cluster = shop().cluster;
    let webhook = WebhookService::replica(cluster, &[]);
    let full = |begin: &str, one: &str, end: &str| {
        let head = r#"{"request":{"uid":"u","kind":{"kind":"Pod"},"operation":"CREATE","namespace":"shop","object":{"#;
        let room = (4 << 20) - 1 - head.len() - begin.len() - end.len() - 3;
        let mut all = one.repeat(room / one.len());
        all.pop();
        format!("{head}{begin}{all}{end}}}}}}}")
    };
    let bodies = [
        full(r#""spec":{"containers":[{"env":["#, r#"{"name":"a"},"#, "]}]}"),
        full(r#""spec":{"containers":["#, "{},", "]}"),
        full(r#""spec":{"volumes":["#, "{},", "]}"),
        full(r#""metadata":{"ownerReferences":["#, "{},", "]}"),
        full(r#""metadata":{"annotations":{"#, r#""a":"","#, "}}"),
        full(r#""other":["#, "[0],", "]"),
        full(r#""spec":{"hostname":""#, "aaaaaaaa", r#""}"#),
    ];
    let (before, authority) = (webhook.peak_memory(), webhook.authority(cluster));
    for body in &bodies {
        std::thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| {
                    let (code, _) = webhook.post(&authority, "/validate", "application/json", body.as_str());
                    assert!(["200", "503"].contains(&code.as_str()), "{code}");
                });
            }
        });
    }
    // Small ones, with answers that are large.
    let one = json!({ "name": "c", "securityContext": { "windowsOptions": { "gmsaCredentialSpecName": "webapp01" } } });
    let spec = json!({ "serviceAccountName": "app", "containers": vec![one; 500] });
    let request = json!({ "uid": "u", "kind": { "kind": "Pod" }, "operation": "CREATE", "namespace": "shop", "object": { "spec": spec } });
    let body = json!({ "request": request }).to_string();
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                let (code, answer) = webhook.post(&authority, "/mutate", "application/json", body.as_str());
                assert!(code == "503" || answer["response"]["patch"].is_string(), "{code} {answer}");
            });
        }
    });
    let peak = webhook.peak_memory();
    assert!(peak < before.max(48 << 10) + (48 << 10), "{before} KiB before, {peak} KiB at most");
}

/// Nobody reads the answer that a controller gets; people look at Events.
#[test]
fn what_was_refused_is_told_where_people_look() {
    let events = |about: &str| -> Vec<Value> {
        let got = shop().kubectl(&["get", "events.events.k8s.io", "-o", "json"]).ok();
        let list: Value = serde_json::from_str(&got.stdout).expect("it is JSON");
        let all = list["items"].as_array().expect("it is a list").iter();
        all.filter(|event| event["regarding"]["name"] == about).cloned().collect()
    };
    let await_event = |about: &str, note: &str| {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let found = events(about);
            if let Some(event) = found.iter().find(|event| event["note"] == note) {
                return event.clone();
            }
            assert!(Instant::now() < deadline, "{found:#?}\n{}", shop().webhook.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    shop().cluster.service_account("shop", "watched");
    let named = |name: &str| with(pod(name, "watched"), "/spec", json!({ "gmsaCredentialSpecName": "webapp01" }));
    let text = "service account \"watched\" is not authorized to `use` GMSA cred spec \"webapp01\"";
    // A trial leaves no trace, which the Event of what comes after it proves.
    let trial =
        shop().cluster.kubectl().args(["create", "--dry-run=server", "-f", "-"]).input(named("trial").to_string());
    assert_ne!(trial.run().code, Some(0));
    shop().refused(&named("alone"), text);
    let event = await_event("watched", &format!("pod \"alone\" is not admitted: {text}"));
    assert_eq!(
        (&event["reason"], &event["regarding"]["kind"]),
        (&json!("GMSANotAuthorized"), &json!("ServiceAccount"))
    );
    assert!(!events("watched").iter().any(|event| event.to_string().contains("trial")));

    let mut owned = named("owned");
    owned["metadata"]["ownerReferences"] = json!([
        { "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-7", "uid": "244818ae-87ac-4fcd-92ec-e79e5252348a", "controller": true },
    ]);
    shop().refused(&owned, text);
    let event = await_event("web-7", &format!("pod \"owned\" is not admitted: {text}"));
    assert_eq!(event["regarding"]["kind"], "ReplicaSet");
}

#[test]
fn the_webhook_may_do_what_it_must_and_nothing_else() {
    let cluster = shop().cluster;
    let me = cluster.kubeconfig_of(WebhookService::RELEASE, WebhookService::RELEASE);
    let may = |words: &[&str]| {
        let asked = cluster.kubectl_with(&me).args(["auth", "can-i"]).args(words).run();
        asked.stdout.trim() == "yes"
    };
    let own = ["-n", WebhookService::RELEASE];
    let with = |words: &[&'static str]| -> Vec<&'static str> { words.iter().copied().chain(own).collect() };
    assert!(may(&["list", "gmsacredentialspecs.windows.k8s.io"]));
    assert!(may(&with(&["update", "secret/gmsa-webhook-tls"])));
    assert!(may(&["create", "events.events.k8s.io", "-n", "shop"]));
    for denied in [
        vec!["create", "gmsacredentialspecs.windows.k8s.io"],
        vec!["use", "gmsacredentialspecs.windows.k8s.io"],
        with(&["list", "secrets"]),
        with(&["create", "secrets"]),
        with(&["get", "secret/other"]),
        with(&["delete", "secret/gmsa-webhook-tls"]),
        vec!["get", "secrets", "-n", "shop"],
        vec!["get", "pods", "-n", "shop"],
        vec!["get", "events.events.k8s.io", "-n", "shop"],
        vec!["patch", "mutatingwebhookconfiguration/other"],
        vec!["delete", "mutatingwebhookconfiguration/gmsa-webhook-gmsa-webhook"],
        vec!["create", "pods", "-n", "shop"],
    ] {
        assert!(!may(&denied), "{denied:?}");
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

/// A certificate of the webhook's own, and its authority's, that have expired two years ago.
fn expired(cluster: &Cluster) -> Value {
    let year = Duration::from_secs(365 * 86_400);
    let then = ManualClock::new(SystemClock.now().saturating_sub(3 * year));
    let authority = Authority::create("gMSA webhook", Validity(year), &then).expect("an authority");
    let names = ["gmsa-webhook.gmsa-webhook.svc".to_owned(), cluster.address().to_string()];
    let identity = authority.issue(&Purpose::server(names), Validity::DAYS_90, &then).expect("a certificate");
    json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "gmsa-webhook-tls", "namespace": WebhookService::RELEASE },
        "stringData": {
            "ca.crt": authority.certificate_pem(), "ca.key": *authority.key_pem(),
            "tls.crt": identity.chain_pem(), "tls.key": identity.key_pem(),
        },
    })
}

#[test]
fn replicas_share_a_certificate_heal_an_expired_one_and_answer_the_api_server_alone() {
    let cluster = Cluster::start();
    let ca = cluster.ca().display().to_string();
    let flags = ["--client-ca", &ca, "--client-name", "kube-apiserver", "--qps", "50", "--burst", "100"];
    let first = WebhookService::install_with(&cluster, &flags);
    let second = WebhookService::replica(&cluster, &flags);
    assert_eq!(first.certificate(), second.certificate());

    cluster.namespace("shop");
    cluster.service_account("shop", "app");
    cluster.apply(gmsa_credential_spec("webapp01", "WebApp01").to_string());
    cluster.apply(
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: use}\nrules:\n\
         - {apiGroups: [windows.k8s.io], resources: [gmsacredentialspecs], verbs: [use]}\n",
    );
    cluster
        .kubectl()
        .args(["-n", "shop", "create", "rolebinding", "use", "--clusterrole=use", "--serviceaccount=shop:app"])
        .ok();
    let create = |name: &str| {
        let named = with(pod(name, "app"), "/spec", json!({ "gmsaCredentialSpecName": "webapp01" }));
        cluster.kubectl().args(["create", "-f", "-"]).input(named.to_string()).run()
    };
    let made = create("first");
    assert_eq!(made.code, Some(0), "{made}\n{}", first.log());

    // Who is not the API server is not answered: nobody, and a node that the same authority vouches for.
    let address = first.ready["https"].as_str().expect("it says where");
    for who in [None, Some("node-client"), Some("api-client")] {
        let mut curl = Tool::new("curl").args(["-sS", "-k", "-o", "/dev/null", "-w", "%{http_code}"]);
        if let Some(who) = who {
            curl = curl.arg("--cert").arg(cluster.path(&format!("{who}.pem")));
            curl = curl.arg("--key").arg(cluster.path(&format!("{who}.key")));
        }
        let answered = curl.arg(format!("https://{address}/health")).run();
        let expected = if who == Some("api-client") { "204" } else { "000" };
        assert_eq!(answered.stdout, expected, "{who:?}: {answered}");
    }

    // What is damaged is made anew by the one that comes next; what the first shows until its next round is trusted all the same.
    drop(second);
    let (damage, before) = (r#"{"data":{"ca.key":"ZGFtYWdlZA=="}}"#, first.certificate());
    cluster.kubectl().args(["-n", WebhookService::RELEASE, "patch", "secret", "gmsa-webhook-tls", "-p", damage]).ok();
    let second = WebhookService::replica(&cluster, &flags);
    assert_ne!(second.certificate(), before);
    let made = create("damaged");
    assert_eq!(made.code, Some(0), "{made}\n{}", first.log());

    // The replica that comes next finds what has expired, and all of them show what it makes.
    drop(second);
    cluster.apply(expired(&cluster).to_string());
    let second = WebhookService::replica(&cluster, &flags);
    let healed = second.certificate();
    let deadline = Instant::now() + Duration::from_secs(120);
    while first.certificate() != healed {
        assert!(Instant::now() < deadline, "{}", first.log());
        std::thread::sleep(Duration::from_millis(250));
    }
    let made = create("healed");
    assert_eq!(made.code, Some(0), "{made}\n{}", first.log());
}

/// Each would otherwise throw away what the other has made.
#[test]
fn a_replica_whose_clock_is_weeks_ahead_shows_the_others_certificate_and_leaves_it_alone() {
    let cluster = Cluster::start();
    let first = WebhookService::install(&cluster);
    let version = || {
        let secret = ["-n", WebhookService::RELEASE, "get", "secret", "gmsa-webhook-tls", "-o"];
        cluster.kubectl().args(secret).arg("jsonpath={.metadata.resourceVersion}").ok().stdout
    };
    let (shown, before, front) = (first.certificate(), version(), Front::start(&cluster));
    for by in ["+60d", "+400d"] {
        let ahead = WebhookService::replica_ahead(&cluster, &front, by);
        assert_eq!((ahead.certificate(), version()), (shown.clone(), before.clone()), "{by}");
        assert!(ahead.log().contains("set it by NTP"), "{}", ahead.log());
    }
    assert_eq!(first.certificate(), shown);
}

/// A rolling update, and a node that is drained: reviews still come for a while, until everybody has heard.
#[test]
fn who_is_told_to_stop_is_not_ready_but_answers_until_it_is_told_again() {
    let cluster = shop().cluster;
    let mut webhook = WebhookService::replica(cluster, &["--linger", "600"]);
    let authority = webhook.authority(cluster);
    let probe = |webhook: &WebhookService, page: &str| {
        let address = webhook.ready["probes"].as_str().expect("it has probes");
        let curl = Tool::new("curl").args(["-sS", "-o", "/dev/null", "-w", "%{http_code}"]);
        curl.arg(format!("http://{address}{page}")).run().stdout
    };
    assert_eq!(probe(&webhook, "/readyz"), "200");
    webhook.terminate();
    let deadline = Instant::now() + Duration::from_secs(60);
    while probe(&webhook, "/readyz") != "503" {
        assert!(Instant::now() < deadline, "{}", webhook.log());
    }
    assert_eq!(probe(&webhook, "/livez"), "200");
    assert_eq!(webhook.post(&authority, "/validate", "application/json", "{}").0, "200");
    webhook.terminate();
    while webhook.is_alive() {
        assert!(Instant::now() < deadline, "{}", webhook.log());
        std::thread::sleep(Duration::from_millis(10));
    }
}
