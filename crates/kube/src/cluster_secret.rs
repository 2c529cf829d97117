//! One Secret of the cluster, watched.
//!
//! The API server is asked for that one object and no other, so the provider's role names it and nothing else. What was last seen is kept in
//! memory only, and answers through an outage of the API server for a bounded time.
//!
//! The watch brings changes at once. Whether the API server is there it does not say: one that hangs sends nothing, as one that has nothing
//! to tell. So the Secret is also read every few seconds, and a value is as old as the last answer, by a clock that nobody sets.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use credspec::{Namespace, SecretName};
use dtyp::FileTime;
use k8s_openapi::api::core::v1;
use kube::api::Api;
use kube::runtime::watcher::{Config, Event};
use tokio::sync::watch::Sender;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::api::Client;
use crate::rotation::{self, Answers, Directory, Known, Standings, Taken};
use crate::watching;
use crate::{Secret, SecretError, SecretSource, Standing};

/// For the directory's answer while there are two passwords. The plugin does not wait for longer than five seconds.
const PATIENCE: Duration = Duration::from_secs(4);

/// How often the Secret is read; more often when the last value may not be kept for long, and when the last time failed.
const LOOK: Duration = Duration::from_secs(15);
const RETRY: Duration = Duration::from_secs(5);
/// For one answer of the API server.
const ANSWER: Duration = Duration::from_secs(5);
/// For less than that no value can be kept: so far apart are two answers, once in a while.
const LEAST_KEPT: Duration = Duration::from_secs(3);
/// After so many seconds a watch begins anew. Rarely, as there is one for each node, and the Secret is read as well.
const WATCHED: u32 = 60;

/// Answers for one Secret.
pub struct ClusterSecret {
    name: SecretName,
    seen: Arc<Seen>,
    keep: Duration,
    heard: tokio::sync::watch::Receiver<bool>,
    directory: Option<Arc<dyn Directory>>,
    answers: Answers,
    rotation: Option<Standings>,
    _watching: JoinSet<()>,
}

/// What a Secret held when it came.
#[derive(Clone)]
struct Seized {
    known: Known,
    rotates: Option<FileTime>,
}

/// What the watch has brought.
#[derive(Default)]
struct Seen(Mutex<State>);

#[derive(Default)]
struct State {
    /// Nothing has come yet; or there is none; or this.
    value: Option<Result<Seized, SecretError>>,
    /// Which version that is.
    version: Option<String>,
    /// How many things the watch has brought.
    brought: u64,
    /// When the API server was last heard of.
    last: Option<Instant>,
    /// Whether it could not be asked the last time.
    is_silent: bool,
    /// Whether the object has come since the watch began anew.
    came: bool,
}

impl ClusterSecret {
    /// Starts watching. The last good value answers for `keep` when the API server cannot be reached.
    #[must_use]
    pub fn watch(client: Client, namespace: &Namespace, name: SecretName, keep: Duration) -> Self {
        let (seen, keep) = (Arc::new(Seen::default()), keep.max(LEAST_KEPT));
        let secrets: Api<v1::Secret> = Api::namespaced(client, namespace.as_str());
        let (tell, heard) = tokio::sync::watch::channel(false);
        let mut watching = JoinSet::new();
        watching.spawn(follow(secrets.clone(), name.clone(), Arc::clone(&seen), tell.clone()));
        watching.spawn(look(secrets, name.clone(), keep, Arc::clone(&seen), tell));
        let (answers, rotation) = (Answers::default(), None);
        Self { name, seen, keep, heard, directory: None, answers, rotation, _watching: watching }
    }

    /// While the password is being changed, this directory says which of the two is in force. Without it, calls get nothing then.
    #[must_use]
    pub fn with_directory(mut self, directory: Arc<dyn Directory>) -> Self {
        self.directory = Some(directory);
        self
    }

    /// How the rotation of its password stands is part of how it stands.
    #[must_use]
    pub fn with_rotation(mut self, standings: Standings) -> Self {
        self.rotation = Some(standings);
        self
    }

    /// When the password is to be changed, if a provider does that and has said so.
    #[must_use]
    pub fn rotates(&self) -> Option<FileTime> {
        self.seen.now(Instant::now(), self.keep).ok()?.rotates
    }

    /// A password that is known not to be the account's is given to nobody: each logon with it would count against the account.
    fn not_overwritten(&self) -> Result<(), SecretError> {
        match self.rotation.as_ref().is_some_and(|rotation| rotation.now().is_overwritten) {
            true => Err(SecretError::Unavailable(
                "somebody has written it while its password was being changed, and the account's password is not back in it yet".to_owned(),
            )),
            false => Ok(()),
        }
    }

    /// The Secret with the password that is in force.
    fn in_force(&self, known: Known) -> Result<Secret, SecretError> {
        let Known { secret, next: Some(next), .. } = &known else { return Ok(known.secret) };
        let unavailable = |why: String| {
            Err(SecretError::Unavailable(format!(
                "the account's password is being changed, and which one is in force {why}"
            )))
        };
        if known.is_stuck() {
            return unavailable("nobody knows: the directory takes neither".to_owned());
        }
        let Some(directory) = &self.directory else { return unavailable("nobody can be asked".to_owned()) };
        // Whoever reads may block, which is done where futures can be waited for.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return unavailable("cannot be asked here".to_owned());
        };
        let asked = self.answers.taken(directory.as_ref(), secret, next);
        match runtime.block_on(async { timeout(PATIENCE, asked).await }) {
            Ok(Ok(Taken::Present)) => Ok(known.secret),
            Ok(Ok(Taken::Next)) => Ok(Secret { password: next.clone(), ..known.secret }),
            Ok(Ok(Taken::Neither)) => unavailable("nobody knows: the directory takes neither".to_owned()),
            Ok(Err(error)) => unavailable(format!("is not known: {error}")),
            Err(_) => unavailable("is not known: the directory did not answer in time".to_owned()),
        }
    }

    /// Waits until the API server has said whether there is such a Secret, or could not be asked.
    pub async fn heard(&self) {
        // The sender lives as long as the watch.
        let _ = self.heard.clone().wait_for(|heard| *heard).await;
    }

    /// Is marked as changed whenever the API server has said something about the Secret.
    #[must_use]
    pub fn changes(&self) -> tokio::sync::watch::Receiver<bool> {
        self.heard.clone()
    }
}

impl SecretSource for ClusterSecret {
    fn read(&self, name: &SecretName) -> Result<Secret, SecretError> {
        if *name != self.name {
            return Err(SecretError::NotFound);
        }
        self.not_overwritten()?;
        self.in_force(self.seen.now(Instant::now(), self.keep)?.known)
    }

    fn standing(&self) -> Standing {
        let now = Instant::now();
        let value = self.seen.now(now, self.keep);
        let changed = value.as_ref().ok().and_then(|seized| seized.known.secret.changed);
        Standing {
            ready: value.map(drop).and_then(|()| self.not_overwritten()),
            secret: Some((self.name.clone(), changed)),
            silent: Some(self.seen.silence(now)),
            rotation: self.rotation.as_ref().map(Standings::now),
        }
    }
}

/// Hears what the watch brings.
async fn follow(secrets: Api<v1::Secret>, name: SecretName, seen: Arc<Seen>, tell: Sender<bool>) {
    let only = Config::default().fields(&format!("metadata.name={name}")).timeout(WATCHED);
    let hear = |event| match event {
        // That a list is about to be asked for is no word of the API server's.
        None | Some(Event::Init) => {}
        Some(event) => {
            if seen.hear(event, Instant::now()) {
                tell.send_replace(true);
            }
        }
    };
    watching::follow("the impersonation account's Secret", secrets, only, hear).await;
}

/// Reads the Secret every few seconds.
async fn look(secrets: Api<v1::Secret>, name: SecretName, keep: Duration, seen: Arc<Seen>, tell: Sender<bool>) {
    let often = LOOK.min(keep / 3);
    loop {
        let brought = seen.brought();
        let found = match timeout(ANSWER.min(keep), secrets.get_opt(name.as_str())).await {
            Ok(found) => found.map_err(|error| error.to_string()),
            Err(_) => Err("no answer in time".to_owned()),
        };
        let held = found.is_ok();
        // An outage is told once, so that who waits for the first answer goes on.
        if seen.looked(found, brought, Instant::now()) || !*tell.borrow() {
            tell.send_replace(true);
        }
        sleep(if held { often } else { RETRY.min(often) }).await;
    }
}

impl Seen {
    fn with<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn brought(&self) -> u64 {
        self.with(|state| state.brought)
    }

    /// What the watch has brought. Whether that is news.
    fn hear(&self, event: Event<v1::Secret>, now: Instant) -> bool {
        self.with(|state| {
            state.brought = state.brought.wrapping_add(1);
            state.heard(now);
            match event {
                Event::Init => false,
                Event::InitApply(secret) => {
                    state.came = true;
                    state.is(Some(secret))
                }
                Event::Apply(secret) => state.is(Some(secret)),
                Event::InitDone if std::mem::take(&mut state.came) => false,
                Event::InitDone | Event::Delete(_) => state.is(None),
            }
        })
    }

    /// What was read, unless the watch has brought something meanwhile, which may be newer. Whether that is news.
    fn looked(&self, found: Result<Option<v1::Secret>, String>, brought: u64, now: Instant) -> bool {
        self.with(|state| match found {
            Ok(found) => {
                state.heard(now);
                state.brought == brought && state.is(found)
            }
            Err(error) => {
                if !state.is_silent {
                    tracing::warn!(
                        error,
                        "the API server cannot be asked for the Secret; what was last seen answers for a while"
                    );
                }
                state.is_silent = true;
                false
            }
        })
    }

    fn silence(&self, now: Instant) -> Duration {
        self.with(|state| state.last.map_or(Duration::ZERO, |last| now.saturating_duration_since(last)))
    }

    fn now(&self, now: Instant, keep: Duration) -> Result<Seized, SecretError> {
        let unavailable = |what: &str| Err(SecretError::Unavailable(what.to_owned()));
        self.with(|state| match (&state.value, state.last) {
            (None, _) | (_, None) => unavailable("the API server has not been reached yet"),
            (_, Some(last)) if now.saturating_duration_since(last) > keep => {
                unavailable("the API server has not been reached for longer than the last value may be kept")
            }
            (Some(Ok(seized)), _) => Ok(seized.clone()),
            (Some(Err(SecretError::Incomplete(key))), _) => Err(SecretError::Incomplete(key)),
            (Some(Err(_)), _) => Err(SecretError::NotFound),
        })
    }
}

impl State {
    fn heard(&mut self, now: Instant) {
        if std::mem::take(&mut self.is_silent) {
            tracing::info!("the API server answers again");
        }
        self.last = Some(now);
    }

    /// Whether that is another than before.
    fn is(&mut self, secret: Option<v1::Secret>) -> bool {
        let version = secret.as_ref().and_then(|secret| secret.metadata.resource_version.clone());
        let was_missing = matches!(self.value, Some(Err(SecretError::NotFound)));
        let same = if secret.is_none() { was_missing } else { version.is_some() && self.version == version };
        self.value = Some(secret.map_or(Err(SecretError::NotFound), read));
        self.version = version;
        !same
    }
}

/// Takes the credentials out; what they came in is wiped.
fn read(secret: v1::Secret) -> Result<Seized, SecretError> {
    let secret = rotation::Object::from(secret);
    let rotates = rotation::rotates(&secret);
    rotation::known(&secret).map(|known| Seized { known, rotates })
}

#[cfg(test)]
mod tests;
