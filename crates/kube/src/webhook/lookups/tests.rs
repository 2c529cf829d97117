//! An API server that is well, slow, busy or broken.

use std::future::pending;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use axum::Router;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Json, Response};
use dtyp::ManualClock;
use serde_json::json;

use super::*;

/// How it answers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mood {
    Says { allowed: bool, denied: bool },
    Status(u16),
    Nonsense,
    Silent,
}

struct Site {
    lookups: ClusterLookups,
    clock: Arc<ManualClock>,
    reviews: Arc<AtomicUsize>,
}

fn site(mood: Mood) -> Site {
    site_at(mood, None)
}

fn site_at(mood: Mood, rate: Option<Rate>) -> Site {
    let reviews = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&reviews);
    let answer = move |method: Method| {
        if method == Method::POST {
            count.fetch_add(1, Ordering::SeqCst);
        }
        answer(mood, method)
    };
    let clock = Arc::new(ManualClock::new(FileTime::from_unix(1_800_000_000, 0)));
    let client = Client::new(Router::<()>::new().fallback(answer), "default");
    Site { lookups: ClusterLookups::start(client, Arc::clone(&clock) as Arc<dyn Clock>, rate), clock, reviews }
}

async fn answer(mood: Mood, method: Method) -> Response {
    match mood {
        Mood::Silent => pending().await,
        Mood::Nonsense => "[".into_response(),
        Mood::Status(code) => {
            let status = json!({ "kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "no", "reason": "x", "code": code });
            (StatusCode::from_u16(code).unwrap(), Json(status)).into_response()
        }
        Mood::Says { allowed, denied } if method == Method::POST => {
            let status = json!({ "allowed": allowed, "denied": denied, "reason": "a rule" });
            Json(json!({ "kind": "LocalSubjectAccessReview", "apiVersion": "authorization.k8s.io/v1", "metadata": {}, "spec": {}, "status": status }))
                .into_response()
        }
        Mood::Says { .. } => StatusCode::NOT_FOUND.into_response(),
    }
}

impl Site {
    async fn may_use(&self, spec: &str) -> Verdict {
        let who = ServiceAccount { namespace: "shop".into(), name: "app".into() };
        self.lookups.may_use(&who, spec).await
    }

    fn reviews(&self) -> usize {
        self.reviews.load(Ordering::SeqCst)
    }
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_is_slow_busy_or_broken_allows_nothing_and_says_what_it_said() {
    for (mood, text) in [
        (Mood::Status(403), "no"),
        (Mood::Status(429), "no"),
        (Mood::Status(500), "no"),
        (Mood::Status(503), "no"),
        (Mood::Nonsense, "deserializing"),
        (Mood::Silent, "did not answer in time"),
    ] {
        let site = site(mood);
        let Verdict::Denied(reason) = site.may_use("webapp01").await else { panic!("{text} is no allowance") };
        assert!(reason.contains(text), "{reason}");
        let error = site.lookups.spec("webapp01").await.unwrap_err();
        assert!(error.contains(text), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_allowance_is_remembered_for_five_seconds_and_for_that_spec_alone() {
    let site = site(Mood::Says { allowed: true, denied: false });
    for _ in 0..3 {
        assert_eq!(site.may_use("webapp01").await, Verdict::Allowed);
    }
    assert_eq!(site.reviews(), 1);
    assert_eq!(site.may_use("webapp02").await, Verdict::Allowed);
    assert_eq!(site.reviews(), 2);
    site.clock.advance(REMEMBERED);
    assert_eq!(site.may_use("webapp01").await, Verdict::Allowed);
    assert_eq!(site.reviews(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_back_lengthens_no_allowance_and_a_sleeping_machine_none_either() {
    let site = site(Mood::Says { allowed: true, denied: false });
    let start = site.clock.now();
    for (number, (clock, counted)) in [(-300, 0), (-300, 6), (1, 6), (6, 0), (0, 5)].into_iter().enumerate() {
        site.clock.set(start);
        tokio::time::advance(2 * REMEMBERED).await;
        site.may_use("webapp01").await;
        let before = site.reviews();
        site.clock.set(FileTime::from_unix(1_800_000_000 + clock, 0));
        tokio::time::advance(Duration::from_secs(counted)).await;
        assert_eq!(site.may_use("webapp01").await, Verdict::Allowed);
        assert_eq!(site.reviews(), before + 1, "{number}: {clock} {counted}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_asked_for_again_each_time_and_outweighs_an_allowance() {
    for allowed in [false, true] {
        let site = site(Mood::Says { allowed, denied: true });
        for times in 1..=3 {
            assert_eq!(site.may_use("webapp01").await, Verdict::Denied("a rule".into()));
            assert_eq!(site.reviews(), times);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_remembered_has_a_bound() {
    let site = site(Mood::Says { allowed: true, denied: false });
    for number in 0..MOST_REMEMBERED + 10 {
        site.may_use(&format!("spec-{number}")).await;
    }
    assert_eq!(site.lookups.allowed.lock().unwrap().len(), MOST_REMEMBERED);
    site.clock.advance(REMEMBERED);
    site.may_use("one-more").await;
    assert_eq!(site.lookups.allowed.lock().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn at_a_rate_who_would_wait_too_long_is_told_so() {
    let site = site_at(Mood::Says { allowed: true, denied: false }, Some(Rate { qps: 0.5, burst: 2 }));
    let start = tokio::time::Instant::now();
    for (number, seconds) in [(0, 0), (1, 0), (2, 2), (3, 4)] {
        assert_eq!(site.may_use(&format!("spec-{number}")).await, Verdict::Allowed);
        assert_eq!(start.elapsed().as_secs(), seconds);
    }
    let several = (0..4).map(|number| {
        let site = &site;
        async move { site.may_use(&format!("more-{number}")).await }
    });
    let verdicts = futures_util::future::join_all(several).await;
    let (allowed, refused): (Vec<_>, Vec<_>) = verdicts.into_iter().partition(|verdict| *verdict == Verdict::Allowed);
    assert_eq!((allowed.len(), refused.len()), (2, 2));
    assert!(refused.iter().all(|one| matches!(one, Verdict::Denied(why) if why.contains("--qps"))), "{refused:?}");
}

/// As when nobody listens where it was.
#[tokio::test]
async fn an_api_server_that_is_down_allows_nothing_and_that_is_said() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let config = kube::Config::new(format!("http://127.0.0.1:{port}").parse().unwrap());
    let clock = Arc::new(ManualClock::new(FileTime::from_unix(1_800_000_000, 0)));
    let lookups = ClusterLookups::start(Client::try_from(config).unwrap(), clock, None);
    let who = ServiceAccount { namespace: "shop".into(), name: "app".into() };
    let Verdict::Denied(reason) = lookups.may_use(&who, "webapp01").await else { panic!("nobody has allowed it") };
    assert!(!reason.is_empty());
    assert!(lookups.spec("webapp01").await.is_err());
}

/// An API server whose watches can be broken, and whose lists fail for a while.
struct Source {
    version: AtomicUsize,
    lists_fail: AtomicBool,
    /// How it answers a watch: with a 410 once, or never.
    gone: tokio::sync::Notify,
    lists: AtomicUsize,
    gets: AtomicUsize,
}

impl Source {
    fn spec(&self) -> Value {
        let version = self.version.load(Ordering::SeqCst).to_string();
        json!({
            "apiVersion": "windows.k8s.io/v1", "kind": "GMSACredentialSpec", "metadata": { "name": "webapp01", "resourceVersion": version },
            "credspec": { "version": version },
        })
    }

    async fn answer(self: Arc<Self>, uri: axum::http::Uri) -> Response {
        let error = |code: u16| {
            let status = json!({ "kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "no", "reason": "Expired", "code": code });
            (StatusCode::from_u16(code).unwrap(), Json(status)).into_response()
        };
        if uri.query().is_some_and(|query| query.contains("watch=true")) {
            self.gone.notified().await;
            return error(410);
        }
        if uri.path().ends_with("/webapp01") {
            self.gets.fetch_add(1, Ordering::SeqCst);
            return Json(self.spec()).into_response();
        }
        self.lists.fetch_add(1, Ordering::SeqCst);
        if self.lists_fail.load(Ordering::SeqCst) {
            return error(500);
        }
        let list = json!({ "kind": "GMSACredentialSpecList", "apiVersion": "windows.k8s.io/v1", "metadata": { "resourceVersion": "1" }, "items": [self.spec()] });
        Json(list).into_response()
    }
}

fn watching() -> (ClusterLookups, Arc<Source>) {
    let source = Arc::new(Source {
        version: AtomicUsize::new(1),
        lists_fail: AtomicBool::new(false),
        gone: tokio::sync::Notify::new(),
        lists: AtomicUsize::new(0),
        gets: AtomicUsize::new(0),
    });
    let answers = Arc::clone(&source);
    let pages = Router::<()>::new().fallback(move |uri| Arc::clone(&answers).answer(uri));
    let clock = Arc::new(ManualClock::new(FileTime::from_unix(1_800_000_000, 0)));
    (ClusterLookups::start(api::of(pages), clock, None), source)
}

async fn version(lookups: &ClusterLookups) -> String {
    let spec = lookups.spec("webapp01").await.unwrap().unwrap();
    spec["credspec"]["version"].as_str().unwrap().to_owned()
}

#[tokio::test(start_paused = true)]
async fn while_the_watch_is_broken_specs_are_what_the_api_server_says_now() {
    let (lookups, source) = watching();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = source.gets.load(Ordering::SeqCst);
    assert_eq!(version(&lookups).await, "1");
    assert_eq!(source.gets.load(Ordering::SeqCst), before, "it is at hand");

    source.lists_fail.store(true, Ordering::SeqCst);
    source.gone.notify_one();
    tokio::time::sleep(Duration::from_millis(10)).await;
    for changed in 2..20 {
        source.version.store(changed, Ordering::SeqCst);
        assert_eq!(version(&lookups).await, changed.to_string());
        tokio::time::sleep(Duration::from_millis(700)).await;
    }

    // In an hour it is not asked every second, and a few seconds after it is well again the watch counts.
    let lists = source.lists.load(Ordering::SeqCst);
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    let asked = source.lists.load(Ordering::SeqCst) - lists;
    assert!((600..=721).contains(&asked), "{asked}");
    source.lists_fail.store(false, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_secs(6)).await;
    let before = source.gets.load(Ordering::SeqCst);
    assert_eq!(version(&lookups).await, "19");
    assert_eq!(source.gets.load(Ordering::SeqCst), before, "it is at hand again");
}

/// Watches here are asked for and never answered, as one is that begins again when the machine behind it has gone.
#[tokio::test(start_paused = true)]
async fn a_watch_that_is_not_answered_is_not_believed_for_longer_than_half_a_minute() {
    let (lookups, source) = watching();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(version(&lookups).await, "1");
    source.version.store(2, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(version(&lookups).await, "2");
}
