//! Taking up what an earlier guard left.

use client::Domain;

use super::members::{accounts, members};
use super::places::at;
use super::record::Record;
use super::{LeaseError, LeaseId, Leases};
use crate::{Folder, FolderError, Member, Owner};

impl Leases {
    pub(super) fn take_up(&self) -> Result<(), FolderError> {
        let places = &self.inner.places;
        let records = Record::load_all(&places.records).map_err(at(&places.records))?;
        for record in records {
            let id = record.id.clone();
            let served = members(&record.specs, |name| self.inner.domains.of(name));
            let (members, unserved) = match served {
                // A domain that was forgotten on the command line must not cost containers their identity.
                Err(error @ LeaseError::NotServed { .. }) => {
                    tracing::error!(lease = %id, %error, "this lease is kept, but not kept fresh");
                    (members(&record.specs, |name| Ok(Domain::new(name.as_str()))), Some(error.to_string()))
                }
                served => (served, None),
            };
            match members {
                Ok(members) if self.is_whole(&id, &members) => {
                    let lease = self.lease(&record, members.clone()).with_term(record.term);
                    self.hold(record, members, lease, unserved);
                }
                _ => {
                    tracing::info!(lease = %id, "this lease's folder is gone, so it has ended");
                    Record::remove(&places.records, &id).map_err(at(&places.records))?;
                }
            }
        }
        self.remove_strays()
    }

    /// Whether the folders of all its accounts are there.
    fn is_whole(&self, id: &LeaseId, members: &[Member]) -> bool {
        let folder = self.inner.places.identities.join(id.as_str());
        accounts(members).all(|account| folder.join(account).is_dir())
    }

    /// Folders without a record were never handed to anybody.
    fn remove_strays(&self) -> Result<(), FolderError> {
        let place = &self.inner.places.identities;
        for entry in std::fs::read_dir(place).map_err(at(place))? {
            let name = entry.map_err(at(place))?.file_name();
            let id = name.to_str().and_then(|name| name.parse::<LeaseId>().ok());
            let Some(id) = id.filter(|id| !self.held().contains_key(id)) else { continue };
            tracing::info!(lease = %id, "removing the folder of a lease that was never finished");
            // One folder that stays must not keep all others from their tickets.
            if let Err(error) = Folder::new(place.join(id.as_str()), Owner::this_process()).remove() {
                tracing::error!(lease = %id, %error, "it cannot be removed: remove it by hand");
            }
        }
        Ok(())
    }
}
