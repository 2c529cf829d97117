//! What searches find and give, from outside.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use dtyp::Token;
use ldap::ResultCode;

use crate::testing::{DOMAIN, Entries, PEOPLE, TestDomain, attribute, dn, domain_sid, filter_of};
use crate::{Base, Caller, EntrySink, ExtendedDn, ModificationKind, Outcome, Page, Scope, Search};

fn people() -> TestDomain {
    let domain = TestDomain::new();
    domain.user_with(
        "alice",
        vec![
            attribute("givenName", &["Alice"]),
            attribute("sn", &["Müller"]),
            attribute("mail", &["alice@contoso.com"]),
            attribute("description", &["first", "second"]),
            attribute("employeeNumber", &["17"]),
        ],
    );
    domain.user_with(
        "bob",
        vec![attribute("givenName", &["Bob"]), attribute("sn", &["Smith"]), attribute("codePage", &["1252"])],
    );
    domain.user_with(
        "carol",
        vec![attribute("displayName", &["Carol (CEO)*"]), attribute("manager", &[&format!("CN=alice,{PEOPLE}")])],
    );
    domain.group("staff", &[&format!("CN=alice,{PEOPLE}"), &format!("CN=bob,{PEOPLE}")]);
    domain.group("all", &["CN=staff,OU=Groups,DC=contoso,DC=com", &format!("CN=carol,{PEOPLE}")]);
    domain
}

/// The relative names of what is found.
fn found(domain: &TestDomain, filter: &str) -> Vec<String> {
    let short = |name: String| name.split([',', '=']).nth(1).unwrap().to_owned();
    let mut names: Vec<String> = domain.find(filter).into_iter().map(short).collect();
    names.sort();
    names
}

#[test]
fn every_kind_of_filter_finds_what_it_should() {
    let domain = people();
    let cases: &[(&str, &[&str])] = &[
        ("(sAMAccountName=ALICE)", &["alice"]),
        ("(&(objectClass=user)(|(cn=alice)(cn=bob)))", &["alice", "bob"]),
        ("(&(objectClass=person)(!(cn=alice)))", &["bob", "carol"]),
        ("(cn=a*)", &["alice", "all"]),
        ("(&(objectClass=user)(cn=*l*c*))", &["alice"]),
        ("(cn=*ol)", &["carol"]),
        ("(sn=MÜLLER)", &["alice"]),
        ("(sn=m\\c3\\bcll*)", &["alice"]),
        ("(displayName=Carol \\28CEO\\29\\2a)", &["carol"]),
        ("(description=SECOND)", &["alice"]),
        ("(mail=*)", &["alice"]),
        ("(codePage>=1000)", &["bob"]),
        ("(&(objectClass=user)(codePage<=1251))", &["alice", "carol"]),
        ("(codePage=01252)", &["bob"]),
        ("(userAccountControl:1.2.840.113556.1.4.803:=2)", &["alice", "bob", "carol"]),
        ("(userAccountControl:1.2.840.113556.1.4.803:=3)", &[]),
        ("(userAccountControl:1.2.840.113556.1.4.804:=3)", &["alice", "bob", "carol"]),
        ("(groupType:1.2.840.113556.1.4.803:=2147483648)", &["all", "staff"]),
        ("(memberOf=cn=STAFF,ou=groups,dc=contoso,dc=com)", &["alice", "bob"]),
        ("(memberOf:1.2.840.113556.1.4.1941:=CN=all,OU=Groups,DC=contoso,DC=com)", &["alice", "bob", "carol", "staff"]),
        ("(member:1.2.840.113556.1.4.1941:=CN=alice,OU=People,DC=contoso,DC=com)", &["all", "staff"]),
        ("(member=CN=bob,OU=People,DC=contoso,DC=com)", &["staff"]),
        ("(memberOf=*)", &["alice", "bob", "carol", "staff"]),
        ("(manager=CN=alice,OU=People,DC=contoso,DC=com)", &["carol"]),
        ("(directReports=CN=carol,OU=People,DC=contoso,DC=com)", &["alice"]),
        ("(memberOf=CN=nobody,DC=contoso,DC=com)", &[]),
        ("(distinguishedName=CN=bob,OU=People,DC=contoso,DC=com)", &["bob"]),
        ("(objectSid=S-1-5-21-1-2-3-1001)", &["bob"]),
        (
            "(objectSid=\\01\\05\\00\\00\\00\\00\\00\\05\\15\\00\\00\\00\\01\\00\\00\\00\\02\\00\\00\\00\\03\\00\\00\\00\\e9\\03\\00\\00)",
            &["bob"],
        ),
        ("(objectCategory=person)", &["alice", "bob", "carol"]),
        ("(&(objectCategory=PERSON)(cn=bob))", &["bob"]),
        ("(objectCategory=cn=person,cn=schema,cn=configuration,dc=contoso,dc=com)", &["alice", "bob", "carol"]),
        ("(anr=ali)", &["alice"]),
        ("(anr=Alice Müll)", &["alice"]),
        ("(anr=smith bob)", &["bob"]),
        ("(ou=*)", &["Groups", "People"]),
        ("(nonsense=x)", &[]),
        ("(!(nonsense=x))", &[]),
        ("(|(nonsense=x)(cn=bob))", &["bob"]),
        ("(&(cn=bob)(nonsense=x))", &[]),
        ("(canonicalName=x)", &[]),
        ("(codePage=many)", &[]),
    ];
    for (filter, expected) in cases {
        assert_eq!(found(&domain, filter), *expected, "{filter}");
    }
}

#[test]
fn object_guids_are_found_as_bytes_and_as_text() {
    let domain = people();
    let guid = domain.entry(&format!("CN=alice,{PEOPLE}"), &["objectGUID"]).guid();
    let escaped: String = guid.as_bytes().iter().map(|byte| format!("\\{byte:02x}")).collect();
    assert_eq!(found(&domain, &format!("(objectGUID={escaped})")), ["alice"]);
    assert_eq!(found(&domain, &format!("(objectGUID={guid})")), ["alice"]);
    let filter = filter_of("(objectClass=*)");
    let filter = filter.as_filter();
    let search = Search::new(Base::Guid(guid), Scope::Base, &filter, &["cn"]);
    assert_eq!(domain.run(&TestDomain::admin(), &search).unwrap().1[0].value("cn"), "alice");
}

#[test]
fn scopes_reach_as_far_as_they_say() {
    let domain = people();
    let count = |base: &str, scope| domain.entries(base, scope, "(objectClass=*)", &["1.1"]).len();
    assert_eq!(count(DOMAIN, Scope::Base), 1);
    assert_eq!(count(DOMAIN, Scope::One), 3, "not the container of deleted objects");
    assert_eq!(count(PEOPLE, Scope::One), 3);
    assert_eq!(count(PEOPLE, Scope::Subtree), 4);
    assert_eq!(count(DOMAIN, Scope::Subtree), 9);
    assert_eq!(domain.entries(PEOPLE, Scope::Subtree, "(cn=staff)", &["1.1"]).len(), 0);
}

#[test]
fn a_base_that_is_not_there_says_how_far_the_name_leads() {
    let domain = people();
    let filter = filter_of("(objectClass=*)");
    let filter = filter.as_filter();
    let base = dn(&format!("CN=x,CN=nobody,{PEOPLE}"));
    let error = domain.run(&TestDomain::admin(), &Search::new(Base::Dn(&base), Scope::Base, &filter, &[])).unwrap_err();
    assert_eq!((error.code, error.matched.as_deref()), (ResultCode::NO_SUCH_OBJECT, Some(PEOPLE)));
    assert!(error.diagnostic().ends_with("best match of:\n\t'OU=People,DC=contoso,DC=com'\n"));
    let phantom = dn("DC=com");
    let error =
        domain.run(&TestDomain::admin(), &Search::new(Base::Dn(&phantom), Scope::Base, &filter, &[])).unwrap_err();
    assert_eq!((error.code, error.matched), (ResultCode::NO_SUCH_OBJECT, None));
}

#[test]
fn attributes_come_as_selected() {
    let domain = people();
    let alice = format!("CN=alice,{PEOPLE}");
    let names = |selection: &[&str]| {
        let entry = domain.entry(&alice, selection);
        entry.attributes.into_iter().map(|(name, _)| name).collect::<Vec<_>>()
    };
    assert_eq!(names(&["1.1"]), Vec::<String>::new());
    assert_eq!(names(&["MAIL", "nonsense", "info", "CN"]), ["mail", "cn"]);
    let all = names(&[]);
    assert!(
        all.contains(&"memberOf".to_owned())
            && all.contains(&"objectSid".to_owned())
            && all.contains(&"distinguishedName".to_owned())
    );
    assert!(!all.contains(&"canonicalName".to_owned()) && !all.contains(&"nTSecurityDescriptor".to_owned()));
    assert_eq!(names(&["*", "canonicalName"]).len(), all.len() + 1);
    assert_eq!(domain.entry(&alice, &["canonicalName"]).value("canonicalName"), "contoso.com/People/alice");
    assert!(!domain.entry(&alice, &["nTSecurityDescriptor"]).values("nTSecurityDescriptor").is_empty());
    let (base, filter) = (dn(&alice), filter_of("(objectClass=*)"));
    let filter = filter.as_filter();
    let mut search = Search::new(Base::Dn(&base), Scope::Base, &filter, &["mail", "memberOf"]);
    search.types_only = true;
    let entry = domain.run(&TestDomain::admin(), &search).unwrap().1.remove(0);
    assert_eq!(entry.attributes, [("mail".to_owned(), vec![]), ("memberOf".to_owned(), vec![])]);
}

#[test]
fn many_values_come_in_ranges() {
    let domain = TestDomain::new();
    let names: Vec<String> = (0..25).map(|index| format!("u{index:02}")).collect();
    for name in &names {
        domain.user(name);
    }
    let members: Vec<String> = names.iter().map(|name| format!("CN={name},{PEOPLE}")).collect();
    domain.group("big", &members.iter().map(String::as_str).collect::<Vec<_>>());
    let (base, filter) = (dn("CN=big,OU=Groups,DC=contoso,DC=com"), filter_of("(objectClass=*)"));
    let filter = filter.as_filter();
    let get = |selection: &[&str]| {
        let mut search = Search::new(Base::Dn(&base), Scope::Base, &filter, selection);
        search.value_range = 10;
        domain.run(&TestDomain::admin(), &search).unwrap().1.remove(0).attributes
    };
    let mut all = Vec::new();
    for (asked, answered, count) in [
        ("member", "member;range=0-9", 10),
        ("member;range=10-*", "member;range=10-19", 10),
        ("member;range=20-*", "member;range=20-*", 5),
    ] {
        let attributes = get(&[asked]);
        assert_eq!((attributes[0].0.as_str(), attributes[0].1.len()), (answered, count));
        all.extend(attributes.into_iter().next().unwrap().1);
    }
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 25);
    assert_eq!(get(&["member;range=30-*"]), []);
}

#[test]
fn pages_give_every_entry_once_though_the_directory_changes_between_them() {
    let domain = TestDomain::new();
    for index in 0..25 {
        domain.user(&format!("u{index:02}"));
    }
    for filter in
        ["(objectClass=user)", "(cn=u*)", "(telephoneNumber=*)", "(!(telephoneNumber=*))", "(|(cn=u0*)(cn=u1*))"]
    {
        let (base, filter) = (dn(PEOPLE), filter_of(filter));
        let filter = filter.as_filter();
        let (mut cookie, mut all, mut pages) = (Vec::new(), Vec::new(), 0);
        loop {
            let mut search = Search::new(Base::Dn(&base), Scope::Subtree, &filter, &["1.1"]);
            search.page = Some(Page { size: 10, cookie: &cookie });
            let (done, entries) = domain.run(&TestDomain::admin(), &search).unwrap();
            assert!(entries.len() <= 10);
            all.extend(entries.into_iter().map(|entry| entry.dn));
            pages += 1;
            cookie = done.cookie.clone();
            if cookie.is_empty() {
                break;
            }
            domain
                .modify(&format!("CN=u05,{PEOPLE}"), &[(ModificationKind::Replace, "info", &[&pages.to_string()])])
                .unwrap();
        }
        let mut once = all.clone();
        once.sort();
        once.dedup();
        let expected = domain.entries(PEOPLE, Scope::Subtree, &filter.to_string(), &["1.1"]).len();
        assert_eq!((all.len(), once.len()), (expected, expected), "{filter}");
    }
    let (base, filter) = (dn(PEOPLE), filter_of("(cn=*)"));
    let filter = filter.as_filter();
    let mut search = Search::new(Base::Dn(&base), Scope::Subtree, &filter, &[]);
    search.page = Some(Page { size: 10, cookie: b"not one of ours" });
    assert_eq!(domain.run(&TestDomain::admin(), &search).unwrap_err().code, ResultCode::UNWILLING_TO_PERFORM);
}

#[test]
fn limits_end_a_search_and_say_so() {
    let domain = people();
    let (base, filter) = (dn(DOMAIN), filter_of("(objectClass=user)"));
    let filter = filter.as_filter();
    let mut search = Search::new(Base::Dn(&base), Scope::Subtree, &filter, &["1.1"]);
    search.size_limit = 2;
    let (done, entries) = domain.run(&TestDomain::admin(), &search).unwrap();
    assert_eq!((done.outcome, entries.len()), (Outcome::SizeLimit, 2));
    search.size_limit = 3;
    assert_eq!(domain.run(&TestDomain::admin(), &search).unwrap().0.outcome, Outcome::Complete);
    search.time_limit = Duration::from_secs(5);
    assert_eq!(domain.run(&TestDomain::admin(), &search).unwrap().0.outcome, Outcome::Complete);
}

#[test]
fn a_sink_may_want_no_more() {
    struct One(u32);
    impl EntrySink for One {
        fn begin(&mut self, _: &str) {
            self.0 += 1;
        }
        fn attribute(&mut self, _: &str) {}
        fn value(&mut self, _: &[u8]) {}
        fn end(&mut self) -> ControlFlow<()> {
            ControlFlow::Break(())
        }
    }
    let domain = people();
    let (base, filter) = (dn(DOMAIN), filter_of("(objectClass=user)"));
    let filter = filter.as_filter();
    let mut sink = One(0);
    let search = Search::new(Base::Dn(&base), Scope::Subtree, &filter, &["1.1"]);
    let done = domain.directory.read().unwrap().search(&TestDomain::admin(), &search, &mut sink).unwrap();
    assert_eq!((sink.0, done.outcome), (1, Outcome::Stopped));
}

#[test]
fn names_are_extended_when_asked() {
    let domain = people();
    let base = dn(&format!("CN=alice,{PEOPLE}"));
    let filter = filter_of("(objectClass=*)");
    let filter = filter.as_filter();
    let mut search = Search::new(Base::Dn(&base), Scope::Base, &filter, &["memberOf"]);
    search.extended_dn = Some(ExtendedDn::Text);
    let entry = domain.run(&TestDomain::admin(), &search).unwrap().1.remove(0);
    assert!(
        entry.dn.starts_with("<GUID=")
            && entry.dn.ends_with(">;<SID=S-1-5-21-1-2-3-1000>;CN=alice,OU=People,DC=contoso,DC=com")
    );
    assert!(entry.value("memberOf").contains(";CN=staff,OU=Groups"));
}

#[test]
fn compare_is_true_or_false_or_says_that_there_is_nothing() {
    let domain = people();
    let view = domain.directory.read().unwrap();
    let alice = dn(&format!("CN=alice,{PEOPLE}"));
    let compare = |attribute: &str, value: &[u8]| view.compare(&TestDomain::admin(), &alice, attribute, value);
    assert!(compare("sn", "müller".as_bytes()).unwrap());
    assert!(!compare("sn", b"Smith").unwrap());
    assert!(compare("memberOf", b"CN=staff,OU=Groups,DC=contoso,DC=com").unwrap());
    assert_eq!(compare("info", b"x").unwrap_err().code, ResultCode::NO_SUCH_ATTRIBUTE);
    assert_eq!(compare("unicodePwd", b"x").unwrap_err().code, ResultCode::NO_SUCH_ATTRIBUTE);
}

#[test]
fn a_snapshot_does_not_change_while_it_is_held() {
    let domain = people();
    let view = domain.directory.read().unwrap();
    let names = |view: &crate::View<'_>| {
        let (base, filter) = (dn(DOMAIN), filter_of("(sn=Smith)"));
        let filter = filter.as_filter();
        let mut sink = Entries::default();
        view.search(&Caller::system(), &Search::new(Base::Dn(&base), Scope::Subtree, &filter, &["1.1"]), &mut sink)
            .unwrap();
        sink.0.into_iter().map(|entry| entry.dn).collect::<Vec<_>>()
    };
    let before = names(&view);
    domain.rename(PEOPLE, "OU=Staff", None).unwrap();
    assert_eq!(names(&view), before, "the old snapshot has the old names");
    assert_eq!(names(&domain.directory.read().unwrap()), ["CN=bob,OU=Staff,DC=contoso,DC=com"]);
    assert_eq!(names(&view), before, "and keeps them after others looked");
}

#[test]
fn those_who_may_not_read_do_not_find() {
    let domain = people();
    let stranger = Caller::new(Arc::new(Token::new(domain_sid().with_rid(4000).unwrap(), [])), true);
    let (base, filter) = (dn(DOMAIN), filter_of("(!(cn=alice))"));
    let filter = filter.as_filter();
    let search = Search::new(Base::Dn(&base), Scope::Subtree, &filter, &[]);
    match domain.run(&stranger, &search) {
        Ok((_, entries)) => assert!(entries.is_empty(), "{} found", entries.len()),
        Err(error) => assert_eq!(error.code, ResultCode::NO_SUCH_OBJECT),
    }
}

#[test]
fn an_attribute_that_is_named_many_times_comes_once() {
    let domain = TestDomain::new();
    domain.user_with("alice", vec![attribute("description", &["x"])]);
    let entry = domain.entry("CN=alice,OU=People,DC=contoso,DC=com", &["description", "*", "DESCRIPTION", "2.5.4.13"]);
    assert_eq!(entry.attributes.iter().filter(|(name, _)| name == "description").count(), 1);
    domain.group("staff", &["CN=alice,OU=People,DC=contoso,DC=com"]);
    let ranges = ["member;range=0-*", "member;range=0-0", "member", "member;range=0-5"];
    let entry = domain.entry("CN=staff,OU=Groups,DC=contoso,DC=com", &ranges);
    assert_eq!(entry.attributes.len(), 1);
}
