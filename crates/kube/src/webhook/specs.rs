//! Credential specs, watched. What is known of them is believed while the watch lives; otherwise the API server is asked.
//!
//! A watch can end without a word, and what it knew is then as old as its end. So every half minute it begins again from where it was,
//! and after an error with a new list. What counts as a word of the API server's is the end of a list or a change:
//! `Init` is made here, before anything is asked.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use kube::api::DynamicObject;
use kube::runtime::reflector::store::Writer;
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::watcher::{self, Event, watcher};
use serde_json::Value;
use tokio::time::{sleep, timeout};

use crate::api::{self, Client};

/// One watch lasts so many seconds. A connection that is dead is noticed five seconds later.
const WATCH: u32 = 25;
/// For a list.
const PATIENCE: Duration = Duration::from_secs(30);
/// After an error; doubled with each.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What the watch knows.
pub(super) struct Specs {
    known: Store<DynamicObject>,
    is_current: Arc<AtomicBool>,
}

impl Specs {
    /// Starts watching. The task ends with the runtime.
    pub(super) fn watch(client: Client) -> Self {
        let writer = Writer::new(api::resource());
        let specs = Self { known: writer.as_reader(), is_current: Arc::default() };
        tokio::spawn(follow(client, writer, Arc::clone(&specs.is_current)));
        specs
    }

    /// The spec of that name, if the watch knows it, and knows what is.
    pub(super) fn get(&self, name: &str) -> Option<Value> {
        let found = self.known.get(&ObjectRef::new_with(name, api::resource()))?;
        // Asked afterwards: what was taken out then was current.
        self.is_current.load(Ordering::SeqCst).then(|| found.data.clone())
    }
}

async fn follow(client: Client, mut writer: Writer<DynamicObject>, is_current: Arc<AtomicBool>) {
    let mut failures = 0_u32;
    loop {
        let events = watcher(api::credspecs(client.clone()), watcher::Config::default().timeout(WATCH));
        tokio::pin!(events);
        let error = loop {
            let next = if is_current.load(Ordering::SeqCst) {
                Ok(events.next().await)
            } else {
                timeout(PATIENCE, events.next()).await
            };
            match next {
                Ok(Some(Ok(event))) => {
                    writer.apply_watcher_event(&event);
                    if matches!(event, Event::InitDone | Event::Apply(_) | Event::Delete(_)) {
                        failures = 0;
                        is_current.store(true, Ordering::SeqCst);
                    } else {
                        is_current.store(false, Ordering::SeqCst);
                    }
                }
                Ok(Some(Err(error))) => break error.to_string(),
                Ok(None) => break "the watch ended".to_owned(),
                Err(_) => break "the API server did not answer in time".to_owned(),
            }
        };
        is_current.store(false, Ordering::SeqCst);
        // Once for each outage.
        if failures == 0 {
            tracing::warn!(
                error,
                "credential specs cannot be watched; the API server is asked for each until they can"
            );
        }
        sleep(pause(failures)).await;
        failures = failures.saturating_add(1);
    }
}

fn pause(failures: u32) -> Duration {
    FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(failures)).min(LONGEST_PAUSE)
}
