//! `kill -9` of the domain controller in the middle of writes: every acknowledged write is there after the restart.
#![allow(clippy::expect_used, clippy::panic, reason = "only tests here; failing is their job")]

use std::collections::BTreeSet;
use std::sync::mpsc;
use std::thread;

use pando_tests::wire::Wire;
use pando_tests::{ADMIN_PASSWORD, BASE, Domain, Transport};

const KILLS: usize = 50;
const WRITERS: usize = 3;

/// Adds users one after the other until the server goes away; reports the name of each that was acknowledged.
fn write_until_killed(domain: &Domain, round: usize, writer: usize, acknowledged: &mpsc::Sender<String>) {
    let Ok(mut wire) = Wire::connect(domain.ports().ldap) else { return };
    let bound = wire.bind("Administrator@contoso.com", ADMIN_PASSWORD);
    if !bound.is_ok_and(|answer| answer.code == 0) {
        return;
    }
    for number in 0.. {
        let name = format!("k{round}w{writer}n{number}");
        let sent = wire.add_user(&format!("CN={name},CN=Users,{BASE}"), &name);
        match sent.and_then(|_| wire.answer()) {
            Ok(answer) if answer.code == 0 => acknowledged.send(name).expect("the test listens"),
            Ok(answer) => panic!("{name} was refused: {answer:?}"),
            Err(_) => return,
        }
    }
}

/// Lets writers run, kills the server after a number of acknowledgements that differs each round.
fn one_round(domain: &mut Domain, round: usize) -> Vec<String> {
    let (sender, receiver) = mpsc::channel();
    thread::scope(|scope| {
        let pid = domain.pid().to_string();
        for writer in 0..WRITERS {
            let (sender, domain) = (sender.clone(), &*domain);
            scope.spawn(move || write_until_killed(domain, round, writer, &sender));
        }
        drop(sender);
        let enough = 1 + (round * 7) % 23;
        let mut seen: Vec<String> = receiver.iter().take(enough).collect();
        let killed = std::process::Command::new("kill").args(["-KILL", &pid]).status();
        assert!(killed.expect("kill can be started").success());
        // What was acknowledged before the kill reached the server counts too.
        seen.extend(receiver.iter());
        seen
    })
}

fn names_in(domain: &Domain) -> BTreeSet<String> {
    let tool = domain.search_as_admin().args([
        "-E",
        "pr=1000/noprompt",
        "(&(objectClass=user)(cn=k*)(!(cn=krbtgt)))",
        "cn",
        "description",
    ]);
    let found = tool.ok();
    assert_eq!(found.values("description").len(), found.values("cn").len(), "no user is half written");
    found.values("cn").into_iter().map(str::to_owned).collect()
}

#[test]
fn every_acknowledged_write_survives_fifty_kills_in_the_middle_of_writes() {
    let mut domain = Domain::start();
    let mut acknowledged = BTreeSet::new();
    for round in 0..KILLS {
        let seen = one_round(&mut domain, round);
        assert!(!seen.is_empty(), "round {round}: nothing was written");
        acknowledged.extend(seen);
        domain.kill();
        domain.restart();
        let there = names_in(&domain);
        let lost: Vec<&String> = acknowledged.difference(&there).collect();
        assert!(lost.is_empty(), "round {round}: acknowledged and lost: {lost:?}");
    }
    // The identifiers given before a kill are not given again after it.
    let sids = domain
        .search_as_admin()
        .args(["-E", "pr=1000/noprompt", "(&(objectClass=user)(cn=k*)(!(cn=krbtgt)))", "objectSid", "uSNCreated"])
        .ok();
    for attribute in ["objectSid", "uSNCreated"] {
        let values = sids.values(attribute);
        assert_eq!(values.iter().collect::<BTreeSet<_>>().len(), values.len(), "{attribute} repeats");
    }
    domain.ldap_as("ldapwhoami", Transport::Ldaps, "alice@contoso.com", pando_tests::ALICE_PASSWORD).ok();
}
