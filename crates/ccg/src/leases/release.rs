//! Ending a lease.

use std::path::PathBuf;

use super::members::accounts;
use super::places::at;
use super::record::Record;
use super::{Held, LeaseError, LeaseId, Leases, Peer};
use crate::Folder;

impl Leases {
    /// Ends a lease and removes its files.
    ///
    /// # Errors
    /// When there is none of this name that the caller may see to, or its files cannot be removed.
    pub async fn release(&self, peer: &Peer, id: &LeaseId) -> Result<Vec<PathBuf>, LeaseError> {
        let held = {
            let mut all = self.held();
            let known = all.get(id).is_some_and(|held| peer.may_see_to(&held.record.peer));
            known.then(|| all.remove(id)).flatten().ok_or_else(|| LeaseError::Unknown(id.clone()))?
        };
        let (leases, peer) = (self.clone(), *peer);
        // In a task of its own: a caller that goes away does not leave half of it.
        let ended = tokio::spawn(async move { leases.end(held, &peer).await }).await;
        ended.map_err(|error| at(&self.inner.places.identities)(std::io::Error::other(error)))?
    }

    async fn end(&self, held: Held, peer: &Peer) -> Result<Vec<PathBuf>, LeaseError> {
        let Held { record, members, standing, unserved, task, .. } = held;
        task.abort();
        // It was aborted: what it says does not matter, only that it writes no more.
        let _ = task.await;
        let id = record.id.clone();
        let folder = Folder::new(self.inner.places.identities.join(id.as_str()), record.owner);
        let (removal, records) = (folder.clone(), self.inner.places.records.clone());
        let (named, place) = (id.clone(), self.inner.places.identities.clone());
        // Its user may have filled it: others are answered meanwhile.
        let removed = tokio::task::spawn_blocking(move || {
            removal.remove().and_then(|()| Record::remove(&records, &named).map_err(at(&records)))
        });
        let removed = removed.await.unwrap_or_else(|error| Err(at(&place)(std::io::Error::other(error))));
        if let Err(error) = removed {
            // It is still a lease, so that it is seen, counts, and can be released again.
            let lease = self.lease(&record, members.clone()).with_term(standing.borrow().term);
            self.hold(record, members, lease, unserved);
            return Err(error.into());
        }
        self.inner.observer.released(id.as_str(), peer);
        Ok(accounts(&members).map(|account| folder.account(account)).collect())
    }
}
