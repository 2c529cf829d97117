use std::path::PathBuf;

use client::Domain;
use credspec::CredentialSpec;
use dtyp::{SystemClock, SystemRandom};

use super::record::Brought;
use super::*;
use crate::{Keytabs, Logged, Owner, Plugins, Readers, Term};

fn spec(domain: &str) -> String {
    let facts = credspec::DomainFacts {
        sid: "S-1-5-21-1-2-3".parse().unwrap(),
        guid: "56d9b66c-d746-4f87-bd26-26760cfdca2e".parse().unwrap(),
        dns_name: domain.parse().unwrap(),
        dns_tree_name: domain.parse().unwrap(),
        net_bios_name: "CONTOSO".parse().unwrap(),
    };
    CredentialSpec::generate(&facts, &["webapp01".parse().unwrap()], None).unwrap().to_json()
}

fn places(place: &tempfile::TempDir) -> Places {
    Places { identities: place.path().join("krb"), records: place.path().join("records") }
}

fn resume(place: &tempfile::TempDir, domain: &str) -> Leases {
    let (guard, domains) = (Guard::new(Plugins::new()), Domains::default().with(Domain::new(domain)));
    Leases::resume(guard, domains, places(place), Limits::default(), Arc::new(SystemClock), Arc::new(Logged)).unwrap()
}

fn root() -> Peer {
    let Owner { uid, gid } = Owner::this_process();
    Peer { uid, gid, pid: None }
}

/// What a guard left that held a lease in this domain for some hours to come.
fn left_behind(place: &tempfile::TempDir, domain: &str, brought: Option<Brought>) -> (LeaseId, PathBuf) {
    left_behind_with(place, domain, |record| record.brought = brought)
}

fn left_behind_with(place: &tempfile::TempDir, domain: &str, change: impl FnOnce(&mut Record)) -> (LeaseId, PathBuf) {
    drop(resume(place, domain));
    let (id, now) = (LeaseId::random(&SystemRandom), SystemClock.now());
    let hours = |count: u64| now.saturating_add(std::time::Duration::from_secs(3600 * count));
    let term = Term { fetched: now, end: hours(10), password: hours(700) };
    let folder = Folder::new(places(place).identities.join(id.as_str()), Owner::this_process());
    folder.create(&["webapp01"]).unwrap();
    folder.put("webapp01", Folder::CCACHE, b"tickets").unwrap();
    let mut record = Record {
        version: Record::VERSION,
        id: id.clone(),
        peer: root(),
        owner: Owner::this_process(),
        readers: Readers::Owner,
        workload: None,
        process: None,
        keytabs: Keytabs::default(),
        specs: vec![spec(domain)],
        brought: None,
        term,
    };
    change(&mut record);
    record.save(&places(place).records).unwrap();
    (id, folder.account("webapp01").join(Folder::CCACHE))
}

#[tokio::test]
async fn a_domain_that_is_forgotten_at_a_restart_costs_no_container_its_identity() {
    let place = tempfile::tempdir().unwrap();
    let (id, ccache) = left_behind(&place, "contoso.com", None);
    let leases = resume(&place, "fabrikam.test");
    let listed = leases.list(&root());
    let [lease] = &listed[..] else { panic!("{listed:?}") };
    let why = lease.standing.error.as_deref().unwrap_or_default();
    assert!(lease.standing.failures == 1 && why.contains("contoso.com") && why.contains("fabrikam.test"), "{why}");
    assert!(lease.standing.is_alive(SystemClock.now()));
    assert_eq!(std::fs::read(&ccache).unwrap(), b"tickets");
    drop(leases);

    let leases = resume(&place, "contoso.com");
    assert_eq!((leases.list(&root())[0].standing.failures, ccache.exists()), (0, true));
    drop(leases);

    let leases = resume(&place, "fabrikam.test");
    leases.release(&root(), &id).await.unwrap();
    assert!(!ccache.exists() && leases.list(&root()).is_empty());
    assert_eq!(std::fs::read_dir(places(&place).records).unwrap().count(), 0);
}

fn account() -> Brought {
    Brought::Account { username: "svc-guard".into(), domain: "contoso.com".into() }
}

#[tokio::test]
async fn what_a_caller_brings_is_not_shown_to_a_domain_that_is_not_served() {
    let place = tempfile::tempdir().unwrap();
    left_behind(&place, "contoso.com", Some(account()));
    let leases = resume(&place, "fabrikam.test");
    let (username, domain) = ("svc-guard".to_owned(), "contoso.com".to_owned());
    let refused = leases.renew_with(&root(), Credentials { username, password: "hunter2".into(), domain }).await;
    assert!(matches!(refused, Err(LeaseError::NothingToRenew { .. })), "{refused:?}");
}

#[tokio::test]
async fn a_lease_that_its_caller_renews_is_not_the_guards_to_renew() {
    let place = tempfile::tempdir().unwrap();
    left_behind(&place, "contoso.com", Some(account()));
    left_behind(&place, "contoso.com", None);
    let mut alone: Vec<_> = resume(&place, "contoso.com").standings().iter().map(|standing| standing.alone).collect();
    alone.sort_unstable();
    assert_eq!(alone, [false, true]);
}

/// As a container whose runtime is killed with it: nobody releases its lease.
#[tokio::test(start_paused = true)]
async fn a_lease_ends_with_its_process_also_when_that_was_missed_while_no_guard_ran() {
    let place = tempfile::tempdir().unwrap();
    let child = || std::process::Command::new("cat").stdin(std::process::Stdio::piped()).spawn().unwrap();
    let (mut running, mut earlier) = (child(), child());
    let process = |child: &std::process::Child| Some(Process::of(i32::try_from(child.id()).unwrap()).unwrap());
    let (lasting, lasting_ccache) =
        left_behind_with(&place, "contoso.com", |record| record.process = process(&running));
    let (missed, missed_ccache) = left_behind_with(&place, "contoso.com", |record| record.process = process(&earlier));
    let (_, without) = left_behind(&place, "contoso.com", None);
    let end = |child: &mut std::process::Child| {
        drop(child.stdin.take());
        child.wait().unwrap();
    };
    end(&mut earlier);

    let leases = resume(&place, "contoso.com");
    let ended = async |id: &LeaseId, rounds: u32| {
        for _ in 0..rounds {
            tokio::time::sleep(std::time::Duration::from_secs(31)).await;
        }
        leases.folder(id).is_none()
    };
    assert!(ended(&missed, 1).await && !missed_ccache.exists());
    assert!(!ended(&lasting, 10).await && lasting_ccache.exists());
    end(&mut running);
    assert!(ended(&lasting, 2).await && !lasting_ccache.exists());
    assert!(without.exists() && leases.list(&root()).len() == 1);
}

#[tokio::test]
async fn one_pod_cannot_take_the_leases_of_all() {
    let pod = |uid: &str| {
        let text = str::to_owned;
        Some(Workload { namespace: text("shop"), pod: text("web-0"), uid: text(uid), service_account: text("web") })
    };
    let place = tempfile::tempdir().unwrap();
    for _ in 0..Limits::default().leases_of_a_pod {
        left_behind_with(&place, "contoso.com", |record| record.workload = pod("u-1"));
    }
    let leases = resume(&place, "contoso.com");
    let ask = |uid| Request {
        peer: root(),
        id: None,
        specs: vec![spec("contoso.com")],
        owner: Owner::this_process(),
        readers: Readers::Owner,
        workload: pod(uid),
        process: None,
        keytabs: Keytabs::default(),
        brought: None,
    };
    let refused = leases.check(&ask("u-1")).err().unwrap().to_string();
    assert!(refused.contains("the pod with UID u-1 already has 16 leases"), "{refused}");
    assert!(leases.check(&ask("u-2")).is_ok());
    assert!(leases.check(&Request { workload: None, ..ask("u-1") }).is_ok());
}
