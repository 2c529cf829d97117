use serde_json::json;

use super::super::time;
use super::*;
use dtyp::FileTime;

fn at(seconds: i64) -> Time {
    time(FileTime::from_unix(1_800_000_000 + seconds, 0))
}

fn spec(host: Option<Value>) -> Spec {
    let mut contents = json!({
        "CmsPlugins": ["ActiveDirectory"],
        "DomainJoinConfig": {
            "Sid": "S-1-5-21-2126449477-2524075714-3094792973", "MachineAccountName": "webapp01",
            "Guid": "244818ae-87ac-4fcd-92ec-e79e5252348a", "DnsTreeName": "contoso.com", "DnsName": "contoso.com", "NetBiosName": "CONTOSO"
        },
        "ActiveDirectoryConfig": {"GroupManagedServiceAccounts": [
            {"Name": "webapp01", "Scope": "contoso.com"}, {"Name": "webapp01", "Scope": "CONTOSO"}
        ]}
    });
    if let Some(host) = host {
        contents["ActiveDirectoryConfig"]["HostAccountConfig"] = host;
    }
    Spec { name: "webapp01".into(), uid: "u1".into(), generation: 3, contents: Some(contents) }
}

fn rkc() -> Spec {
    spec(Some(json!({
        "PortableCcgVersion": "1", "PluginGUID": "{e4781092-f116-4b79-b55e-28eb6a224e26}", "PluginInput": "gmsa:webapp-creds"
    })))
}

fn good() -> Verdict {
    Verdict::holds("Good", "good")
}

fn report() -> Report {
    let examined = Examined {
        name: "webapp01".into(),
        uid: "u1".into(),
        generation: 3,
        directory_reachable: good(),
        retrieval_allowed: good(),
        logon_succeeded: good(),
        last_fetch_time: Some(at(0)),
        next_rotation_time: Some(at(86_400)),
    };
    Report {
        observed_time: at(0),
        interval_seconds: 600,
        secret_found: good(),
        account_rotation_time: Some(at(86_400)),
        specs: vec![examined],
    }
}

fn nodes(linux: (usize, usize), windows: Option<(usize, usize)>) -> Nodes {
    let count = |(have, of)| Count { have, of };
    Nodes { linux: count(linux), windows: windows.map(count) }
}

/// Status and reason of a condition.
fn of(status: &Status, kind: &str) -> (String, String) {
    let found = status.conditions.iter().find(|one| one.type_ == kind).unwrap();
    (found.status.clone(), found.reason.clone())
}

fn is(status: &Status, kind: &str, value: &str, reason: &str) {
    assert_eq!(of(status, kind), (value.to_owned(), reason.to_owned()), "{kind}: {status:?}");
}

#[test]
fn a_chain_that_holds_is_ready_and_says_when_it_was_seen_and_when_the_password_changes() {
    let status = conclude(&rkc(), Some(&report()), &nodes((3, 3), Some((2, 2))), None, &at(1));
    for kind in [
        "Ready",
        "SpecValid",
        "PluginInstalled",
        "SecretFound",
        "DirectoryReachable",
        "RetrievalAllowed",
        "LogonSucceeded",
    ] {
        assert_eq!(of(&status, kind).0, "True", "{kind}");
    }
    assert_eq!((status.account.as_deref(), status.domain.as_deref()), (Some("webapp01"), Some("contoso.com")));
    assert_eq!(status.nodes.as_deref(), Some("5/5"));
    assert_eq!((status.last_fetch_time, status.next_rotation_time), (Some(at(0)), Some(at(86_400))));
    assert!(status.conditions.iter().all(|one| one.observed_generation == Some(3)));
}

#[test]
fn a_condition_keeps_its_time_until_its_status_changes() {
    let before = conclude(&rkc(), Some(&report()), &nodes((3, 3), None), None, &at(1));
    let mut changed = report();
    changed.secret_found = Verdict::holds("StillGood", "another message");
    let same = conclude(&rkc(), Some(&changed), &nodes((3, 3), None), Some(&before), &at(100));
    assert!(same.conditions.iter().all(|one| one.last_transition_time == at(1)));
    changed.secret_found = Verdict::fails("Missing", "gone");
    let after = conclude(&rkc(), Some(&changed), &nodes((3, 3), None), Some(&same), &at(200));
    let since =
        |kind: &str| after.conditions.iter().find(|one| one.type_ == kind).unwrap().last_transition_time.clone();
    assert_eq!((since("SecretFound"), since("Ready"), since("PluginInstalled")), (at(200), at(200), at(1)));
    is(&after, "Ready", "False", "SecretFound");
}

#[test]
fn only_what_is_installed_somewhere_counts_and_all_of_that() {
    let installed = |nodes: Nodes| {
        let status = conclude(&rkc(), None, &nodes, None, &at(0));
        let (value, reason) = of(&status, "PluginInstalled");
        format!("{value} {reason} {}", status.nodes.unwrap())
    };
    assert_eq!(installed(nodes((0, 3), None)), "False Nowhere 0/0");
    assert_eq!(installed(nodes((0, 3), Some((0, 0)))), "False Nowhere 0/0");
    assert_eq!(installed(nodes((2, 3), None)), "False SomeNodes 2/3");
    assert_eq!(installed(nodes((0, 3), Some((2, 2)))), "True AllNodes 2/2");
    assert_eq!(installed(nodes((3, 3), Some((0, 2)))), "False SomeNodes 3/5");
}

#[test]
fn what_nobody_has_seen_is_not_known() {
    let nodes = nodes((1, 1), None);
    let status = conclude(&rkc(), None, &nodes, None, &at(0));
    for kind in ["SecretFound", "DirectoryReachable", "RetrievalAllowed", "LogonSucceeded"] {
        is(&status, kind, "Unknown", "NotReported");
    }
    assert_eq!(of(&status, "Ready").0, "Unknown");
    // A report that is too old, or from the future.
    for now in [at(1_801), at(-301)] {
        is(&conclude(&rkc(), Some(&report()), &nodes, None, &now), "SecretFound", "Unknown", "NotReported");
    }
    is(&conclude(&rkc(), Some(&report()), &nodes, None, &at(1_800)), "SecretFound", "True", "Good");
    // About another version, or about an earlier spec of that name.
    for (uid, generation) in [("u1", 4), ("u2", 3)] {
        let other = Spec { uid: uid.into(), generation, ..rkc() };
        let status = conclude(&other, Some(&report()), &nodes, None, &at(0));
        is(&status, "RetrievalAllowed", "Unknown", "NotExaminedYet");
        assert_eq!(status.last_fetch_time, None);
    }
}

#[test]
fn specs_of_other_kinds_need_no_secret_of_the_cluster() {
    let nodes = nodes((1, 1), None);
    let hosts = conclude(&spec(None), None, &nodes, None, &at(0));
    is(&hosts, "SecretFound", "Unknown", "NotNeeded");
    is(&hosts, "PluginInstalled", "True", "AllNodes");
    let other =
        json!({"PortableCcgVersion": "1", "PluginGUID": "{859E1386-BDB4-49E8-85C7-3070B13920E2}", "PluginInput": "x"});
    is(&conclude(&spec(Some(other)), None, &nodes, None, &at(0)), "PluginInstalled", "Unknown", "OtherPlugin");
    let nothing = Spec { contents: None, ..rkc() };
    let invalid = conclude(&nothing, None, &nodes, None, &at(0));
    is(&invalid, "SpecValid", "False", "Invalid");
    is(&invalid, "Ready", "False", "SpecValid");
}

#[test]
fn a_report_is_found_by_the_very_secret_that_the_spec_names() {
    let input = secret_of(rkc().contents.as_ref()).unwrap();
    assert_eq!((input.namespace.as_str(), input.secret.as_str()), ("gmsa", "webapp-creds"));
    assert!(secret_of(spec(None).contents.as_ref()).is_none() && secret_of(None).is_none());
    for bad in ["gmsa", "gmsa:../x", "gmsa:a:b", ""] {
        let host = json!({"PluginGUID": "{E4781092-F116-4B79-B55E-28EB6A224E26}", "PluginInput": bad});
        assert!(secret_of(spec(Some(host)).contents.as_ref()).is_none(), "{bad}");
    }
}
