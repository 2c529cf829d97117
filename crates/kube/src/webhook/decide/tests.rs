//! Every operation, at every level, by every role.

use std::collections::BTreeMap;
use std::sync::Mutex;

use dtyp::SystemRandom;

use super::*;
use crate::webhook::answer;

/// A cluster in which `app` of namespace `shop` may use `webapp01`, `empty` and `missing`.
#[derive(Default)]
struct Cluster {
    specs: BTreeMap<&'static str, Value>,
    /// What has become of some of them, which is not known yet.
    changed: BTreeMap<&'static str, Value>,
    down: bool,
    asked: Mutex<Vec<String>>,
}

impl Lookups for Cluster {
    async fn may_use(&self, who: &ServiceAccount, spec: &str) -> Verdict {
        self.asked.lock().unwrap().push(format!("may {}/{} use {spec}", who.namespace, who.name));
        match (who.namespace.as_str(), who.name.as_str(), spec) {
            ("shop", "app", "webapp01" | "webapp02" | "empty" | "list" | "missing") => Verdict::Allowed,
            ("shop", "told", _) => Verdict::Denied("the \"reason\"".to_owned()),
            _ => Verdict::Denied(String::new()),
        }
    }

    async fn spec(&self, name: &str) -> Result<Option<Value>, String> {
        self.asked.lock().unwrap().push(format!("what is {name}"));
        if self.down { Err("connection refused".to_owned()) } else { Ok(self.specs.get(name).cloned()) }
    }

    async fn spec_now(&self, name: &str) -> Result<Option<Value>, String> {
        let known = self.spec(name).await?;
        Ok(self.changed.get(name).cloned().or(known))
    }
}

fn contents(account: &str) -> Value {
    json!({ "DomainJoinConfig": { "MachineAccountName": account, "DnsName": "contoso.com" }, "CmsPlugins": ["ActiveDirectory"] })
}

fn cluster() -> Cluster {
    let specs = [
        ("webapp01", json!({ "credspec": contents("<webapp01>") })),
        ("webapp02", json!({ "credspec": contents("webapp02") })),
        ("empty", json!({ "other": {} })),
        ("list", json!({ "credspec": [] })),
    ];
    Cluster { specs: specs.into(), ..Cluster::default() }
}

const INLINED: &str = r#"{"CmsPlugins":["ActiveDirectory"],"DomainJoinConfig":{"DnsName":"contoso.com","MachineAccountName":"\u003cwebapp01\u003e"}}"#;

fn decider() -> Decider<Cluster> {
    Decider { lookups: cluster(), random_hostname: false, random: Arc::new(SystemRandom) }
}

/// Where an identity can be named: the level's name in messages, its place, and what the pod must have for it to be there.
const LEVELS: [(&str, &str); 4] = [
    ("pod \"web\"", "/spec"),
    ("container \"one\"", "/spec/containers/1"),
    ("initContainer \"one\"", "/spec/initContainers/1"),
    ("ephemeral container \"one\"", "/spec/ephemeralContainers/1"),
];

fn pod() -> Value {
    let containers = json!([{ "name": "zero" }, { "name": "one" }]);
    json!({
        "metadata": { "name": "web", "annotations": null },
        "spec": {
            "serviceAccountName": "app", "containers": containers, "initContainers": containers, "ephemeralContainers": containers,
        },
    })
}

/// The pod with these options at one place.
fn with(place: &str, options: Value) -> Value {
    let mut pod = pod();
    pod.pointer_mut(place).unwrap()["securityContext"] = json!({ "windowsOptions": options });
    pod
}

fn review(operation: &str, sub_resource: &str, object: &Value, old: &Value) -> Review {
    let body = json!({
        "apiVersion": "admission.k8s.io/v1beta1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "7", "kind": { "group": "", "version": "v1", "kind": "Pod" }, "subResource": sub_resource, "namespace": "shop",
            "operation": operation, "object": object, "oldObject": old,
        },
    });
    Review::parse(body.to_string()).unwrap()
}

fn created(pod: &Value) -> Review {
    review("CREATE", "", pod, &Value::Null)
}

async fn said(review: &Review) -> (u16, String) {
    let denial = decider().validate(review).await.unwrap_err();
    (denial.code(), denial.to_string())
}

#[tokio::test]
async fn pods_without_an_identity_pass_as_they_are() {
    for pod in [pod(), with("/spec", json!(null)), with("/spec", json!({})), with("/spec/containers/0", json!({}))] {
        let decider = decider();
        decider.validate(&created(&pod)).await.unwrap();
        assert_eq!(decider.mutate(&created(&pod)).await, Ok(vec![]));
        decider.validate(&review("UPDATE", "", &pod, &pod)).await.unwrap();
        assert!(decider.lookups.asked.lock().unwrap().is_empty(), "nobody is asked about them");
    }
}

#[tokio::test]
async fn a_named_spec_is_written_into_the_pod_byte_by_byte_as_go_does() {
    for (_, place) in LEVELS {
        let pod = with(place, json!({ "gmsaCredentialSpecName": "webapp01" }));
        let path = format!("{place}/securityContext/windowsOptions/gmsaCredentialSpec");
        assert_eq!(decider().mutate(&created(&pod)).await, Ok(vec![Addition { path, value: json!(INLINED) }]));
        decider().validate(&created(&pod)).await.unwrap();
    }
}

#[tokio::test]
async fn matching_contents_stay_as_they_are() {
    let spaced = serde_json::to_string_pretty(&contents("<webapp01>")).unwrap();
    for (_, place) in LEVELS {
        for text in [INLINED, &spaced] {
            let options = json!({ "gmsaCredentialSpecName": "webapp01", "gmsaCredentialSpec": text });
            let pod = with(place, options);
            assert_eq!(decider().mutate(&created(&pod)).await, Ok(vec![]));
            decider().validate(&created(&pod)).await.unwrap();
        }
    }
}

#[tokio::test]
async fn other_contents_are_refused() {
    for (site, place) in LEVELS {
        let named =
            |text: &str| with(place, json!({ "gmsaCredentialSpecName": "webapp01", "gmsaCredentialSpec": text }));
        let core =
            format!("the GMSA cred spec contents for {site} does not match the contents of GMSA resource \"webapp01\"");
        assert_eq!(said(&created(&named("{}"))).await, (422, core.clone()));
        let (code, text) = said(&created(&named("no json"))).await;
        assert!(code == 422 && text.starts_with(&format!("{core}: ")), "{text}");
        let nameless = with(place, json!({ "gmsaCredentialSpec": INLINED }));
        let text =
            format!("{site} has a GMSA cred spec set, but does not define the name of the corresponding resource");
        assert_eq!(said(&created(&nameless)).await, (422, text));
    }
}

/// Two replicas do not hear of a change at the same moment.
#[tokio::test]
async fn nobody_is_refused_for_what_another_replica_knows_better() {
    for (_, place) in LEVELS {
        let now = json!({ "credspec": contents("<webapp01>") });
        for before in [Some(json!({ "credspec": contents("before") })), Some(json!({})), None] {
            let mut cluster = cluster();
            cluster.specs.remove("webapp01");
            cluster.specs.extend(before.map(|before| ("webapp01", before)));
            cluster.changed.insert("webapp01", now.clone());
            let decider = Decider { lookups: cluster, ..decider() };
            let options = json!({ "gmsaCredentialSpecName": "webapp01", "gmsaCredentialSpec": INLINED });
            decider.validate(&created(&with(place, options))).await.unwrap();
        }
    }
}

/// Which of the two would count on the node, nobody here knows.
#[tokio::test]
async fn contents_with_a_key_twice_are_refused() {
    for (site, place) in LEVELS {
        let members = INLINED.strip_prefix('{').unwrap();
        for other in [r#""CmsPlugins":["Other"]"#, r#""\u0043msPlugins":["ActiveDirectory"]"#] {
            let text = format!("{{{other},{members}");
            assert_eq!(
                serde_json::from_str::<Value>(&text).unwrap(),
                contents("<webapp01>"),
                "the last one is the right one"
            );
            let options = json!({ "gmsaCredentialSpecName": "webapp01", "gmsaCredentialSpec": text });
            let (code, said) = said(&created(&with(place, options))).await;
            let core = format!(
                "contents for {site} does not match the contents of GMSA resource \"webapp01\": the key \"CmsPlugins\" stands twice"
            );
            assert!(code == 422 && said.contains(&core), "{said}");
        }
    }
}

#[tokio::test]
async fn a_pod_has_a_thousand_containers_of_a_kind_at_most_and_half_a_megabyte_of_contents() {
    let many = |number: usize, spec: &str| {
        let options = json!({ "windowsOptions": { "gmsaCredentialSpecName": spec } });
        let one = |number| json!({ "name": format!("c{number}"), "securityContext": options });
        let mut pod = pod();
        pod["spec"]["containers"] = (0..number).map(one).collect();
        pod
    };
    assert_eq!(decider().mutate(&created(&many(1_000, "webapp01"))).await.unwrap().len(), 1_000);
    assert_eq!(created(&many(1_000, "webapp01")).names(), 1_000);
    let denial = decider().mutate(&created(&many(1_001, "webapp01"))).await.unwrap_err();
    assert!(denial.code() == 400 && denial.to_string().contains("more than 1000 containers"), "{denial}");
    let mut cluster = cluster();
    cluster.specs.insert("webapp02", json!({ "credspec": { "CmsPlugins": "x".repeat(300 << 10) } }));
    let big = Decider { lookups: cluster, ..decider() };
    assert_eq!(big.mutate(&created(&many(1, "webapp02"))).await.unwrap().len(), 1);
    assert_eq!(big.mutate(&created(&many(2, "webapp02"))).await, Err(Denial::TooMuch(512 << 10)));
}

#[tokio::test]
async fn who_may_not_use_a_spec_is_refused_before_it_is_looked_at() {
    for (_, place) in LEVELS {
        for spec in ["webapp01", "nowhere"] {
            for options in [
                json!({ "gmsaCredentialSpecName": spec }),
                json!({ "gmsaCredentialSpecName": spec, "gmsaCredentialSpec": "{}" }),
            ] {
                let mut pod = with(place, options);
                pod["spec"]["serviceAccountName"] = json!("other");
                let decider = decider();
                let text = format!("service account \"other\" is not authorized to `use` GMSA cred spec \"{spec}\"");
                let denial = decider.validate(&created(&pod)).await.unwrap_err();
                assert_eq!((denial.code(), denial.to_string()), (403, text.clone()));
                if let Err(denial) = decider.mutate(&created(&pod)).await {
                    assert_eq!((denial.code(), denial.to_string()), (403, text));
                }
                let asked = decider.lookups.asked.lock().unwrap().clone();
                assert!(!asked.iter().any(|question| question.starts_with("what")), "{asked:?}");
                pod["spec"]["serviceAccountName"] = json!("told");
                assert!(said(&created(&pod)).await.1.ends_with(r#", reason: "the \"reason\"""#));
                pod["spec"]["serviceAccountName"] = Value::Null;
                assert!(said(&created(&pod)).await.1.starts_with("service account \"default\" is not"));
            }
        }
    }
}

#[tokio::test]
async fn specs_that_are_none_are_told_apart() {
    for (_, place) in LEVELS {
        let refused = async |name: &str| {
            let pod = with(place, json!({ "gmsaCredentialSpecName": name }));
            decider().mutate(&created(&pod)).await.unwrap_err()
        };
        assert_eq!(refused("missing").await, Denial::NoSpec("missing".into()));
        assert_eq!(refused("missing").await.to_string(), "cred spec missing does not exist");
        for name in ["empty", "list"] {
            let denial = refused(name).await;
            let text = format!("cred spec {name} does not have a credspec key");
            assert_eq!((denial.code(), denial.to_string()), (417, text));
        }
        for name in ["", "Webapp01", "../webapp01", "a/b", "webapp01?x=y", "webapp01\u{202e}"] {
            let denial = refused(name).await;
            assert!(denial.code() == 422 && matches!(denial, Denial::BadName { .. }), "{name}: {denial}");
        }
    }
    let down = Decider { lookups: Cluster { down: true, ..cluster() }, ..decider() };
    let denial =
        down.mutate(&created(&with("/spec", json!({ "gmsaCredentialSpecName": "webapp01" })))).await.unwrap_err();
    let text = "unable to retrieve the contents of cred spec webapp01: connection refused";
    assert_eq!((denial.code(), denial.to_string()), (500, text.to_owned()));
}

#[tokio::test]
async fn a_running_pod_stays_who_it_is() {
    let one = json!({ "gmsaCredentialSpecName": "webapp01", "gmsaCredentialSpec": INLINED });
    let changes = [
        (json!({ "gmsaCredentialSpecName": "webapp02", "gmsaCredentialSpec": INLINED }), "name"),
        (json!({ "gmsaCredentialSpecName": "webapp01", "gmsaCredentialSpec": "{}" }), "contents"),
        (json!({ "gmsaCredentialSpecName": "webapp02", "gmsaCredentialSpec": "{}" }), "name and contents"),
        (json!({}), "name and contents"),
        (Value::Null, "name and contents"),
    ];
    for (site, place) in LEVELS {
        let before = with(place, one.clone());
        decider().validate(&review("UPDATE", "", &before, &before)).await.unwrap();
        for (changed, what) in &changes {
            let after = with(place, changed.clone());
            let text = format!("cannot update an existing pod's GMSA settings (GMSA {what} modified on {site})");
            for (before, after) in [(&before, &after), (&after, &before)] {
                let update = review("UPDATE", "", after, before);
                assert_eq!(said(&update).await, (403, text.clone()));
                assert_eq!(decider().mutate(&update).await, Ok(vec![]));
            }
        }
    }
}

#[tokio::test]
async fn ephemeral_containers_that_come_later_are_looked_at_like_the_first_ones() {
    let place = "/spec/ephemeralContainers/1";
    let mut before = pod();
    before["spec"]["ephemeralContainers"] = json!([{ "name": "zero" }]);
    let more = |after: &Value| review("UPDATE", "ephemeralcontainers", after, &before);
    let after = with(place, json!({ "gmsaCredentialSpecName": "webapp01" }));
    let path = format!("{place}/securityContext/windowsOptions/gmsaCredentialSpec");
    assert_eq!(decider().mutate(&more(&after)).await, Ok(vec![Addition { path, value: json!(INLINED) }]));
    decider().validate(&more(&after)).await.unwrap();
    let nameless = with(place, json!({ "gmsaCredentialSpec": INLINED }));
    assert_eq!(said(&more(&nameless)).await.0, 422);
    let mut foreign = after.clone();
    foreign["spec"]["serviceAccountName"] = json!("other");
    assert_eq!(said(&more(&foreign)).await.0, 403);
    let changed = with("/spec/containers/1", json!({ "gmsaCredentialSpecName": "webapp01" }));
    assert_eq!(said(&more(&changed)).await.0, 403);
}

#[tokio::test]
async fn a_pod_with_an_identity_gets_a_host_name_of_its_own_where_that_is_wanted() {
    let random = || Decider { random_hostname: true, ..decider() };
    let named = with("/spec/containers/0", json!({ "gmsaCredentialSpecName": "webapp01" }));
    let additions = random().mutate(&created(&named)).await.unwrap();
    let hostname = additions.iter().find(|addition| addition.path == "/spec/hostname").unwrap();
    let hostname = hostname.value.as_str().unwrap();
    assert!(hostname.len() == 15 && hostname.ends_with("-4") && hostname.as_bytes()[8] == b'-', "{hostname}");
    assert_ne!(random().mutate(&created(&named)).await.unwrap(), additions);
    let mut preset = named.clone();
    preset["spec"]["hostname"] = json!("chosen");
    assert_eq!(random().mutate(&created(&preset)).await.unwrap().len(), 1);
    assert_eq!(random().mutate(&created(&pod())).await, Ok(vec![]));
    assert_eq!(decider().mutate(&created(&named)).await.unwrap().len(), 1);
}

fn linux_pod() -> Value {
    let mut pod = pod();
    pod["metadata"]["annotations"] = json!({ linux::ANNOTATION: "webapp01" });
    pod["spec"]["ephemeralContainers"] = Value::Null;
    pod
}

#[tokio::test]
async fn a_linux_pod_gets_the_volume_and_each_container_its_mount_and_environment() {
    let mut pod = linux_pod();
    pod["spec"]["volumes"] = json!([{ "name": "data" }]);
    pod["spec"]["containers"][0]["env"] = json!([{ "name": "KRB5CCNAME", "value": "FILE:/mine" }]);
    pod["spec"]["containers"][0]["volumeMounts"] = json!([{ "name": "data", "mountPath": "/data" }]);
    let additions = decider().mutate(&created(&pod)).await.unwrap();
    let paths: Vec<_> = additions.iter().map(|addition| addition.path.as_str()).collect();
    let expected = [
        "/spec/volumes/-",
        "/spec/containers/0/volumeMounts/-",
        "/spec/containers/1/volumeMounts",
        "/spec/containers/1/env",
        "/spec/initContainers/0/volumeMounts",
        "/spec/initContainers/0/env",
        "/spec/initContainers/1/volumeMounts",
        "/spec/initContainers/1/env",
    ];
    assert_eq!(paths, expected);
    let csi = &additions[0].value["csi"];
    assert_eq!(csi["volumeAttributes"], json!({ "credentialSpecName": "webapp01" }));
    assert_eq!((&csi["driver"], &csi["readOnly"]), (&json!("gmsa.pando.dev"), &json!(true)));
    let mut foreign = linux_pod();
    foreign["spec"]["serviceAccountName"] = json!("other");
    assert_eq!(said(&created(&foreign)).await.0, 403);
    assert!(decider().mutate(&created(&foreign)).await.is_err());
}

#[tokio::test]
async fn a_pod_that_selects_linux_nodes_gets_the_volume_of_what_its_windows_options_name() {
    let paths = async |pod: &Value| -> Vec<String> {
        decider().mutate(&created(pod)).await.unwrap().into_iter().map(|addition| addition.path).collect()
    };
    let has_volume = |paths: &[String]| paths.iter().any(|path| path == "/spec/volumes");
    let mut selected = with("/spec", json!({ "gmsaCredentialSpecName": "webapp01" }));
    assert!(!has_volume(&paths(&selected).await), "it may be for Windows");
    selected["spec"]["nodeSelector"] = json!({ "kubernetes.io/os": "linux" });
    let all = paths(&selected).await;
    assert!(has_volume(&all) && all.iter().any(|path| path.ends_with("windowsOptions/gmsaCredentialSpec")), "{all:?}");
    decider().validate(&created(&selected)).await.unwrap();
    // A pod that waits for its gates may still get a node selector.
    let waiting = with("/spec", json!({ "gmsaCredentialSpecName": "webapp01" }));
    decider().validate(&review("UPDATE", "", &selected, &waiting)).await.unwrap();
    selected["spec"]["nodeSelector"]["kubernetes.io/os"] = json!("windows");
    assert!(!has_volume(&paths(&selected).await));
    let mut one = with("/spec/containers/1", json!({ "gmsaCredentialSpecName": "webapp01" }));
    one["spec"]["nodeSelector"] = json!({ "kubernetes.io/os": "linux" });
    assert!(!has_volume(&paths(&one).await), "a single container's is for Windows");
}

#[tokio::test]
async fn an_identity_is_either_for_windows_or_for_linux_and_does_not_change() {
    let mut both = linux_pod();
    both["spec"]["securityContext"] = json!({ "windowsOptions": { "gmsaCredentialSpecName": "webapp01" } });
    assert_eq!(said(&created(&both)).await.0, 422);
    let mut other = linux_pod();
    other["metadata"]["annotations"][linux::ANNOTATION] = json!("webapp02");
    assert_eq!(said(&review("UPDATE", "", &other, &linux_pod())).await.0, 403);
    let mut bad = linux_pod();
    bad["metadata"]["annotations"][linux::ANNOTATION] = json!("../secret");
    assert_eq!(said(&created(&bad)).await.0, 422);
}

#[tokio::test]
async fn what_is_no_question_about_a_pod_is_refused() {
    let parse = |body: &str| Review::parse(body.to_owned());
    for body in ["", "{", "[]", "7", "null", "\"request\"", r#"{"request":7}"#, &"[".repeat(10_000)] {
        assert_eq!(parse(body).unwrap_err().code(), 400, "{body:.20}");
    }
    assert_eq!(parse("{}").unwrap_err().to_string(), "no 'Request' field in JSON body");
    let deployment =
        parse(r#"{"request":{"uid":"7","operation":"CREATE","kind":{"kind":"Deployment"},"object":{}}}"#).unwrap();
    assert_eq!(said(&deployment).await, (400, "expected a Pod object, got a Deployment".to_owned()));
    for operation in ["DELETE", "CONNECT", "", "create"] {
        assert_eq!(
            said(&review(operation, "", &pod(), &pod())).await,
            (400, format!("unpexpected operation {operation}"))
        );
    }
    for none in [Value::Null, json!("pod"), json!([])] {
        let (code, text) = said(&created(&none)).await;
        assert!(code == 400 && text.starts_with("unable to unmarshall pod JSON object: "), "{text}");
    }
    // Nobody gets back, or into the log, all that was sent.
    let long = "x".repeat(1 << 20);
    for body in [json!({ "request": long }), json!({ "request": { "uid": long } })] {
        assert!(parse(&body.to_string()).unwrap_err().to_string().len() < 500);
    }
    assert!(said(&created(&json!({ "spec": { "containers": long } }))).await.1.len() < 500);
    let text = parse("{").unwrap_err().to_string();
    assert!(text.starts_with("unable to unmarshall JSON body as an admission review: "), "{text}");
    for spec in [
        json!([]),
        json!({ "containers": {} }),
        json!({ "containers": [7] }),
        json!({ "containers": [["zero"]] }),
        json!({ "volumes": {} }),
        json!({ "nodeSelector": [] }),
        json!({ "serviceAccountName": 7 }),
    ] {
        let (code, text) = said(&created(&json!({ "metadata": {}, "spec": spec }))).await;
        assert!(code == 400 && text.starts_with("unable to unmarshall pod JSON object: "), "{text}");
    }
    assert_eq!(said(&review("UPDATE", "", &pod(), &json!([]))).await.0, 400);
}

/// The port is open to the whole cluster, so a review may be anybody's.
#[tokio::test]
async fn a_namespace_that_leads_elsewhere_is_never_asked_about() {
    let pod = with("/spec", json!({ "gmsaCredentialSpecName": "webapp01" }));
    for namespace in ["", "shop/../kube-system", "../..", "shop?x=y", "Shop", "sh op", "shop\n", &"x".repeat(64)] {
        let mut review = created(&pod);
        namespace.clone_into(&mut review.namespace);
        let decider = decider();
        assert_eq!(decider.mutate(&review).await.unwrap_err().code(), 400, "{namespace}");
        assert_eq!(decider.validate(&review).await.unwrap_err().code(), 400, "{namespace}");
        assert!(decider.lookups.asked.lock().unwrap().is_empty());
    }
}

#[test]
fn answers_are_of_the_first_version_and_repeat_the_question() {
    let refused = answer("7", &Err(Denial::NoSpec("x".into())));
    let response =
        json!({ "uid": "7", "allowed": false, "status": { "message": "cred spec x does not exist", "code": 404 } });
    assert_eq!(
        refused,
        json!({ "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response })
    );
    assert_eq!(answer("7", &Ok(vec![]))["response"], json!({ "uid": "7", "allowed": true }));
    let addition = Addition { path: "/spec/hostname".into(), value: json!("x") };
    let response = answer("7", &Ok(vec![addition]))["response"].clone();
    assert_eq!(response["patchType"], "JSONPatch");
    let patch = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, response["patch"].as_str().unwrap());
    assert_eq!(patch.unwrap(), br#"[{"op":"add","path":"/spec/hostname","value":"x"}]"#);
}
