//! The service over HTTP, with a directory that lives in the test.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::future::ready;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dtyp::{Clock, FileTime, ManualClock, SystemRandom};
use login::{Group, LoginError, User};
use rate_limiter::{App, Directory, Running, start_with};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

const ADMINS: &str = "rate-limit-admins";

/// A password, groups, and whether the account is disabled.
type Person = (String, Vec<String>, bool);

#[derive(Default)]
struct People {
    known: Mutex<BTreeMap<String, Person>>,
    unavailable: Mutex<bool>,
}

impl People {
    fn put(&self, name: &str, password: &str, groups: &[&str], disabled: bool) {
        let groups = groups.iter().map(|g| (*g).to_owned()).collect();
        self.known.lock().unwrap().insert(name.into(), (password.into(), groups, disabled));
    }

    fn find(&self, name: &str, password: Option<&str>) -> Result<User, LoginError> {
        if *self.unavailable.lock().unwrap() {
            return Err(LoginError::Identity("down".into()));
        }
        let known = self.known.lock().unwrap();
        let (secret, groups, disabled) = known.get(name).ok_or_else(|| LoginError::NotFound { name: name.into() })?;
        if *disabled {
            return Err(LoginError::Disabled { name: name.into() });
        }
        if password.is_some_and(|p| p != secret) {
            return Err(LoginError::WrongPassword { name: name.into() });
        }
        let group = |g: &String| Group { dn: format!("CN={g},DC=contoso,DC=com"), name: g.clone(), sid: None };
        Ok(User {
            dn: format!("CN={name},DC=contoso,DC=com"),
            sam: name.into(),
            display_name: format!("<{name}>"),
            upn: None,
            sid: None,
            groups: groups.iter().map(group).collect(),
        })
    }
}

type Asked<'a> = Pin<Box<dyn Future<Output = Result<User, LoginError>> + Send + 'a>>;

impl Directory for People {
    fn login<'a>(&'a self, name: &'a str, password: &'a SecretString) -> Asked<'a> {
        Box::pin(ready(self.find(name, Some(password.expose_secret()))))
    }

    fn look_up<'a>(&'a self, name: &'a str) -> Asked<'a> {
        Box::pin(ready(self.find(name, None)))
    }
}

struct Service {
    running: Running,
    people: Arc<People>,
    clock: Arc<ManualClock>,
}

async fn service() -> Service {
    let people = Arc::new(People::default());
    people.put("alice", "a-secret", &[ADMINS], false);
    people.put("bob", "b-secret", &["developers"], false);
    let clock = Arc::new(ManualClock::new(FileTime::from_unix(1_800_000_000, 0)));
    let app = App::new(people.clone(), ADMINS, clock.clone(), Arc::new(SystemRandom));
    let running = start_with(SocketAddr::from(([127, 0, 0, 1], 0)), app).await.unwrap();
    Service { running, people, clock }
}

/// What came back.
struct Answer {
    status: u16,
    cookies: Vec<String>,
    headers: ureq::http::HeaderMap,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    fn cookie(&self, name: &str) -> Option<String> {
        let prefix = format!("{name}=");
        self.cookies.iter().find_map(|c| c.strip_prefix(&prefix)).map(|c| c.split(';').next().unwrap().to_owned())
    }

    /// The secret in the page's forms.
    fn csrf(&self) -> String {
        self.body.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
    }
}

impl Service {
    async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let url = format!("http://{}{path}", self.running.address());
        let mut request = ureq::http::Request::builder().method(method).uri(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body.to_owned()).unwrap();
        let sent = move || {
            let config = ureq::Agent::config_builder().http_status_as_error(false).max_redirects(0).proxy(None);
            let agent: ureq::Agent = config.allow_non_standard_methods(true).build().into();
            let mut response = agent.run(request).unwrap();
            let cookies =
                response.headers().get_all("set-cookie").iter().map(|c| c.to_str().unwrap().to_owned()).collect();
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            Answer { status, cookies, headers, body: response.body_mut().read_to_string().unwrap() }
        };
        tokio::task::spawn_blocking(sent).await.unwrap()
    }

    async fn json(&self, method: &str, path: &str, token: &str, body: Value) -> Answer {
        let bearer = format!("Bearer {token}");
        self.send(method, path, &[("content-type", "application/json"), ("authorization", &bearer)], &body.to_string())
            .await
    }

    async fn api_login(&self, name: &str, password: &str) -> Answer {
        self.json("POST", "/api/login", "", json!({ "username": name, "password": password })).await
    }

    async fn token(&self, name: &str, password: &str) -> String {
        self.api_login(name, password).await.json()["token"].as_str().unwrap().to_owned()
    }

    async fn form(&self, path: &str, cookies: &str, body: &str) -> Answer {
        self.send("POST", path, &[("content-type", "application/x-www-form-urlencoded"), ("cookie", cookies)], body)
            .await
    }

    /// Logs in with a browser's steps; gives the session's cookie.
    async fn browser(&self, name: &str, password: &str) -> String {
        let form = self.send("GET", "/login", &[], "").await;
        let body = format!("csrf={}&username={name}&password={password}", form.csrf());
        let answer = self.form("/login", &format!("login={}", form.cookie("login").unwrap()), &body).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
        format!("session={}", answer.cookie("session").unwrap())
    }
}

#[tokio::test]
async fn an_administrator_changes_a_limit_and_others_only_look() {
    let service = service().await;
    let login = service.api_login("alice", "a-secret").await;
    assert_eq!(login.status, 200);
    assert_eq!(login.json()["may_change"], true);
    assert_eq!(login.json()["groups"], json!([ADMINS]));
    let alice = login.json()["token"].as_str().unwrap().to_owned();
    let change = json!({ "name": "search", "per_minute": 700 });
    assert_eq!(service.json("PUT", "/api/limits", &alice, change.clone()).await.status, 200);

    let bob = service.token("bob", "b-secret").await;
    let seen = service.json("GET", "/api/limits", &bob, Value::Null).await.json();
    assert_eq!(seen["may_change"], false);
    assert!(seen["limits"].as_array().unwrap().contains(&change));
    let refused = service.json("PUT", "/api/limits", &bob, json!({ "name": "search", "per_minute": 1 })).await;
    assert_eq!(refused.status, 403);
    assert!(refused.json()["error"].as_str().unwrap().contains(ADMINS));
    service.running.stop().await.unwrap();
}

#[tokio::test]
async fn who_cannot_log_in_learns_one_sentence_only() {
    let service = service().await;
    service.people.put("mallory", "m-secret", &[ADMINS], true);
    let mut texts = Vec::new();
    for (name, password) in [("alice", "wrong"), ("nobody", "x"), ("mallory", "m-secret"), ("alice", ""), ("", "x")] {
        let answer = service.api_login(name, password).await;
        assert_eq!(answer.status, 401, "{name}");
        texts.push(answer.body);
    }
    texts.dedup();
    assert_eq!(texts.len(), 1, "{texts:?}");
}

#[tokio::test]
async fn what_changes_in_the_directory_counts_at_once_for_changes_and_soon_for_looking() {
    let service = service().await;
    let alice = service.token("alice", "a-secret").await;
    let change = || service.json("PUT", "/api/limits", &alice, json!({ "name": "search", "per_minute": 5 }));
    service.people.put("alice", "a-secret", &[], false);
    assert_eq!(change().await.status, 403);
    service.people.put("alice", "a-secret", &[ADMINS], false);
    assert_eq!(change().await.status, 200);
    service.people.put("alice", "a-secret", &[ADMINS], true);
    assert_eq!(service.json("GET", "/api/limits", &alice, Value::Null).await.status, 200);
    service.clock.advance(Duration::from_secs(31));
    assert_eq!(service.json("GET", "/api/limits", &alice, Value::Null).await.status, 401);
    // The session is over, even when the account comes back.
    service.people.put("alice", "a-secret", &[ADMINS], false);
    assert_eq!(change().await.status, 401);
}

#[tokio::test]
async fn a_directory_that_does_not_answer_is_no_reason_to_let_anybody_in() {
    let service = service().await;
    let alice = service.token("alice", "a-secret").await;
    *service.people.unavailable.lock().unwrap() = true;
    assert_eq!(service.api_login("bob", "b-secret").await.status, 503);
    assert_eq!(
        service.json("PUT", "/api/limits", &alice, json!({ "name": "search", "per_minute": 5 })).await.status,
        503
    );
    *service.people.unavailable.lock().unwrap() = false;
    assert_eq!(
        service.json("PUT", "/api/limits", &alice, json!({ "name": "search", "per_minute": 5 })).await.status,
        200
    );
}

#[tokio::test]
async fn guessing_is_slowed_down_for_each_name_and_each_address() {
    let service = service().await;
    for _ in 0..10 {
        assert_eq!(service.api_login("alice", "wrong").await.status, 401);
    }
    let stopped = service.api_login("Alice", "a-secret").await;
    assert_eq!(stopped.status, 429);
    assert!(stopped.headers.contains_key("retry-after"));
    assert_eq!(service.api_login("bob", "b-secret").await.status, 200);
    for i in 0..48 {
        assert_eq!(service.api_login(&format!("user{i}"), "x").await.status, 401);
    }
    assert_eq!(service.api_login("bob", "b-secret").await.status, 429);
    service.clock.advance(Duration::from_secs(301));
    assert_eq!(service.api_login("alice", "a-secret").await.status, 200);
}

#[tokio::test]
async fn a_browser_logs_in_changes_a_limit_and_logs_out() {
    let service = service().await;
    let anonymous = service.send("GET", "/", &[], "").await;
    assert_eq!((anonymous.status, anonymous.headers["location"].to_str().unwrap()), (303, "/login"));
    let session = service.browser("alice", "a-secret").await;
    let page = service.send("GET", "/", &[("cookie", &session)], "").await;
    assert!(page.body.contains("&lt;alice&gt;") && !page.body.contains("<alice>"));
    let csrf = page.csrf();
    let set = service.form("/limits", &session, &format!("csrf={csrf}&name=search&per_minute=42")).await;
    assert_eq!(set.status, 303);
    assert!(service.send("GET", "/", &[("cookie", &session)], "").await.body.contains("value=\"42\""));
    assert_eq!(service.form("/logout", &session, &format!("csrf={csrf}")).await.status, 303);
    assert_eq!(service.send("GET", "/", &[("cookie", &session)], "").await.status, 303);
}

#[tokio::test]
async fn a_form_that_another_site_sends_is_refused() {
    let service = service().await;
    let form = service.send("GET", "/login", &[], "").await;
    let login = format!("login={}", form.cookie("login").unwrap());
    for (cookie, csrf) in [
        ("", form.csrf()),
        (login.as_str(), String::new()),
        (login.as_str(), "0".repeat(64)),
        ("login=", String::new()),
    ] {
        let body = format!("csrf={csrf}&username=alice&password=a-secret");
        let answer = service.form("/login", cookie, &body).await;
        assert_eq!(answer.status, 403);
        assert_eq!(answer.cookie("session"), None);
    }
    let session = service.browser("alice", "a-secret").await;
    let other = service.browser("bob", "b-secret").await;
    let bobs = service.send("GET", "/", &[("cookie", &other)], "").await.csrf();
    for csrf in ["", "x", &bobs] {
        let set = service.form("/limits", &session, &format!("csrf={csrf}&name=search&per_minute=1")).await;
        assert_eq!(set.status, 403);
        assert_eq!(service.form("/logout", &session, &format!("csrf={csrf}")).await.status, 403);
    }
    assert_eq!(service.send("GET", "/", &[("cookie", &session)], "").await.status, 200);
}

#[tokio::test]
async fn cookies_and_headers_keep_scripts_frames_and_caches_out() {
    let service = service().await;
    let form = service.send("GET", "/login", &[], "").await;
    assert!(form.cookies.iter().all(|c| c.contains("HttpOnly") && c.contains("SameSite=Strict")), "{:?}", form.cookies);
    let policy = form.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
    assert_eq!(form.headers["cache-control"], "no-store");
    assert_eq!(form.headers["x-content-type-options"], "nosniff");
    assert!(!form.body.contains("<script"));
    // The browser's session is no token for programs, nor the other way round without its form's secret.
    let session = service.browser("bob", "b-secret").await;
    assert_eq!(service.send("GET", "/api/limits", &[("cookie", &session)], "").await.status, 401);
}

#[tokio::test]
async fn bad_requests_are_answered_and_never_quoted() {
    let service = service().await;
    let alice = service.token("alice", "a-secret").await;
    for body in [
        json!({}),
        json!([]),
        json!({ "name": "search" }),
        json!({ "name": "search", "per_minute": -1 }),
        json!({ "name": "search", "per_minute": 0 }),
        json!({ "name": "nothing", "per_minute": 1 }),
    ] {
        assert_eq!(service.json("PUT", "/api/limits", &alice, body.clone()).await.status, 400, "{body}");
    }
    let huge = json!({ "username": "alice", "password": "x".repeat(100_000) });
    assert_eq!(service.json("POST", "/api/login", "", huge).await.status, 400);
    let broken =
        service.send("POST", "/api/login", &[("content-type", "application/json")], "{\"password\":\"hunter2\"").await;
    assert_eq!(broken.status, 400);
    assert!(!broken.body.contains("hunter2"));
    let form = service.send("POST", "/api/login", &[("content-type", "text/plain")], "{}").await;
    assert_eq!(form.status, 400);
    for (method, path, status) in
        [("GET", "/nothing", 404), ("DELETE", "/api/limits", 405), ("GET", "/../etc/passwd", 404)]
    {
        assert_eq!(service.send(method, path, &[], "").await.status, status, "{path}");
    }
    assert!(service.clock.now() > FileTime::ZERO);
}
