//! One Secret of the cluster, watched.
//!
//! The API server is asked for that one object and no other, so the provider's role names it and nothing else. What was last seen is kept in
//! memory only, and answers through an outage of the API server for a bounded time.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use credspec::{Namespace, SecretName};
use dtyp::{Clock, FileTime};
use futures_util::StreamExt;
use k8s_openapi::api::core::v1;
use kube::api::Api;
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt, watcher as watch};
use tokio::task::JoinHandle;

use crate::api::Client;
use crate::rotation::{self, Answers, Directory, Known, Standings, Taken};
use crate::{Secret, SecretError, SecretSource, Standing};

/// For the directory's answer while there are two passwords. The plugin does not wait for longer than five seconds.
const PATIENCE: Duration = Duration::from_secs(4);

/// Answers for one Secret.
pub struct ClusterSecret {
    name: SecretName,
    seen: Arc<Seen>,
    keep: Duration,
    clock: Arc<dyn Clock>,
    heard: tokio::sync::watch::Receiver<bool>,
    directory: Option<Arc<dyn Directory>>,
    answers: Answers,
    rotation: Option<Standings>,
    watching: JoinHandle<()>,
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
    /// Since when the API server has not been heard of.
    silent: Option<FileTime>,
    /// Whether the object has come since the watch began anew.
    came: bool,
}

impl ClusterSecret {
    /// Starts watching. The last good value answers for `keep` when the API server cannot be reached.
    #[must_use]
    pub fn watch(
        client: Client,
        namespace: &Namespace,
        name: SecretName,
        keep: Duration,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let seen = Arc::new(Seen::default());
        let secrets: Api<v1::Secret> = Api::namespaced(client, namespace.as_str());
        let only = watcher::Config::default().fields(&format!("metadata.name={name}"));
        let (hears, clock_of_watch) = (Arc::clone(&seen), Arc::clone(&clock));
        let (tell, heard) = tokio::sync::watch::channel(false);
        let watching = tokio::spawn(watch(secrets, only).default_backoff().for_each(move |event| {
            // An outage is told once, so that who waits for the first answer goes on; every answer is told.
            let settled = matches!(event, Ok(Event::InitDone | Event::Apply(_) | Event::Delete(_)));
            let silent = event.is_err() && !*tell.borrow();
            hears.hear(event, clock_of_watch.now());
            if settled || silent {
                tell.send_replace(true);
            }
            std::future::ready(())
        }));
        Self { name, seen, keep, clock, heard, directory: None, answers: Answers::default(), rotation: None, watching }
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
        self.seen.now(self.clock.now(), self.keep).ok()?.rotates
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
        match runtime.block_on(async { tokio::time::timeout(PATIENCE, asked).await }) {
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

impl Drop for ClusterSecret {
    fn drop(&mut self) {
        self.watching.abort();
    }
}

impl SecretSource for ClusterSecret {
    fn read(&self, name: &SecretName) -> Result<Secret, SecretError> {
        if *name != self.name {
            return Err(SecretError::NotFound);
        }
        self.in_force(self.seen.now(self.clock.now(), self.keep)?.known)
    }

    fn standing(&self) -> Standing {
        let now = self.clock.now();
        let value = self.seen.now(now, self.keep);
        let changed = value.as_ref().ok().and_then(|seized| seized.known.secret.changed);
        Standing {
            ready: value.map(drop),
            secret: Some((self.name.clone(), changed)),
            silent: Some(self.seen.silence(now)),
            rotation: self.rotation.as_ref().map(Standings::now),
        }
    }
}

impl Seen {
    fn hear(&self, event: Result<Event<v1::Secret>, watcher::Error>, now: FileTime) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Ok(event) => {
                state.silent = None;
                match event {
                    Event::Init => state.came = false,
                    Event::InitApply(secret) | Event::Apply(secret) => {
                        state.came = true;
                        state.value = Some(read(secret));
                    }
                    Event::InitDone if state.came => {}
                    Event::InitDone | Event::Delete(_) => state.value = Some(Err(SecretError::NotFound)),
                }
            }
            Err(error) => {
                if state.silent.is_none() {
                    tracing::warn!(%error, "the Secret cannot be watched; what was last seen answers for a while");
                }
                state.silent.get_or_insert(now);
            }
        }
    }

    fn silence(&self, now: FileTime) -> Duration {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.silent.map_or(Duration::ZERO, |since| now.since(since))
    }

    fn now(&self, now: FileTime, keep: Duration) -> Result<Seized, SecretError> {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let unavailable = |what: &str| Err(SecretError::Unavailable(what.to_owned()));
        match (&state.value, state.silent) {
            (None, _) => unavailable("the API server has not been reached yet"),
            (_, Some(since)) if now.since(since) > keep => {
                unavailable("the API server has not been reached for longer than the last value may be kept")
            }
            (Some(Ok(seized)), _) => Ok(seized.clone()),
            (Some(Err(SecretError::Incomplete(key))), _) => Err(SecretError::Incomplete(key)),
            (Some(Err(_)), _) => Err(SecretError::NotFound),
        }
    }
}

/// Takes the credentials out, and wipes what they came in.
fn read(secret: v1::Secret) -> Result<Seized, SecretError> {
    let rotates = rotation::rotates(&secret);
    let known = rotation::known(&secret);
    rotation::wipe(secret);
    known.map(|known| Seized { known, rotates })
}

#[cfg(test)]
mod tests {
    use k8s_openapi::ByteString;
    use secrecy::ExposeSecret;

    use super::*;

    const KEEP: Duration = Duration::from_secs(900);

    fn secret(keys: &[(&str, &[u8])]) -> v1::Secret {
        let data = keys.iter().map(|(key, value)| ((*key).to_owned(), ByteString(value.to_vec()))).collect();
        v1::Secret { data: Some(data), ..v1::Secret::default() }
    }

    fn good(password: &str) -> v1::Secret {
        secret(&[("username", b"reader"), ("password", password.as_bytes()), ("domainName", b"contoso.com\n")])
    }

    fn at(seconds: i64) -> FileTime {
        FileTime::from_unix(1_800_000_000 + seconds, 0)
    }

    fn password(seen: &Seen, now: FileTime) -> Option<String> {
        seen.now(now, KEEP).ok().map(|seized| seized.known.secret.password.expose_secret().to_owned())
    }

    #[test]
    fn what_the_cluster_says_last_is_what_the_next_read_returns() {
        let seen = Seen::default();
        assert!(matches!(seen.now(at(0), KEEP), Err(SecretError::Unavailable(_))));
        seen.hear(Ok(Event::Init), at(0));
        seen.hear(Ok(Event::InitApply(good("one"))), at(0));
        seen.hear(Ok(Event::InitDone), at(0));
        assert_eq!(password(&seen, at(1)).as_deref(), Some("one"));
        seen.hear(Ok(Event::Apply(good("two"))), at(2));
        assert_eq!(password(&seen, at(2)).as_deref(), Some("two"));
        seen.hear(Ok(Event::Delete(good("two"))), at(3));
        assert!(matches!(seen.now(at(3), KEEP), Err(SecretError::NotFound)));
        // Made again, and deleted while nobody was watching.
        seen.hear(Ok(Event::Apply(good("three"))), at(4));
        seen.hear(Ok(Event::Init), at(5));
        assert_eq!(password(&seen, at(5)).as_deref(), Some("three"));
        seen.hear(Ok(Event::InitDone), at(5));
        assert!(matches!(seen.now(at(5), KEEP), Err(SecretError::NotFound)));
    }

    #[test]
    fn an_outage_is_bridged_for_a_bounded_time_and_no_longer() {
        let seen = Seen::default();
        let outage = || Err(watcher::Error::NoResourceVersion);
        seen.hear(outage(), at(-5));
        assert!(matches!(seen.now(at(-4), KEEP), Err(SecretError::Unavailable(_))));
        seen.hear(Ok(Event::Init), at(0));
        seen.hear(Ok(Event::InitApply(good("one"))), at(0));
        seen.hear(Ok(Event::InitDone), at(0));
        seen.hear(outage(), at(10));
        seen.hear(outage(), at(800));
        assert_eq!(password(&seen, at(910)).as_deref(), Some("one"));
        assert!(matches!(seen.now(at(911), KEEP), Err(SecretError::Unavailable(_))));
        seen.hear(Ok(Event::Init), at(1000));
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
}
