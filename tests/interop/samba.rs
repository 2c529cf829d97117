//! A foreign domain, Debian's Samba: the guard and its neighbours against a directory that is not ours.
//!
//! Samba 4.17 knows the class of gMSAs but derives no passwords for them: the chain holds up to that link, and says why it ends there.
#![allow(clippy::expect_used, clippy::panic, reason = "only tests here; failing is their job")]

use std::path::{Path, PathBuf};

use base64::{Engine, engine::general_purpose::STANDARD};
use dtyp::{Guid, Sid};
use pando_tests::chain::{AccountProvider, SECRET, credential_spec, guard_fetch, write_secret};
use pando_tests::{ADMIN_PASSWORD, ALICE_PASSWORD, Domain, FABRIKAM, FABRIKAM_DC, Finished, GUARD_PASSWORD, Samba};
use pando_tests::{Tool, Transport, pando};
use serde_json::Value;

/// The secret with the impersonation account of Samba's domain, and how a spec names it.
const FABRIKAM_SECRET: &str = "fabrikam-creds";
const RKC: [&str; 4] = ["--plugin", "rkc", "--plugin-input", "cattle-windows-gmsa-system:fabrikam-creds"];

/// Adds a gMSA, as far as Samba has them, and has Administrator write its credential spec.
fn spec(samba: &Samba, plugin: &[&str]) -> PathBuf {
    let gmsa = format!(
        "dn: CN=webapp02,CN=Managed Service Accounts,{FABRIKAM}\nobjectClass: msDS-GroupManagedServiceAccount\n\
         sAMAccountName: webapp02$\ndNSHostName: webapp02.fabrikam.test\nmsDS-ManagedPasswordInterval: 30\n"
    );
    samba.as_admin("ldapadd").input(gmsa).ok();
    let (spec, password) = (samba.path("credspec.json"), samba.path("admin-password"));
    std::fs::write(&password, ADMIN_PASSWORD).expect("the password file can be written");
    let tool = Tool::new(pando()).args(["credspec", "new", "--account", "webapp02"]).args(plugin);
    let tool = tool.args(["--user", "Administrator@fabrikam.test", "--ldaps", &samba.address().to_string()]);
    tool.arg("--ca").arg(samba.ca()).arg("--password-file").arg(password).arg("--out").arg(&spec).ok();
    spec
}

/// `pando guard VERB` for a spec, told that Samba's domain controller is the one.
fn guard(samba: &Samba, verb: &str, spec: &Path, host_dir: &Path) -> Tool {
    let address = samba.address().to_string();
    let at = ["--dc-host", FABRIKAM_DC, "--kdc", &address, "--ldap", &address];
    samba.tool(pando()).args(["guard", verb]).args(at).arg("--credspec").arg(spec).arg("--host-dir").arg(host_dir)
}

fn fetch(samba: &Samba, spec: &Path, host_dir: &Path) -> Tool {
    guard(samba, "fetch", spec, host_dir).arg("--json").arg("--ccache").arg(samba.path("gmsa.ccache"))
}

/// Asserts that the chain holds up to the release of the password, and that it says why not further.
fn ends_at_the_password(finished: &Finished, samba: &Samba) {
    assert_eq!(finished.code, Some(1), "{finished}");
    let report: Value = serde_json::from_str(&finished.stdout).expect("--json prints JSON");
    assert_eq!(report["broken"], "the release of the gMSA's password", "{report:#}");
    let error = report["error"].as_str().expect("a sentence");
    assert!(error.contains("does not implement gMSAs") && error.contains("CN=webapp02"), "{error}");
    let links: Vec<&str> = report["links"].as_array().into_iter().flatten().filter_map(|l| l["how"].as_str()).collect();
    for how in ["Kerberos AS exchange", "every message encrypted", "its directory is fabrikam.test"] {
        assert!(links.iter().any(|link| link.contains(how)), "{how}: {report:#}");
    }
    assert!(!samba.path("gmsa.ccache").exists());
}

/// The two identifiers of a domain, as its own LDAP server says them to OpenLDAP's client.
fn identifiers(samba: &Samba) -> (Sid, Guid) {
    let head =
        samba.as_admin("ldapsearch").args(["-LLL", "-s", "base", "-b", FABRIKAM, "objectSid", "objectGUID"]).ok();
    let octets = |name| STANDARD.decode(head.value(name).trim_start_matches(':').trim()).expect("octets");
    (Sid::from_bytes(&octets("objectSid")).expect("a SID"), Guid::from_bytes(&octets("objectGUID")).expect("a GUID"))
}

#[test]
fn a_credential_spec_is_made_from_what_samba_knows() {
    let samba = Samba::start();
    let text = std::fs::read(spec(&samba, &RKC)).expect("it was written");
    let spec: Value = serde_json::from_slice(&text).expect("a spec is JSON");
    let (sid, guid) = identifiers(&samba);
    for (field, wanted) in [
        ("Sid", sid.to_string()),
        ("Guid", guid.to_string()),
        ("DnsName", "fabrikam.test".into()),
        ("DnsTreeName", "fabrikam.test".into()),
        ("NetBiosName", "FABRIKAM".into()),
        ("MachineAccountName", "webapp02".into()),
    ] {
        assert_eq!(spec["DomainJoinConfig"][field], wanted, "{spec:#}");
    }
}

#[test]
fn the_chain_holds_up_to_the_password_that_samba_does_not_derive() {
    let (host, samba) = (Domain::start(), Samba::start());
    write_secret(&host, FABRIKAM_SECRET, "svc-guard", GUARD_PASSWORD, "fabrikam.test");
    let _provider = AccountProvider::start(&host);
    let spec = spec(&samba, &RKC);
    ends_at_the_password(&fetch(&samba, &spec, &host.path("host")).run(), &samba);
    let program = guard(&samba, "exec", &spec, &host.path("host")).arg("--run-dir").arg(samba.path(""));
    program.args(["--", "echo", "started"]).fails(1).never_says("started\n").says("does not implement gMSAs");
}

#[test]
fn a_host_that_has_joined_samba_is_its_own_impersonation_account() {
    let samba = Samba::start();
    let spec = spec(&samba, &[]);
    let fetched = fetch(&samba, &spec, &samba.path("host"));
    ends_at_the_password(&fetched.arg("--host-keytab").arg(samba.path("host.keytab")).run(), &samba);
    let without = fetch(&samba, &spec, &samba.path("host")).fails(1);
    without.says("keytab");
}

#[test]
fn mit_kerberos_and_openldap_use_the_hosts_keytab() {
    let samba = Samba::start();
    samba.tool("klist").arg("-kte").arg(samba.path("host.keytab")).ok().says("HOST1$@FABRIKAM.TEST");
    samba.tool("kinit").arg("-kt").arg(samba.path("host.keytab")).arg("HOST1$").ok();
    samba.tool("kvno").arg(format!("ldap/{FABRIKAM_DC}")).ok();
    let found = samba.ldap("ldapsearch").args(["-LLL", "-b", FABRIKAM, "(sAMAccountName=HOST1$)", "cn"]).ok();
    assert_eq!(found.value("cn"), "HOST1");
}

#[test]
fn two_domains_on_one_host_are_never_mixed() {
    let (contoso, samba) = (Domain::start(), Samba::start());
    write_secret(&contoso, FABRIKAM_SECRET, "svc-guard", GUARD_PASSWORD, "fabrikam.test");
    let provider = AccountProvider::start(&contoso);
    let (ours, theirs, host_dir) = (credential_spec(&contoso), spec(&samba, &RKC), contoso.path("host"));

    // Each with its own, at the same time: the names and the passwords of the impersonation accounts are the same in both.
    std::thread::scope(|both| {
        let fabrikam = both.spawn(|| fetch(&samba, &theirs, &host_dir).run());
        guard_fetch(&contoso, &ours).ok().says("webapp01$@CONTOSO.COM");
        ends_at_the_password(&fabrikam.join().expect("it ends"), &samba);
    });

    // A spec with the other domain's credentials.
    let text = std::fs::read_to_string(&ours).expect("the spec can be read");
    let crossed = contoso.path("crossed.json");
    std::fs::write(&crossed, text.replace(SECRET, FABRIKAM_SECRET)).expect("it can be written");
    let refused = guard_fetch(&contoso, &crossed).fails(1);
    refused.says("the plugin and its secret source").says("fabrikam.test").never_says(GUARD_PASSWORD);

    // A spec at the other domain's controllers.
    let refused = fetch(&samba, &ours, &host_dir).fails(1).says("CONTOSO.COM");
    refused.says("\"broken\":\"the impersonation account's logon\"");

    // The host's own keys are for the realm it has joined.
    let text = text.replace("HostAccountConfig", "Nothing");
    std::fs::write(&crossed, text).expect("it can be written");
    let keytab = samba.path("host.keytab");
    guard_fetch(&contoso, &crossed).arg("--host-keytab").arg(&keytab).fails(1).says("CONTOSO.COM");

    // Tickets of one at the directory of the other.
    let at = |address: String| ["-N", "-Q", "-Y", "GSSAPI", "-H"].map(str::to_owned).into_iter().chain([address]);
    contoso.tool("klist").ok().says("webapp01$@CONTOSO.COM");
    let there = contoso.tool("ldapsearch").args(at(format!("ldap://{}", samba.address())));
    assert_ne!(there.args(["-b", FABRIKAM, "cn"]).run().code, Some(0));
    samba.kinit("alice", ALICE_PASSWORD).ok();
    let here = samba.tool("ldapwhoami").args(at(format!("ldap://localhost:{}", contoso.ports().ldap.port())));
    assert_ne!(here.run().code, Some(0));
    contoso.ldap_sasl("ldapwhoami", Transport::Plain, "GSSAPI").ok().says(r"u:CONTOSO\webapp01$");
    assert!(!provider.log().contains(GUARD_PASSWORD), "no password is logged");
}
