//! OpenLDAP's tools with Cyrus SASL and MIT Kerberos: binds, sealing and channels of `-Y GSSAPI` and `-Y GSS-SPNEGO`.

use pando_tests::{ALICE_PASSWORD, BASE, Domain, GUARD_PASSWORD, Transport, unicode_pwd};

fn as_alice() -> Domain {
    let domain = Domain::start();
    domain.kinit("alice", ALICE_PASSWORD).ok();
    domain
}

#[test]
fn a_kerberos_ticket_binds_with_either_mechanism() {
    let domain = as_alice();
    for mechanism in ["GSSAPI", "GSS-SPNEGO"] {
        domain.ldap_sasl("ldapwhoami", Transport::Plain, mechanism).ok().says(r"u:CONTOSO\alice");
    }
}

#[test]
fn the_connection_is_sealed_with_256_bits() {
    let domain = as_alice();
    for mechanism in ["GSSAPI", "GSS-SPNEGO"] {
        let tool =
            domain.ldap("ldapsearch", Transport::Plain).args(["-N", "-Y", mechanism, "-O", "minssf=256", "-LLL"]);
        tool.args(["-b", BASE, "(sAMAccountName=alice)", "name"]).ok().says("SASL SSF: 256").says("name: alice");
    }
}

#[test]
fn integrity_alone_and_no_layer_at_all_work_too() {
    let domain = as_alice();
    let search = |options: &str| {
        let tool = domain.ldap_sasl("ldapsearch", Transport::Plain, "GSSAPI").args(["-O", options, "-LLL", "-b", BASE]);
        tool.args(["(sAMAccountName=alice)", "name"]).run()
    };
    search("maxssf=1").says("name: alice");
    search("maxssf=0").says("name: alice");
}

#[test]
fn tls_takes_the_place_of_the_security_layer() {
    let domain = as_alice();
    for transport in [Transport::StartTls, Transport::Ldaps] {
        let tool = domain.ldap_sasl("ldapwhoami", transport, "GSSAPI").args(["-O", "maxssf=0"]);
        tool.ok().says(r"u:CONTOSO\alice");
    }
}

#[test]
fn large_results_come_through_the_sealed_connection_whole() {
    let domain = as_alice();
    let schema = format!("CN=Schema,CN=Configuration,{BASE}");
    let tool = domain.ldap_sasl("ldapsearch", Transport::Plain, "GSSAPI").args([
        "-LLL",
        "-b",
        &schema,
        "-E",
        "pr=500/noprompt",
    ]);
    let found = tool.args(["(objectClass=attributeSchema)", "*"]).ok();
    assert!(found.count("dn:") > 1400, "{} entries", found.count("dn:"));
}

#[test]
fn passwords_are_set_over_a_sealed_connection_but_not_over_a_signed_one() {
    let domain = Domain::start();
    domain.kinit("Administrator", pando_tests::ADMIN_PASSWORD).ok();
    let reset = format!(
        "dn: CN=bob,OU=Engineering,{BASE}\nchangetype: modify\nreplace: unicodePwd\n{}\n",
        unicode_pwd("Re-se7-by-ticket")
    );
    let signed = domain.ldap_sasl("ldapmodify", Transport::Plain, "GSSAPI").args(["-O", "maxssf=1"]);
    signed.input(reset.clone()).fails(53);
    domain.ldap_sasl("ldapmodify", Transport::Plain, "GSSAPI").input(reset).ok();
    domain.ldap_as("ldapwhoami", Transport::Ldaps, "bob@contoso.com", "Re-se7-by-ticket").ok();
}

#[test]
fn a_managed_password_is_read_sealed_but_not_signed() {
    let domain = Domain::start();
    domain.kinit("svc-guard", GUARD_PASSWORD).ok();
    let read = |options: &str| {
        let tool = domain.ldap_sasl("ldapsearch", Transport::Plain, "GSSAPI").args(["-O", options, "-LLL", "-b", BASE]);
        tool.args(["(sAMAccountName=webapp01$)", "msDS-ManagedPassword"]).run()
    };
    let sealed = read("minssf=56");
    assert_eq!((sealed.code, sealed.values("msDS-ManagedPassword").len()), (Some(0), 1), "{sealed}");
    let signed = read("maxssf=1");
    assert_eq!((signed.code, signed.values("msDS-ManagedPassword").len()), (Some(1), 0), "{signed}");
    signed.says("0000202D");
}

#[test]
fn without_a_ticket_there_is_no_bind() {
    let domain = Domain::start();
    let finished = domain.ldap_sasl("ldapwhoami", Transport::Plain, "GSSAPI").run();
    assert_ne!(finished.code, Some(0), "{finished}");
}
