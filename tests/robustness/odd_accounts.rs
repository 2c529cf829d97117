//! Whatever an administrator writes into accounts and policies, nobody's logon fails for an error of the server's.
#![allow(clippy::expect_used, clippy::panic, reason = "only tests here; failing is their job")]

use pando_tests::{ALICE_PASSWORD, BASE, BOB_PASSWORD, Domain, GUARD_PASSWORD, Transport};

/// Has the administrator write a value, which the directory may refuse. A colon before it stands for base64, as in LDIF.
fn write(domain: &Domain, dn: &str, attribute: &str, value: &str) -> bool {
    let change = format!(
        "dn: {dn}\nchangetype: modify\nreplace: {attribute}\n{attribute}:{}{value}\n",
        if value.starts_with(':') { "" } else { " " }
    );
    let written = domain.as_admin("ldapmodify", Transport::Ldaps).input(change).run();
    let code = written.code.expect("the tool ends");
    // Refused for what it is: constraint, syntax, schema, unwilling, rights, duplicates. Not: operations error, busy, other.
    assert!([0, 16, 17, 18, 19, 20, 21, 32, 34, 50, 53, 64, 65, 67, 68, 247].contains(&code), "{attribute}: {written}");
    code == 0
}

/// Somebody's logons by every door are decided.
fn assert_decided(domain: &Domain, name: &str, password: &str, after: &str) {
    let logon = domain.kinit(name, password).run();
    for failure in ["Cannot contact", "Generic error", "not available", "internal"] {
        assert!(!logon.stderr.contains(failure), "after {after}: {logon}");
    }
    let bind = domain.ldap_as("ldapwhoami", Transport::Plain, &format!("CONTOSO\\{name}"), password).run();
    assert!(matches!(bind.code, Some(0 | 49)), "after {after}: {bind}");
    let filter = format!("(|(sAMAccountName={name})(cn={name}))");
    let tool = domain.search_as_admin().args([&filter, "*", "+", "tokenGroups", "memberOf", "canonicalName"]);
    tool.args(["msDS-User-Account-Control-Computed", "msDS-UserPasswordExpiryTimeComputed"]).ok();
}

/// alice, whom nobody touched, logs on and gets a ticket for the server and for the victim's service.
fn assert_others_go_on(domain: &Domain, after: &str) {
    let logon = domain.kinit("alice", ALICE_PASSWORD).run();
    assert_eq!(logon.code, Some(0), "after {after}: {logon}");
    let bind = domain.ldap_sasl("ldapwhoami", Transport::Plain, "GSSAPI").run();
    assert_eq!(bind.code, Some(0), "after {after}: {bind}");
    let ticket = domain.tool("kvno").arg("http/bob.contoso.com").run();
    for failure in ["Cannot contact", "Generic error", "not available", "internal"] {
        assert!(!ticket.stderr.contains(failure), "after {after}: {ticket}");
    }
}

fn assert_no_error_of_the_program(domain: &mut Domain) {
    domain.assert_alive();
    let log = domain.log();
    for word in ["panicked", "error of the program", "ERROR"] {
        assert!(!log.contains(word), "{word} in\n{log}");
    }
}

/// Numbers at the edges of every kind.
const NUMBERS: [&str; 12] = [
    "0",
    "1",
    "-1",
    "4294967295",
    "4294967296",
    "2147483647",
    "-2147483648",
    "65536",
    "9223372036854775807",
    "-9223372036854775808",
    "116444736000000000",
    "2650467743999999999",
];

#[test]
fn numbers_of_accounts() {
    let mut domain = Domain::start();
    let dn = format!("CN=bob,OU=Engineering,{BASE}");
    write(&domain, &dn, "servicePrincipalName", "http/bob.contoso.com");
    for attribute in [
        "accountExpires",
        "pwdLastSet",
        "lockoutTime",
        "msDS-SupportedEncryptionTypes",
        "primaryGroupID",
        "userAccountControl",
        "badPwdCount",
        "lastLogon",
        "countryCode",
    ] {
        for value in NUMBERS {
            let after = format!("{attribute}: {value}");
            if write(&domain, &dn, attribute, value) {
                assert_decided(&domain, "bob", BOB_PASSWORD, &after);
            }
        }
        assert_others_go_on(&domain, attribute);
    }
    assert_no_error_of_the_program(&mut domain);
}

#[test]
fn texts_of_accounts() {
    let mut domain = Domain::start();
    let dn = format!("CN=bob,OU=Engineering,{BASE}");
    let long = "x".repeat(5000);
    let texts = [
        "",
        " x ",
        "x",
        "a/b",
        "a/b/c",
        "a/b/c/d/e",
        "/",
        "//",
        "@",
        "a@b@c",
        "@contoso.com",
        "alice@contoso.com",
        "krbtgt/CONTOSO.COM",
        "kadmin/changepw",
        "ldap/dc1.contoso.com",
        "http/bob.contoso.com",
        ": AAAA",
        ": /////w==",
        ": w6TDtsO8L+KCrA==",
        &long,
    ];
    for attribute in [
        "servicePrincipalName",
        "userPrincipalName",
        "displayName",
        "homeDirectory",
        "dNSHostName",
        "logonHours",
        "msDS-AllowedToDelegateTo",
        "msDS-AllowedToActOnBehalfOfOtherIdentity",
        "nTSecurityDescriptor",
        "sIDHistory",
        "supplementalCredentials",
    ] {
        for value in texts {
            let after = format!("{attribute}: {value:.40}");
            if write(&domain, &dn, attribute, value) {
                assert_decided(&domain, "bob", BOB_PASSWORD, &after);
            }
        }
        assert_others_go_on(&domain, attribute);
    }
    assert_no_error_of_the_program(&mut domain);
}

#[test]
fn hours_of_logons() {
    let mut domain = Domain::start();
    let dn = format!("CN=bob,OU=Engineering,{BASE}");
    for (length, byte) in [(0, 0), (1, 0xff), (20, 0xff), (21, 0), (21, 0xff), (22, 0xff), (1000, 0)] {
        use base64::{Engine, engine::general_purpose::STANDARD};
        let after = format!("logonHours of {length} times {byte}");
        if write(&domain, &dn, "logonHours", &format!(": {}", STANDARD.encode(vec![byte; length]))) {
            assert_decided(&domain, "bob", BOB_PASSWORD, &after);
        }
        if (length, byte) == (21, 0) {
            domain.kinit("bob", BOB_PASSWORD).fails(1).says("revoked");
            domain.ldap_as("ldapwhoami", Transport::Plain, "bob@contoso.com", BOB_PASSWORD).fails(49).says("data 530");
        }
        if (length, byte) == (21, 0xff) {
            domain.kinit("bob", BOB_PASSWORD).ok();
        }
    }
    assert_no_error_of_the_program(&mut domain);
}

#[test]
fn numbers_of_the_domain() {
    let mut domain = Domain::start();
    for attribute in [
        "maxPwdAge",
        "minPwdAge",
        "minPwdLength",
        "pwdHistoryLength",
        "pwdProperties",
        "lockoutDuration",
        "lockOutObservationWindow",
        "lockoutThreshold",
        "forceLogoff",
        "ms-DS-MachineAccountQuota",
    ] {
        let before = domain.search_as_admin().args(["-s", "base", "(objectClass=*)", attribute]).ok();
        let before = before.values(attribute).first().map_or("0", |value| *value).to_owned();
        for value in NUMBERS {
            let after = format!("{attribute}: {value}");
            if write(&domain, BASE, attribute, value) {
                assert_decided(&domain, "bob", BOB_PASSWORD, &after);
            }
        }
        write(&domain, BASE, attribute, &before);
        assert_others_go_on(&domain, attribute);
    }
    assert_no_error_of_the_program(&mut domain);
}

#[test]
fn gmsas() {
    let mut domain = Domain::start();
    let dn = format!("CN=webapp01,CN=Managed Service Accounts,{BASE}");
    for attribute in [
        "msDS-ManagedPasswordInterval",
        "msDS-ManagedPasswordId",
        "msDS-ManagedPasswordPreviousId",
        "msDS-ManagedPassword",
        "msDS-GroupMSAMembership",
        "msDS-SupportedEncryptionTypes",
        "userAccountControl",
        "pwdLastSet",
        "unicodePwd",
        "objectSid",
        "whenCreated",
    ] {
        for value in NUMBERS.into_iter().chain([": AAAA", ": AQAAAEtEU0sC", "x"]) {
            let after = format!("{attribute}: {value}");
            if write(&domain, &dn, attribute, value) {
                assert_decided(&domain, "webapp01$", "not-its-password", &after);
                let guard = domain.ldap_as("ldapsearch", Transport::Ldaps, "svc-guard@contoso.com", GUARD_PASSWORD);
                let read = guard.args(["-LLL", "-b", BASE, "(cn=webapp01)", "msDS-ManagedPassword"]).run();
                assert!(matches!(read.code, Some(0 | 1)), "after {after}: {read}");
            }
        }
        assert_others_go_on(&domain, attribute);
    }
    assert_no_error_of_the_program(&mut domain);
}
