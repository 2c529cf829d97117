//! Renewing the leases that only their callers can renew, with what these bring.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::keeper::Renew;
use super::members::accounts;
use super::record::Brought;
use super::{Credentials, LeaseError, Leases, Peer};
use crate::{Means, Plugins};

impl Leases {
    /// Renews all leases that were made with the credentials of this account.
    ///
    /// # Errors
    /// When there are none that the caller may see to, or one cannot be renewed: the others are all the same.
    pub async fn renew_with(&self, peer: &Peer, credentials: Credentials) -> Result<Vec<PathBuf>, LeaseError> {
        let found = self.brought_by(peer, |brought| credentials.is_for(brought));
        if found.is_empty() {
            let Credentials { username, domain, .. } = credentials;
            return Err(LeaseError::NothingToRenew { username, domain });
        }
        renew(found, Means::Account(credentials.asker())).await
    }

    /// Renews all leases that were made with plugins that ask with the caller's own keys.
    ///
    /// # Errors
    /// When one cannot be renewed: the others are all the same.
    pub async fn renew_through(&self, peer: &Peer, plugins: Plugins) -> Result<Vec<PathBuf>, LeaseError> {
        let found = self.brought_by(peer, |brought| matches!(brought, Brought::Keys { .. }));
        renew(found, Means::Plugins(plugins)).await
    }

    /// Those that the caller may see to and that were made with such things, with their folders.
    fn brought_by(&self, peer: &Peer, is_such: impl Fn(&Brought) -> bool) -> Vec<(mpsc::Sender<Renew>, Vec<PathBuf>)> {
        let (held, place) = (self.held(), &self.inner.places.identities);
        // Of a domain that is not served, nobody says where credentials may be shown.
        let such = held.values().filter(|held| held.unserved.is_none() && peer.may_see_to(&held.record.peer));
        let such = such.filter(|held| held.record.brought.as_ref().is_some_and(&is_such));
        let with_folders = such.map(|held| {
            let folder = place.join(held.record.id.as_str());
            (held.commands.clone(), accounts(&held.members).map(|account| folder.join(account)).collect())
        });
        with_folders.collect()
    }
}

/// Each of them, whatever becomes of the others.
async fn renew(found: Vec<(mpsc::Sender<Renew>, Vec<PathBuf>)>, means: Means) -> Result<Vec<PathBuf>, LeaseError> {
    let (means, mut renewed, mut first) = (Arc::new(means), Vec::new(), None);
    for (commands, folders) in found {
        let (reply, answer) = oneshot::channel();
        // A lease that is being released meanwhile needs no renewal.
        if commands.send(Renew { means: means.clone(), reply }).await.is_err() {
            continue;
        }
        match answer.await {
            Ok(Ok(())) => renewed.extend(folders),
            Ok(Err(error)) => first = first.or(Some(error)),
            Err(_) => {}
        }
    }
    first.map_or(Ok(renewed), |error| Err(error.into()))
}
