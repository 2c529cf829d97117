//! The provider's authority and what it has issued: both sides' certificates, published for the plugin, and renewed while it runs.
//!
//! What somebody has taken out of the node's folder is written again, or no plugin would find the provider.
//!
//! Whether something is due is asked of the clock every few seconds. A wait of twelve hours would not see a machine that sleeps, nor a clock
//! that is set: one that began in 1970 makes an authority of 1970, and all of it anew when the time comes in.

use std::sync::atomic::{AtomicBool, Ordering};
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
    /// The port that plugins are to find, from the start to the end.
    port: Mutex<Option<u16>>,
    is_found: AtomicBool,
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
        let (port, is_found) = (Mutex::new(None), AtomicBool::new(true));
        Ok(Self { config, clock, metrics, published, port, is_found, tls, held: Mutex::new(issued.held) })
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

    fn keep_once(&self) {
        if self.is_due() {
            let renewed = self.renew();
            self.metrics.renewed(renewed.is_ok());
            if let Err(error) = renewed {
                tracing::error!(%error, "the account provider's certificates could not be renewed; trying again");
            }
        }
        match self.mend() {
            Ok(false) => {}
            Ok(true) => {
                tracing::warn!("the plugins' files had been taken out of the node's folder; they are written again")
            }
            Err(error) => tracing::error!(
                %error,
                "the plugins' files have been taken out of the node's folder and cannot be written again; trying again"
            ),
        }
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

    /// Whether they find what they need to.
    pub(super) fn are_found(&self) -> bool {
        self.is_found.load(Ordering::Relaxed)
    }

    pub(super) fn write_port(&self, port: u16) -> Result<(), Error> {
        let mut kept = self.port.lock().unwrap_or_else(PoisonError::into_inner);
        *kept = Some(port);
        self.published.iter().try_for_each(|one| one.write_port(port))
    }

    pub(super) fn remove_port(&self, port: u16) -> Result<(), Error> {
        let mut kept = self.port.lock().unwrap_or_else(PoisonError::into_inner);
        *kept = None;
        self.published.iter().try_for_each(|one| one.remove_port(port))
    }

    /// Writes again what has been taken away. Whether something had.
    fn mend(&self) -> Result<bool, Error> {
        let kept = self.port.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(port) = *kept else { return Ok(false) };
        if self.published.iter().all(Published::is_whole) {
            self.is_found.store(true, Ordering::Relaxed);
            return Ok(false);
        }
        self.is_found.store(false, Ordering::Relaxed);
        self.published.iter().try_for_each(Published::make_anew)?;
        // Their keys are kept nowhere else, so they are new ones.
        self.renew()?;
        self.published.iter().try_for_each(|one| one.write_missing_port(port))?;
        self.is_found.store(true, Ordering::Relaxed);
        Ok(true)
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

/// Renews when it is due, and mends. When that fails there is half of the time to try, and it is tried again and again.
pub(super) async fn keep(credentials: Arc<Credentials>, mut stopped: watch::Receiver<()>) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(ROUND) => {}
            _ = stopped.changed() => return,
        }
        let keeping = Arc::clone(&credentials);
        if let Err(error) = tokio::task::spawn_blocking(move || keeping.keep_once()).await {
            tracing::error!(%error, "looking after the account provider's certificates and files failed; trying again");
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
        let credentials = of(config, &clock);
        (dir, clock, credentials)
    }

    fn of(config: Config, clock: &Arc<ManualClock>) -> Credentials {
        Credentials::prepare(config, clock.clone(), Arc::new(Metrics::default())).unwrap()
    }

    /// In legacy mode, for the namespace and for one Secret of it.
    fn legacy(dir: &tempfile::TempDir) -> Config {
        let mut config = Config::new("gmsa".parse().unwrap(), dir.path().join("host"));
        config.legacy = true;
        config.for_secret("webapp".parse().unwrap(), true)
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

    #[test]
    fn what_is_taken_out_of_the_nodes_folder_is_there_again_or_the_provider_says_that_it_is_not_found() {
        let (dir, _, credentials) = site(false);
        let host = dir.path().join("host");
        let read = |name: &str| fs::read_to_string(host.join("gmsa").join(name)).unwrap();
        credentials.write_port(4_711).unwrap();
        assert!(!credentials.mend().unwrap(), "nothing is missing");
        for gone in ["port.txt", "ssl/ca/ca.crt", "ssl/client/tls.key"] {
            fs::remove_file(host.join("gmsa").join(gone)).unwrap();
            assert!(credentials.mend().unwrap() && !credentials.mend().unwrap(), "{gone}");
            assert_eq!(read("port.txt"), "4711");
        }
        fs::remove_dir_all(host.join("gmsa")).unwrap();
        assert!(credentials.mend().unwrap() && credentials.are_found());
        assert_eq!(read("port.txt"), "4711");
        assert_eq!(read("ssl/ca/ca.crt"), credentials.held.lock().unwrap().authority.certificate_pem());

        // As in a container, whose folder is unlinked.
        fs::remove_dir_all(&host).unwrap();
        fs::write(&host, "").unwrap();
        credentials.mend().unwrap_err();
        assert!(!credentials.are_found());
        fs::remove_file(&host).unwrap();
        assert!(credentials.mend().unwrap() && credentials.are_found());

        // A successor's port stays, and who has been told to stop writes none.
        fs::write(host.join("gmsa/port.txt"), "4712").unwrap();
        assert!(!credentials.mend().unwrap());
        assert_eq!(read("port.txt"), "4712");
        credentials.remove_port(4_711).unwrap();
        fs::remove_file(host.join("gmsa/port.txt")).unwrap();
        assert!(!credentials.mend().unwrap() && !host.join("gmsa/port.txt").exists());
    }

    #[test]
    fn the_file_of_legacy_mode_and_the_sign_whose_a_namespace_is_are_looked_after_too() {
        let (dir, clock, _) = site(false);
        let config = legacy(&dir);
        let credentials = of(config.clone(), &clock);
        let folder = dir.path().join("host/gmsa");
        credentials.write_port(4_711).unwrap();
        assert!(!credentials.mend().unwrap(), "nothing is missing");
        for gone in [".provider", "ssl/client/tls.pfx", "releases/webapp/ssl/client/tls.pfx"] {
            fs::remove_file(folder.join(gone)).unwrap();
            assert!(credentials.mend().unwrap() && !credentials.mend().unwrap(), "{gone}");
            assert!(folder.join(gone).is_file(), "{gone}");
        }
        let other = config.for_secret("other".parse().unwrap(), true);
        let others = of(other, &clock);
        others.write_port(4_713).unwrap();
        assert_eq!(fs::read_to_string(folder.join("port.txt")).unwrap(), "4711", "the namespace has a provider");
    }

    #[test]
    fn a_successor_without_legacy_mode_is_left_alone() {
        let (dir, clock, _) = site(false);
        let mut config = legacy(&dir);
        let credentials = of(config.clone(), &clock);
        credentials.write_port(4_711).unwrap();
        config.legacy = false;
        let successor = of(config, &clock);
        let ca = || fs::read_to_string(dir.path().join("host/gmsa/ssl/ca/ca.crt")).unwrap();
        let written = ca();
        assert!(!credentials.mend().unwrap() && ca() == written);
        successor.write_port(4_712).unwrap();
        assert!(!dir.path().join("host/gmsa/ssl/client/tls.pfx").exists() && !successor.mend().unwrap());
    }
}
