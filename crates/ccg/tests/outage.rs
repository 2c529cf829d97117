//! What a lease does while a link of its chain is broken, by a clock that the test sets.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ccg::plugins::PluginError;
use ccg::{
    Fetch, Folder, Guard, Hop, Keytabs, Lease, Member, Observer, Owner, PasswordCredentials, Peer, Plugin, Plugins,
    Step, Term,
};
use client::{Domain, Endpoint};
use credspec::{CredentialSpec, DomainFacts, HostAccountConfig, RKC_CLSID};
use dtyp::{Clock, FileTime, Guid, ManualClock};

const MINUTE: Duration = Duration::from_secs(60);

/// A plugin that has an outage until it is mended.
struct Vault(Arc<AtomicBool>);

impl Plugin for Vault {
    fn clsid(&self) -> Guid {
        RKC_CLSID
    }

    fn name(&self) -> &str {
        "vault"
    }

    fn get_password_credentials(&self, _: &str) -> Result<PasswordCredentials, PluginError> {
        match self.0.load(Ordering::SeqCst) {
            false => Err(PluginError::Other("the vault is sealed".into())),
            true => Ok(PasswordCredentials {
                domain: "contoso.com".into(),
                username: "svc-guard".into(),
                password: "hunter2".to_owned().into(),
                hop: Hop { to: "a vault".into(), how: "TLS".into(), authorised_by: "a certificate".into() },
            }),
        }
    }
}

/// The links that broke.
#[derive(Default)]
struct Heard(Mutex<Vec<Step>>);

impl Observer for Heard {
    fn fetched(&self, fetch: &Fetch<'_>) {
        self.0.lock().unwrap().extend(fetch.broken.map(|error| error.step));
    }
}

fn spec() -> CredentialSpec {
    let facts = DomainFacts {
        sid: "S-1-5-21-1-2-3".parse().unwrap(),
        guid: "56d9b66c-d746-4f87-bd26-26760cfdca2e".parse().unwrap(),
        dns_name: "contoso.com".parse().unwrap(),
        dns_tree_name: "contoso.com".parse().unwrap(),
        net_bios_name: "CONTOSO".parse().unwrap(),
    };
    let plugin = HostAccountConfig::rkc(&"gmsa:ccg-reader".parse().unwrap());
    CredentialSpec::generate(&facts, &["webapp01".parse().unwrap()], Some(plugin)).unwrap()
}

struct Scene {
    _place: tempfile::TempDir,
    clock: Arc<ManualClock>,
    mended: Arc<AtomicBool>,
    lease: Lease,
    heard: Heard,
}

impl Scene {
    /// A container has its tickets for ten hours, and nobody answers in its domain.
    fn new() -> Self {
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let domain = Domain::new("contoso.com")
            .with_kdcs([Endpoint::from(closed)])
            .with_ldap("dc1.contoso.com", [Endpoint::from(closed)]);
        let (place, mended) = (tempfile::tempdir().unwrap(), Arc::new(AtomicBool::new(false)));
        let clock = Arc::new(ManualClock::new(FileTime::from_unix(1_767_225_600, 0)));
        let folder = Folder::new(place.path().join("lease"), Owner::this_process());
        folder.create(&["webapp01"]).unwrap();
        folder.put("webapp01", Folder::CCACHE, b"tickets").unwrap();
        let hours = |count: u32| clock.now().saturating_add(MINUTE * (60 * count));
        let term = Term { fetched: clock.now(), end: hours(10), password: hours(700) };
        let guard = Guard::new(Plugins::new().with(Vault(mended.clone())));
        let members = vec![Member { spec: spec(), domain }];
        let lease = Lease::new("0", Peer::this_process(), guard, members, Keytabs::default(), folder).with_term(term);
        let lease = lease.with_looks(Duration::from_millis(1));
        Self { _place: place, clock, mended, lease, heard: Heard::default() }
    }

    /// What a lease's own task does next, at the moment that it wants to.
    async fn next(&mut self) {
        let wait = self.lease.wait(self.clock.now());
        let clock = self.clock.clone();
        tokio::join!(self.lease.due(self.clock.as_ref()), async { clock.advance(wait) });
        let _ = self.lease.renew(None, &self.heard).await;
    }

    fn tickets(&self) -> Vec<u8> {
        std::fs::read(self.lease.folder().account("webapp01").join(Folder::CCACHE)).unwrap()
    }
}

#[tokio::test]
async fn an_outage_of_an_hour_is_unnoticed_by_the_container_and_over_minutes_after_it_ends() {
    let mut scene = Scene::new();
    scene.next().await;
    let begun = scene.clock.now();
    let since = begun.since(scene.lease.term().fetched);
    assert!(
        since > MINUTE * 270 && since <= MINUTE * 300,
        "the first attempt is at half of the tickets' life: {since:?}"
    );
    let end = begun.saturating_add(MINUTE * 60);
    while scene.clock.now() < end {
        let before = scene.clock.now();
        scene.next().await;
        assert!(scene.clock.now().since(before) <= MINUTE * 5, "it does not give up");
        assert!(scene.clock.now() < scene.lease.term().end && scene.tickets() == b"tickets");
    }
    let attempts = scene.heard.0.lock().unwrap().clone();
    assert!(attempts.len() < 30, "nor does it storm whoever is down: {} attempts", attempts.len());
    assert!(attempts.iter().all(|step| *step == Step::Plugin));

    // From here on it is the domain that does not answer.
    scene.mended.store(true, Ordering::SeqCst);
    scene.next().await;
    assert_eq!(scene.heard.0.lock().unwrap().last(), Some(&Step::ImpersonationLogon));
    assert!(scene.clock.now() <= end.saturating_add(MINUTE * 10) && scene.tickets() == b"tickets");
}

#[tokio::test]
async fn a_machine_that_slept_renews_when_it_wakes() {
    let scene = Scene::new();
    let clock = scene.clock.clone();
    // Nothing else ends this wait of hours: its timer stood still.
    tokio::join!(scene.lease.due(scene.clock.as_ref()), async { clock.advance(MINUTE * 480) });
    assert!(scene.lease.wait(clock.now()) <= Duration::from_secs(1));
}
