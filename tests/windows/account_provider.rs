//! `pando.exe`, what a Windows node needs: the account provider, whose files and answers are what plugins on any system know, and the
//! plugins' installer.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "only tests here; failing is their job"
)]

use std::fs;
use std::os::unix::fs::PermissionsExt;

use pando_tests::chain::{AccountProvider, NAMESPACE, SECRET, credential_spec, guard_fetch, write_secret};
use pando_tests::{Domain, GUARD_PASSWORD, Wine};
use serde_json::Value;

#[test]
fn a_plugin_on_windows_fetches_what_the_provider_on_windows_serves() {
    let (wine, domain) = (Wine::start(), Domain::start());
    let provider = AccountProvider::start_on_windows(&domain, &wine);
    wine.put("CCGRKC.dll");
    wine.run("regsvr32").args(["/s", r"C:\pando\CCGRKC.dll"]).ok();
    let call = |secret: &str| {
        let input = format!("{NAMESPACE}:{secret}");
        let called = wine.program("ccg-host.exe").args(["--json", "--show-password", "--input", &input]).run();
        let document: Value = serde_json::from_str(&called.stdout).unwrap_or_else(|error| panic!("{error}: {called}"));
        document["results"][0].clone()
    };
    let found = call(SECRET);
    assert_eq!(found["hresult"], "0x00000000", "{found}\n{}", provider.log());
    for (what, expected) in [("domain", "contoso.com"), ("username", "svc-guard"), ("password", GUARD_PASSWORD)] {
        assert_eq!(found[what], expected, "{found}");
    }
    // A changed secret is what the next call returns, and what is not there is no success.
    write_secret(&domain, SECRET, "svc-other", "another password", "contoso.com");
    assert_eq!(call(SECRET)["username"], "svc-other");
    assert_eq!(call("others")["hresult"], "0x80004005");
    assert!(!provider.log().contains(GUARD_PASSWORD), "no password is logged");
}

#[test]
fn a_ticket_comes_of_a_secret_that_a_windows_program_serves() {
    let (wine, domain) = (Wine::start(), Domain::start());
    let provider = AccountProvider::start_on_windows(&domain, &wine);
    guard_fetch(&domain, &credential_spec(&domain)).ok().says("webapp01$@CONTOSO.COM");

    // Rights as far as this Wine shows them: as mode bits of the files behind.
    let own = wine.drive_c("var/lib/rancher/gmsa").join(NAMESPACE);
    for secret in [own.join("ssl/client/tls.key"), wine.drive_c("provider/ca.key"), own.join("ssl/client"), own] {
        let mode = fs::metadata(&secret).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o007, 0, "{}: {mode:o}", secret.display());
    }
    assert!(!provider.log().contains(GUARD_PASSWORD), "no password is logged");
}

#[test]
fn on_windows_there_is_what_a_node_needs() {
    let wine = Wine::start();
    let help = wine.program("pando.exe").arg("--help").ok();
    help.says("account-provider").says("plugin").says("credspec").never_says("Run a domain controller");
    wine.program("pando.exe").args(["credspec", "check", r"C:\none.json"]).fails(1).says("none.json");
}

/// The same as `pando-ccg-installer`, whose own tests have more to say about it.
#[test]
fn pando_plugin_installs_upgrades_and_takes_away() {
    let wine = Wine::start();
    let plugin = |words: &[&str]| wine.program("pando.exe").arg("plugin").args(words);
    plugin(&["status"]).fails(5).says("absent");
    plugin(&["install"]).fails(1).says("SHA256SUMS cannot be read");
    let files = ["CCGRKC.dll", "CCGAKVPlugin.dll"].map(|file| wine.put(file));
    wine.sum();
    plugin(&["install"]).fails(3).says("no Container Credential Guard");
    wine.run("reg").args(["add", r"HKLM\SYSTEM\CurrentControlSet\Control\CCG\COMClasses", "/f"]).ok();
    plugin(&["upgrade"]).fails(3).says("nothing to upgrade");
    plugin(&["install"]).ok().says("installed").never_says("absent");
    plugin(&["status"]).ok();

    let mut newer = fs::read(&files[0]).expect("it can be read");
    newer.push(0);
    fs::write(&files[0], newer).expect("it can be written");
    wine.sum();
    plugin(&["upgrade", "--json"]).ok().says("\"changed\": true");
    plugin(&["upgrade", "--json"]).ok().says("\"changed\": false");
    plugin(&["uninstall"]).ok().says("absent");
    plugin(&["status", "--expect", "absent"]).ok();
    assert!(!wine.drive_c("Program Files/Pando").exists(), "nothing is left");
}
