//! msldap's console against the directory, with Kerberos: how it lists gMSAs.
#![allow(clippy::expect_used, clippy::panic, reason = "only tests here; failing is their job")]

use pando_tests::{ALICE_PASSWORD, Domain, Finished, GUARD_PASSWORD, python};

/// Runs commands in msldap's console as somebody.
fn msldap(domain: &Domain, name: &str, password: &str, scheme: &str) -> Finished {
    python::tickets(domain, name, password);
    // A URL holds no path: the console runs in the domain's folder.
    let url = format!(r"{scheme}+kerberos-ccache://contoso.com\{name}:{name}.ccache@dc1.contoso.com/?dc=127.0.0.1");
    python::program(domain, "msldap").arg(url).args(["login", "gmsa"]).ok()
}

#[test]
fn the_allowed_principal_sees_the_password_and_nobody_else() {
    let domain = Domain::start();
    for scheme in ["ldap", "ldaps"] {
        let found = msldap(&domain, "svc-guard", GUARD_PASSWORD, scheme).says("Username: webapp01$");
        let password = found.values("Password").first().map_or(0, |password| password.len());
        assert_eq!(password, 512, "{scheme}: 256 bytes in hexadecimal");
        found.says(r"Allowed machine: contoso\svc-guard").says("Password -NT-: ");
        msldap(&domain, "alice", ALICE_PASSWORD, scheme).says("Username: webapp01$").never_says("Password -NT-: ");
    }
}
