//! A password rolls over while everybody runs: the directory, the account provider, the guard, and the service with its keytab. One clock
//! for all of them is set from before it to after it; nobody is started again.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "only tests here; failing is their job"
)]

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use dtyp::FileTime;
use pando_tests::chain::{AccountProvider, credential_spec};
use pando_tests::{ALICE_PASSWORD, Domain, GuardService, Tool, Transport};
use serde_json::Value;

const MINUTE: Duration = Duration::from_secs(60);

/// A lease of `webapp01$` with a keytab, an hour before its second password becomes its third.
struct Scene {
    domain: Domain,
    _provider: AccountProvider,
    guard: GuardService,
    rollover: FileTime,
    folder: PathBuf,
}

impl Scene {
    fn an_hour_before() -> Self {
        let mut domain = Domain::start();
        // Two months are longer than a person's password lasts.
        for who in ["CN=alice,OU=Engineering", "CN=svc-guard,CN=Users"] {
            let lasts = format!(
                "dn: {who},DC=contoso,DC=com\nchangetype: modify\nreplace: userAccountControl\nuserAccountControl: 66048\n"
            );
            domain.as_admin("ldapmodify", Transport::Ldaps).input(lasts).ok();
        }
        let rollover = domain.end_of_password(2);
        domain.restart_with_hand(rollover.saturating_sub(MINUTE * 60));
        let (_provider, guard) = (AccountProvider::start(&domain), GuardService::start(&domain));
        let added = guard.ask("add").args(["--json", "--keytab", "--credspec"]).arg(credential_spec(&domain)).ok();
        let added: Value = serde_json::from_str(&added.stdout).expect("it is JSON");
        let folder = PathBuf::from(added["folders"][0].as_str().expect("a folder"));
        Self { domain, _provider, guard, rollover, folder }
    }

    fn with_identity(&self, program: &str) -> Tool {
        self.domain.tool(program).env("KRB5CCNAME", format!("FILE:{}", self.folder.join("krb5cc").display()))
    }

    fn keytab(&self) -> PathBuf {
        self.folder.join("keytab")
    }

    /// The container's ticket still opens services.
    fn ticket_works(&self) {
        self.with_identity("kvno").arg("ldap/dc1.contoso.com").ok();
    }

    /// A caller's new ticket has this version, and is opened by the keytab.
    fn callers_are_let_in(&self, version: u32) {
        self.domain.kinit("alice", ALICE_PASSWORD).ok();
        self.earlier_callers_are_let_in(version);
    }

    /// The same of the ticket that a caller has already.
    fn earlier_callers_are_let_in(&self, version: u32) {
        let called = self.domain.tool("kvno").arg("-k").arg(self.keytab()).arg("webapp01$").ok();
        called.says(&format!("kvno = {version}, keytab entry valid"));
    }

    fn versions(&self) -> BTreeSet<u32> {
        let listed = self.domain.tool("klist").arg("-k").arg(self.keytab()).ok();
        let lines = listed.stdout.lines().filter(|line| line.contains("webapp01$@CONTOSO.COM"));
        lines.map(|line| line.trim().split(' ').next().and_then(|kvno| kvno.parse().ok()).expect("a version")).collect()
    }

    /// Holds the clock at a moment until the lease has been renewed, and returns when that was.
    fn renewed_at(&self, moment: FileTime) -> Value {
        let before = self.guard.leases()[0]["fetched"].clone();
        let renewed = self.guard.await_leases("renewed", |leases| {
            self.domain.set_clock(moment);
            leases[0]["fetched"] != before
        });
        renewed[0]["fetched"].clone()
    }
}

#[test]
fn a_rollover_is_noticed_by_nobody_who_runs() {
    let mut scene = Scene::an_hour_before();
    scene.ticket_works();
    scene.callers_are_let_in(2);
    assert_eq!(scene.versions(), BTreeSet::from([1, 2]));

    // The directory gives the next password out, and the guard takes it; the one in force is still the second.
    let ahead = scene.renewed_at(scene.rollover.saturating_sub(MINUTE - Duration::from_secs(5)));
    assert!(ahead.as_str().expect("a time") < scene.rollover.generalized().as_str(), "{ahead}");
    assert_eq!(scene.versions(), BTreeSet::from([2, 3]));
    scene.ticket_works();
    scene.callers_are_let_in(2);

    // The third is in force, and the guard has not looked again yet: it does so when every domain controller must have it.
    scene.domain.set_clock(scene.rollover.saturating_add(Duration::from_secs(20)));
    scene.earlier_callers_are_let_in(2);
    scene.ticket_works();
    scene.callers_are_let_in(3);
    assert_eq!(scene.guard.leases()[0]["fetched"], ahead);

    scene.renewed_at(scene.rollover.saturating_add(MINUTE * 5 + Duration::from_secs(5)));
    assert_eq!(scene.versions(), BTreeSet::from([2, 3]));
    scene.ticket_works();
    scene.callers_are_let_in(3);

    let (leases, audit) = (scene.guard.leases(), scene.guard.audit());
    assert_eq!((leases.len(), &leases[0]["failures"]), (1, &Value::from(0)), "{leases:?}");
    assert!(audit.iter().all(|line| line["outcome"] == "fetched"), "{audit:?}");
    assert!(scene.guard.is_alive());
    scene.domain.assert_alive();
}
