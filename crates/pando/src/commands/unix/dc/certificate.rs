//! The certificate of a domain controller, which neither runs out nor grows old while the server runs.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use dtyp::Clock;
use pki::{Authority, Identity, Purpose, Rotating, Validity};

/// How often somebody looks whether there is another.
const LOOK: Duration = Duration::from_secs(3600);
/// What the built-in authority issues is issued again when half of it is over.
const LASTS: Validity = Validity::DAYS_90;
const HALF: Duration = Duration::from_secs(45 * 86_400);

/// Where the certificate comes from.
pub(super) enum Source {
    /// From the authority in the data folder, for these names.
    Authority {
        /// The authority.
        authority: Box<Authority>,
        /// What the certificate is for.
        purpose: Purpose,
    },
    /// From files that somebody else keeps.
    Files {
        /// The chain.
        chain: PathBuf,
        /// Its key.
        key: PathBuf,
    },
}

impl Source {
    /// The certificate to show now.
    pub(super) fn identity(&self, clock: &dyn Clock) -> Result<Identity, pki::Error> {
        match self {
            Self::Authority { authority, purpose } => authority.issue(purpose, LASTS, clock),
            Self::Files { chain, key } => Identity::load(chain, key),
        }
    }

    /// Another one than `shown`, when it is time for it.
    fn next(&self, shown: &Identity, clock: &dyn Clock) -> Result<Option<Identity>, pki::Error> {
        match self {
            Self::Authority { .. } if shown.facts()?.not_after > clock.now().saturating_add(HALF) => Ok(None),
            Self::Authority { .. } => self.identity(clock).map(Some),
            Self::Files { .. } => {
                let found = self.identity(clock)?;
                Ok(Some(found).filter(|found| found.chain_pem() != shown.chain_pem()))
            }
        }
    }
}

/// Looks every hour, for ever. What cannot be read or does not fit its key is said, and the certificate before stays.
pub(super) async fn keep(source: Source, mut shown: Identity, rotating: Rotating, clock: Arc<dyn Clock>) {
    loop {
        tokio::time::sleep(LOOK).await;
        match source.next(&shown, &*clock) {
            Ok(None) => {}
            Ok(Some(next)) => match rotating.replace(&next) {
                Ok(()) => {
                    tracing::info!("another TLS certificate is shown from now on");
                    shown = next;
                }
                Err(error) => tracing::error!(%error, "the new TLS certificate cannot be used: the one before stays"),
            },
            Err(error) => tracing::error!(%error, "no new TLS certificate: the one before stays"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dtyp::{FileTime, ManualClock};

    #[test]
    fn a_certificate_of_the_built_in_authority_is_issued_again_when_half_of_it_is_over() {
        let folder = tempfile::tempdir().unwrap();
        let start = FileTime::from_unix(1_800_000_000, 0);
        let at = |days: u64| ManualClock::new(start.saturating_add(Duration::from_secs(days * 86_400)));
        let authority = Authority::load_or_create(folder.path(), "test", Validity::YEARS_10, &at(0)).unwrap();
        let source = Source::Authority { authority: Box::new(authority), purpose: Purpose::server(["localhost"]) };
        let shown = source.identity(&at(0)).unwrap();
        assert!(source.next(&shown, &at(44)).unwrap().is_none());
        let next = source.next(&shown, &at(46)).unwrap().unwrap();
        assert!(next.facts().unwrap().is_valid_at(at(134).now()));
    }

    #[test]
    fn files_that_were_replaced_are_shown() {
        let folder = tempfile::tempdir().unwrap();
        let clock = dtyp::SystemClock;
        let authority = Authority::load_or_create(folder.path(), "test", Validity::YEARS_10, &clock).unwrap();
        let (chain, key) = (folder.path().join("tls.crt"), folder.path().join("tls.key"));
        let store = || {
            let identity = authority.issue(&Purpose::server(["localhost"]), Validity::DAY, &clock).unwrap();
            identity.store(&chain, &key).unwrap();
        };
        store();
        let source = Source::Files { chain: chain.clone(), key: key.clone() };
        let shown = source.identity(&clock).unwrap();
        assert!(source.next(&shown, &clock).unwrap().is_none());
        store();
        assert!(source.next(&shown, &clock).unwrap().is_some());
        std::fs::write(&chain, "nonsense").unwrap();
        assert!(source.next(&shown, &clock).is_err());
    }
}
