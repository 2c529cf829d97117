//! All leases of a host: who has which identity, kept fresh, and kept over a restart of the guard.
//!
//! Each lease is a folder with the identities, a record of how to renew them, and a task that does so. The folder is made first and the
//! record after it, so that a guard that comes back removes whatever was not finished; a lease that has both goes on where it was.

mod admission;
mod domains;
mod error;
mod id;
mod keeper;
mod peer;
mod record;
#[cfg(test)]
mod tests;
mod workload;

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use client::{Domain, PrincipalName, kerberos};
use credspec::{CredentialSpec, DnsName};
use dtyp::{Clock, SystemRandom};
use secrecy::SecretString;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use crate::{
    Asker, Folder, FolderError, Guard, GuardError, Keytabs, Lease, Means, Member, Observer, Owner, Plugins, Readers,
    Step,
};

use admission::{Admission, Place};
pub use domains::Domains;
pub use error::LeaseError;
pub use id::{BadLeaseId, LeaseId};
pub use keeper::Standing;
use keeper::{Keeper, Renew};
pub use peer::Peer;
use record::{Brought, Record};
pub use workload::Workload;

/// The most credential specs of one lease.
pub(crate) const MOST_SPECS: usize = 16;

/// Where leases are kept. Both should be in memory.
#[derive(Clone, Debug)]
pub struct Places {
    /// The folders that containers see.
    pub identities: PathBuf,
    /// The guard's own records.
    pub records: PathBuf,
}

/// What the guard may be asked for.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How many leases it keeps.
    pub leases: usize,
    /// How many of them for one user, other than root and its own.
    pub leases_of_a_user: usize,
    /// How many it fetches at the same time.
    pub fetching: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { leases: 10_000, leases_of_a_user: 256, fetching: 32 }
    }
}

/// What somebody asks for.
pub struct Request {
    /// Who.
    pub peer: Peer,
    /// A name for the lease, when the caller must know it beforehand.
    pub id: Option<LeaseId>,
    /// Credential specs.
    pub specs: Vec<String>,
    /// Whose processes may use the identities.
    pub owner: Owner,
    /// Who else. Only the trusted may say.
    pub readers: Readers,
    /// What it is for, as an orchestrator names it. Only the trusted may say.
    pub workload: Option<Workload>,
    /// Whether keytabs are wanted.
    pub keytabs: Keytabs,
    /// What to ask with, instead of what the guard has. It is used once and not kept.
    pub brought: Option<Bring>,
}

/// What a caller brings, and brings again for each renewal.
pub enum Bring {
    /// An account, in place of the specs' plugins and of the host's own.
    Account(Credentials),
    /// Plugins that ask with the caller's own keys, in place of the guard's.
    Plugins {
        /// The plugins.
        plugins: Plugins,
        /// The name of the caller's key, which is no secret.
        key_id: String,
    },
}

impl Bring {
    fn split(self) -> (Means, Brought) {
        match self {
            Self::Account(it) => {
                let brought = Brought::Account { username: it.username.clone(), domain: it.domain.clone() };
                (Means::Account(it.asker()), brought)
            }
            Self::Plugins { plugins, key_id } => (Means::Plugins(plugins), Brought::Keys { key_id }),
        }
    }
}

/// An account that may retrieve the passwords of the gMSAs.
pub struct Credentials {
    /// Its name.
    pub username: String,
    /// Its password.
    pub password: SecretString,
    /// Its domain, by its DNS or NetBIOS name.
    pub domain: String,
}

impl Credentials {
    fn asker(self) -> Asker {
        Asker { name: PrincipalName::user(&self.username), secret: kerberos::Secret::Password(self.password) }
    }

    fn is_for(&self, brought: &Brought) -> bool {
        let Brought::Account { username, domain } = brought else { return false };
        self.username.eq_ignore_ascii_case(username) && self.domain.eq_ignore_ascii_case(domain)
    }
}

/// A lease that was made.
#[derive(Clone, Debug)]
pub struct Added {
    /// Its name.
    pub id: LeaseId,
    /// The folder of each spec's default account, in the order of the specs.
    pub folders: Vec<PathBuf>,
}

/// One lease, for those who ask what there is.
#[derive(Clone, Debug)]
pub struct Summary {
    /// Its name.
    pub id: LeaseId,
    /// Who asked for it.
    pub peer: Peer,
    /// Who may use it.
    pub owner: Owner,
    /// What it is for, when an orchestrator said.
    pub workload: Option<Workload>,
    /// Its accounts, as `webapp01$@CONTOSO.COM`.
    pub accounts: Vec<String>,
    /// Its folder.
    pub folder: PathBuf,
    /// Whether the guard renews it by itself.
    pub renewed_alone: bool,
    /// How it stands.
    pub standing: Standing,
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
        make(&places.identities, 0o711)?;
        make(&places.records, 0o700)?;
        let lock = lock(&places.records)?;
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
        Ok(leases)
    }

    fn take_up(&self) -> Result<(), FolderError> {
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

    /// Makes a lease: fetches the identities, and keeps them fresh from now on.
    ///
    /// # Errors
    /// Why not; nothing is left then.
    pub async fn add(&self, request: Request) -> Result<Added, LeaseError> {
        // Kept until it is held, or has failed.
        let checked = self.check(&request);
        let (members, _place) = checked.inspect_err(|why| self.inner.observer.refused(&request.peer, why))?;
        let Request { peer, id, specs, owner, readers, workload, keytabs, brought } = request;
        let id = id.unwrap_or_else(|| LeaseId::random(&SystemRandom));
        if self.held().contains_key(&id) {
            return Err(LeaseError::Exists(id));
        }
        let term = crate::Term { fetched: self.inner.clock.now(), ..ZERO };
        let (means, brought) = brought.map(Bring::split).unzip();
        let version = Record::VERSION;
        let mut record =
            Record { version, id: id.clone(), peer, owner, readers, workload, keytabs, specs, brought, term };
        let mut lease = self.lease(&record, members.clone());
        {
            // It is never closed.
            let _permit = self.inner.fetching.acquire().await;
            lease.begin(means.as_ref(), self.inner.observer.as_ref()).await?;
        }
        record.term = lease.term();
        let folders = defaults(&lease);
        let folder = lease.folder().clone();
        let records = &self.inner.places.records;
        record.save(records).map_err(at(records)).inspect_err(|_| drop(folder.remove()))?;
        self.hold(record, members, lease, None);
        Ok(Added { id, folders })
    }

    fn check(&self, request: &Request) -> Result<(Vec<Member>, Place), LeaseError> {
        let uid = request.peer.uid;
        let place = self.inner.admission.enter(uid, |adding, adding_own| {
            let Limits { leases, leases_of_a_user: most, .. } = self.inner.limits;
            let held = self.held();
            if held.len() + adding >= leases {
                return Err(LeaseError::Full(leases));
            }
            let own = held.values().filter(|held| held.record.peer.uid == uid).count();
            match request.peer.is_trusted() || own + adding_own < most {
                true => Ok(()),
                false => Err(LeaseError::FullForUser { uid, most }),
            }
        })?;
        if !request.peer.is_trusted() {
            check_untrusted(request)?;
        }
        let members = members(&request.specs, |name| self.inner.domains.of(name))?;
        if let Some(Bring::Account(brought)) = &request.brought {
            let other = members.iter().find(|member| !member.spec.domain_join_config.is_named(&brought.domain));
            if let Some(Member { spec, .. }) = other {
                let spec = spec.domain_join_config.dns_name.to_string();
                return Err(LeaseError::OtherDomain { credentials: brought.domain.clone(), spec });
            }
        }
        Ok((members, place))
    }

    fn lease(&self, record: &Record, members: Vec<Member>) -> Lease {
        let folder = Folder::new(self.inner.places.identities.join(record.id.as_str()), record.owner);
        let (id, asked_by, folder) = (record.id.as_str(), record.peer.to_string(), folder.for_readers(record.readers));
        let lease = Lease::new(id, &asked_by, self.inner.guard.clone(), members, record.keytabs.clone(), folder);
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

    /// The leases that the caller may see to.
    #[must_use]
    pub fn list(&self, peer: &Peer) -> Vec<Summary> {
        let held = self.held();
        let seen = held.values().filter(|held| peer.may_see_to(&held.record.peer));
        seen.map(|held| self.summary(held)).collect()
    }

    /// The folder of a lease's default account, if there is this lease.
    #[must_use]
    pub fn folder(&self, id: &LeaseId) -> Option<PathBuf> {
        let held = self.held();
        let spec = &held.get(id)?.members.first()?.spec;
        let account = spec.domain_join_config.machine_account_name.as_str();
        Some(self.inner.places.identities.join(id.as_str()).join(account))
    }

    /// How every lease stands.
    #[must_use]
    pub fn standings(&self) -> Vec<Standing> {
        self.held().values().map(|held| held.standing.borrow().clone()).collect()
    }

    fn summary(&self, held: &Held) -> Summary {
        let principals = held.members.iter().flat_map(|member| {
            member
                .spec
                .accounts()
                .into_iter()
                .map(|name| format!("{}@{}", name.sam_account_name(), member.domain.realm))
        });
        Summary {
            id: held.record.id.clone(),
            peer: held.record.peer,
            owner: held.record.owner,
            workload: held.record.workload.clone(),
            accounts: principals.collect(),
            folder: self.inner.places.identities.join(held.record.id.as_str()),
            renewed_alone: held.record.brought.is_none(),
            standing: held.standing.borrow().clone(),
        }
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<LeaseId, Held>> {
        self.inner.held.lock().unwrap_or_else(PoisonError::into_inner)
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

/// What others than root may not do.
fn check_untrusted(request: &Request) -> Result<(), LeaseError> {
    let (Peer { uid, gid, .. }, owner) = (request.peer, request.owner);
    if (owner.uid, owner.gid) != (uid, gid) {
        return Err(LeaseError::Owner { asking: uid, wanted: owner.uid });
    }
    if request.id.is_some() || request.workload.is_some() || request.readers != Readers::Owner {
        return Err(LeaseError::Name);
    }
    Ok(())
}

const ZERO: crate::Term =
    crate::Term { fetched: dtyp::FileTime(0), end: dtyp::FileTime(0), password: dtyp::FileTime(0) };

/// The specs as they came, read and with their domains.
fn members(specs: &[String], find: impl Fn(&DnsName) -> Result<Domain, LeaseError>) -> Result<Vec<Member>, LeaseError> {
    match specs.len() {
        0 => return Err(LeaseError::NoSpecs),
        1..=MOST_SPECS => {}
        many => return Err(LeaseError::TooManySpecs(many)),
    }
    let read = |text: &String| {
        let spec = CredentialSpec::parse(text.as_bytes());
        let spec = spec.map_err(|error| GuardError {
            step: Step::CredentialSpec,
            links: Vec::new(),
            cause: Box::new(error.into()),
        })?;
        let domain = find(&spec.domain_join_config.dns_name)?;
        Ok::<_, LeaseError>(Member { spec, domain })
    };
    let members = specs.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let mut names: Vec<_> = accounts(&members).map(str::to_ascii_lowercase).collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair.first() == pair.last()).and_then(<[String]>::first) {
        Some(name) => Err(LeaseError::SameAccount(name.clone())),
        None => Ok(members),
    }
}

fn accounts(members: &[Member]) -> impl Iterator<Item = &str> {
    members.iter().flat_map(|member| member.spec.accounts()).map(|name| name.as_str())
}

fn defaults(lease: &Lease) -> Vec<PathBuf> {
    let names = lease.members().iter().map(|member| &member.spec.domain_join_config.machine_account_name);
    names.map(|name| lease.folder().account(name.as_str())).collect()
}

/// Makes a folder that only the guard looks into.
fn make(path: &Path, mode: u32) -> Result<(), FolderError> {
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
    std::fs::DirBuilder::new().recursive(true).mode(mode).create(path).map_err(at(path))?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).map_err(at(path))
}

/// The folder is this process's own from now on.
fn lock(folder: &Path) -> Result<OwnedFd, FolderError> {
    let folder_itself = std::fs::File::open(folder).map_err(at(folder))?;
    let locked = rustix::fs::flock(&folder_itself, rustix::fs::FlockOperation::NonBlockingLockExclusive);
    let taken =
        |_| std::io::Error::other("another guard keeps its leases here: stop it first, or choose another folder");
    locked.map_err(|errno| at(folder)(taken(errno)))?;
    Ok(folder_itself.into())
}

fn at(path: &Path) -> impl Fn(std::io::Error) -> FolderError {
    let path = path.to_owned();
    move |source| FolderError { path: path.clone(), source }
}
