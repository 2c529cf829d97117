//! OpenLDAP's tools with Cyrus SASL and MIT Kerberos: binds, layers and channels of `-Y GSSAPI` and `-Y GSS-SPNEGO`.
#![allow(clippy::expect_used, clippy::panic, reason = "only tests here; failing is their job")]

use pando_tests::{ADMIN_PASSWORD, ALICE_PASSWORD, BASE, Domain, Finished, GUARD_PASSWORD, Transport, unicode_pwd};

const MECHANISMS: [&str; 2] = ["GSSAPI", "GSS-SPNEGO"];
const EVERY_TRANSPORT: [Transport; 3] = [Transport::Plain, Transport::StartTls, Transport::Ldaps];

fn as_alice() -> Domain {
    let domain = Domain::start();
    domain.kinit("alice", ALICE_PASSWORD).ok();
    domain
}

/// Security properties for the strongest layer below sealing: MIT's library has none that only signs for GSS-SPNEGO.
fn unsealing(mechanism: &str) -> &'static str {
    if mechanism == "GSSAPI" { "maxssf=1" } else { "maxssf=0" }
}

/// Searches for alice with these security properties; the tool says which layer it has.
fn search(domain: &Domain, transport: Transport, mechanism: &str, properties: &str) -> Finished {
    let tool = domain.ldap("ldapsearch", transport).args(["-N", "-Y", mechanism, "-O", properties, "-LLL"]);
    tool.args(["-b", BASE, "(sAMAccountName=alice)", "name"]).run()
}

#[test]
fn a_kerberos_ticket_binds_with_either_mechanism_over_every_transport() {
    let domain = as_alice();
    for mechanism in MECHANISMS {
        domain.ldap_sasl("ldapwhoami", Transport::Plain, mechanism).ok().says(r"u:CONTOSO\alice");
        for transport in EVERY_TRANSPORT {
            let tool = domain.ldap_sasl("ldapwhoami", transport, mechanism).args(["-O", "maxssf=0"]);
            tool.ok().says(r"u:CONTOSO\alice");
        }
    }
}

#[test]
fn the_connection_gets_the_layer_that_is_asked_for() {
    let domain = as_alice();
    let cases = [("minssf=56", "SASL SSF: 256"), ("minssf=256", "SASL SSF: 256"), ("minssf=0", "SASL SSF: 256")];
    for mechanism in MECHANISMS {
        for (properties, layer) in cases {
            let found = search(&domain, Transport::Plain, mechanism, properties).says("name: alice").says(layer);
            assert_eq!(found.code, Some(0), "{mechanism} {properties}: {found}");
        }
        let bare = search(&domain, Transport::Plain, mechanism, "maxssf=0").says("name: alice");
        assert!(bare.says("SASL SSF: 0").code == Some(0), "{mechanism} without a layer");
    }
    search(&domain, Transport::Plain, "GSSAPI", "minssf=1,maxssf=1").says("name: alice").says("SASL SSF: 1\n");
    // With GSS-SPNEGO, MIT's library always asks for sealing if it asks for anything.
    search(&domain, Transport::Plain, "GSS-SPNEGO", "maxssf=1").says("name: alice").says("SASL SSF: 256");
}

#[test]
fn a_layer_within_tls_is_one_too_many() {
    let domain = as_alice();
    for transport in [Transport::StartTls, Transport::Ldaps] {
        for mechanism in MECHANISMS {
            let bare = search(&domain, transport, mechanism, "maxssf=0").says("name: alice");
            assert_eq!(bare.code, Some(0), "{transport:?} {mechanism}: {bare}");
        }
        for (mechanism, properties) in [("GSSAPI", "minssf=0"), ("GSSAPI", "minssf=56"), ("GSS-SPNEGO", "minssf=0")] {
            let layered = search(&domain, transport, mechanism, properties).never_says("name: alice");
            assert_eq!(layered.code, Some(53), "{transport:?} {mechanism} {properties}: {layered}");
            layered.says("Cannot start kerberos signing/sealing when using TLS/SSL");
        }
    }
}

#[test]
fn large_results_come_through_either_layer_whole() {
    let domain = as_alice();
    let schema = format!("CN=Schema,CN=Configuration,{BASE}");
    for (mechanism, properties) in MECHANISMS.iter().flat_map(|one| [(one, "minssf=56"), (one, "maxssf=1")]) {
        let tool = domain.ldap_sasl("ldapsearch", Transport::Plain, mechanism).args(["-O", properties, "-LLL"]);
        let tool = tool.args(["-b", &schema, "-E", "pr=500/noprompt", "(objectClass=attributeSchema)", "*"]);
        let found = tool.ok();
        assert!(found.count("dn:") > 1400, "{mechanism} {properties}: {} entries", found.count("dn:"));
    }
}

#[test]
fn large_requests_go_through_the_sealed_connection_whole() {
    let domain = Domain::start();
    domain.kinit("Administrator", ADMIN_PASSWORD).ok();
    for (mechanism, size) in MECHANISMS.iter().zip([1_000_000, 70_000]) {
        let values = format!("thumbnailPhoto: {}", "x".repeat(size));
        let set =
            format!("dn: CN=alice,OU=Engineering,{BASE}\nchangetype: modify\nreplace: thumbnailPhoto\n{values}\n");
        let modified = domain.ldap_sasl("ldapmodify", Transport::Plain, mechanism).input(set).run();
        // The schema may bound the value; the connection may not be what refuses it.
        assert!(matches!(modified.code, Some(0 | 19)), "{mechanism}: {:?} {}", modified.code, modified.stderr);
    }
}

#[test]
fn passwords_are_set_over_a_sealed_connection_but_not_over_a_signed_one() {
    let domain = Domain::start();
    domain.kinit("Administrator", ADMIN_PASSWORD).ok();
    for (mechanism, password) in MECHANISMS.iter().zip(["Re-se7-by-ticket", "Re-se8-by-ticket"]) {
        let reset = format!(
            "dn: CN=bob,OU=Engineering,{BASE}\nchangetype: modify\nreplace: unicodePwd\n{}\n",
            unicode_pwd(password)
        );
        let unsealed = domain.ldap_sasl("ldapmodify", Transport::Plain, mechanism).args(["-O", unsealing(mechanism)]);
        unsealed.input(reset.clone()).fails(53);
        domain.ldap_sasl("ldapmodify", Transport::Plain, mechanism).input(reset).ok();
        domain.ldap_as("ldapwhoami", Transport::Ldaps, "bob@contoso.com", password).ok();
    }
}

#[test]
fn a_managed_password_is_read_sealed_but_not_signed() {
    let domain = Domain::start();
    domain.kinit("svc-guard", GUARD_PASSWORD).ok();
    let read = |mechanism, options: &str| {
        let tool =
            domain.ldap_sasl("ldapsearch", Transport::Plain, mechanism).args(["-O", options, "-LLL", "-b", BASE]);
        tool.args(["(sAMAccountName=webapp01$)", "msDS-ManagedPassword"]).run()
    };
    for mechanism in MECHANISMS {
        let sealed = read(mechanism, "minssf=56");
        assert_eq!((sealed.code, sealed.values("msDS-ManagedPassword").len()), (Some(0), 1), "{sealed}");
        for properties in [unsealing(mechanism), "maxssf=0"] {
            let unsealed = read(mechanism, properties);
            assert_eq!((unsealed.code, unsealed.values("msDS-ManagedPassword").len()), (Some(1), 0), "{unsealed}");
            unsealed.says("0000202D");
        }
    }
}

#[test]
fn nobody_acts_as_somebody_else() {
    let domain = as_alice();
    for who in ["u:bob", "dn:CN=bob,OU=Engineering,DC=contoso,DC=com", "u:Administrator"] {
        let refused = domain.ldap_sasl("ldapwhoami", Transport::Plain, "GSSAPI").args(["-X", who]).run();
        assert_eq!(refused.code, Some(49), "{who}: {refused}");
    }
}

#[test]
fn without_a_ticket_there_is_no_bind() {
    let domain = Domain::start();
    for mechanism in MECHANISMS {
        let finished = domain.ldap_sasl("ldapwhoami", Transport::Plain, mechanism).run();
        assert_ne!(finished.code, Some(0), "{finished}");
    }
}

#[test]
fn a_ticket_of_another_domain_binds_nobody() {
    let (domain, stranger) = (as_alice(), Domain::stranger());
    let url = format!("ldap://localhost:{}", stranger.ports().ldap.port());
    for mechanism in MECHANISMS {
        // The names are the same, the keys are not.
        let tool = domain.tool("ldapwhoami").args(["-N", "-Q", "-Y", mechanism, "-H", &url]);
        tool.fails(49).says("8009030C: LdapErr: DSID-").says("data 52e");
    }
}
