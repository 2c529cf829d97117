//! impacket against the KDC and the directory: its tickets, and the password of a gMSA in its hands.
#![allow(clippy::expect_used, clippy::panic, reason = "only tests here; failing is their job")]

use pando_tests::{ALICE_PASSWORD, BASE, Domain, Finished, GUARD_PASSWORD, Transport, python};

const URLS: [&str; 2] = ["ldap://dc1.contoso.com", "ldaps://dc1.contoso.com"];

/// Reads the gMSA's password with these tickets.
fn read(domain: &Domain, url: &str, cache: &std::path::Path) -> Finished {
    python::script(domain, "impacket_gmsa.py").env("KRB5CCNAME", cache).args([url, "read", "gmsa.ccache"]).run()
}

#[test]
fn tickets_of_a_password_serve_mit_kerberos_and_openldap() {
    let domain = Domain::start();
    let account = format!("contoso.com/alice:{ALICE_PASSWORD}");
    python::program(&domain, "getTGT.py").args(["-dc-ip", "127.0.0.1", &account]).ok().says("Saving ticket in alice");
    let in_cache = |program: &str| domain.tool(program).env("KRB5CCNAME", domain.path("alice.ccache"));
    in_cache("klist").arg("-e").ok().says("alice@CONTOSO.COM").says("aes256-cts-hmac-sha1-96");
    in_cache("kvno").arg("ldap/dc1.contoso.com").ok();
    let whoami = domain.ldap_sasl("ldapwhoami", Transport::Plain, "GSSAPI");
    whoami.env("KRB5CCNAME", domain.path("alice.ccache")).ok().says(r"u:CONTOSO\alice");

    let wrong = python::program(&domain, "getTGT.py").args(["-dc-ip", "127.0.0.1", "contoso.com/alice:wrong"]).run();
    wrong.says("KDC_ERR_PREAUTH_FAILED");
}

#[test]
fn the_allowed_principal_reads_the_password_and_is_the_gmsa_with_it() {
    let domain = Domain::start();
    let cache = python::tickets(&domain, "svc-guard", GUARD_PASSWORD);
    let mut keys = Vec::new();
    for url in URLS {
        let found = read(&domain, url, &cache);
        assert_eq!(found.code, Some(0), "{url}: {found}");
        keys.push(found.stdout.clone());
        let in_cache = |tool: pando_tests::Tool| tool.env("KRB5CCNAME", domain.path("gmsa.ccache"));
        in_cache(domain.tool("klist")).ok().says("Default principal: webapp01$@CONTOSO.COM");
        in_cache(domain.ldap_sasl("ldapwhoami", Transport::Plain, "GSSAPI")).ok().says(r"u:CONTOSO\webapp01$");
    }
    assert_eq!(keys[0], keys[1], "the same password");

    // The key alone, as it stands in a script's configuration.
    let key = keys[0].trim().trim_start_matches("key: ");
    let account = ["-dc-ip", "127.0.0.1", "-aesKey", key, "contoso.com/webapp01$"];
    python::program(&domain, "getTGT.py").args(account).ok().says("Saving ticket in webapp01$.ccache");
    domain.tool("kvno").env("KRB5CCNAME", domain.path("webapp01$.ccache")).arg("ldap/dc1.contoso.com").ok();
}

#[test]
fn a_principal_who_is_not_allowed_gets_nothing() {
    let domain = Domain::start();
    let cache = python::tickets(&domain, "alice", ALICE_PASSWORD);
    for url in URLS {
        let found = read(&domain, url, &cache).never_says("key:");
        assert_eq!((found.code, found.stdout.trim()), (Some(0), "nothing"), "{url}: {found}");
    }
    assert!(!domain.path("gmsa.ccache").exists());
    assert!(domain.log().contains("released=false"), "a refusal is on the record");
}

#[test]
fn a_simple_bind_reads_it_over_tls_and_ntlm_is_refused() {
    let domain = Domain::start();
    let bind = |url: &str, how: &str| {
        python::script(&domain, "impacket_gmsa.py").args([url, how, "svc-guard", GUARD_PASSWORD]).run()
    };
    bind(URLS[1], "simple").says("released");
    for url in URLS {
        let refused = bind(url, "ntlm");
        assert_ne!(refused.code, Some(0), "{refused}");
        refused.says("LDAPSessionError").says("invalidCredentials");
    }
}

#[test]
fn its_tools_list_users_and_computers() {
    let domain = Domain::start();
    let cache = python::tickets(&domain, "svc-guard", GUARD_PASSWORD);
    let list = |tool: &str| {
        let tool = python::program(&domain, tool).env("KRB5CCNAME", &cache).args(["-k", "-no-pass"]);
        tool.args(["-dc-ip", "127.0.0.1", "-dc-host", "dc1.contoso.com"])
    };
    list("GetADUsers.py").args(["-all", "contoso.com/svc-guard"]).ok().says("alice").says("mallory");
    list("GetADComputers.py").arg("contoso.com/svc-guard").ok().says("DC1$").says("dc1.contoso.com");
}

/// impacket asks for service tickets without a checksum over what it asks for, which nobody on the way could then change unseen. RFC 4120
/// 5.5.1 wants it, and so do MIT's KDC and Samba's.
#[test]
fn a_request_for_a_service_ticket_that_anybody_could_change_is_refused() {
    let domain = Domain::start();
    domain.kinit("svc-guard", GUARD_PASSWORD).ok();
    let cache = domain.path("ccache");
    let refused = read(&domain, URLS[1], &cache);
    assert_ne!(refused.code, Some(0), "{refused}");
    refused.says("KRB_AP_ERR_INAPP_CKSUM").never_says(BASE);
}
