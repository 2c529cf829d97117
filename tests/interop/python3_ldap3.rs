//! python3-ldap3 against Pando: the schema it parses, pages, writes, StartTLS and Kerberos, as an application would use
//! it.
#![allow(clippy::expect_used, clippy::panic, reason = "only tests here; failing is their job")]

use pando_tests::{ADMIN_PASSWORD, ALICE_PASSWORD, BASE, Domain};

/// Runs one of the scripts beside this file; it must do every step well.
fn run(domain: &mut Domain, script: &str, input: &str, steps: &[&str]) {
    let ports = domain.ports();
    let finished = domain
        .tool("/usr/bin/python3")
        .arg(format!("{}/interop/{script}", env!("CARGO_MANIFEST_DIR")))
        .args([BASE, &ports.ldap.port().to_string(), &ports.ldaps.port().to_string()])
        .arg(domain.ca())
        .input(input)
        .ok();
    for step in steps {
        assert!(finished.stdout.lines().any(|line| line == format!("{step}: ok")), "{step}: {finished}");
    }
    domain.assert_alive();
}

#[test]
fn an_application_reads_writes_and_pages_with_ldap3() {
    let steps = [
        "starttls",
        "schema",
        "ldaps",
        "bind error",
        "paged",
        "add",
        "modify",
        "password",
        "rename",
        "compare",
        "delete",
    ];
    run(&mut Domain::start(), "python3_ldap3.py", ADMIN_PASSWORD, &steps);
}

#[test]
fn an_application_logs_on_with_its_ticket() {
    let mut domain = Domain::start();
    domain.kinit("alice", ALICE_PASSWORD).ok();
    run(&mut domain, "python3_kerberos.py", "", &["plain", "starttls", "ldaps"]);
    domain.tool("klist").ok().says("ldap/localhost@CONTOSO.COM");
}
