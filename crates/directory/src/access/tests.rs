use std::sync::Arc;

use dtyp::{SecurityDescriptor, Sid, Token, sddl};

use crate::testing::{DOMAIN, PEOPLE, TestDomain, attribute, dn, domain_sid, filter_of};
use crate::{Attribute, Base, Caller, Error, Modification, ModificationKind, Scope, Search, Update};

const GROUP: &str = "CN=friends,OU=Groups,DC=contoso,DC=com";
const BOB: &str = "CN=bob,OU=People,DC=contoso,DC=com";

fn caller(rid: u32, groups: &[Sid]) -> Caller {
    Caller::new(Arc::new(Token::new(domain_sid().with_rid(rid).unwrap(), groups.iter().copied())), true)
}

/// Somebody who has authenticated, and nothing more.
fn reader() -> Caller {
    caller(4000, &[Sid::AUTHENTICATED_USERS])
}

fn denied<T: std::fmt::Debug>(result: Result<T, Error>) {
    assert_eq!(result.unwrap_err().code, ldap::ResultCode::INSUFFICIENT_ACCESS_RIGHTS);
}

fn found(domain: &TestDomain, caller: &Caller, filter: &str, attributes: &[&str]) -> Vec<crate::testing::Entry> {
    let (base, filter) = (dn(PEOPLE), filter_of(filter));
    let filter = filter.as_filter();
    domain
        .run(caller, &Search::new(Base::Dn(&base), Scope::Subtree, &filter, attributes))
        .map(|(_, entries)| entries)
        .unwrap_or_default()
}

/// Puts a descriptor on an object; only its access list counts.
fn protect(domain: &TestDomain, name: &str, text: &str) {
    let descriptor = sddl::parse(text, &domain_sid(), &domain_sid()).unwrap().to_bytes().unwrap();
    let attribute = Attribute::new("nTSecurityDescriptor", [descriptor]);
    let changes = vec![Modification { kind: ModificationKind::Replace, attribute }];
    let update = Update::Modify { dn: dn(name), changes, permissive: false, sd_flags: Some(4) };
    domain.directory.apply(&TestDomain::admin(), update).unwrap();
}

fn write(domain: &TestDomain, caller: &Caller, name: &str, what: &str, value: &str) -> Result<crate::Applied, Error> {
    domain.modify_as(caller, name, &[(ModificationKind::Replace, what, &[value])], false)
}

#[test]
fn who_is_granted_nothing_sees_nothing() {
    let domain = TestDomain::new();
    domain.user("bob");
    assert_eq!(found(&domain, &reader(), "(cn=bob)", &["cn"]).len(), 1);
    assert!(found(&domain, &caller(4000, &[]), "(cn=bob)", &["cn"]).is_empty());
    assert!(found(&domain, &Caller::anonymous(), "(cn=bob)", &["cn"]).is_empty());
}

#[test]
fn readers_neither_write_nor_create_nor_delete() {
    let domain = TestDomain::new();
    domain.user("bob");
    denied(write(&domain, &reader(), BOB, "description", "x"));
    denied(domain.directory.apply(&reader(), Update::Delete { dn: dn(BOB), tree: false }));
    let attributes = vec![attribute("objectClass", &["user"]), attribute("sAMAccountName", &["eve"])];
    denied(domain.directory.apply(&reader(), Update::Add { dn: dn("CN=eve,OU=People,DC=contoso,DC=com"), attributes }));
}

#[test]
fn an_unreadable_attribute_is_not_there_and_matches_nothing() {
    let domain = TestDomain::new();
    domain.user_with("bob", vec![attribute("description", &["secret plan"])]);
    let description = domain.directory.schema().attribute("description").unwrap().schema_id_guid;
    protect(&domain, BOB, &format!("D:P(OD;;RP;{description};;AU)(A;;GR;;;AU)(A;;GA;;;BA)"));
    let entries = found(&domain, &reader(), "(cn=bob)", &["cn", "description"]);
    assert_eq!((entries[0].value("cn").as_str(), entries[0].values("description").len()), ("bob", 0));
    assert!(found(&domain, &reader(), "(description=secret*)", &["cn"]).is_empty());
    assert!(
        found(&domain, &reader(), "(!(description=other))", &["cn"]).iter().all(|entry| entry.value("cn") != "bob")
    );
}

#[test]
fn a_property_set_opens_its_attributes_only() {
    let domain = TestDomain::new();
    domain.user("bob");
    let set = domain.directory.schema().attribute("telephoneNumber").unwrap().security_guid.unwrap();
    protect(&domain, BOB, &format!("D:P(A;;GR;;;AU)(OA;;WP;{set};;AU)(A;;GA;;;BA)"));
    write(&domain, &reader(), BOB, "telephoneNumber", "123").unwrap();
    denied(write(&domain, &reader(), BOB, "description", "x"));
}

#[test]
fn self_membership_adds_oneself_and_nobody_else() {
    let domain = TestDomain::new();
    let own = domain.user("bob");
    domain.user("eve");
    domain.group("friends", &[]);
    protect(&domain, GROUP, "D:P(A;;GR;;;AU)(OA;;SW;bf9679c0-0de6-11d0-a285-00aa003049e2;;AU)(A;;GA;;;BA)");
    let sid = domain.directory.read().unwrap().object(own.dnt).unwrap().unwrap().sid().unwrap();
    let bob = Caller::new(Arc::new(Token::new(sid, [Sid::AUTHENTICATED_USERS])), true);
    let add = |name| domain.modify_as(&bob, GROUP, &[(ModificationKind::Add, "member", &[name])], false);
    denied(add("CN=eve,OU=People,DC=contoso,DC=com"));
    add(BOB).unwrap();
}

/// A computer that may write its own names as long as they are its own.
fn computer(domain: &TestDomain, more: &str) -> Caller {
    let attributes = vec![
        attribute("objectClass", &["computer"]),
        attribute("sAMAccountName", &["WEB1$"]),
        attribute("userAccountControl", &["4096"]),
    ];
    let made = domain.add(COMPUTER, attributes).unwrap();
    let rights = "(OA;;SW;72e39547-7b18-11d1-adef-00c04fd8d5cd;;PS)(OA;;SW;f3a64788-5306-11d1-a9c5-0000f80367c1;;PS)";
    protect(domain, COMPUTER, &format!("D:P(A;;GR;;;AU){rights}{more}(A;;GA;;;BA)"));
    let sid = domain.directory.read().unwrap().object(made.dnt).unwrap().unwrap().sid().unwrap();
    Caller::new(Arc::new(Token::new(sid, [Sid::AUTHENTICATED_USERS])), true)
}

const COMPUTER: &str = "CN=web1,OU=People,DC=contoso,DC=com";

#[test]
fn a_computer_writes_names_of_its_own_and_no_others() {
    let domain = TestDomain::new();
    let web1 = computer(&domain, "");
    denied(write(&domain, &web1, COMPUTER, "dNSHostName", "dc1.contoso.com"));
    denied(write(&domain, &web1, COMPUTER, "dNSHostName", "web1.fabrikam.com"));
    write(&domain, &web1, COMPUTER, "dNSHostName", "web1.contoso.com").unwrap();
    for name in ["HTTP/web1", "HTTP/WEB1.contoso.com:8443"] {
        write(&domain, &web1, COMPUTER, "servicePrincipalName", name).unwrap();
    }
    for name in
        ["HTTP/dc1", "HTTP/web1.fabrikam.com", "ldap/web1.contoso.com/contoso.com", "HTTP/web1:sql", "/web1", "HTTP/"]
    {
        denied(write(&domain, &web1, COMPUTER, "servicePrincipalName", name));
    }
    denied(write(&domain, &reader(), COMPUTER, "servicePrincipalName", "HTTP/web1"));
}

#[test]
fn only_a_group_of_administrators_can_own_what_its_members_make() {
    let domain = TestDomain::new();
    protect(&domain, PEOPLE, "D:(A;CI;GA;;;AU)(A;CI;GA;;;BA)");
    let add = |caller: &Caller, name: &str, owner: Sid| {
        let text = format!("O:{owner}D:(A;;GA;;;AU)");
        let descriptor = sddl::parse(&text, &domain_sid(), &domain_sid()).unwrap().to_bytes().unwrap();
        let class = attribute("objectClass", &["organizationalUnit"]);
        let attributes = vec![class, Attribute::new("nTSecurityDescriptor", [descriptor])];
        domain.directory.apply(caller, Update::Add { dn: dn(&format!("OU={name},{PEOPLE}")), attributes })
    };
    let admins = domain_sid().with_rid(512).unwrap();
    denied(add(&reader(), "everybodys", Sid::AUTHENTICATED_USERS));
    denied(add(&reader(), "not in it", admins));
    add(&caller(4000, &[Sid::AUTHENTICATED_USERS, admins]), "theirs", admins).unwrap();
    add(&reader(), "own", domain_sid().with_rid(4000).unwrap()).unwrap();
}

#[test]
fn what_domain_admins_make_belongs_to_domain_admins() {
    let domain = TestDomain::new();
    protect(&domain, PEOPLE, "D:(A;CI;GA;;;AU)(A;CI;GA;;;BA)");
    let admins = domain_sid().with_rid(512).unwrap();
    let made = |name: &str, caller: &Caller| {
        let attributes = vec![attribute("objectClass", &["organizationalUnit"])];
        let update = Update::Add { dn: dn(&format!("OU={name},{PEOPLE}")), attributes };
        let dnt = domain.directory.apply(caller, update).unwrap().dnt;
        let view = domain.directory.read().unwrap();
        let descriptor =
            SecurityDescriptor::from_bytes(view.object(dnt).unwrap().unwrap().descriptor().unwrap()).unwrap();
        (descriptor.owner, descriptor.group)
    };
    assert_eq!(made("a", &caller(4000, &[Sid::AUTHENTICATED_USERS, admins])), (Some(admins), Some(admins)));
    assert_eq!(made("b", &reader()), (domain_sid().with_rid(4000).ok(), domain_sid().with_rid(513).ok()));
}

#[test]
fn a_written_list_is_made_concrete_for_the_owner() {
    let domain = TestDomain::new();
    let bob = domain.user("bob");
    protect(&domain, BOB, "D:P(A;;GR;;;CO)(D;;WP;;;AU)(A;;GA;;;BA)");
    let view = domain.directory.read().unwrap();
    let stored = view.object(bob.dnt).unwrap().unwrap().descriptor().unwrap();
    let dacl = SecurityDescriptor::from_bytes(stored).unwrap().dacl.unwrap();
    assert!(dacl.is_canonical() && dacl.aces.iter().all(|ace| !ace.mask.has_generic()));
    assert!(dacl.aces.iter().all(|ace| ace.trustee != Sid::CREATOR_OWNER));
}

#[test]
fn a_confidential_attribute_needs_control_access_too() {
    let domain = TestDomain::new();
    let Some(confidential) =
        domain.directory.schema().attributes().find(|a| a.is_confidential() && !a.system_only && !a.is_constructed())
    else {
        panic!("the schema has confidential attributes");
    };
    let (name, guid) = (confidential.name.clone(), confidential.schema_id_guid);
    assert!(!name.is_empty());
    domain.user("bob");
    let readable = |rights: &str| {
        protect(&domain, BOB, &format!("D:P(A;;GR;;;AU){rights}(A;;GA;;;BA)"));
        let view = domain.directory.read().unwrap();
        let object = view.object(view.resolve(&dn(BOB)).unwrap().unwrap()).unwrap().unwrap();
        super::Reading::of(&reader(), &object).may_read(&object, confidential)
    };
    assert!(!readable(""));
    assert!(readable(&format!("(OA;;CR;{guid};;AU)")));
    assert!(readable("(A;;CR;;;AU)"));
}

#[test]
fn a_descriptor_is_read_and_written_by_those_it_allows() {
    let domain = TestDomain::new();
    domain.user("bob");
    let own = |caller: &Caller| found(&domain, caller, "(cn=bob)", &["nTSecurityDescriptor"])[0].attributes.len();
    assert_eq!(own(&reader()), 1);
    let descriptor = sddl::parse("D:(A;;GA;;;WD)", &domain_sid(), &domain_sid()).unwrap().to_bytes().unwrap();
    let attribute = Attribute::new("nTSecurityDescriptor", [descriptor]);
    let changes = vec![Modification { kind: ModificationKind::Replace, attribute }];
    denied(
        domain
            .directory
            .apply(&reader(), Update::Modify { dn: dn(BOB), changes, permissive: false, sd_flags: Some(4) }),
    );
    protect(&domain, BOB, "D:P(A;;RPLC;;;AU)(A;;GA;;;BA)");
    assert_eq!(own(&reader()), 0, "without Read Control there is no descriptor");
}

#[test]
fn new_objects_inherit_and_belong_to_their_creator() {
    let domain = TestDomain::new();
    let applied = domain.user("bob");
    let view = domain.directory.read().unwrap();
    let object = view.object(applied.dnt).unwrap().unwrap();
    let descriptor = SecurityDescriptor::from_bytes(object.descriptor().unwrap()).unwrap();
    assert_eq!(descriptor.owner, domain_sid().with_rid(500).ok());
    let dacl = descriptor.dacl.unwrap();
    assert!(dacl.is_canonical());
    assert!(dacl.aces.iter().any(|ace| ace.is_inherited() && ace.trustee == Sid::AUTHENTICATED_USERS));
    assert!(dacl.aces.iter().any(|ace| !ace.is_inherited() && ace.trustee == Sid::SELF), "the default of class user");
}

#[test]
fn objects_cannot_be_given_away() {
    let domain = TestDomain::new();
    protect(&domain, PEOPLE, "D:(A;CI;GA;;;AU)(A;CI;GA;;;BA)");
    let text = format!("O:{}D:(A;;GA;;;AU)", domain_sid().with_rid(500).unwrap());
    let descriptor = sddl::parse(&text, &domain_sid(), &domain_sid()).unwrap().to_bytes().unwrap();
    let attributes =
        vec![attribute("objectClass", &["organizationalUnit"]), Attribute::new("nTSecurityDescriptor", [descriptor])];
    denied(domain.directory.apply(&reader(), Update::Add { dn: dn(&format!("OU=x,{PEOPLE}")), attributes }));
    assert!(PEOPLE.ends_with(DOMAIN));
}

/// A domain whose OU of people lets a help desk do everything to the users in it.
fn help_desk(domain: &TestDomain) -> Caller {
    let desk = domain_sid().with_rid(4001).unwrap();
    protect(domain, PEOPLE, &format!("D:(A;CI;GR;;;AU)(A;CI;GA;;;{desk})(A;CI;GA;;;BA)"));
    caller(4000, &[Sid::AUTHENTICATED_USERS, desk])
}

#[test]
fn who_administers_a_container_does_not_administer_the_administrators_in_it() {
    let domain = TestDomain::new();
    let desk = help_desk(&domain);
    domain.user("bob");
    domain.user("chief");
    domain.group("inner", &["CN=chief,OU=People,DC=contoso,DC=com"]);
    let operators = Attribute::new("objectSid", [Sid::BUILTIN.with_rid(548).unwrap().to_bytes()]);
    let operators = vec![
        attribute("objectClass", &["group"]),
        attribute("sAMAccountName", &["Account Operators"]),
        attribute("groupType", &["-2147483643"]),
        attribute("member", &["CN=inner,OU=Groups,DC=contoso,DC=com"]),
        operators,
    ];
    let group = format!("CN=Account Operators,{PEOPLE}");
    domain.directory.apply(&Caller::system(), Update::Load(vec![(dn(&group), operators)])).unwrap();

    let chief = "CN=chief,OU=People,DC=contoso,DC=com";
    write(&domain, &desk, BOB, "description", "x").unwrap();
    denied(write(&domain, &desk, chief, "description", "x"));
    denied(domain.modify_as(&desk, &group, &[(ModificationKind::Add, "member", &[BOB])], false));
    let password: Vec<u8> = "\"Correct-horse-1\"".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let reset = |name: &str| {
        let attribute = Attribute::new("unicodePwd", [password.clone()]);
        let changes = vec![Modification { kind: ModificationKind::Replace, attribute }];
        domain.directory.apply(&desk, Update::Modify { dn: dn(name), changes, permissive: false, sd_flags: None })
    };
    reset(BOB).unwrap();
    denied(reset(chief));
    denied(domain.directory.apply(&desk, Update::Delete { dn: dn(chief), tree: false }));
    denied(domain.directory.apply(&desk, Update::Delete { dn: dn(PEOPLE), tree: true }));
    let own = sddl::parse("D:(A;;GA;;;AU)", &domain_sid(), &domain_sid()).unwrap().to_bytes().unwrap();
    let changes = vec![Modification {
        kind: ModificationKind::Replace,
        attribute: Attribute::new("nTSecurityDescriptor", [own]),
    }];
    denied(
        domain.directory.apply(&desk, Update::Modify { dn: dn(chief), changes, permissive: false, sd_flags: Some(4) }),
    );

    // Out of the group, the account is one like the others; administrators were never in question.
    domain.modify(chief, &[(ModificationKind::Replace, "description", &["x"])]).unwrap();
    domain.modify("CN=inner,OU=Groups,DC=contoso,DC=com", &[(ModificationKind::Delete, "member", &[chief])]).unwrap();
    reset(chief).unwrap();
}

#[test]
fn a_new_account_is_not_born_into_a_group() {
    let domain = TestDomain::new();
    let desk = help_desk(&domain);
    let born = |group: &str| {
        let attributes = vec![
            attribute("objectClass", &["user"]),
            attribute("sAMAccountName", &["eve"]),
            attribute("primaryGroupID", &[group]),
        ];
        domain.directory.apply(&desk, Update::Add { dn: dn("CN=eve,OU=People,DC=contoso,DC=com"), attributes })
    };
    for group in ["512", "519", "515", "4001"] {
        assert_eq!(born(group).unwrap_err().code, ldap::ResultCode::UNWILLING_TO_PERFORM, "{group}");
    }
    born("513").unwrap();
}

#[test]
fn nobody_writes_a_history_of_other_sids_and_only_administrators_delegate() {
    let domain = TestDomain::new();
    let desk = help_desk(&domain);
    domain.user("bob");
    let sid = Attribute::new("sIDHistory", [domain_sid().with_rid(512).unwrap().to_bytes()]);
    let changes =
        |attribute: &Attribute| vec![Modification { kind: ModificationKind::Add, attribute: attribute.clone() }];
    for caller in [&desk, &TestDomain::admin()] {
        let update = Update::Modify { dn: dn(BOB), changes: changes(&sid), permissive: false, sd_flags: None };
        assert!(domain.directory.apply(caller, update).is_err());
        let attributes = vec![attribute("objectClass", &["user"]), attribute("sAMAccountName", &["eve"]), sid.clone()];
        assert!(
            domain.directory.apply(caller, Update::Add { dn: dn(&format!("CN=eve,{PEOPLE}")), attributes }).is_err()
        );
    }
    denied(write(&domain, &desk, BOB, "msDS-AllowedToDelegateTo", "ldap/dc1.contoso.com"));
    write(&domain, &TestDomain::admin(), BOB, "msDS-AllowedToDelegateTo", "http/web").unwrap();
}

#[test]
fn who_may_write_service_names_takes_no_service_of_a_host_over() {
    let domain = TestDomain::new();
    let desk = help_desk(&domain);
    domain.user("bob");
    let server = vec![
        attribute("objectClass", &["computer"]),
        attribute("sAMAccountName", &["FILES$"]),
        attribute("servicePrincipalName", &["HOST/files.contoso.com", "http/other"]),
    ];
    domain.add(&format!("CN=files,{PEOPLE}"), server).unwrap();
    for name in ["cifs/files.contoso.com", "CIFS/FILES.contoso.com", "host/OTHER"] {
        let refused = write(&domain, &desk, BOB, "servicePrincipalName", name).unwrap_err();
        assert_eq!(refused.code, ldap::ResultCode::CONSTRAINT_VIOLATION, "{name}");
    }
    write(&domain, &desk, BOB, "servicePrincipalName", "MSSQLSvc/files.contoso.com").unwrap();
    write(&domain, &TestDomain::admin(), BOB, "servicePrincipalName", "http/files.contoso.com").unwrap();
}

#[test]
fn a_computer_does_not_take_the_name_of_another_without_its_dollar_sign() {
    let domain = TestDomain::new();
    let desk = help_desk(&domain);
    let add = |name: &str| {
        let attributes = vec![attribute("objectClass", &["computer"]), attribute("sAMAccountName", &[name])];
        domain.directory.apply(&desk, Update::Add { dn: dn(&format!("CN=x,{PEOPLE}")), attributes })
    };
    assert_eq!(add("DC1").unwrap_err().code, ldap::ResultCode::UNWILLING_TO_PERFORM);
    add("X$").unwrap();
    let renamed = write(&domain, &desk, &format!("CN=x,{PEOPLE}"), "sAMAccountName", "DC1").unwrap_err();
    assert_eq!(renamed.code, ldap::ResultCode::UNWILLING_TO_PERFORM);
}
