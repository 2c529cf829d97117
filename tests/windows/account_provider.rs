//! The account provider as a Windows program: its files and its answers are what plugins on any system know.
#![allow(clippy::expect_used, clippy::panic, reason = "only tests here; failing is their job")]

use std::fs;
use std::os::unix::fs::PermissionsExt;

use pando_tests::chain::{AccountProvider, NAMESPACE, SECRET, credential_spec, guard_fetch};
use pando_tests::{Domain, GUARD_PASSWORD, Wine};

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

    // A changed secret is what the next request returns; what is asked for in vain is not.
    let other = domain.path("other.json");
    let spec = fs::read_to_string(credential_spec(&domain)).expect("the spec can be read");
    fs::write(&other, spec.replace(SECRET, "others")).expect("it can be written");
    guard_fetch(&domain, &other).fails(1).says("the plugin and its secret source");
    assert!(!provider.log().contains(GUARD_PASSWORD), "no password is logged");
}

#[test]
fn on_windows_there_is_what_a_node_needs() {
    let wine = Wine::start();
    let help = wine.program("pando.exe").arg("--help").ok();
    help.says("account-provider").says("plugin").says("credspec").never_says("Run a domain controller");
    wine.program("pando.exe").args(["plugin", "status"]).fails(5).says("absent");
    wine.program("pando.exe").args(["plugin", "install"]).fails(1).says("SHA256SUMS cannot be read");
}
