//! bloodyAD against the directory, with Kerberos: what it reads about a gMSA, and a user.
#![allow(clippy::expect_used, clippy::panic, reason = "only tests here; failing is their job")]

use std::collections::BTreeSet;
use std::path::Path;

use base64::{Engine, engine::general_purpose::STANDARD};
use pando_tests::{ALICE_PASSWORD, BASE, Domain, GUARD_PASSWORD, Tool, python};

/// `bloodyAD` with these tickets; `-s` is for LDAPS, without it every message is sealed.
fn bloody(domain: &Domain, name: &str, cache: &Path, tls: bool) -> Tool {
    let tool = python::program(domain, "bloodyAD").args(["--json", "-d", "contoso.com", "-u", name]);
    let tool = tool.args(["-i", "127.0.0.1", "--host", "dc1.contoso.com"]).args(tls.then_some("-s"));
    tool.args(["-k", &format!("ccache={}", cache.display())])
}

/// The one object that it found.
fn object(tool: Tool) -> serde_json::Value {
    let found = tool.ok();
    let objects: Vec<serde_json::Value> = serde_json::from_str(&found.stdout).expect("--json prints JSON");
    let [object] = &objects[..] else { panic!("one object: {found}") };
    object.clone()
}

const GMSA: [&str; 5] = ["get", "object", "webapp01$", "--attr", "sAMAccountName,msDS-ManagedPassword"];

#[test]
fn the_allowed_principal_reads_the_password_and_nobody_else() {
    let domain = Domain::start();
    let guard = python::tickets(&domain, "svc-guard", GUARD_PASSWORD);
    let alice = python::tickets(&domain, "alice", ALICE_PASSWORD);
    for tls in [false, true] {
        let read = object(bloody(&domain, "svc-guard", &guard, tls).args(GMSA));
        assert_eq!(read["distinguishedName"], format!("CN=webapp01,CN=Managed Service Accounts,{BASE}"));
        // It cannot take a blob apart that has no previous password in it: what it then shows is the blob as it came.
        let blob = read["msDS-ManagedPassword"][0].as_str().expect("a value");
        let blob = STANDARD.decode(blob).expect("it shows octets in base64");
        assert_eq!((blob.len(), &blob[..4]), (290, &[1, 0, 0, 0][..]), "MS-ADTS 2.2.19");
        let read = object(bloody(&domain, "alice", &alice, tls).args(GMSA));
        assert_eq!((&read["sAMAccountName"], &read["msDS-ManagedPassword"]), (&"webapp01$".into(), &().into()));
    }
}

#[test]
fn memberships_are_followed_through_groups() {
    let domain = Domain::start();
    let alice = python::tickets(&domain, "alice", ALICE_PASSWORD);
    let groups = bloody(&domain, "alice", &alice, false).args(["get", "membership", "alice"]).ok();
    for group in ["rate-limit-admins", "staff", "Domain Users"] {
        assert!(groups.stdout.contains(&format!("\"sAMAccountName\": \"{group}\"")), "{group}: {groups}");
    }
}

#[test]
fn large_listings_come_page_by_page() {
    let domain = Domain::start();
    let alice = python::tickets(&domain, "alice", ALICE_PASSWORD);
    let schema = format!("CN=Schema,CN=Configuration,{BASE}");
    let search = ["get", "search", "--base", &schema, "--filter", "(objectClass=attributeSchema)", "--attr", "cn"];
    let found = bloody(&domain, "alice", &alice, false).args(search).ok();
    let objects: Vec<serde_json::Value> = serde_json::from_str(&found.stdout).expect("--json prints JSON");
    let names: BTreeSet<&str> = objects.iter().filter_map(|object| object["cn"].as_str()).collect();
    assert!(names.len() > 1400, "more than one page of a thousand: {}", names.len());
    assert_eq!(names.len(), objects.len(), "each once");
}
