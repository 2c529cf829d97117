//! The root keys are remembered: every managed password is derived from them, and they change once in years.
//!
//! As with the names of containers, what is remembered carries an *era*: the transaction in which a root key was last made, changed or
//! deleted. What was derived from the keys is forgotten with them, and wiped.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use super::root_keys::{self, RootKeys};
use crate::{Draft, Error, View};

/// The root keys as the newest snapshots have them.
#[derive(Default)]
pub(crate) struct KnownRootKeys {
    era: AtomicU64,
    known: RwLock<Option<(u64, Arc<RootKeys>)>>,
}

impl KnownRootKeys {
    /// Snapshots from this one on have other root keys. To be called *before* the change is committed.
    pub(crate) fn begin_era(&self, snapshot: u64) {
        self.era.fetch_max(snapshot, Ordering::SeqCst);
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    pub(super) fn of(&self, view: &View<'_>) -> Result<Arc<RootKeys>, Error> {
        // After the snapshot was taken. One that is older than the last change does without.
        let era = self.era.load(Ordering::SeqCst);
        let is_of_this_era = view.committed() >= era;
        let known = || self.known.read().unwrap_or_else(PoisonError::into_inner).clone();
        if is_of_this_era && let Some((_, keys)) = known().filter(|(made_in, _)| *made_in == era) {
            return Ok(keys);
        }
        let keys = Arc::new(RootKeys::load(view)?);
        if is_of_this_era {
            let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
            // Two that look at once read the same; the first one's derived keys stay.
            match &*known {
                Some((made_in, first)) if *made_in == era => return Ok(Arc::clone(first)),
                Some((made_in, _)) if *made_in > era => {}
                _ => *known = Some((era, Arc::clone(&keys))),
            }
        }
        Ok(keys)
    }
}

/// Whether an object that is being written is a root key, or was one.
pub(crate) fn changes_root_keys(draft: &Draft) -> bool {
    let id = draft.catalogue.known.object_class;
    let names = [&draft.stored, &draft.fields].into_iter().filter_map(|fields| fields.get(&id)).flatten();
    names.into_iter().any(|name| name.eq_ignore_ascii_case(root_keys::CLASS.as_bytes()))
}
