//! MIT Kerberos' clients against the KDC: kinit, klist, kvno, with passwords and keytabs, over UDP and TCP.

use pando_tests::{ALICE_PASSWORD, BASE, Domain, MALLORY_PASSWORD, Tool, Transport, unicode_pwd};

fn klist(domain: &Domain) -> pando_tests::Finished {
    domain.tool("klist").args(["-e", "-f"]).ok()
}

#[test]
fn kinit_with_a_password_gives_a_ticket_granting_ticket_with_aes_256() {
    let domain = Domain::start();
    domain.kinit("alice", ALICE_PASSWORD).ok();
    let tickets = klist(&domain);
    let tickets = tickets.says("Default principal: alice@CONTOSO.COM").says("krbtgt/CONTOSO.COM@CONTOSO.COM");
    tickets.says("aes256-cts-hmac-sha1-96, aes256-cts-hmac-sha1-96");
}

#[test]
fn names_are_found_whatever_their_case_and_as_enterprise_names() {
    let domain = Domain::start();
    domain.kinit("ALICE", ALICE_PASSWORD).arg("-C").ok();
    domain.tool("kinit").args(["-E", "alice@contoso.com"]).input(format!("{ALICE_PASSWORD}\n")).ok();
    klist(&domain).says("alice@CONTOSO.COM");
}

#[test]
fn a_wrong_password_a_disabled_and_an_unknown_account_are_refused_each_in_its_way() {
    let domain = Domain::start();
    domain.kinit("alice", "wrong").fails(1).says("Password incorrect");
    domain.kinit("mallory", MALLORY_PASSWORD).fails(1).says("revoked");
    domain.kinit("nobody", "wrong").fails(1).says("not found in Kerberos database");
    assert!(!domain.log().contains(MALLORY_PASSWORD));
}

#[test]
fn kvno_gets_service_tickets_by_service_principal_name() {
    let domain = Domain::start();
    domain.kinit("alice", ALICE_PASSWORD).ok();
    for service in ["ldap/dc1.contoso.com", "ldap/localhost", "host/dc1.contoso.com", "HTTP/webapp01.contoso.com"] {
        domain.tool("kvno").arg(service).ok().says(&format!("{service}@CONTOSO.COM: kvno = "));
    }
    klist(&domain).says("ldap/localhost@CONTOSO.COM").says("HTTP/webapp01.contoso.com@CONTOSO.COM");
    domain.tool("kvno").arg("http/nowhere.contoso.com").fails(1).says("not found in Kerberos database");
}

#[test]
fn everything_works_over_tcp_alone() {
    let domain = Domain::start();
    let configuration = std::fs::read_to_string(domain.path("krb5.conf")).expect("krb5.conf is there");
    let tcp = configuration.replace("kdc = ", "kdc = tcp/");
    std::fs::write(domain.path("krb5.conf"), tcp).expect("krb5.conf can be written");
    domain.kinit("alice", ALICE_PASSWORD).ok();
    domain.tool("kvno").arg("ldap/dc1.contoso.com").ok();
}

#[test]
fn aes_128_is_served_to_those_who_ask_for_it() {
    let domain = Domain::start();
    let configuration = std::fs::read_to_string(domain.path("krb5.conf")).expect("krb5.conf is there");
    let weaker =
        configuration.replace("[libdefaults]\n", "[libdefaults]\n permitted_enctypes = aes128-cts-hmac-sha1-96\n");
    std::fs::write(domain.path("krb5.conf"), weaker).expect("krb5.conf can be written");
    domain.kinit("alice", ALICE_PASSWORD).ok();
    klist(&domain).says("skey) aes128-cts-hmac-sha1-96");
}

#[test]
fn tickets_are_renewed_and_forwardable_as_asked() {
    let domain = Domain::start();
    domain.kinit("alice", ALICE_PASSWORD).args(["-r", "2d", "-l", "1h", "-f"]).ok();
    klist(&domain).says("renew until").says("Flags: F");
    domain.tool("kinit").arg("-R").ok();
    klist(&domain).says("krbtgt/CONTOSO.COM@CONTOSO.COM");
}

#[test]
fn a_keytab_made_by_mit_tools_from_the_password_opens_the_account() {
    let domain = Domain::start();
    domain.kinit("alice", ALICE_PASSWORD).ok();
    let add = "addent -password -p alice@CONTOSO.COM -k 1 -e aes256-cts-hmac-sha1-96 -f";
    let script = format!("{add}\n{ALICE_PASSWORD}\nwkt {}\nquit\n", domain.path("alice.keytab").display());
    domain.tool("ktutil").input(script).ok();
    let with_keytab =
        |domain: &Domain| -> Tool { domain.tool("kinit").arg("-kt").arg(domain.path("alice.keytab")).arg("alice") };
    with_keytab(&domain).ok();
    let reset = format!(
        "dn: CN=alice,OU=Engineering,{BASE}\nchangetype: modify\nreplace: unicodePwd\n{}\n",
        unicode_pwd("An0ther-one")
    );
    domain.as_admin("ldapmodify", Transport::Ldaps).input(reset).ok();
    with_keytab(&domain).fails(1).says("Preauthentication failed");
}

#[test]
fn the_key_version_rises_with_each_password() {
    let domain = Domain::start();
    let version = || {
        let found = domain.search_as_admin().args(["(sAMAccountName=alice)", "msDS-KeyVersionNumber"]).ok();
        found.value("msDS-KeyVersionNumber").parse::<u32>().expect("a number")
    };
    let before = version();
    let reset = format!(
        "dn: CN=alice,OU=Engineering,{BASE}\nchangetype: modify\nreplace: unicodePwd\n{}\n",
        unicode_pwd("An0ther-one")
    );
    domain.as_admin("ldapmodify", Transport::Ldaps).input(reset).ok();
    assert_eq!(version(), before + 1);
}
