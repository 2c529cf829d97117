//! An API server that is busy, broken, silent or gone, and comes to itself again.

use std::convert::Infallible;
use std::future::pending;
use std::sync::Mutex;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Json, Response};
use dtyp::{FileTime, ManualClock};
use futures_util::stream;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::super::conclude::{Nodes, Spec, conclude};
use super::*;

/// How it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    Well,
    /// With this code, and to come again after so many seconds.
    Says(u16, u32),
    Nonsense,
    Silent,
}

/// One with one credential spec, which knows the moods of its reads and its writes, and when it was asked to write.
#[derive(Clone)]
struct Api(Arc<Mutex<State>>);

struct State {
    reads: Mood,
    writes: Mood,
    asked: Vec<Instant>,
    lists: usize,
    read: usize,
    made: Vec<String>,
    /// A status that may not be written.
    forbidden: Option<&'static str>,
    /// Of the spec, for who asks now. Who lists and watches has heard of the first.
    generation: i64,
    /// The status, as others have left it.
    stored: Option<Value>,
}

impl Api {
    fn new(reads: Mood, writes: Mood) -> Self {
        let (asked, made) = (vec![], vec![]);
        Self(Arc::new(Mutex::new(State {
            reads,
            writes,
            asked,
            lists: 0,
            read: 0,
            made,
            forbidden: None,
            generation: 1,
            stored: None,
        })))
    }

    fn with<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
        f(&mut self.0.lock().unwrap())
    }

    async fn answer(&self, request: Request) -> Response {
        let is_write = request.method() != Method::GET;
        let mood = self.with(|state| if is_write { state.writes } else { state.reads });
        if is_write {
            self.with(|state| state.asked.push(Instant::now()));
        } else {
            self.with(|state| state.read += 1);
        }
        match mood {
            Mood::Silent => return pending().await,
            Mood::Nonsense => return "[".into_response(),
            Mood::Says(code, seconds) => return says(code, seconds),
            Mood::Well => {}
        }
        let (path, query) = (request.uri().path().to_owned(), request.uri().query().unwrap_or_default().to_owned());
        if is_write {
            let bytes = axum::body::to_bytes(request.into_body(), 1 << 20).await.unwrap();
            let object: Value = serde_json::from_slice(&bytes).unwrap();
            let name = object["metadata"]["name"].as_str().unwrap().to_owned();
            if self.with(|state| state.forbidden) == Some(&*name) {
                return says(403, 0);
            }
            self.with(|state| state.made.push(name));
            return Json(object).into_response();
        }
        if query.contains("watch=") {
            let nothing = stream::pending::<Result<Bytes, Infallible>>();
            return Body::from_stream(nothing).into_response();
        }
        let generation = self.with(|state| state.generation);
        let spec = |name: &str, uid: &str, generation: i64| json!({ "metadata": { "name": name, "uid": uid, "generation": generation }, "credspec": {} });
        let two = [("webapp01", "u1"), ("webapp02", "u3")];
        if let Some((name, uid)) = two.iter().find(|(name, _)| path.ends_with(&format!("/gmsacredentialspecs/{name}")))
        {
            return Json(spec(name, uid, generation)).into_response();
        }
        let is_forbidden = self.with(|state| state.forbidden.is_some());
        self.with(|state| state.lists += 1);
        let items = match path.rsplit('/').next() {
            Some("gmsacredentialspecs") if is_forbidden => two.iter().map(|(name, uid)| spec(name, uid, 1)).collect(),
            Some("gmsacredentialspecs") => vec![spec("webapp01", "u1", 1)],
            Some("gmsastatuses") => self.with(|state| state.stored.clone().into_iter().collect()),
            _ => vec![],
        };
        Json(json!({ "kind": "List", "apiVersion": "v1", "metadata": { "resourceVersion": "1" }, "items": items }))
            .into_response()
    }
}

fn says(code: u16, seconds: u32) -> Response {
    let details = json!({ "retryAfterSeconds": seconds });
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": "not now", "reason": "x",
        "details": details, "code": code,
    });
    (StatusCode::from_u16(code).unwrap(), Json(status)).into_response()
}

async fn controller(api: &Api) -> JoinSet<ControllerError> {
    let mut running = JoinSet::new();
    running.spawn(watching(api).await.run());
    running
}

async fn watching(api: &Api) -> Controller {
    let (clock, answering) = (Arc::new(ManualClock::new(FileTime::from_unix(1_800_000_000, 0))), api.clone());
    let answer = move |request: Request| {
        let api = answering.clone();
        async move { api.answer(request).await }
    };
    let client = Client::new(Router::<()>::new().fallback(answer), "default");
    Controller::start(ControllerConfig { installer: None, probes: None }, client, clock).await.unwrap()
}

/// Time passes by itself: nothing else is to be done.
async fn until(what: impl Fn() -> bool) {
    for _ in 0..100_000 {
        if what() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it never comes to that");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_is_not_taken_for_missing_and_is_read_when_it_can_be() {
    for mood in [Mood::Says(429, 5), Mood::Says(500, 0), Mood::Says(503, 0), Mood::Says(403, 0), Mood::Nonsense] {
        let api = Api::new(mood, Mood::Well);
        let _running = controller(&api).await;
        tokio::time::sleep(Duration::from_secs(300)).await;
        assert!(api.with(|state| state.asked.is_empty()), "{mood:?}: nothing is written of what was not seen");
        api.with(|state| state.reads = Mood::Well);
        until(|| api.with(|state| state.made == ["webapp01"])).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_busy_api_server_is_left_alone_for_as_long_as_it_says() {
    for (mood, least) in [(Mood::Says(429, 7), 7), (Mood::Says(429, 0), 1), (Mood::Says(500, 0), 1), (Mood::Silent, 1)]
    {
        let api = Api::new(Mood::Well, mood);
        let _running = controller(&api).await;
        until(|| api.with(|state| state.asked.len() == 6)).await;
        let asked = api.with(|state| state.asked.clone());
        let pauses: Vec<_> = asked.windows(2).map(|two| two[1] - two[0]).collect();
        assert!(pauses.iter().all(|pause| *pause >= Duration::from_secs(least)), "{mood:?} {pauses:?}");
        assert!(pauses.windows(2).all(|two| two[1] >= two[0]), "it waits longer each time: {mood:?} {pauses:?}");
        assert!(pauses[4] <= LONGEST_RETRY + PATIENCE + GATHER, "{mood:?} {pauses:?}");
        api.with(|state| state.writes = Mood::Well);
        until(|| api.with(|state| state.made == ["webapp01"])).await;
    }
}

/// However long it wants to be left alone.
#[tokio::test(start_paused = true)]
async fn nobody_is_left_alone_for_ever() {
    let api = Api::new(Mood::Well, Mood::Says(429, u32::MAX));
    let _running = controller(&api).await;
    until(|| api.with(|state| state.asked.len() == 2)).await;
    let asked = api.with(|state| state.asked.clone());
    assert!(asked[1] - asked[0] <= LONGEST_RETRY + GATHER);
}

#[tokio::test]
async fn an_api_server_that_is_gone_is_waited_for() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let config = kube::Config::new(format!("http://127.0.0.1:{port}").parse().unwrap());
    let clock = Arc::new(ManualClock::new(FileTime::from_unix(1_800_000_000, 0)));
    let config = Client::try_from(config).unwrap();
    let controller =
        Controller::start(ControllerConfig { installer: None, probes: None }, config, clock).await.unwrap();
    assert!(
        timeout(Duration::from_millis(200), controller.run()).await.is_err(),
        "it neither ends nor believes that nothing is there"
    );
}

/// What it would have written of the spec that it has heard of is what another has replaced since.
#[tokio::test(start_paused = true)]
async fn who_hears_late_overwrites_no_conclusion_from_more() {
    let api = Api::new(Mood::Well, Mood::Well);
    let owner =
        json!({ "apiVersion": "windows.k8s.io/v1", "kind": "GMSACredentialSpec", "name": "webapp01", "uid": "u1" });
    let metadata = json!({ "name": "webapp01", "uid": "u2", "resourceVersion": "7", "ownerReferences": [owner] });
    let spec = Spec { name: "webapp01".into(), uid: "u1".into(), generation: 2, contents: Some(json!({})) };
    let now = super::super::time(FileTime::from_unix(1_800_000_000, 0));
    let status = conclude(&spec, None, &Nodes::default(), None, &now);
    api.with(|state| (state.generation, state.stored) = (2, Some(json!({ "metadata": metadata, "status": status }))));
    let running = controller(&api).await;
    tokio::time::sleep(10 * RESYNC).await;
    assert!(api.with(|state| state.asked.is_empty()), "there is nothing to be written");
    drop(running);
    // What others have not concluded from yet is written, heard of or not.
    api.with(|state| state.generation = 3);
    let _running = controller(&api).await;
    until(|| api.with(|state| state.made == ["webapp01"])).await;
}

/// Five watches, each of which waits for as long as it is told, a minute at most, or for some seconds when it is told nothing.
#[tokio::test(start_paused = true)]
async fn lists_that_fail_are_not_asked_for_again_and_again() {
    for (mood, most) in
        [(Mood::Says(429, 30), 5 * 11), (Mood::Says(500, 0), 5 * 70), (Mood::Says(429, u32::MAX), 5 * 6)]
    {
        let api = Api::new(mood, Mood::Well);
        let _running = controller(&api).await;
        tokio::time::sleep(Duration::from_secs(300)).await;
        let read = api.with(|state| state.read);
        assert!((5..=most).contains(&read), "{mood:?}: {read} in five minutes");
    }
}

#[tokio::test(start_paused = true)]
async fn one_status_that_may_not_be_written_keeps_no_other_from_it() {
    for (forbidden, other) in [("webapp01", "webapp02"), ("webapp02", "webapp01")] {
        let api = Api::new(Mood::Well, Mood::Well);
        api.with(|state| state.forbidden = Some(forbidden));
        let _running = controller(&api).await;
        until(|| api.with(|state| state.made.contains(&other.to_owned()))).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_hears_nothing_is_seen_from_outside() {
    let api = Api::new(Mood::Says(500, 0), Mood::Well);
    let controller = watching(&api).await;
    let metrics = Arc::clone(&controller.metrics);
    let shows = |what: &str, broken: u8| {
        metrics.text().contains(&format!("pando_controller_watch_broken{{what=\"{what}\"}} {broken}"))
    };
    let mut running = JoinSet::new();
    running.spawn(controller.run());
    for broken in [1, 0] {
        until(|| ["nodes", "credential specs", "reports"].iter().all(|what| shows(what, broken))).await;
        api.with(|state| state.reads = Mood::Well);
    }
}
