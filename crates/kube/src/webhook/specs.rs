//! Credential specs, watched. What is known of them is believed while the watch lives; otherwise the API server is asked.
//!
//! What counts as a word of the API server's is the end of a list or a change.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use kube::api::DynamicObject;
use kube::runtime::reflector::store::Writer;
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::watcher::{Config, Event};
use serde_json::Value;
use tokio::task::JoinHandle;

use crate::api::{self, Client};
use crate::watching::follow;

/// What the watch knows.
pub(super) struct Specs {
    known: Store<DynamicObject>,
    is_current: Arc<AtomicBool>,
    watching: JoinHandle<()>,
}

impl Specs {
    /// Starts watching. The task ends with the runtime.
    pub(super) fn watch(client: Client) -> Self {
        let mut writer = Writer::new(api::resource());
        let (known, is_current) = (writer.as_reader(), Arc::new(AtomicBool::new(false)));
        let current = Arc::clone(&is_current);
        let watching = follow("credential specs", api::credspecs(client), Config::default(), move |event| {
            if let Some(event) = &event {
                writer.apply_watcher_event(event);
            }
            let is_word = matches!(event, Some(Event::InitDone | Event::Apply(_) | Event::Delete(_)));
            current.store(is_word, Ordering::SeqCst);
        });
        Self { known, is_current, watching: tokio::spawn(watching) }
    }

    /// The spec of that name, if the watch knows it, and knows what is.
    pub(super) fn get(&self, name: &str) -> Option<Value> {
        let found = self.known.get(&ObjectRef::new_with(name, api::resource()))?;
        // Asked afterwards: what was taken out then was current.
        let is_current = self.is_current.load(Ordering::SeqCst) && !self.watching.is_finished();
        is_current.then(|| found.data.clone())
    }
}
