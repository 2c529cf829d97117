//! The provider's authority and what it has issued: both sides' certificates, published for the plugin, and renewed while it runs.
//!
//! Whether something is due is asked of the clock every few seconds. A wait of twelve hours would not see a machine that sleeps, nor a clock
//! that is set: one that began in 1970 makes an authority of 1970, and all of it anew when the time comes in.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use dtyp::{Clock, FileTime};
use pki::{Authority, Certificate, ClientAuth, Purpose, Rotating, Scope, Validity};
use rustls::ServerConfig;
use tokio::sync::watch;

use super::Config;
use super::metrics::Metrics;
use super::published::Published;
use crate::Error;

/// How long a leaf certificate lasts. Both are renewed when half of it is over.
const LEAF: Validity = Validity::DAY;
/// How often it is looked whether they are.
const ROUND: Duration = Duration::from_secs(10);

/// The authority, what it has issued, and where that is published.
pub(super) struct Credentials {
    config: Config,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    published: Vec<Published>,
    pub(super) tls: Arc<ArcSwap<ServerConfig>>,
    held: Mutex<Held>,
}

struct Held {
    authority: Authority,
    /// Of the authority, the server and the client: when they begin and end.
    certificates: [Certificate; 3],
}

struct Issued {
    held: Held,
    tls: Arc<ServerConfig>,
}

impl Credentials {
    pub(super) fn prepare(config: Config, clock: Arc<dyn Clock>, metrics: Arc<Metrics>) -> Result<Self, Error> {
        let of = |secret| Published::create(&config.host_dir, &config.namespace, secret, config.legacy);
        let mut published: Vec<_> =
            config.secret.as_ref().map(|secret| of(Some(secret))).transpose()?.into_iter().collect();
        match &config.secret {
            None => published.push(of(None)?),
            Some(secret) if config.for_namespace => published.extend(of(None)?.claim(secret)?),
            Some(_) => {}
        }
        if let Some(state) = &config.state {
            published.iter().try_for_each(|one| one.must_not_hold(state))?;
        }
        let authority = authority(&config, clock.as_ref())?;
        let issued = issue(authority, &published, clock.as_ref(), &metrics)?;
        let tls = Arc::new(ArcSwap::new(issued.tls));
        Ok(Self { config, clock, metrics, published, tls, held: Mutex::new(issued.held) })
    }

    /// New certificates for both sides, and a new authority when the present one is not valid.
    pub(super) fn renew(&self) -> Result<(), Error> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let [authority_is, ..] = &held.certificates;
        let authority = match authority_is.is_valid_at(self.clock.now()) {
            true => Authority::from_pem(held.authority.certificate_pem(), &held.authority.key_pem())?,
            false => authority(&self.config, self.clock.as_ref())?,
        };
        let issued = issue(authority, &self.published, self.clock.as_ref(), &self.metrics)?;
        self.tls.store(issued.tls);
        *held = issued.held;
        Ok(())
    }

    /// Whether half of the certificates' time is over, or the clock is elsewhere altogether.
    fn is_due(&self) -> bool {
        let now = self.clock.now();
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let [_, leaves @ ..] = &held.certificates;
        !all_valid(&held.certificates, now) || leaves.iter().any(|leaf| leaf.not_after.since(now) < LEAF.0 / 2)
    }

    /// Whether plugins can connect.
    pub(super) fn are_valid(&self) -> bool {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        all_valid(&held.certificates, self.clock.now())
    }

    pub(super) fn write_port(&self, port: u16) -> Result<(), Error> {
        self.published.iter().try_for_each(|one| one.write_port(port))
    }

    pub(super) fn remove_port(&self, port: u16) -> Result<(), Error> {
        self.published.iter().try_for_each(|one| one.remove_port(port))
    }
}

fn all_valid(certificates: &[Certificate], now: FileTime) -> bool {
    certificates.iter().all(|certificate| certificate.is_valid_at(now))
}

fn authority(config: &Config, clock: &dyn Clock) -> Result<Authority, Error> {
    let purpose = format!("account provider {}", config.namespace);
    Ok(match &config.state {
        Some(state) => Authority::load_or_create_for(Scope::ThisHost, state, &purpose, Validity::YEARS_10, clock)?,
        None => Authority::create_for(Scope::ThisHost, &purpose, Validity::YEARS_10, clock)?,
    })
}

/// The server's key stays in memory.
fn issue(authority: Authority, published: &[Published], clock: &dyn Clock, metrics: &Metrics) -> Result<Issued, Error> {
    let server = authority.issue(&Purpose::server(["localhost", "127.0.0.1", "::1"]), LEAF, clock)?;
    let client = authority.issue(&Purpose::client("ccg-plugin"), LEAF, clock)?;
    let tls = pki::server_config(&Rotating::new(&server)?, ClientAuth::Required(&authority.roots()))?;
    let certificates = [Certificate::read(authority.certificate())?, server.facts()?, client.facts()?];
    published.iter().try_for_each(|one| one.write_certificates(&authority, &server, &client))?;
    metrics.issued(&certificates);
    Ok(Issued { held: Held { authority, certificates }, tls })
}

/// Renews when it is due. When that fails there is half of the time to try, and it is tried again and again.
pub(super) async fn keep(credentials: Arc<Credentials>, mut stopped: watch::Receiver<()>) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(ROUND) => {}
            _ = stopped.changed() => return,
        }
        if !credentials.is_due() {
            continue;
        }
        let renewing = Arc::clone(&credentials);
        let renewed = tokio::task::spawn_blocking(move || renewing.renew()).await;
        let renewed = renewed.map_err(Error::from).flatten();
        credentials.metrics.renewed(renewed.is_ok());
        if let Err(error) = renewed {
            tracing::error!(%error, "the account provider's certificates could not be renewed; trying again");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use dtyp::ManualClock;

    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    fn site(state: bool) -> (tempfile::TempDir, Arc<ManualClock>, Credentials) {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new(FileTime::from_unix(1_800_000_000, 0)));
        let mut config = Config::new("gmsa".parse().unwrap(), dir.path().join("host"));
        if state {
            config = config.with_state(dir.path().join("state"));
        }
        let credentials = Credentials::prepare(config, clock.clone(), Arc::new(Metrics::default())).unwrap();
        (dir, clock, credentials)
    }

    #[test]
    fn certificates_are_due_at_half_of_their_time_and_not_before() {
        let (_dir, clock, credentials) = site(false);
        clock.advance(DAY / 2 - Duration::from_secs(1));
        assert!(!credentials.is_due() && credentials.are_valid());
        clock.advance(Duration::from_secs(2));
        assert!(credentials.is_due() && credentials.are_valid());
        credentials.renew().unwrap();
        assert!(!credentials.is_due());
    }

    #[test]
    fn a_clock_that_jumps_in_either_direction_is_followed() {
        for state in [false, true] {
            let (dir, clock, credentials) = site(state);
            let ca = || fs::read(dir.path().join("host/gmsa/ssl/ca/ca.crt")).unwrap();
            let first = ca();
            clock.advance(2 * DAY);
            assert!(credentials.is_due() && !credentials.are_valid());
            credentials.renew().unwrap();
            assert!(credentials.are_valid() && ca() == first, "a machine that has slept");
            // As when the machine's clock began in 1970.
            clock.advance(4_000 * DAY);
            assert!(!credentials.are_valid());
            credentials.renew().unwrap();
            assert!(credentials.are_valid() && !credentials.is_due() && ca() != first);
        }
        let (_dir, clock, credentials) = site(false);
        clock.set(FileTime::from_unix(1_700_000_000, 0));
        assert!(credentials.is_due() && !credentials.are_valid());
        credentials.renew().unwrap();
        assert!(credentials.are_valid() && !credentials.is_due());
    }

    /// What others may have copied does not change because a clock is wrong for a while.
    #[test]
    fn an_authority_on_disk_outlives_a_clock_that_is_set_back() {
        let (dir, clock, credentials) = site(true);
        let ca = || fs::read(dir.path().join("state/ca.crt")).unwrap();
        let first = ca();
        clock.set(FileTime::from_unix(1_700_000_000, 0));
        let _ = credentials.renew();
        assert_eq!(ca(), first);
        clock.set(FileTime::from_unix(1_800_000_000, 0));
        credentials.renew().unwrap();
        assert!(credentials.are_valid() && ca() == first);
    }
}
