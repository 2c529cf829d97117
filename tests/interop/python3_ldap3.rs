//! python3-ldap3 against Pando: the schema it parses, pages, writes and StartTLS, as an application would use it.

use pando_tests::{ADMIN_PASSWORD, BASE, Domain};

#[test]
fn an_application_reads_writes_and_pages_with_ldap3() {
    let mut domain = Domain::start();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/interop/python3_ldap3.py");
    let ports = domain.ports();
    let finished = domain
        .tool("/usr/bin/python3")
        .args([script, BASE, &ports.ldap.port().to_string(), &ports.ldaps.port().to_string()])
        .arg(domain.ca())
        .input(ADMIN_PASSWORD)
        .ok();
    for step in [
        "schema",
        "starttls",
        "ldaps",
        "bind error",
        "paged",
        "add",
        "modify",
        "password",
        "rename",
        "compare",
        "delete",
    ] {
        assert!(finished.stdout.lines().any(|line| line == format!("{step}: ok")), "{step}: {finished}");
    }
    domain.assert_alive();
}
