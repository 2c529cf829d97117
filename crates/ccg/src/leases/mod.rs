//! All leases of a host: who has which identity, kept fresh, and kept over a restart of the guard.
//!
//! Each lease is a folder with the identities, a record of how to renew them, and a task that does so. The folder is made first and the
//! record after it, so that a guard that comes back removes whatever was not finished; a lease that has both goes on where it was.

mod add;
mod admission;
mod domains;
mod ended;
mod error;
mod holder;
mod id;
mod keeper;
mod members;
mod peer;
mod places;
mod process;
mod record;
mod release;
mod renew;
mod request;
mod summary;
mod take_up;
#[cfg(test)]
mod tests;
mod workload;

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dtyp::Clock;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinHandle;

use crate::{Folder, FolderError, Guard, Lease, Member, Observer};

use admission::Admission;
pub use domains::Domains;
pub use error::LeaseError;
pub use holder::Holder;
pub use id::{BadLeaseId, LeaseId};
pub use keeper::Standing;
use keeper::{Keeper, Renew};
pub use peer::Peer;
pub use places::Places;
pub use process::Process;
use record::Record;
pub use request::{Added, Bring, Credentials, Request};
pub use summary::Summary;
pub use workload::Workload;

/// The most credential specs of one lease.
pub(crate) const MOST_SPECS: usize = 16;

/// Before anything was fetched.
const ZERO: crate::Term =
    crate::Term { fetched: dtyp::FileTime(0), end: dtyp::FileTime(0), password: dtyp::FileTime(0) };

/// What the guard may be asked for.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How many leases it keeps.
    pub leases: usize,
    /// How many of them for one user, other than root and its own.
    pub leases_of_a_user: usize,
    /// How many of them for one pod.
    pub leases_of_a_pod: usize,
    /// How many it fetches at the same time.
    pub fetching: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { leases: 10_000, leases_of_a_user: 256, leases_of_a_pod: 16, fetching: 32 }
    }
}

struct Held {
    record: Record,
    members: Vec<Member>,
    commands: mpsc::Sender<Renew>,
    standing: watch::Receiver<Standing>,
    /// Why the guard does not renew it at all: it does not serve a domain of the lease's any more.
    unserved: Option<String>,
    task: JoinHandle<()>,
}

/// The leases of a host.
#[derive(Clone)]
pub struct Leases {
    inner: Arc<Inner>,
}

struct Inner {
    guard: Guard,
    domains: Domains,
    places: Places,
    limits: Limits,
    clock: Arc<dyn Clock>,
    observer: Arc<dyn Observer>,
    fetching: Arc<Semaphore>,
    held: Mutex<BTreeMap<LeaseId, Held>>,
    admission: Admission,
    /// Two guards would remove what the other is about to finish.
    _lock: OwnedFd,
}

impl Leases {
    /// The most credential specs of one lease.
    pub const MOST_SPECS: usize = MOST_SPECS;

    /// Takes up the leases that an earlier guard left in these places, and removes what it had not finished.
    ///
    /// It is called on a runtime, where the leases are looked after from then on.
    ///
    /// # Errors
    /// When the places cannot be used.
    pub fn resume(
        guard: Guard,
        domains: Domains,
        places: Places,
        limits: Limits,
        clock: Arc<dyn Clock>,
        observer: Arc<dyn Observer>,
    ) -> Result<Self, FolderError> {
        places::make(&places.identities, 0o711)?;
        places::make(&places.records, 0o700)?;
        let lock = places::lock(&places.records)?;
        let fetching = Arc::new(Semaphore::new(limits.fetching.max(1)));
        let (held, admission) = (Mutex::default(), Admission::default());
        let leases = Self {
            inner: Arc::new(Inner {
                guard,
                domains,
                places,
                limits,
                clock,
                observer,
                fetching,
                held,
                admission,
                _lock: lock,
            }),
        };
        leases.take_up()?;
        tokio::spawn(ended::watch(Arc::downgrade(&leases.inner)));
        Ok(leases)
    }

    fn lease(&self, record: &Record, members: Vec<Member>) -> Lease {
        let folder = Folder::new(self.inner.places.identities.join(record.id.as_str()), record.owner);
        let (id, folder) = (record.id.as_str(), folder.for_readers(record.readers));
        let lease = Lease::new(id, record.peer, self.inner.guard.clone(), members, record.keytabs.clone(), folder);
        lease.with_workload(record.workload.clone())
    }

    fn hold(&self, record: Record, members: Vec<Member>, lease: Lease, unserved: Option<String>) {
        let (commands, receiver) = mpsc::channel(4);
        let (failures, error) = (u32::from(unserved.is_some()), unserved.clone());
        let (sender, standing) =
            watch::channel(Standing { term: record.term, failures, error, alone: record.brought.is_none() });
        let keeper = Keeper {
            lease,
            alone: record.brought.is_none() && unserved.is_none(),
            clock: self.inner.clock.clone(),
            observer: self.inner.observer.clone(),
            fetching: self.inner.fetching.clone(),
            standing: sender,
            commands: receiver,
            save: self.saver(record.clone()),
        };
        let id = record.id.clone();
        let task = tokio::spawn(keeper.run());
        self.held().insert(id, Held { record, members, commands, standing, unserved, task });
    }

    fn saver(&self, mut record: Record) -> Box<dyn Fn(crate::Term) + Send> {
        record.specs.shrink_to_fit();
        let records = self.inner.places.records.clone();
        Box::new(move |term| {
            if let Err(error) = (Record { term, ..record.clone() }).save(&records) {
                tracing::warn!(lease = %record.id, %error, "the renewed lease cannot be recorded; after a restart it is renewed early");
            }
        })
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<LeaseId, Held>> {
        self.inner.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
