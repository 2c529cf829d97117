//! OpenLDAP's own tools against Pando, over plain loopback, StartTLS and LDAPS with simple binds.
#![allow(clippy::expect_used, clippy::panic, reason = "only tests here; failing is their job")]

use pando_tests::{
    ADMIN_PASSWORD, ALICE_PASSWORD, BASE, BOB_PASSWORD, Domain, GUARD_PASSWORD, MALLORY_PASSWORD, Transport,
    unicode_pwd,
};

const EVERY_TRANSPORT: [Transport; 3] = [Transport::Plain, Transport::StartTls, Transport::Ldaps];

/// The names found by `filter`, in order.
fn names(domain: &Domain, filter: &str) -> Vec<String> {
    let found = domain.search_as_admin().args([filter, "name"]).ok();
    let mut names: Vec<String> = found.values("name").into_iter().map(str::to_owned).collect();
    names.sort();
    names
}

#[test]
fn who_am_i_names_the_user_over_every_transport() {
    let domain = Domain::start();
    for transport in EVERY_TRANSPORT {
        let tool = domain.ldap_as("ldapwhoami", transport, "alice@contoso.com", ALICE_PASSWORD);
        tool.ok().says(r"u:CONTOSO\alice");
    }
    domain.ldap("ldapwhoami", Transport::Plain).arg("-x").ok().says("anonymous");
}

#[test]
fn every_form_of_name_binds() {
    let domain = Domain::start();
    let dn = format!("CN=alice,OU=Engineering,{BASE}");
    for name in [dn.as_str(), "alice@contoso.com", "ALICE@CONTOSO.COM", r"CONTOSO\alice", r"contoso.com\alice"] {
        domain.ldap_as("ldapwhoami", Transport::StartTls, name, ALICE_PASSWORD).ok().says(r"u:CONTOSO\alice");
    }
}

#[test]
fn refused_logons_carry_the_diagnostics_of_active_directory() {
    let domain = Domain::start();
    let refused = |name: &str, password: &str| domain.ldap_as("ldapwhoami", Transport::Ldaps, name, password).fails(49);
    refused("alice@contoso.com", "wrong").says("80090308: LdapErr: DSID-").says("data 52e");
    refused("nobody@contoso.com", "wrong").says("data 52e");
    refused("mallory@contoso.com", MALLORY_PASSWORD).says("data 533");
    refused("mallory@contoso.com", "wrong").says("data 52e").never_says("data 533");
    for password in [ALICE_PASSWORD, MALLORY_PASSWORD, ADMIN_PASSWORD] {
        assert!(!domain.log().contains(password), "a password is in the log");
    }
}

#[test]
fn a_disabled_user_is_refused_at_the_next_logon() {
    let domain = Domain::start();
    domain.ldap_as("ldapwhoami", Transport::Ldaps, "bob@contoso.com", BOB_PASSWORD).ok();
    let disable = format!(
        "dn: CN=bob,OU=Engineering,{BASE}\nchangetype: modify\nreplace: userAccountControl\nuserAccountControl: 514\n"
    );
    domain.as_admin("ldapmodify", Transport::Ldaps).input(disable).ok();
    domain.ldap_as("ldapwhoami", Transport::Ldaps, "bob@contoso.com", BOB_PASSWORD).fails(49).says("data 533");
}

#[test]
fn a_certificate_from_another_authority_is_not_believed() {
    let (domain, stranger) = (Domain::start(), Domain::start());
    for transport in [Transport::StartTls, Transport::Ldaps] {
        let tool = domain.ldap_as("ldapwhoami", transport, "alice@contoso.com", ALICE_PASSWORD);
        let finished = tool.env("LDAPTLS_CACERT", stranger.path("no-such-ca.pem")).run();
        assert_ne!(finished.code, Some(0), "{finished}");
    }
}

#[test]
fn anonymous_clients_see_the_root_dse_and_nothing_else() {
    let domain = Domain::start();
    let anonymous = || domain.ldap("ldapsearch", Transport::Plain).args(["-x", "-LLL"]);
    let root = anonymous().args(["-b", "", "-s", "base", "*", "+"]).ok();
    assert_eq!(root.value("defaultNamingContext"), BASE);
    assert_eq!(root.value("dnsHostName"), "dc1.contoso.com");
    assert!(root.values("supportedCapabilities").contains(&"1.2.840.113556.1.4.800"), "{root}");
    assert!(root.values("supportedSASLMechanisms").contains(&"GSSAPI"), "{root}");
    assert!(root.values("supportedControl").contains(&"1.2.840.113556.1.4.319"), "{root}");
    anonymous()
        .args(["-b", BASE, "(objectClass=*)"])
        .fails(1)
        .says("000004DC")
        .says("successful bind must be completed");
}

#[test]
fn filters_of_every_kind_find_what_they_say() {
    let domain = Domain::start();
    let guid = domain.search_as_admin().args(["(sAMAccountName=alice)", "objectGUID"]).ok();
    let guid = guid.value("objectGUID").trim_start_matches(": ").to_owned();
    let sid = domain.sid_of("alice");
    let escape = |bytes: &[u8]| bytes.iter().map(|byte| format!("\\{byte:02x}")).collect::<String>();
    let people = "(objectCategory=person)(!(isCriticalSystemObject=TRUE))(!(name=svc-*))";
    let cases: &[(String, &[&str])] = &[
        ("(sAMAccountName=ALICE)".into(), &["alice"]),
        (format!("(&{people})"), &["alice", "bob", "mallory"]),
        (format!("(&{people}(|(cn=alice)(cn=bob)))"), &["alice", "bob"]),
        (format!("(&{people}(!(cn=alice)))"), &["bob", "mallory"]),
        ("(cn=ali*)".into(), &["alice"]),
        ("(cn=*lor*)".into(), &["mallory"]),
        ("(cn=m*l*ry)".into(), &["mallory"]),
        ("(userPrincipalName=*@CONTOSO.com)".into(), &["alice", "bob", "mallory", "svc-guard"]),
        (format!("(&{people}(sAMAccountName>=b))"), &["bob", "mallory"]),
        (format!("(&{people}(sAMAccountName<=b))"), &["alice"]),
        ("(&(cn~=alice)(mail=*))".into(), &[]),
        ("(&(cn~=alice)(objectGUID=*))".into(), &["alice"]),
        (format!("(&{people}(userAccountControl:1.2.840.113556.1.4.803:=2))"), &["mallory"]),
        ("(&(cn=alice)(userAccountControl:1.2.840.113556.1.4.804:=514))".into(), &["alice"]),
        (format!("(member=CN=alice,OU=Engineering,{BASE})"), &["rate-limit-admins"]),
        (format!("(member:1.2.840.113556.1.4.1941:=CN=alice,OU=Engineering,{BASE})"), &["rate-limit-admins", "staff"]),
        (
            format!("(memberOf:1.2.840.113556.1.4.1941:=CN=staff,OU=Engineering,{BASE})"),
            &["alice", "bob", "rate-limit-admins"],
        ),
        (format!("(memberOf=cn=STAFF,ou=engineering,{BASE})"), &["bob", "rate-limit-admins"]),
        (format!("(distinguishedName=CN=alice,OU=Engineering,{BASE})"), &["alice"]),
        (format!("(objectSid={sid})"), &["alice"]),
        (format!("(objectSid={})", escape(&sid.to_bytes())), &["alice"]),
        ("(objectClass=msDS-GroupManagedServiceAccount)".into(), &["webapp01"]),
        ("(noSuchAttribute=1)".into(), &[]),
        ("(!(noSuchAttribute=1))".into(), &[]),
    ];
    for (filter, expected) in cases {
        assert_eq!(names(&domain, filter), *expected, "{filter}");
    }
    let octets = base64_decode(&guid);
    assert_eq!(names(&domain, &format!("(objectGUID={})", escape(&octets))), ["alice"]);
}

fn base64_decode(text: &str) -> Vec<u8> {
    use base64::{Engine, engine::general_purpose::STANDARD};
    STANDARD.decode(text.trim_start_matches(':').trim()).expect("objectGUID is octets")
}

#[test]
fn scopes_and_attribute_selection_do_what_they_say() {
    let domain = Domain::start();
    let search = |base: &str, scope: &str, rest: &[&str]| {
        let tool = domain.as_admin("ldapsearch", Transport::Ldaps);
        tool.args(["-LLL", "-o", "ldif_wrap=no", "-b", base, "-s", scope]).args(rest).ok()
    };
    let engineering = format!("OU=Engineering,{BASE}");
    assert_eq!(search(&engineering, "base", &["name"]).count("dn:"), 1);
    assert_eq!(search(&engineering, "one", &["name"]).count("dn:"), 5);
    assert_eq!(search(&engineering, "sub", &["name"]).count("dn:"), 6);
    let alice = format!("CN=alice,{engineering}");
    let bare = search(&alice, "base", &["1.1"]);
    assert_eq!(bare.stdout.lines().filter(|line| !line.is_empty()).count(), 1, "{bare}");
    let two = search(&alice, "base", &["CN", "objectclass"]);
    assert_eq!(two.value("cn"), "alice");
    assert_eq!(two.values("objectClass"), ["top", "person", "organizationalPerson", "user"]);
    assert!(two.values("sAMAccountName").is_empty(), "{two}");
    let all = search(&alice, "base", &["*"]);
    assert_eq!(all.value("distinguishedName"), alice);
    assert!(all.values("unicodePwd").is_empty() && all.values("msDS-ManagedPassword").is_empty(), "{all}");
    assert!(all.values("canonicalName").is_empty(), "constructed attributes come only when named: {all}");
    assert_eq!(search(&alice, "base", &["canonicalName"]).value("canonicalName"), "contoso.com/Engineering/alice");
    assert!(!search(&alice, "base", &["tokenGroups"]).values("tokenGroups").is_empty());
    let types = search(&alice, "base", &["-A", "cn", "name"]);
    assert_eq!(types.value("cn"), "");
}

#[test]
fn searches_stop_at_the_size_limit_and_pages_go_on() {
    let domain = Domain::start();
    let schema = format!("CN=Schema,CN=Configuration,{BASE}");
    let search = |rest: &[&str]| {
        let tool = domain.as_admin("ldapsearch", Transport::Ldaps);
        tool.args(["-LLL", "-o", "ldif_wrap=no", "-b", &schema])
            .args(rest)
            .args(["(objectClass=attributeSchema)", "cn"])
            .run()
    };
    let three = search(&["-z", "3"]);
    assert_eq!((three.code, three.count("dn:")), (Some(4), 3), "{}", three.stderr);
    let unpaged = search(&[]);
    assert_eq!((unpaged.code, unpaged.count("dn:")), (Some(4), 1000), "MaxPageSize: {}", unpaged.stderr);
    let paged = search(&["-E", "pr=400/noprompt"]);
    assert_eq!(paged.code, Some(0), "{}", paged.stderr);
    assert!(paged.count("dn:") > 1400, "{} attributes", paged.count("dn:"));
    let mut names = paged.values("cn");
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), paged.count("dn:"), "no entry comes twice");
    let seven = search(&["-E", "pr=7/noprompt"]);
    assert_eq!(seven.count("dn:"), paged.count("dn:"), "the size of a page does not change the result");
}

#[test]
fn objects_are_added_modified_renamed_compared_and_deleted() {
    let domain = Domain::start();
    let dn = format!("CN=Carol Q,OU=Engineering,{BASE}");
    let add = format!(
        "dn: {dn}\nobjectClass: user\nsAMAccountName: carol\n{}\nuserAccountControl: 512\n",
        unicode_pwd("S1ngs-all-day!")
    );
    domain.as_admin("ldapadd", Transport::StartTls).input(add.clone()).ok();
    domain.as_admin("ldapadd", Transport::StartTls).input(add).fails(68).says("Already exists");
    domain.ldap_as("ldapwhoami", Transport::StartTls, "carol@contoso.com", "S1ngs-all-day!").ok();

    let modify = format!(
        "dn: {dn}\nchangetype: modify\nadd: description\ndescription: sings\n-\nreplace: title\ntitle: Alto\n-\n\
         add: otherTelephone\notherTelephone: 1\notherTelephone: 2\n-\ndelete: otherTelephone\notherTelephone: 1\n"
    );
    domain.as_admin("ldapmodify", Transport::Plain).input(modify).ok();
    let carol = domain
        .search_as_admin()
        .args(["(sAMAccountName=carol)", "description", "title", "otherTelephone", "uSNChanged"])
        .ok();
    assert_eq!(
        (carol.value("description"), carol.value("title"), carol.value("otherTelephone")),
        ("sings", "Alto", "2")
    );

    domain.as_admin("ldapcompare", Transport::Plain).args([&dn, "title:alto"]).fails(6);
    domain.as_admin("ldapcompare", Transport::Plain).args([&dn, "title:Bass"]).fails(5);

    domain.as_admin("ldapmodrdn", Transport::Plain).args(["-r", &dn, "CN=Carol R"]).ok();
    let moved = format!("CN=Carol R,CN=Users,{BASE}");
    let from = format!("CN=Carol R,OU=Engineering,{BASE}");
    domain
        .as_admin("ldapmodrdn", Transport::Plain)
        .args(["-r", "-s", &format!("CN=Users,{BASE}"), &from, "CN=Carol R"])
        .ok();
    let carol = domain.search_as_admin().args(["(sAMAccountName=carol)", "name", "cn"]).ok();
    assert_eq!((carol.value("dn"), carol.value("name"), carol.value("cn")), (moved.as_str(), "Carol R", "Carol R"));

    domain.as_admin("ldapdelete", Transport::Plain).arg(&moved).ok();
    domain.as_admin("ldapdelete", Transport::Plain).arg(&moved).fails(32).says("0000208D: NameErr: DSID-");
    assert_eq!(domain.search_as_admin().args(["(sAMAccountName=carol)", "name"]).ok().count("dn:"), 0);
}

#[test]
fn membership_follows_its_links() {
    let domain = Domain::start();
    let (bob, admins) =
        (format!("CN=bob,OU=Engineering,{BASE}"), format!("CN=rate-limit-admins,OU=Engineering,{BASE}"));
    let add = format!("dn: {admins}\nchangetype: modify\nadd: member\nmember: {bob}\n");
    domain.as_admin("ldapmodify", Transport::Plain).input(add).ok();
    let member_of = |name: &str| {
        let found = domain.search_as_admin().args([&format!("(sAMAccountName={name})"), "memberOf"]).ok();
        found.values("memberOf").into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert!(member_of("bob").contains(&admins));
    domain.as_admin("ldapmodrdn", Transport::Plain).args(["-r", &admins, "CN=limit-admins"]).ok();
    let renamed = format!("CN=limit-admins,OU=Engineering,{BASE}");
    assert!(member_of("bob").contains(&renamed), "back links follow a rename");
    domain.as_admin("ldapdelete", Transport::Plain).arg(&bob).ok();
    let group = domain.search_as_admin().args(["(cn=limit-admins)", "member"]).ok();
    assert_eq!(group.values("member"), [format!("CN=alice,OU=Engineering,{BASE}")], "a deleted member leaves");
}

#[test]
fn what_the_schema_and_the_access_lists_forbid_is_refused() {
    let domain = Domain::start();
    let admin = |ldif: String| domain.as_admin("ldapmodify", Transport::Ldaps).input(ldif);
    let alice = format!("CN=alice,OU=Engineering,{BASE}");
    admin(format!("dn: {alice}\nchangetype: modify\nadd: noSuchAttribute\nnoSuchAttribute: 1\n")).fails(16);
    admin(format!("dn: {alice}\nchangetype: modify\nreplace: objectGUID\nobjectGUID: 1\n"))
        .run()
        .never_says("modify complete");
    admin(format!("dn: {alice}\nchangetype: modify\nadd: sAMAccountName\nsAMAccountName: two\n"))
        .run()
        .never_says("modify complete");
    admin(format!("dn: CN=x,OU=Nowhere,{BASE}\nchangetype: add\nobjectClass: user\n")).fails(32);
    admin(format!("dn: CN=alice2,OU=Engineering,{BASE}\nchangetype: add\nobjectClass: user\nsAMAccountName: alice\n"))
        .fails(68);
    let bob =
        |ldif: String| domain.ldap_as("ldapmodify", Transport::Ldaps, "bob@contoso.com", BOB_PASSWORD).input(ldif);
    bob(format!("dn: CN=y,OU=Engineering,{BASE}\nchangetype: add\nobjectClass: user\n"))
        .fails(50)
        .says("SecErr: DSID-");
    bob(format!("dn: {alice}\nchangetype: modify\nreplace: title\ntitle: Bass\n")).fails(50);
    bob(format!("dn: {alice}\nchangetype: delete\n")).fails(50);
    bob(format!("dn: {alice}\nchangetype: modify\nreplace: unicodePwd\n{}\n", unicode_pwd("N3w-and-strong"))).fails(50);
}

#[test]
fn passwords_change_only_when_the_connection_is_sealed() {
    let domain = Domain::start();
    let alice = format!("CN=alice,OU=Engineering,{BASE}");
    let reset = format!("dn: {alice}\nchangetype: modify\nreplace: unicodePwd\n{}\n", unicode_pwd("Wonderland-1871"));
    domain.as_admin("ldapmodify", Transport::Plain).input(reset.clone()).fails(53);
    domain.ldap_as("ldapwhoami", Transport::Ldaps, "alice@contoso.com", ALICE_PASSWORD).ok();
    domain.as_admin("ldapmodify", Transport::StartTls).input(reset).ok();
    domain.ldap_as("ldapwhoami", Transport::Ldaps, "alice@contoso.com", "Wonderland-1871").ok();
    domain.ldap_as("ldapwhoami", Transport::Ldaps, "alice@contoso.com", ALICE_PASSWORD).fails(49);

    let change = |old: &str, new: &str| {
        let (old, new) = (unicode_pwd(old), unicode_pwd(new));
        format!("dn: {alice}\nchangetype: modify\ndelete: unicodePwd\n{old}\n-\nadd: unicodePwd\n{new}\n")
    };
    let herself = || domain.ldap_as("ldapmodify", Transport::Ldaps, "alice@contoso.com", "Wonderland-1871");
    herself().input(change("not-the-old-0ne", "Looking-Glass-7")).fails(19).says("00000056");
    // The domain's policy: a day.
    herself().input(change("Wonderland-1871", "Looking-Glass-7")).fails(19).says("0000052D").says("minPwdAge");
    domain.no_minimum_age();
    herself().input(change("Wonderland-1871", "Looking-Glass-7")).ok();
    domain.ldap_as("ldapwhoami", Transport::Ldaps, "alice@contoso.com", "Looking-Glass-7").ok();
    let again = change("Looking-Glass-7", "Wonderland-1871");
    let herself = domain.ldap_as("ldapmodify", Transport::Ldaps, "alice@contoso.com", "Looking-Glass-7");
    herself.input(again).fails(19).says("0000052D").says("pwdHistoryLength");
    assert!(!domain.log().contains("Looking-Glass-7"));
}

#[test]
fn the_subschema_describes_what_entries_have() {
    let domain = Domain::start();
    let root =
        domain.ldap("ldapsearch", Transport::Plain).args(["-x", "-LLL", "-o", "ldif_wrap=no", "-b", "", "-s", "base"]);
    let subschema = root.arg("subschemaSubentry").ok().value("subschemaSubentry").to_owned();
    let tool = domain.as_admin("ldapsearch", Transport::Ldaps).args([
        "-LLL",
        "-o",
        "ldif_wrap=no",
        "-b",
        &subschema,
        "-s",
        "base",
    ]);
    let found = tool.args(["(objectClass=subSchema)", "attributeTypes", "objectClasses"]).ok();
    let types = found.values("attributeTypes");
    assert!(types.len() > 1400, "{} attribute types", types.len());
    let guid = types.iter().find(|value| value.contains("'objectGUID'")).expect("objectGUID is described");
    assert!(guid.contains("1.2.840.113556.1.4.2 ") && guid.contains("SINGLE-VALUE"), "{guid}");
    assert!(found.values("objectClasses").iter().any(|value| value.contains("'msDS-GroupManagedServiceAccount'")));
}

#[test]
fn a_managed_password_leaves_only_sealed_and_only_to_those_allowed() {
    let domain = Domain::start();
    let read = |transport, name: &str, password: &str| {
        let tool =
            domain.ldap_as("ldapsearch", transport, name, password).args(["-LLL", "-o", "ldif_wrap=no", "-b", BASE]);
        tool.args(["(sAMAccountName=webapp01$)", "msDS-ManagedPassword"]).run()
    };
    for transport in [Transport::StartTls, Transport::Ldaps] {
        let sealed = read(transport, "svc-guard@contoso.com", GUARD_PASSWORD);
        let blob = base64_decode(sealed.value("msDS-ManagedPassword"));
        assert_eq!(
            (blob.len() >= 290, &blob[..4], &blob[8..10]),
            (true, &[1, 0, 0, 0][..], &[0x10, 0][..]),
            "{sealed}"
        );
    }
    let unsealed = read(Transport::Plain, "svc-guard@contoso.com", GUARD_PASSWORD);
    assert_eq!(unsealed.code, Some(1), "ERROR_DS_CONFIDENTIALITY_REQUIRED: {unsealed}");
    unsealed.says("0000202D");
    let others = read(Transport::Ldaps, "alice@contoso.com", ALICE_PASSWORD);
    assert_eq!((others.code, others.values("msDS-ManagedPassword").len()), (Some(0), 0), "{others}");
    let admin = read(Transport::Ldaps, "Administrator@contoso.com", ADMIN_PASSWORD);
    assert_eq!((admin.code, admin.values("msDS-ManagedPassword").len()), (Some(0), 0), "{admin}");
    let all = domain.ldap_as("ldapsearch", Transport::Ldaps, "svc-guard@contoso.com", GUARD_PASSWORD);
    let all = all.args(["-LLL", "-b", BASE, "(sAMAccountName=webapp01$)", "*", "+"]).ok();
    assert!(all.values("msDS-ManagedPassword").is_empty(), "it comes only when asked for by name");
    assert!(all.values("unicodePwd").is_empty() && all.values("supplementalCredentials").is_empty(), "{all}");
}
