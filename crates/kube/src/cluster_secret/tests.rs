//! What is known of a Secret, with an API server that comes, goes, hangs and forgets.

use std::convert::Infallible;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use futures_util::{StreamExt, stream};
use k8s_openapi::ByteString;
use secrecy::ExposeSecret;
use serde_json::json;

use super::*;

const KEEP: Duration = Duration::from_secs(900);

fn secret(keys: &[(&str, &[u8])]) -> v1::Secret {
    let data = keys.iter().map(|(key, value)| ((*key).to_owned(), ByteString(value.to_vec()))).collect();
    v1::Secret { data: Some(data), ..v1::Secret::default() }
}

fn good(password: &str) -> v1::Secret {
    secret(&[("username", b"reader"), ("password", password.as_bytes()), ("domainName", b"contoso.com\n")])
}

fn password(seen: &Seen, now: Instant) -> Option<String> {
    seen.now(now, KEEP).ok().map(|seized| seized.known.secret.password.expose_secret().to_owned())
}

#[test]
fn what_the_cluster_says_last_is_what_the_next_read_returns() {
    let (seen, now) = (Seen::default(), Instant::now());
    assert!(matches!(seen.now(now, KEEP), Err(SecretError::Unavailable(_))));
    assert!(seen.hear(Event::InitApply(good("one")), now));
    assert!(!seen.hear(Event::InitDone, now));
    assert_eq!(password(&seen, now).as_deref(), Some("one"));
    assert!(seen.hear(Event::Apply(good("two")), now));
    assert_eq!(password(&seen, now).as_deref(), Some("two"));
    assert!(seen.hear(Event::Delete(good("two")), now));
    assert!(matches!(seen.now(now, KEEP), Err(SecretError::NotFound)));
    // Made again, and deleted while nobody was watching.
    seen.hear(Event::Apply(good("three")), now);
    assert_eq!(password(&seen, now).as_deref(), Some("three"));
    seen.hear(Event::InitDone, now);
    assert!(matches!(seen.now(now, KEEP), Err(SecretError::NotFound)));
}

#[test]
fn what_was_read_does_not_undo_what_the_watch_has_brought_meanwhile() {
    let (seen, now) = (Seen::default(), Instant::now());
    let before = seen.brought();
    seen.hear(Event::Apply(good("new")), now);
    assert!(!seen.looked(Ok(Some(good("old"))), before, now));
    assert!(!seen.looked(Ok(None), before, now));
    assert_eq!(password(&seen, now).as_deref(), Some("new"));
    let mut next = good("next");
    next.metadata.resource_version = Some("7".into());
    assert!(seen.looked(Ok(Some(next.clone())), seen.brought(), now));
    assert!(!seen.looked(Ok(Some(next)), seen.brought(), now), "that is no news");
    assert!(seen.looked(Ok(None), seen.brought(), now));
    assert!(!seen.looked(Ok(None), seen.brought(), now), "nor is that");
}

#[test]
fn an_outage_is_bridged_for_a_bounded_time_and_no_longer() {
    let (seen, now) = (Seen::default(), Instant::now());
    let at = |seconds| now + Duration::from_secs(seconds);
    let outage = |seconds| seen.looked(Err("gone".into()), seen.brought(), at(seconds));
    outage(0);
    assert!(matches!(seen.now(at(1), KEEP), Err(SecretError::Unavailable(_))));
    seen.hear(Event::Apply(good("one")), at(10));
    // That the watch begins anew says nothing of the API server.
    for seconds in [20, 400, 800] {
        outage(seconds);
    }
    assert_eq!(seen.silence(at(800)), Duration::from_secs(790));
    assert_eq!(password(&seen, at(910)).as_deref(), Some("one"));
    assert!(matches!(seen.now(at(911), KEEP), Err(SecretError::Unavailable(_))));
    seen.looked(Ok(Some(good("one"))), seen.brought(), at(1000));
    assert_eq!(password(&seen, at(1000)).as_deref(), Some("one"));
}

#[test]
fn a_secret_without_all_of_its_keys_is_none() {
    for missing in ["username", "password", "domainName"] {
        for bad in [None, Some(&b""[..]), Some(b"\n"), Some(b"\xff"), Some(&[b'x'; 5_000])] {
            let keys = ["username", "password", "domainName"];
            let keys: Vec<(&str, &[u8])> = keys
                .into_iter()
                .filter_map(|key| if key == missing { bad.map(|bad| (key, bad)) } else { Some((key, &b"x"[..])) })
                .collect();
            assert!(matches!(read(secret(&keys)), Err(SecretError::Incomplete(key)) if key == missing));
        }
    }
}

/// How the API server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    Well,
    /// It answers, but watches say that what they know is too old, and that again and again.
    Forgets,
    Says(u16),
    Silent,
}

#[derive(Clone)]
struct Server(Arc<Mutex<(Mood, String, u64)>>);

impl Server {
    fn become_(&self, mood: Mood, password: &str) {
        let mut state = self.0.lock().unwrap();
        *state = (mood, password.to_owned(), state.2 + 1);
    }

    async fn answer(self, request: Request) -> Response {
        let (mood, password, version) = self.0.lock().unwrap().clone();
        let status = |code: u16| json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": "no", "reason": "x", "code": code });
        match mood {
            Mood::Says(code) => return (StatusCode::from_u16(code).unwrap(), Json(status(code))).into_response(),
            Mood::Silent => return std::future::pending().await,
            _ => {}
        }
        let query = request.uri().query().unwrap_or_default();
        if query.contains("watch=") {
            let expired = Bytes::from(format!("{}\n", json!({ "type": "ERROR", "object": status(410) })));
            let first: Vec<Result<Bytes, Infallible>> = if mood == Mood::Forgets { vec![Ok(expired)] } else { vec![] };
            return Body::from_stream(stream::iter(first).chain(stream::pending())).into_response();
        }
        let mut secret = good(&password);
        secret.metadata.name = Some("webapp-creds".into());
        secret.metadata.resource_version = Some(version.to_string());
        if query.contains("fieldSelector") {
            let list = json!({ "kind": "SecretList", "apiVersion": "v1", "metadata": { "resourceVersion": "1" }, "items": [secret] });
            return Json(list).into_response();
        }
        Json(secret).into_response()
    }
}

fn watched(keep: Duration) -> (ClusterSecret, Server) {
    let server = Server(Arc::new(Mutex::new((Mood::Well, "one".to_owned(), 1))));
    let answering = server.clone();
    let client = Client::new(Router::<()>::new().fallback(move |request| answering.clone().answer(request)), "default");
    let (namespace, name) = ("gmsa".parse().unwrap(), "webapp-creds".parse().unwrap());
    (ClusterSecret::watch(client, &namespace, name, keep), server)
}

fn given(secret: &ClusterSecret) -> Option<String> {
    let found = secret.read(&"webapp-creds".parse().unwrap()).ok()?;
    Some(found.password.expose_secret().to_owned())
}

#[tokio::test(start_paused = true)]
async fn a_value_is_not_kept_for_longer_however_the_api_server_fails() {
    for mood in [Mood::Says(500), Mood::Says(429), Mood::Says(410), Mood::Silent] {
        let (secret, server) = watched(Duration::from_secs(60));
        secret.heard().await;
        server.become_(Mood::Forgets, "one");
        sleep(Duration::from_secs(200)).await;
        assert_eq!(given(&secret).as_deref(), Some("one"), "it answers all the time");
        server.become_(mood, "two");
        sleep(Duration::from_secs(44)).await;
        assert_eq!(given(&secret).as_deref(), Some("one"), "{mood:?}");
        sleep(Duration::from_secs(17)).await;
        assert_eq!(given(&secret), None, "{mood:?}");
        assert!(secret.standing().ready.is_err() && secret.standing().silent > Some(Duration::from_secs(60)));
    }
}

#[tokio::test(start_paused = true)]
async fn after_an_outage_a_changed_secret_is_there_within_seconds() {
    for mood in [Mood::Says(500), Mood::Silent] {
        let (secret, server) = watched(KEEP);
        secret.heard().await;
        server.become_(mood, "one");
        sleep(Duration::from_secs(600)).await;
        assert_eq!(given(&secret).as_deref(), Some("one"));
        server.become_(Mood::Well, "two");
        sleep(RETRY + ANSWER).await;
        assert_eq!(given(&secret).as_deref(), Some("two"), "{mood:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_value_that_may_not_be_kept_at_all_is_given_while_the_api_server_answers() {
    let (secret, server) = watched(Duration::ZERO);
    secret.heard().await;
    for _ in 0..100 {
        sleep(Duration::from_millis(370)).await;
        assert!(given(&secret).is_some());
    }
    server.become_(Mood::Silent, "one");
    sleep(LEAST_KEPT * 2).await;
    assert_eq!(given(&secret), None);
}
