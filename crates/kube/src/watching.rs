//! Collections of the cluster, watched: one way for every part of this room.
//!
//! A watch can end without a word, because a machine that loses its power hangs up no connection, and what it knew is then as old as its end.
//! So none lasts for longer than a minute, every wait for an answer is bounded (the client bounds what happens on a connection), and an error
//! is followed by a new list within seconds: an outage must not go on for those who watch when it is over for everybody else.

use std::fmt::Debug;
use std::time::Duration;

use futures_util::StreamExt;
use kube::api::Api;
use kube::runtime::utils::Backoff;
use kube::runtime::watcher::{Config, DefaultBackoff, Error, Event, watcher};
use serde::de::DeserializeOwned;
use tokio::time::{sleep, timeout};

use crate::api;

/// One watch lasts so many seconds, if its owner says nothing else. A connection that is dead is noticed five seconds later.
const WATCH: u32 = 25;
/// For a list, or the next page of it.
const PATIENCE: Duration = Duration::from_secs(30);
/// After an error.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// After an error for which the API server wants to be left alone.
const LONGEST_WISH: Duration = Duration::from_secs(60);

/// Tells what comes, and `None` when the watch has broken: what is known is then not what is, until the next list has ended.
///
/// `Init` is told too, and is no word of the API server's: it is made before anything is asked.
pub(crate) async fn follow<K>(what: &'static str, api: Api<K>, mut only: Config, mut tell: impl FnMut(Option<Event<K>>))
where
    K: kube::Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    only.timeout.get_or_insert(WATCH);
    let (mut pauses, mut is_told) = (DefaultBackoff::default(), false);
    loop {
        let broken = once(api.clone(), only.clone(), |event| {
            if !is_of_a_list(&event) {
                pauses.reset();
                is_told = false;
            }
            tell(Some(event));
        });
        let (error, wish) = broken.await;
        tell(None);
        if !std::mem::replace(&mut is_told, true) {
            tracing::warn!(error, "{what} cannot be watched; trying again until they can");
        }
        sleep(pauses.next().unwrap_or(LONGEST_PAUSE).min(LONGEST_PAUSE).max(wish)).await;
    }
}

/// Until it breaks; why it did, and for how long the API server wants to be left alone.
async fn once<K>(api: Api<K>, only: Config, mut tell: impl FnMut(Event<K>)) -> (String, Duration)
where
    K: kube::Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let events = watcher(api, only);
    tokio::pin!(events);
    let mut is_listing = true;
    loop {
        // What is watched may be quiet for days; what is listed may not.
        let next = if is_listing { timeout(PATIENCE, events.next()).await } else { Ok(events.next().await) };
        match next {
            Ok(Some(Ok(event))) => {
                is_listing = is_of_a_list(&event);
                tell(event);
            }
            Ok(Some(Err(error))) => return (said(&error), wish(&error)),
            Ok(None) => return ("the watch ended".to_owned(), Duration::ZERO),
            Err(_) => return ("the API server did not answer in time".to_owned(), Duration::ZERO),
        }
    }
}

/// Of one that has not ended.
fn is_of_a_list<K>(event: &Event<K>) -> bool {
    matches!(event, Event::Init | Event::InitApply(_))
}

/// Nothing of what cannot be read, which may be a Secret.
fn said(error: &Error) -> String {
    match error {
        Error::InitialListFailed(kube::Error::SerdeError(error))
        | Error::WatchStartFailed(kube::Error::SerdeError(error))
        | Error::WatchFailed(kube::Error::SerdeError(error)) => api::unreadable(error),
        other => other.to_string(),
    }
}

fn wish(error: &Error) -> Duration {
    let status = match error {
        Error::WatchError(status) => status,
        Error::InitialListFailed(kube::Error::Api(status))
        | Error::WatchStartFailed(kube::Error::Api(status))
        | Error::WatchFailed(kube::Error::Api(status)) => status,
        _ => return Duration::ZERO,
    };
    api::retry_after(status).unwrap_or_default().min(LONGEST_WISH)
}
