//! A lease: identities that are kept fresh in a folder for as long as somebody needs them.

mod folder;
mod removal;
mod term;

use std::time::{Duration, Instant};

use client::Domain;
use credspec::CredentialSpec;
use dtyp::{Clock, FileTime};
use zeroize::Zeroizing;

use crate::observer::{Fetch, Occasion};
use crate::{Asker, Cause, Guard, GuardError, Identity, Observer, Peer, Plugins, Step, Workload};

pub use folder::{Folder, FolderError, Owner, Readers};
pub use term::Term;

/// One credential spec of a lease, and where its domain is.
#[derive(Clone, Debug)]
pub struct Member {
    /// What the container is.
    pub spec: CredentialSpec,
    /// In which domain.
    pub domain: Domain,
}

/// What a lease is fetched with, when not with what the guard has.
pub enum Means {
    /// As this account, instead of the specs' plugins and the host's own.
    Account(Asker),
    /// Through these plugins, instead of the guard's.
    Plugins(Plugins),
}

/// What goes into the folder beside the credential caches.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Keytabs {
    /// Whether keytabs are written at all.
    pub wanted: bool,
    /// Further names that the default account's keys are written for: `HTTP/webapp01.contoso.com`.
    pub service_principals: Vec<String>,
}

/// Identities in a folder. Only their terms are kept in memory: no password, no key.
pub struct Lease {
    id: String,
    asked_by: Peer,
    workload: Option<Workload>,
    guard: Guard,
    members: Vec<Member>,
    keytabs: Keytabs,
    folder: Folder,
    term: Term,
    failures: u32,
    look: Duration,
}

/// How often a lease that waits looks at the clock.
const LOOK: Duration = Duration::from_secs(30);

impl Lease {
    /// A lease of which nothing is there yet. `id` and `asked_by` are for the audit.
    #[must_use]
    pub fn new(id: &str, asked_by: Peer, guard: Guard, members: Vec<Member>, keytabs: Keytabs, folder: Folder) -> Self {
        let term = Term { fetched: FileTime(0), end: FileTime(0), password: FileTime(0) };
        let id = id.to_owned();
        Self { id, asked_by, workload: None, guard, members, keytabs, folder, term, failures: 0, look: LOOK }
    }

    /// The same, for this workload: for the audit too.
    #[must_use]
    pub fn with_workload(mut self, workload: Option<Workload>) -> Self {
        self.workload = workload;
        self
    }

    /// The same whose files are there since an earlier life of the guard.
    #[must_use]
    pub fn with_term(mut self, term: Term) -> Self {
        self.term = term;
        self
    }

    /// Fetches the identities and makes the folder. With `means` if there are any, else as each spec says.
    ///
    /// # Errors
    /// The link that broke; nothing is left then.
    pub async fn begin(&mut self, means: Option<&Means>, observer: &dyn Observer) -> Result<(), GuardError> {
        let identities = self.fetch(means, Occasion::Begin, observer).await?;
        let accounts: Vec<_> =
            identities.iter().flat_map(Identity::accounts).map(|account| account.name.as_str()).collect();
        self.folder.create(&accounts).map_err(handover)?;
        let written = self.write(&identities);
        written.inspect_err(|_| drop(self.folder.remove()))?;
        self.begun(&identities);
        Ok(())
    }

    /// Fetches them again, now.
    ///
    /// # Errors
    /// The link that broke; what is in the folder stays.
    pub async fn renew(&mut self, means: Option<&Means>, observer: &dyn Observer) -> Result<(), GuardError> {
        let renewed = match self.fetch(means, Occasion::Renew, observer).await {
            Ok(identities) => self.write(&identities).map(|()| self.begun(&identities)),
            Err(error) => Err(error),
        };
        self.failures = if renewed.is_ok() { 0 } else { self.failures.saturating_add(1) };
        renewed
    }

    /// Looks at the clock this often, instead of twice a minute.
    #[must_use]
    pub fn with_looks(mut self, every: Duration) -> Self {
        self.look = every;
        self
    }

    /// Waits until it is time to renew. The timer stands still while the machine sleeps, and does not hear when its clock is set: so the
    /// clock is looked at in between.
    pub async fn due(&self, clock: &dyn Clock) {
        let wait = self.wait(clock.now());
        let (by_clock, by_timer) = (clock.now().saturating_add(wait), tokio::time::Instant::now() + wait);
        loop {
            let left = by_timer.saturating_duration_since(tokio::time::Instant::now());
            let left = left.min(by_clock.since(clock.now()));
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left.min(self.look)).await;
        }
    }

    /// Keeps it fresh, for ever: stop it by dropping the future. While a link is broken the files stay as they are, and it is tried again.
    pub async fn keep(&mut self, clock: &dyn Clock, observer: &dyn Observer) -> std::convert::Infallible {
        loop {
            self.due(clock).await;
            // The observer has been told.
            let _ = self.renew(None, observer).await;
        }
    }

    /// How long until it is time to renew.
    #[must_use]
    pub fn wait(&self, now: FileTime) -> Duration {
        let spread = self.id.bytes().fold(0u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte));
        self.term.wait(now, self.failures, spread)
    }

    /// How long it lasts without renewal.
    #[must_use]
    pub fn term(&self) -> Term {
        self.term
    }

    /// How many renewals have failed one after the other.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// Where it is.
    #[must_use]
    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    /// Its specs.
    #[must_use]
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    fn begun(&mut self, identities: &[Identity]) {
        if let Some(term) = identities.iter().map(Term::of).reduce(Term::shorter) {
            self.term = term;
        }
    }

    async fn fetch(
        &self,
        means: Option<&Means>,
        occasion: Occasion,
        observer: &dyn Observer,
    ) -> Result<Vec<Identity>, GuardError> {
        let mut identities = Vec::with_capacity(self.members.len());
        for Member { spec, domain } in &self.members {
            let since = Instant::now();
            let fetched = match means {
                Some(Means::Account(asker)) => self.guard.fetch_as(spec, domain, asker).await,
                Some(Means::Plugins(plugins)) => {
                    self.guard.clone().with_plugins(plugins.clone()).fetch(spec, domain).await
                }
                None => self.guard.fetch(spec, domain).await,
            };
            let asker = match means {
                Some(Means::Account(asker)) => Some(asker.name.to_string()),
                _ => None,
            };
            observer.fetched(&Fetch {
                occasion,
                lease: &self.id,
                asked_by: self.asked_by,
                workload: self.workload.as_ref(),
                spec,
                asker,
                broken: fetched.as_ref().err(),
                took: since.elapsed(),
                ends: self.term.end,
            });
            identities.push(fetched?);
        }
        Ok(identities)
    }

    fn write(&self, identities: &[Identity]) -> Result<(), GuardError> {
        for identity in identities {
            for account in identity.accounts() {
                let put = |name, bytes: Zeroizing<Vec<u8>>| self.folder.put(account.name.as_str(), name, &bytes);
                if self.keytabs.wanted {
                    let keytab = identity.keytab_of(account, &self.keytabs.service_principals);
                    put(Folder::KEYTAB, keytab.encode()).map_err(handover)?;
                }
                put(Folder::CCACHE, account.ccache()).map_err(handover)?;
            }
        }
        Ok(())
    }
}

fn handover(error: FolderError) -> GuardError {
    let cause = Cause::Write { path: error.path, what: error.source.to_string() };
    GuardError { step: Step::Handover, links: Vec::new(), cause: Box::new(cause) }
}
