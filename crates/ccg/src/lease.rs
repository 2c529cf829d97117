//! A lease: an identity that is kept fresh in a folder for as long as somebody needs it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use client::Domain;
use credspec::CredentialSpec;
use dtyp::{Clock, FileTime};

use crate::{Guard, GuardError, Identity};

/// An identity in a folder: `ccache`, which programs find by `KRB5CCNAME`, and `keytab` for services that accept others.
pub struct Lease {
    guard: Guard,
    spec: CredentialSpec,
    domain: Domain,
    folder: PathBuf,
    identity: Identity,
}

/// When an identity has to be fetched again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Term {
    fetched: FileTime,
    /// When the ticket ends.
    end: FileTime,
    /// When the password changes.
    password: FileTime,
}

/// After a password has changed, clocks may still differ by this much.
const SKEW: Duration = Duration::from_secs(300);
/// How long to wait after a first failure, and at most.
const PATIENCE: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(300));

impl Term {
    fn of(identity: &Identity) -> Self {
        let changes = identity.accounts().map(|account| account.gmsa.password.query_interval).min();
        let ends = identity.accounts().map(|account| account.ticket.end_time).min();
        let fetched = identity.fetched;
        Self {
            fetched,
            end: ends.unwrap_or(fetched),
            password: fetched.saturating_add(changes.unwrap_or(Duration::MAX)),
        }
    }

    /// How long to wait: until half of the ticket's life is over, or the next password is surely in force; after failures a little, then
    /// longer and longer.
    fn wait(&self, now: FileTime, failures: u32) -> Duration {
        if failures > 0 {
            let (first, most) = PATIENCE;
            return first.saturating_mul(1 << failures.min(10).saturating_sub(1)).min(most);
        }
        let half = self.fetched.saturating_add(self.end.since(self.fetched) / 2);
        let due = half.min(self.password.saturating_add(SKEW));
        due.since(now).max(Duration::from_secs(1))
    }
}

impl Lease {
    /// Fetches the identity and puts it into the folder, which must be its own and closed to others.
    ///
    /// # Errors
    /// The link that broke.
    pub async fn begin(
        guard: Guard,
        spec: CredentialSpec,
        domain: Domain,
        folder: impl Into<PathBuf>,
    ) -> Result<Self, GuardError> {
        let identity = guard.fetch(&spec, &domain).await?;
        let lease = Self { guard, spec, domain, folder: folder.into(), identity };
        lease.write()?;
        Ok(lease)
    }

    /// What is in it now.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The credential cache.
    #[must_use]
    pub fn ccache(&self) -> PathBuf {
        self.folder.join("ccache")
    }

    /// The keytab.
    #[must_use]
    pub fn keytab(&self) -> PathBuf {
        self.folder.join("keytab")
    }

    /// Where it is.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Keeps it fresh, for ever: stop it by dropping the future. While a link is broken the files stay as they are, and it is tried again.
    pub async fn keep(&mut self, clock: &dyn Clock) -> std::convert::Infallible {
        let mut failures = 0;
        loop {
            let term = Term::of(&self.identity);
            tokio::time::sleep(term.wait(clock.now(), failures)).await;
            match self.renew().await {
                Ok(()) => failures = 0,
                Err(error) => {
                    failures += 1;
                    let principal = self.identity.default.principal();
                    let left = term.end.since(clock.now());
                    if left.is_zero() {
                        tracing::error!(principal, %error, "the identity has expired and cannot be fetched again; it is tried on");
                    } else {
                        let minutes = left.as_secs() / 60;
                        tracing::warn!(principal, minutes, %error, "the identity cannot be renewed yet; its ticket lives on");
                    }
                }
            }
        }
    }

    /// Fetches it again, now.
    ///
    /// # Errors
    /// The link that broke; what is in the folder stays.
    pub async fn renew(&mut self) -> Result<(), GuardError> {
        self.identity = self.guard.fetch(&self.spec, &self.domain).await?;
        self.write()
    }

    fn write(&self) -> Result<(), GuardError> {
        self.identity.write_keytab(&self.keytab(), &[])?;
        self.identity.write_ccache(&self.ccache()).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn term(ticket: u32, password: u32) -> Term {
        let fetched = FileTime(1_000_000_000_000);
        Term { fetched, end: fetched.saturating_add(HOUR * ticket), password: fetched.saturating_add(HOUR * password) }
    }

    #[test]
    fn an_identity_is_fetched_again_at_half_of_its_tickets_life() {
        let term = term(10, 700);
        assert_eq!(term.wait(term.fetched, 0), HOUR * 5);
        assert_eq!(term.wait(term.fetched.saturating_add(HOUR * 4), 0), HOUR);
        assert_eq!(term.wait(term.fetched.saturating_add(HOUR * 9), 0), Duration::from_secs(1));
    }

    #[test]
    fn a_new_password_is_fetched_as_soon_as_every_domain_controller_has_it() {
        let term = term(10, 2);
        assert_eq!(term.wait(term.fetched, 0), HOUR * 2 + SKEW);
    }

    #[test]
    fn failures_are_followed_by_longer_and_longer_waits_up_to_a_limit() {
        let term = term(10, 700);
        let waits: Vec<u64> = (1..9).map(|failures| term.wait(term.fetched, failures).as_secs()).collect();
        assert_eq!(waits, [5, 10, 20, 40, 80, 160, 300, 300]);
        assert_eq!(term.wait(term.fetched, u32::MAX), PATIENCE.1);
    }
}
