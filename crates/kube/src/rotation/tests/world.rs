//! One Secret in an API server, one account in a directory, and providers that move only when they are let.

use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Json, Response};
use dtyp::{FileTime, ManualClock, SeededRandom};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use tokio::sync::Semaphore;

use super::super::{
    Answers, Directory, DirectoryError, PasswordAge, Rotation, RotationConfig, RotationEvent, Taken, known,
};
use crate::api::Client;
use crate::{Audit, AuditEvent, Secret};

/// How the API server and the directory are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mood {
    Well,
    Api(u16),
    ApiSilent,
    DirectoryDown,
    /// It does what it is asked to, and the answer is lost.
    DirectoryDownAfterwards,
    DirectorySilent,
    Policy,
    /// What it is asked to do is still on its way when who asked has lost patience.
    Late,
    /// It does what it is asked to, and at that moment somebody else writes the Secret.
    Overwritten(Writes),
}

/// What somebody who is no provider does with the Secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Writes {
    /// Writes back what was there before the next password.
    Back,
    /// Writes what is somewhere in a pipeline: the password of long ago.
    LongAgo,
    /// Deletes it.
    Deletes,
}

pub(super) const LONG_AGO: &str = "The-first-of-all-0";

struct Inner {
    object: v1::Secret,
    is_deleted: bool,
    keeps_out: bool,
    version: u64,
    password: String,
    late: Vec<(String, String)>,
    mood: Mood,
    age: Duration,
    youngest: Duration,
    asked: usize,
    wrong_logons: usize,
    events: Vec<&'static str>,
    seed: u64,
}

#[derive(Clone)]
pub(super) struct World {
    inner: Arc<Mutex<Inner>>,
    pub(super) clock: Arc<ManualClock>,
}

/// Lets a provider do one thing at a time.
#[derive(Clone)]
pub(super) struct Gate(Option<Arc<Semaphore>>);

impl Gate {
    async fn pass(&self) {
        if let Some(permits) = &self.0 {
            permits.acquire().await.unwrap().forget();
        }
    }
}

/// A provider that is let through gate after gate, until it is killed.
pub(super) struct Held {
    task: tokio::task::JoinHandle<()>,
    permits: Arc<Semaphore>,
    done: Arc<Mutex<bool>>,
}

impl Held {
    /// Lets it through one gate, and waits until it stands at the next.
    pub(super) async fn step(&self) {
        self.permits.add_permits(1);
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl World {
    pub(super) fn new(password: &str) -> Self {
        let now = FileTime::from_unix(1_800_000_000, 0);
        let value = |text: &str| ByteString(text.as_bytes().to_vec());
        let data = [("username", "svc-guard"), ("password", password), ("domainName", "contoso.com")];
        let mut object = v1::Secret::default();
        object.metadata.name = Some("webapp-creds".into());
        object.metadata.namespace = Some("gmsa".into());
        object.data = Some(data.map(|(key, text)| (key.to_owned(), value(text))).into());
        let inner = Inner {
            object,
            is_deleted: false,
            keeps_out: false,
            version: 1,
            password: password.to_owned(),
            late: vec![],
            mood: Mood::Well,
            age: Duration::from_secs(100 * 86_400),
            youngest: Duration::ZERO,
            asked: 0,
            wrong_logons: 0,
            events: vec![],
            seed: 0,
        };
        Self { inner: Arc::new(Mutex::new(inner)), clock: Arc::new(ManualClock::new(now)) }
    }

    fn with<T>(&self, f: impl FnOnce(&mut Inner) -> T) -> T {
        f(&mut self.inner.lock().unwrap())
    }

    pub(super) fn provider(&self, holder: &str) -> Rotation {
        self.gated(holder, Gate(None))
    }

    fn gated(&self, holder: &str, gate: Gate) -> Rotation {
        let config = RotationConfig {
            namespace: "gmsa".parse().unwrap(),
            secret: "webapp-creds".parse().unwrap(),
            every: Duration::from_secs(30 * 86_400),
            holder: holder.to_owned(),
            grace: Duration::ZERO,
        };
        let (world, at) = (self.clone(), gate.clone());
        let answer = move |request: Request| {
            let (world, at) = (world.clone(), at.clone());
            async move {
                at.pass().await;
                let answer = world.api(request).await;
                at.pass().await;
                answer
            }
        };
        let client = Client::new(Router::<()>::new().fallback(answer), "default");
        let directory = Arc::new(Fake { world: self.clone(), gate });
        let seed = self.with(|inner| {
            inner.seed += 1;
            inner.seed
        });
        let random = Arc::new(SeededRandom::new(seed));
        Rotation::new(config, client, directory, Arc::new(self.clone()), Arc::clone(&self.clock) as _, random)
    }

    /// A provider that works round after round, one thing at a time.
    pub(super) fn start(&self, holder: &str) -> Held {
        let permits = Arc::new(Semaphore::new(0));
        let (gate, done) = (Gate(Some(Arc::clone(&permits))), Arc::new(Mutex::new(false)));
        let (mut rotation, finished) = (self.gated(holder, gate.clone()), Arc::clone(&done));
        let task = tokio::spawn(async move {
            loop {
                let came = rotation.round().await;
                *finished.lock().unwrap() |= came.is_ok();
                gate.pass().await;
            }
        });
        Held { task, permits, done }
    }

    /// Whether it had done everything before it was killed.
    pub(super) async fn run_killed_after(&self, holder: &str, steps: usize) -> bool {
        let held = self.start(holder);
        for _ in 0..steps {
            held.step().await;
        }
        *held.done.lock().unwrap()
    }

    async fn api(&self, request: Request) -> Response {
        let failure = |code: u16| {
            let reason = if code == 404 { "NotFound" } else { "x" };
            let status = json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": "no", "reason": reason, "code": code });
            (StatusCode::from_u16(code).unwrap(), Json(status)).into_response()
        };
        match self.with(|inner| inner.mood) {
            Mood::Api(code) => return failure(code),
            Mood::ApiSilent => return pending().await,
            _ => {}
        }
        if self.with(|inner| inner.is_deleted) {
            return failure(404);
        }
        if request.method() == Method::GET {
            return Json(self.object()).into_response();
        }
        let bytes = axum::body::to_bytes(request.into_body(), 1 << 20).await.unwrap();
        let object: v1::Secret = serde_json::from_slice(&bytes).unwrap();
        self.with(|inner| {
            if object.metadata.resource_version != Some(inner.version.to_string()) {
                return failure(409);
            }
            let has_next = object.data.as_ref().is_some_and(|data| data.contains_key("nextPassword"));
            if inner.keeps_out && has_next && !inner.holds_the_accounts() {
                return failure(422);
            }
            inner.object = object;
            inner.version += 1;
            inner.object.metadata.resource_version = Some(inner.version.to_string());
            Json(inner.object.clone()).into_response()
        })
    }

    pub(super) fn object(&self) -> v1::Secret {
        self.with(|inner| {
            inner.object.metadata.resource_version = Some(inner.version.to_string());
            inner.object.clone()
        })
    }

    /// As somebody with kubectl does.
    pub(super) fn edit(&self, f: impl FnOnce(&mut v1::Secret)) {
        self.with(|inner| inner.edit(f));
    }

    /// As somebody does who should not. Nothing that the providers have written stays.
    pub(super) fn overwrite(&self, writes: Writes) {
        self.with(|inner| inner.overwrite(writes));
    }

    /// Once the account's password is not in the Secret any more, the API server takes none.
    pub(super) fn keeps_out(&self, keeps_out: bool) {
        self.with(|inner| inner.keeps_out = keeps_out);
    }

    /// What was deleted is there again.
    pub(super) fn make_anew(&self) {
        self.with(|inner| inner.is_deleted = false);
    }

    pub(super) fn annotate(&self, name: &str, value: &str) {
        self.edit(|object| {
            object.metadata.annotations.get_or_insert_default().insert(name.to_owned(), value.to_owned());
        });
    }

    pub(super) fn put(&self, key: &str, value: &str) {
        self.edit(|object| {
            object.data.get_or_insert_default().insert(key.to_owned(), ByteString(value.as_bytes().to_vec()));
        });
    }

    /// Both passwords in the Secret.
    pub(super) fn passwords(&self) -> (String, Option<String>) {
        let known = known(&self.object()).unwrap();
        let text = |secret: &SecretString| secret.expose_secret().to_owned();
        (text(&known.secret.password), known.next.as_ref().map(text))
    }

    /// The account's.
    pub(super) fn password(&self) -> String {
        self.with(|inner| inner.password.clone())
    }

    pub(super) fn changed_by_somebody(&self, password: &str) {
        self.with(|inner| password.clone_into(&mut inner.password));
    }

    pub(super) fn mood(&self, mood: Mood) {
        self.with(|inner| inner.mood = mood);
    }

    pub(super) fn directory_age(&self, age: Duration) {
        self.with(|inner| inner.age = age);
    }

    pub(super) fn youngest(&self, youngest: Duration) {
        self.with(|inner| inner.youngest = youngest);
    }

    pub(super) fn asked(&self) -> usize {
        self.with(|inner| inner.asked)
    }

    pub(super) fn wrong_logons(&self) -> usize {
        self.with(|inner| inner.wrong_logons)
    }

    pub(super) fn events(&self) -> Vec<&'static str> {
        self.with(|inner| inner.events.clone())
    }

    /// What was on its way arrives.
    pub(super) fn land(&self) {
        self.with(|inner| {
            if let Some((old, new)) = inner.late.pop()
                && inner.password == old
            {
                inner.password = new;
            }
        });
    }

    /// What a call is given is what the directory takes.
    pub(super) async fn check(&self, answers: &Answers) {
        let mood = self.with(|inner| std::mem::replace(&mut inner.mood, Mood::Well));
        let known = known(&self.object()).unwrap();
        let directory = Fake { world: self.clone(), gate: Gate(None) };
        let given = match &known.next {
            None => &known.secret.password,
            Some(next) => match answers.taken(&directory, &known.secret, next).await.unwrap() {
                Taken::Present => &known.secret.password,
                Taken::Next => next,
                Taken::Neither => panic!("the account's password is lost"),
            },
        };
        assert_eq!(given.expose_secret(), self.password());
        self.mood(mood);
    }
}

impl Audit for World {
    fn record(&self, _: &AuditEvent) {}

    fn rotation(&self, event: &RotationEvent) {
        self.with(|inner| inner.events.push(event.outcome.name()));
    }
}

struct Fake {
    world: World,
    gate: Gate,
}

impl Fake {
    async fn behind_gates<T>(
        &self,
        does: impl FnOnce(&mut Inner) -> Result<T, DirectoryError>,
    ) -> Result<T, DirectoryError> {
        self.gate.pass().await;
        let mood = self.world.with(|inner| inner.mood);
        if mood == Mood::DirectorySilent {
            pending::<()>().await;
        }
        let done = match mood {
            Mood::DirectoryDown => Err(down()),
            _ => self.world.with(|inner| {
                inner.asked += 1;
                does(inner)
            }),
        };
        self.gate.pass().await;
        done
    }
}

fn down() -> DirectoryError {
    client::ldap::Error::NoServer.into()
}

impl Inner {
    fn edit(&mut self, f: impl FnOnce(&mut v1::Secret)) {
        f(&mut self.object);
        self.version += 1;
    }

    fn holds_the_accounts(&self) -> bool {
        let value = self.object.data.as_ref().and_then(|data| data.get("password"));
        value.is_some_and(|value| value.0 == self.password.as_bytes())
    }

    fn overwrite(&mut self, writes: Writes) {
        self.is_deleted = writes == Writes::Deletes;
        self.edit(|object| {
            object.metadata.annotations = None;
            let data = object.data.as_mut().unwrap();
            data.remove("nextPassword");
            if writes == Writes::LongAgo {
                data.insert("password".to_owned(), ByteString(LONG_AGO.as_bytes().to_vec()));
            }
        });
    }

    fn takes(&mut self, password: &SecretString) -> Result<(), DirectoryError> {
        if self.password == password.expose_secret() {
            return Ok(());
        }
        self.wrong_logons += 1;
        Err(DirectoryError::WrongPassword { account: "svc-guard".into() })
    }
}

impl Directory for Fake {
    fn age<'a>(&'a self, account: &'a Secret) -> BoxFuture<'a, Result<PasswordAge, DirectoryError>> {
        let does = |inner: &mut Inner| {
            inner.takes(&account.password)?;
            Ok(PasswordAge { age: Some(inner.age), youngest: inner.youngest })
        };
        self.behind_gates(does).boxed()
    }

    fn taken<'a>(
        &'a self,
        account: &'a Secret,
        next: &'a SecretString,
    ) -> BoxFuture<'a, Result<Taken, DirectoryError>> {
        let does = |inner: &mut Inner| {
            if inner.takes(&account.password).is_ok() {
                return Ok(Taken::Present);
            }
            Ok(if inner.takes(next).is_ok() { Taken::Next } else { Taken::Neither })
        };
        self.behind_gates(does).boxed()
    }

    fn change<'a>(&'a self, account: &'a Secret, next: &'a SecretString) -> BoxFuture<'a, Result<(), DirectoryError>> {
        let does = |inner: &mut Inner| {
            let (old, new) = (account.password.expose_secret().to_owned(), next.expose_secret().to_owned());
            match inner.mood {
                Mood::Policy => return Err(DirectoryError::Policy { diagnostic: "0000052D: no".into() }),
                Mood::Late => {
                    inner.late.push((old, new));
                    return Err(down());
                }
                _ => {}
            }
            inner.takes(&account.password)?;
            (inner.password, inner.age) = (new, Duration::ZERO);
            match inner.mood {
                Mood::DirectoryDownAfterwards => Err(down()),
                Mood::Overwritten(writes) => {
                    inner.overwrite(writes);
                    Ok(())
                }
                _ => Ok(()),
            }
        };
        self.behind_gates(does).boxed()
    }
}
