//! The webhook as a program: what it answers, what it may do, its memory, its replicas and their certificate, and its end.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use dtyp::{Clock, ManualClock, SystemClock};
use pando_tests::{Cluster, Front, Tool, WebhookService, gmsa_credential_spec};
use pki::{Authority, Purpose, Validity};
use serde_json::{Value, json};

use crate::shop::{Shop, pod, shop, with};

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

/// More than it takes, from the very address that reviews come from here.
#[test]
fn connections_that_say_nothing_keep_no_review_out() {
    let cluster = shop().cluster;
    let webhook = WebhookService::replica(cluster, &[]);
    let authority = webhook.authority(cluster);
    let address = webhook.ready["https"].as_str().expect("it says where");
    let silent: Vec<_> = (0..700).map(|_| TcpStream::connect(address).expect("its port is open")).collect();
    for _ in 0..10 {
        let (code, answer) = webhook.post(&authority, "/validate", "application/json", "{}");
        assert_eq!((code.as_str(), &answer["response"]["status"]["code"]), ("200", &json!(400)));
    }
    drop(silent);
}

/// Of either version of HTTP, from eight addresses, at more connections than there are places.
#[test]
fn who_floods_it_neither_keeps_the_api_server_out_nor_takes_more_memory_than_its_pod_has() {
    let cluster = shop().cluster;
    let webhook = WebhookService::replica(cluster, &[]);
    let before = webhook.peak_memory();
    let address = webhook.ready["https"].as_str().expect("it says where");
    let (host, port) = address.rsplit_once(':').expect("it has a port");
    let flood = Tool::new("/usr/bin/python3").args(["-c", include_str!("flood.py"), host, port]).ok();
    let said: Value = serde_json::from_str(&flood.stdout).expect("it prints JSON");
    assert!(said["connections"].as_u64() > Some(300), "{said}");
    assert_eq!(said["codes"], json!(["200", "200"]), "{}", webhook.log());
    let peak = webhook.peak_memory();
    assert!(peak < before.max(40 << 10) + (72 << 10), "{before} KiB before, {peak} KiB at most");
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
        vec!["delete", "mutatingwebhookconfiguration/gmsa-webhook.gmsa-webhook"],
        vec!["create", "pods", "-n", "shop"],
    ] {
        assert!(!may(&denied), "{denied:?}");
    }
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
