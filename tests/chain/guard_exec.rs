//! `pando guard exec`: real programs with the identity of a gMSA, for as long as they run.
#![allow(clippy::expect_used, clippy::panic, reason = "only tests here; failing is their job")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use pando_tests::chain::{AccountProvider, credential_spec, guard_fetch};
use pando_tests::{ADMIN_PASSWORD, Domain, Tool, pando};

fn arguments(domain: &Domain, spec: &Path) -> Vec<String> {
    let (ports, path) = (domain.ports(), |name: &str| domain.path(name).display().to_string());
    let mut all: Vec<String> = ["guard", "exec", "--dc-host", "dc1.contoso.com", "--kdc"].map(str::to_owned).into();
    all.extend([ports.kerberos.to_string(), "--ldap".into(), ports.ldap.to_string()]);
    all.extend(["--credspec".into(), spec.display().to_string(), "--host-dir".into(), path("host")]);
    all.extend(["--run-dir".into(), path("run")]);
    all
}

/// `pando guard exec … -- sh -c SCRIPT`, with its own folder for leases.
fn exec(domain: &Domain, script: &str) -> Tool {
    let spec = credential_spec(domain);
    std::fs::create_dir_all(domain.path("run")).expect("a folder can be made");
    domain.tool(pando().to_str().expect("a path")).args(arguments(domain, &spec)).args(["--", "sh", "-c", script])
}

fn leases(domain: &Domain) -> usize {
    std::fs::read_dir(domain.path("run")).expect("the folder is there").count()
}

#[test]
fn a_program_is_the_gmsa_while_it_runs_and_leaves_nothing() {
    let domain = Domain::start();
    let _provider = AccountProvider::start(&domain);
    let url = format!("ldap://localhost:{}", domain.ports().ldap.port());
    let script = format!(
        "klist && ldapwhoami -N -Q -Y GSSAPI -H {url} && klist -k && stat -c %a \"$(dirname \"${{KRB5CCNAME#FILE:}}\")\" && exit 7"
    );
    let finished = exec(&domain, &script).fails(7);
    finished.says("Default principal: webapp01$@CONTOSO.COM").says(r"u:CONTOSO\webapp01$").says("\n700\n");
    assert_eq!(leases(&domain), 0, "the lease is deleted");
}

#[test]
fn a_program_is_told_to_end_and_its_lease_goes_with_it() {
    let domain = Domain::start();
    let _provider = AccountProvider::start(&domain);
    let spec = credential_spec(&domain);
    std::fs::create_dir_all(domain.path("run")).expect("a folder can be made");
    let mut guard = Command::new(pando())
        .args(arguments(&domain, &spec))
        .args(["--", "sh", "-c", "trap 'echo ended; exit 5' TERM; echo begun; while :; do sleep 0.05; done"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("pando can be started");
    let mut lines = BufReader::new(guard.stdout.take().expect("it is piped")).lines();
    let mut line = || lines.next().expect("a line").expect("text");
    assert_eq!(line(), "begun");
    assert_eq!(leases(&domain), 1);
    assert!(Command::new("kill").arg(guard.id().to_string()).status().expect("kill runs").success());
    assert_eq!(line(), "ended");
    assert_eq!(guard.wait().expect("it ends").code(), Some(5));
    assert_eq!(leases(&domain), 0);
}

/// Who is killed removes nothing.
#[test]
fn what_a_killed_guard_left_is_removed_by_the_next_when_its_program_has_ended_too() {
    let domain = Domain::start();
    let _provider = AccountProvider::start(&domain);
    let spec = credential_spec(&domain);
    std::fs::create_dir_all(domain.path("run")).expect("a folder can be made");
    let mut guard = Command::new(pando())
        .args(arguments(&domain, &spec))
        .args(["--", "sh", "-c", "echo begun; read line; klist >/dev/null && echo alive; read line"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("pando can be started");
    let mut input = guard.stdin.take().expect("it is piped");
    let mut lines = BufReader::new(guard.stdout.take().expect("it is piped")).lines();
    assert_eq!(lines.next().expect("a line").expect("text"), "begun");
    guard.kill().expect("it can be killed");
    guard.wait().expect("it ends");

    exec(&domain, "true").ok();
    assert_eq!(leases(&domain), 1, "the program runs on, with its identity");
    std::io::Write::write_all(&mut input, b"\n").expect("it reads");
    assert_eq!(lines.next().expect("a line").expect("text"), "alive");
    drop(input);
    assert!(lines.next().is_none(), "it has ended");
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while leases(&domain) > 0 {
        // Its output is closed a moment before its other files are.
        assert!(std::time::Instant::now() < deadline, "its folder stays");
        exec(&domain, "true").ok();
    }
}

#[test]
fn without_an_identity_the_program_does_not_start() {
    let domain = Domain::start();
    let refused = exec(&domain, "echo started").fails(1);
    refused.never_says("started").says("the plugin and its secret source");
    assert_eq!(leases(&domain), 0);
}

#[test]
fn a_program_that_is_not_there_is_named() {
    let domain = Domain::start();
    let _provider = AccountProvider::start(&domain);
    let spec = credential_spec(&domain);
    std::fs::create_dir_all(domain.path("run")).expect("a folder can be made");
    let refused =
        domain.tool(pando().to_str().expect("a path")).args(arguments(&domain, &spec)).args(["--", "no-such-program"]);
    refused.fails(1).says("no-such-program cannot be started");
}

/// The host's own keytab is enough when the spec names no plugin: here the host is itself an account of the domain.
#[test]
fn a_spec_without_a_plugin_is_followed_with_the_hosts_own_keytab() {
    let domain = Domain::start();
    let _provider = AccountProvider::start(&domain);
    guard_fetch(&domain, &credential_spec(&domain)).ok();
    let password = domain.path("admin-password");
    std::fs::write(&password, ADMIN_PASSWORD).expect("a password file can be written");
    let as_admin = |args: &[&str]| {
        let ldaps = domain.ports().ldaps.to_string();
        let tool = Tool::new(pando()).args(args).args(["--user", "Administrator@contoso.com", "--ldaps", &ldaps]);
        tool.arg("--ca").arg(domain.ca()).arg("--password-file").arg(&password).ok()
    };
    as_admin(&["gmsa", "create", "second", "--allow", "webapp01$"]);
    let spec = domain.path("second.json");
    as_admin(&["credspec", "new", "--account", "second", "--out", &spec.display().to_string()]);
    let refused = guard_fetch(&domain, &spec).run();
    assert_eq!(refused.code, Some(1), "{refused}");
    refused.says("keytab");
    let fetched = guard_fetch(&domain, &spec).arg("--host-keytab").arg(domain.path("gmsa.keytab")).ok();
    fetched.says("second$@CONTOSO.COM");
    domain.tool("klist").ok().says("Default principal: second$@CONTOSO.COM");
}
