//! MIT Kerberos' clients against the KDC: kinit, klist, kvno, ktutil, with passwords and keytabs, over UDP and TCP.
#![allow(clippy::expect_used, clippy::panic, reason = "only tests here; failing is their job")]

use pando_tests::{ALICE_PASSWORD, BASE, BOB_PASSWORD, Domain, Finished, MALLORY_PASSWORD, Tool, Transport};

fn klist(domain: &Domain) -> Finished {
    domain.tool("klist").args(["-e", "-f"]).ok()
}

/// A domain and alice's ticket-granting ticket.
fn as_alice() -> Domain {
    let domain = Domain::start();
    domain.kinit("alice", ALICE_PASSWORD).ok();
    domain
}

#[test]
fn a_password_gives_a_ticket_granting_ticket_with_aes_256() {
    let domain = as_alice();
    let tickets = klist(&domain);
    let tickets = tickets.says("Default principal: alice@CONTOSO.COM").says("krbtgt/CONTOSO.COM@CONTOSO.COM");
    tickets.says("aes256-cts-hmac-sha1-96, aes256-cts-hmac-sha1-96");
}

#[test]
fn names_are_found_whatever_their_case_and_as_enterprise_names() {
    let domain = Domain::start();
    for name in [&["-C", "ALICE"][..], &["-C", "-E", "alice@contoso.com"], &["-C", "-E", "Alice@CONTOSO.com"]] {
        domain.tool("kinit").args(name).input(format!("{ALICE_PASSWORD}\n")).ok();
        klist(&domain).says("Default principal: alice@CONTOSO.COM");
        domain.tool("kvno").arg("ldap/dc1.contoso.com").ok();
    }
    domain.tool("kinit").args(["-E", "alice@contoso.com"]).input(format!("{ALICE_PASSWORD}\n")).ok();
    klist(&domain).says(r"Default principal: alice\@contoso.com@CONTOSO.COM");
    domain.tool("kvno").arg("ldap/dc1.contoso.com").ok();
}

#[test]
fn a_user_principal_name_that_is_not_the_account_name_is_found_too() {
    let domain = Domain::start();
    domain.replace("alice", "userPrincipalName: Alice.Liddell@wonderland.example");
    let upn = ["-C", "-E", "alice.liddell@wonderland.example"];
    domain.tool("kinit").args(upn).input(format!("{ALICE_PASSWORD}\n")).ok();
    klist(&domain).says("Default principal: alice@CONTOSO.COM");
    domain.tool("kinit").args(["-C", "-E", "alice@contoso.com"]).input(format!("{ALICE_PASSWORD}\n")).ok();
    klist(&domain).says("Default principal: alice@CONTOSO.COM");
}

#[test]
fn a_wrong_password_a_disabled_and_an_unknown_account_are_refused_each_in_its_way() {
    let domain = Domain::start();
    domain.kinit("alice", "wrong").fails(1).says("Password incorrect");
    domain.kinit("mallory", MALLORY_PASSWORD).fails(1).says("Client's credentials have been revoked");
    domain.kinit("nobody", "wrong").fails(1).says("not found in Kerberos database");
    domain.kinit("Engineering", "wrong").fails(1).says("not found in Kerberos database");
    domain.kinit("staff", "wrong").fails(1).says("not found in Kerberos database");
    domain.kinit("krbtgt", "wrong").fails(1).says("revoked");
    assert!(!domain.log().contains(MALLORY_PASSWORD), "a password is in the log");
}

#[test]
fn an_account_that_has_expired_is_refused() {
    let domain = Domain::start();
    domain.replace("alice", "accountExpires: 132223104000000000");
    domain.kinit("alice", ALICE_PASSWORD).fails(1).says("Client's credentials have been revoked");
    domain.replace("alice", "accountExpires: 9223372036854775807");
    domain.kinit("alice", ALICE_PASSWORD).ok();
}

#[test]
fn a_password_that_must_be_changed_gives_no_ticket() {
    let domain = Domain::start();
    domain.replace("alice", "pwdLastSet: 0");
    domain.kinit("alice", "wrong").fails(1).says("Password incorrect").never_says("expired");
    domain.kinit("alice", ALICE_PASSWORD).fails(1).says("Password expired.  You must change it now.");
    let list = domain.tool("klist").run();
    assert_ne!(list.code, Some(0), "no ticket is left: {list}");
    domain.replace("alice", "pwdLastSet: -1");
    domain.kinit("alice", ALICE_PASSWORD).ok();
}

#[test]
fn a_disabled_user_gets_no_more_tickets_with_the_ones_at_hand() {
    let domain = Domain::start();
    domain.kinit("bob", BOB_PASSWORD).args(["-r", "2d", "-l", "1h"]).ok();
    domain.tool("kvno").arg("ldap/dc1.contoso.com").ok();
    domain.replace("bob", "userAccountControl: 514");
    domain.tool("kvno").arg("host/dc1.contoso.com").fails(1).says("revoked");
    domain.tool("kinit").arg("-R").fails(1).says("revoked");
    let bind = domain.ldap_sasl("ldapwhoami", Transport::Plain, "GSSAPI").run();
    assert_ne!(bind.code, Some(0), "no bind with a ticket from before: {bind}");
}

#[test]
fn kvno_gets_service_tickets_by_service_principal_name() {
    let domain = as_alice();
    for service in ["ldap/dc1.contoso.com", "ldap/localhost", "host/dc1.contoso.com", "HTTP/webapp01.contoso.com"] {
        domain.tool("kvno").arg(service).ok().says(&format!("{service}@CONTOSO.COM: kvno = "));
    }
    let tickets = klist(&domain).says("ldap/localhost@CONTOSO.COM").says("HTTP/webapp01.contoso.com@CONTOSO.COM");
    tickets.says("aes256-cts-hmac-sha1-96, aes256-cts-hmac-sha1-96");
    domain.tool("kvno").arg("http/nowhere.contoso.com").fails(1).says("not found in Kerberos database");
    // A user's key comes from a password: nobody gets a ticket to guess it from.
    domain.tool("kvno").arg("bob").fails(1);
}

#[test]
fn everything_works_over_tcp_alone() {
    let domain = Domain::start();
    domain.configure_kerberos(" udp_preference_limit = 1\n");
    let trace = domain.path("trace");
    domain.kinit("alice", ALICE_PASSWORD).env("KRB5_TRACE", &trace).ok();
    domain.tool("kvno").arg("ldap/dc1.contoso.com").env("KRB5_TRACE", &trace).ok();
    domain.kinit("alice", "wrong").fails(1).says("Password incorrect");
    let trace = std::fs::read_to_string(trace).expect("MIT's library traces");
    assert!(trace.contains("Sending TCP request") && !trace.contains("Sending initial UDP request"), "{trace}");
}

#[test]
fn udp_is_enough_for_the_tickets_of_a_user_of_many_groups() {
    let domain = Domain::start();
    let group = |n| {
        format!(
            "dn: CN=g{n},OU=Engineering,{BASE}\nobjectClass: group\nsAMAccountName: g{n}\nmember: CN=alice,OU=Engineering,{BASE}\n\n"
        )
    };
    let groups: String = (0..400).map(group).collect();
    domain.as_admin("ldapadd", Transport::Ldaps).input(groups).ok();
    domain.kinit("alice", ALICE_PASSWORD).ok();
    domain.tool("kvno").arg("ldap/localhost").ok();
    let who = domain.ldap_sasl("ldapsearch", Transport::Plain, "GSSAPI").args(["-LLL", "-b", BASE]);
    assert_eq!(who.args(["(cn=g399)", "cn"]).ok().value("cn"), "g399");
}

#[test]
fn aes_128_is_served_to_those_who_ask_for_it() {
    let domain = Domain::start();
    domain.configure_kerberos(" permitted_enctypes = aes128-cts-hmac-sha1-96\n");
    domain.kinit("alice", ALICE_PASSWORD).ok();
    domain.tool("kvno").arg("ldap/localhost").ok();
    let tickets = klist(&domain);
    assert_eq!(tickets.stdout.matches("(skey, tkt): aes128-cts-hmac-sha1-96").count(), 2, "{tickets}");
    let search = domain.ldap("ldapwhoami", Transport::Plain).args(["-N", "-Y", "GSSAPI"]);
    search.ok().says("SASL SSF: 128").says(r"u:CONTOSO\alice");
}

#[test]
fn kinds_of_keys_that_are_not_served_are_refused() {
    let domain = Domain::start();
    domain.configure_kerberos(" allow_weak_crypto = true\n permitted_enctypes = arcfour-hmac\n");
    domain.kinit("alice", ALICE_PASSWORD).fails(1).says("KDC has no support for encryption type");
}

#[test]
fn tickets_are_renewed_and_forwardable_as_asked() {
    let domain = Domain::start();
    domain.kinit("alice", ALICE_PASSWORD).args(["-r", "2d", "-l", "1h", "-f", "-p"]).ok();
    klist(&domain).says("renew until").says("Flags: FPRIA");
    domain.tool("kinit").arg("-R").ok();
    klist(&domain).says("krbtgt/CONTOSO.COM@CONTOSO.COM").says("renew until").says("Flags: FPRA");
    domain.tool("kvno").arg("ldap/dc1.contoso.com").ok();
    domain.kinit("alice", ALICE_PASSWORD).args(["-l", "1h", "-F", "-P"]).ok();
    klist(&domain).says("Flags: IA").never_says("renew until");
    domain.tool("kinit").arg("-R").fails(1).says("KDC can't fulfill requested option");
}

#[test]
fn a_ticket_lasts_no_longer_than_the_policy_lets_it() {
    let domain = Domain::start();
    domain.kinit("alice", ALICE_PASSWORD).args(["-l", "30d", "-r", "90d"]).ok();
    let tomorrow = |days: &str, expected: i32| {
        let tool = domain.tool("faketime").args(["-f", days, "klist", "-s"]);
        tool.fails(expected);
    };
    tomorrow("+9h", 0);
    tomorrow("+11h", 1);
    // Eight days later it cannot be renewed any more.
    domain.tool("faketime").args(["-f", "+8d", "kinit", "-R"]).fails(1);
}

#[test]
fn a_clock_that_is_wrong_is_told_so() {
    let domain = Domain::start();
    domain.configure_kerberos(" kdc_timesync = 0\n");
    domain.kinit("alice", ALICE_PASSWORD).ok();
    domain.tool("kvno").arg("ldap/localhost").ok();
    let later = |words: &[&str]| domain.tool("faketime").args(["-f", "+10m"]).args(words);
    later(&["kvno", "host/dc1.contoso.com"]).fails(1).says("Clock skew too great");
    let url = format!("ldap://localhost:{}", domain.ports().ldap.port());
    let bind = later(&["ldapwhoami", "-N", "-Q", "-Y", "GSSAPI", "-H", &url]).run();
    assert_ne!(bind.code, Some(0), "a ticket of another time binds nobody: {bind}");
    domain.tool("faketime").args(["-f", "+3m", "kvno", "host/dc1.contoso.com"]).ok();
}

#[test]
fn a_keytab_made_by_mit_tools_from_the_password_opens_the_account() {
    let domain = as_alice();
    for etype in ["aes256-cts-hmac-sha1-96", "aes128-cts-hmac-sha1-96"] {
        let keytab = domain.path(etype);
        // Both ways to a salt: as it is for users, and as the KDC tells it.
        let add = [
            format!("addent -password -p alice@CONTOSO.COM -k 2 -e {etype} -s CONTOSO.COMalice"),
            format!("addent -password -p alice@CONTOSO.COM -k 2 -e {etype} -f"),
        ];
        for add in add {
            let script = format!("{add}\n{ALICE_PASSWORD}\nwkt {}\nquit\n", keytab.display());
            domain.tool("ktutil").input(script).ok();
            let with_keytab = || -> Tool { domain.tool("kinit").arg("-kt").arg(&keytab).arg("alice") };
            with_keytab().ok();
            std::fs::remove_file(&keytab).expect("ktutil wrote the keytab");
        }
    }
}

#[test]
fn a_new_password_closes_the_account_to_the_old_one() {
    let domain = as_alice();
    let keytab = domain.path("keytab");
    let add = "addent -password -p alice@CONTOSO.COM -k 2 -e aes256-cts-hmac-sha1-96 -f";
    let script = format!("{add}\n{ALICE_PASSWORD}\nwkt {}\nquit\n", keytab.display());
    domain.tool("ktutil").input(script).ok();
    let with_keytab = || domain.tool("kinit").arg("-kt").arg(&keytab).arg("alice");
    with_keytab().ok();
    domain.reset_password("alice", "An0ther-one");
    with_keytab().fails(1).says("Preauthentication failed");
    domain.kinit("alice", ALICE_PASSWORD).fails(1).says("Password incorrect");
    domain.kinit("alice", "An0ther-one").ok();
}

#[test]
fn the_key_version_rises_with_each_password() {
    let domain = Domain::start();
    let version = || {
        let found = domain.search_as_admin().args(["(sAMAccountName=alice)", "msDS-KeyVersionNumber"]).ok();
        found.value("msDS-KeyVersionNumber").parse::<u32>().expect("a number")
    };
    let before = version();
    domain.reset_password("alice", "An0ther-one");
    assert_eq!(version(), before + 1);
}

#[test]
fn a_name_that_was_given_up_is_not_somebody_elses_ticket() {
    // CVE-2021-42278 and 42287: whoever is called `dc1` for a while is not `DC1$` afterwards.
    let domain = Domain::start();
    domain.replace("bob", "sAMAccountName: dc1");
    domain.kinit("dc1", BOB_PASSWORD).ok();
    domain.tool("kvno").arg("ldap/localhost").ok();
    domain.replace("bob", "sAMAccountName: bob");
    domain.tool("kvno").arg("host/dc1.contoso.com").fails(1).says("TGT has been revoked");
    domain.tool("kvno").args(["-U", "Administrator", "ldap/localhost"]).fails(1);
    // The ticket from before says by its SID who it is.
    domain.ldap_sasl("ldapwhoami", Transport::Plain, "GSSAPI").ok().says(r"u:CONTOSO\bob");
}

#[test]
fn tickets_survive_a_restart_of_the_domain_controller() {
    let mut domain = as_alice();
    domain.kill();
    domain.restart();
    domain.tool("kvno").arg("ldap/localhost").ok();
    domain.ldap_sasl("ldapwhoami", Transport::Plain, "GSSAPI").ok().says(r"u:CONTOSO\alice");
}
