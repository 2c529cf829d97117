//! What updates do and refuse, from outside.

use ldap::ResultCode;

use super::ModificationKind::{Add, Delete, Replace};
use crate::testing::{DOMAIN, PEOPLE, TestDomain, attribute, dn};
use crate::{Attribute, Caller, Error, Scope, Update};

fn code<T: std::fmt::Debug>(result: Result<T, Error>) -> ResultCode {
    result.unwrap_err().code
}

fn alice() -> String {
    format!("CN=alice,{PEOPLE}")
}

#[test]
fn a_new_user_gets_everything_an_account_starts_with() {
    let domain = TestDomain::new();
    domain.user("alice");
    let entry = domain.entry(&alice(), &["*"]);
    assert_eq!(entry.dn, "CN=alice,OU=People,DC=contoso,DC=com");
    assert_eq!(entry.values("objectClass"), ["top", "person", "organizationalPerson", "user"]);
    assert_eq!(entry.value("name"), "alice");
    assert_eq!(entry.value("distinguishedName"), entry.dn);
    assert_eq!(entry.value("userAccountControl"), "546");
    assert_eq!(entry.value("sAMAccountType"), "805306368");
    assert_eq!(entry.value("primaryGroupID"), "513");
    assert_eq!(entry.value("accountExpires"), "9223372036854775807");
    assert_eq!(entry.value("instanceType"), "4");
    assert_eq!(entry.value("whenCreated"), "20260101000000.0Z");
    assert_eq!(entry.value("uSNCreated"), entry.value("uSNChanged"));
    assert_eq!(entry.guid().as_bytes().len(), 16);
    assert!(entry.values("nTSecurityDescriptor").is_empty(), "only by name");
    let view = domain.directory.read().unwrap();
    let object = view.object(view.resolve(&dn(&alice())).unwrap().unwrap()).unwrap().unwrap();
    assert_eq!(object.sid().unwrap().to_string(), "S-1-5-21-1-2-3-1000");
    assert_eq!(view.check().unwrap(), Vec::<String>::new());
}

#[test]
fn relative_identifiers_are_never_given_twice() {
    let domain = TestDomain::new();
    for name in ["a", "b", "c"] {
        domain.user(name);
    }
    domain.delete(&format!("CN=c,{PEOPLE}")).unwrap();
    domain.user("d");
    let view = domain.directory.read().unwrap();
    let sid = |name: &str| {
        let found = view.resolve(&dn(&format!("CN={name},{PEOPLE}"))).unwrap().unwrap();
        view.object(found).unwrap().unwrap().sid().unwrap().rid().unwrap()
    };
    assert_eq!([sid("a"), sid("b"), sid("d")], [1000, 1001, 1003]);
}

#[test]
fn names_are_taken_once_whatever_their_case() {
    let domain = TestDomain::new();
    domain.user("alice");
    let again = |name: &str, account: &str| {
        code(domain.add(
            &format!("CN={name},{PEOPLE}"),
            vec![attribute("objectClass", &["user"]), attribute("sAMAccountName", &[account])],
        ))
    };
    assert_eq!(again("ALICE", "other"), ResultCode::ENTRY_ALREADY_EXISTS);
    assert_eq!(again("other", "Alice"), ResultCode::ENTRY_ALREADY_EXISTS);
    let error = domain
        .add(
            &format!("CN=x,{PEOPLE}"),
            vec![attribute("objectClass", &["user"]), attribute("sAMAccountName", &["alice"])],
        )
        .unwrap_err();
    assert!(error.diagnostic().starts_with("00000524: UpdErr: DSID-"), "{error}");
}

#[test]
fn adds_that_break_a_rule_are_refused_with_the_code_of_that_rule() {
    let domain = TestDomain::new();
    let add = |name: &str, attributes: Vec<Attribute>| code(domain.add(name, attributes));
    let user = || attribute("objectClass", &["user"]);
    let in_people = |name: &str| format!("CN={name},{PEOPLE}");
    assert_eq!(add("CN=a,OU=Nowhere,DC=contoso,DC=com", vec![user()]), ResultCode::NO_SUCH_OBJECT);
    assert_eq!(add(&in_people("a"), vec![]), ResultCode::OBJECT_CLASS_VIOLATION);
    assert_eq!(add(&in_people("a"), vec![attribute("objectClass", &["top"])]), ResultCode::OBJECT_CLASS_VIOLATION);
    assert_eq!(add(&in_people("a"), vec![attribute("objectClass", &["nonsense"])]), ResultCode::NO_SUCH_ATTRIBUTE);
    assert_eq!(
        add(&in_people("a"), vec![attribute("objectClass", &["user", "group"])]),
        ResultCode::OBJECT_CLASS_VIOLATION
    );
    assert_eq!(add(&format!("OU=a,{PEOPLE}"), vec![user()]), ResultCode::NAMING_VIOLATION);
    assert_eq!(add(&in_people("a"), vec![user(), attribute("nonsense", &["x"])]), ResultCode::NO_SUCH_ATTRIBUTE);
    assert_eq!(add(&in_people("a"), vec![user(), attribute("groupType", &["2"])]), ResultCode::OBJECT_CLASS_VIOLATION);
    assert_eq!(
        add(&in_people("a"), vec![user(), attribute("displayName", &["x", "y"])]),
        ResultCode::CONSTRAINT_VIOLATION
    );
    assert_eq!(
        add(&in_people("a"), vec![user(), attribute("objectSid", &["S-1-5-32-544"])]),
        ResultCode::CONSTRAINT_VIOLATION
    );
    assert_eq!(
        add(&in_people("a"), vec![user(), attribute("description", &[""])]),
        ResultCode::INVALID_ATTRIBUTE_SYNTAX
    );
    assert_eq!(
        add(&in_people("a"), vec![user(), attribute("codePage", &["many"])]),
        ResultCode::INVALID_ATTRIBUTE_SYNTAX
    );
    assert_eq!(
        add(&in_people("a"), vec![user(), attribute("sAMAccountName", &["a/b"])]),
        ResultCode::UNWILLING_TO_PERFORM
    );
    assert_eq!(add(&in_people("a"), vec![user(), attribute("memberOf", &[DOMAIN])]), ResultCode::UNWILLING_TO_PERFORM);
    assert_eq!(
        add(&in_people("a"), vec![user(), attribute("manager", &["CN=nobody,DC=contoso,DC=com"])]),
        ResultCode::CONSTRAINT_VIOLATION
    );
    assert_eq!(add(&in_people(&"x".repeat(65)), vec![user()]), ResultCode::CONSTRAINT_VIOLATION);
    assert_eq!(
        add(&in_people("a"), vec![user(), attribute("userAccountControl", &["512"])]),
        ResultCode::UNWILLING_TO_PERFORM
    );
    domain.user("below");
    assert_eq!(
        add(&format!("CN=a,CN=below,{PEOPLE}"), vec![attribute("objectClass", &["group"])]),
        ResultCode::NAMING_VIOLATION
    );
    assert_eq!(domain.find("(objectClass=person)").len(), 1, "nothing of what was refused is there");
}

#[test]
fn a_refused_update_does_not_touch_its_neighbours_in_the_batch() {
    let domain = TestDomain::new();
    let (sender, receiver) = std::sync::mpsc::channel();
    for index in 0..200 {
        let sender = sender.clone();
        // Every third is refused: its class does not exist.
        let class = if index % 3 == 0 { "nonsense" } else { "user" };
        let attributes = vec![attribute("objectClass", &[class]), attribute("sAMAccountName", &[&format!("u{index}")])];
        let update = Update::Add { dn: dn(&format!("CN=u{index},{PEOPLE}")), attributes };
        domain
            .directory
            .submit(TestDomain::admin(), update, move |result| sender.send((index, result.is_ok())).unwrap());
    }
    drop(sender);
    let results: Vec<(i32, bool)> = receiver.iter().collect();
    assert_eq!(results.len(), 200);
    assert!(results.iter().all(|(index, done)| *done == (index % 3 != 0)));
    assert_eq!(domain.find("(objectClass=user)").len(), 133);
    assert_eq!(domain.directory.read().unwrap().check().unwrap(), Vec::<String>::new());
}

#[test]
fn modify_adds_deletes_and_replaces_with_the_codes_of_active_directory() {
    let domain = TestDomain::new();
    domain.user("alice");
    let modify = |changes: &[_]| domain.modify(&alice(), changes);
    modify(&[(Add, "description", &["one", "two"]), (Replace, "displayName", &["Alice"])]).unwrap();
    assert_eq!(domain.entry(&alice(), &["description"]).values("description"), ["one", "two"]);
    assert_eq!(code(modify(&[(Add, "description", &["ONE"])])), ResultCode::ATTRIBUTE_OR_VALUE_EXISTS);
    assert_eq!(code(modify(&[(Delete, "description", &["three"])])), ResultCode::NO_SUCH_ATTRIBUTE);
    assert_eq!(code(modify(&[(Delete, "info", &[])])), ResultCode::NO_SUCH_ATTRIBUTE);
    assert_eq!(code(modify(&[(Add, "displayName", &["Other"])])), ResultCode::ATTRIBUTE_OR_VALUE_EXISTS);
    assert_eq!(code(modify(&[(Replace, "displayName", &["a", "b"])])), ResultCode::CONSTRAINT_VIOLATION);
    assert_eq!(code(modify(&[(Replace, "objectGUID", &["0123456789abcdef"])])), ResultCode::CONSTRAINT_VIOLATION);
    assert_eq!(code(modify(&[(Replace, "cn", &["bob"])])), ResultCode::NOT_ALLOWED_ON_RDN);
    assert_eq!(code(modify(&[(Delete, "sAMAccountName", &[])])), ResultCode::OBJECT_CLASS_VIOLATION);
    assert_eq!(code(modify(&[(Replace, "objectClass", &["group"])])), ResultCode::OBJECT_CLASS_MODS_PROHIBITED);
    assert_eq!(code(modify(&[(Replace, "supplementalCredentials", &["x"])])), ResultCode::UNWILLING_TO_PERFORM);
    assert_eq!(code(modify(&[(Replace, "groupType", &["2"])])), ResultCode::OBJECT_CLASS_VIOLATION);
    assert_eq!(
        code(domain.modify("CN=nobody,DC=contoso,DC=com", &[(Replace, "info", &["x"])])),
        ResultCode::NO_SUCH_OBJECT
    );
    modify(&[(Delete, "description", &["TWO"]), (Replace, "displayName", &[])]).unwrap();
    let entry = domain.entry(&alice(), &["description", "displayName"]);
    assert_eq!((entry.values("description"), entry.values("displayName")), (vec!["one".to_owned()], vec![]));
    assert_eq!(domain.directory.read().unwrap().check().unwrap(), Vec::<String>::new());
}

#[test]
fn a_failing_step_undoes_the_steps_before_it() {
    let domain = TestDomain::new();
    domain.user("alice");
    let result = domain.modify(&alice(), &[(Replace, "info", &["changed"]), (Delete, "description", &["absent"])]);
    assert_eq!(code(result), ResultCode::NO_SUCH_ATTRIBUTE);
    assert!(domain.entry(&alice(), &["info"]).values("info").is_empty());
}

#[test]
fn permissive_modify_takes_what_is_so_already() {
    let domain = TestDomain::new();
    domain.user("alice");
    domain.group("staff", &[&alice()]);
    let staff = "CN=staff,OU=Groups,DC=contoso,DC=com";
    let modify = |changes: &[_], permissive| domain.modify_as(&TestDomain::admin(), staff, changes, permissive);
    let (member, description): (&[&str], &[&str]) = (&[&alice()], &["x"]);
    modify(&[(Add, "member", member), (Delete, "description", description), (Delete, "info", &[])], true).unwrap();
    assert_eq!(code(modify(&[(Add, "member", member)], false)), ResultCode::ENTRY_ALREADY_EXISTS);
    modify(&[(Delete, "member", member)], false).unwrap();
    assert_eq!(code(modify(&[(Delete, "member", member)], false)), ResultCode::UNWILLING_TO_PERFORM);
}

#[test]
fn members_and_member_of_are_two_ends_of_one_thing() {
    let domain = TestDomain::new();
    domain.user("alice");
    domain.user("bob");
    domain.group("staff", &[&alice(), &format!("CN=bob,{PEOPLE}")]);
    let staff = "CN=staff,OU=Groups,DC=contoso,DC=com";
    assert_eq!(domain.entry(&alice(), &["memberOf"]).values("memberOf"), [staff]);
    assert_eq!(domain.entry(staff, &["member"]).values("member").len(), 2);
    domain.rename(&alice(), "CN=Alicia", Some("OU=Groups,DC=contoso,DC=com")).unwrap();
    let members = domain.entry(staff, &["member"]).values("member");
    assert!(members.contains(&"CN=Alicia,OU=Groups,DC=contoso,DC=com".to_owned()), "{members:?}");
    domain.delete(&format!("CN=bob,{PEOPLE}")).unwrap();
    assert_eq!(domain.entry(staff, &["member"]).values("member").len(), 1);
    assert_eq!(domain.directory.read().unwrap().check().unwrap(), Vec::<String>::new());
}

#[test]
fn groups_may_contain_each_other() {
    let domain = TestDomain::new();
    domain.group("a", &[]);
    domain.group("b", &["CN=a,OU=Groups,DC=contoso,DC=com"]);
    domain
        .modify("CN=a,OU=Groups,DC=contoso,DC=com", &[(Add, "member", &["CN=b,OU=Groups,DC=contoso,DC=com"])])
        .unwrap();
    let in_chain = domain.find("(memberOf:1.2.840.113556.1.4.1941:=CN=a,OU=Groups,DC=contoso,DC=com)");
    assert_eq!(in_chain.len(), 2);
}

#[test]
fn a_deleted_object_is_a_tombstone_that_only_those_who_ask_see() {
    let domain = TestDomain::new();
    domain.user_with("alice", vec![attribute("description", &["x"])]);
    let guid = domain.entry(&alice(), &["objectGUID"]).guid();
    domain.delete(&alice()).unwrap();
    assert_eq!(domain.find("(sAMAccountName=alice)"), Vec::<String>::new());
    let (base, filter) = (dn(DOMAIN), crate::testing::filter_of("(&(isDeleted=TRUE)(sAMAccountName=*))"));
    let filter = filter.as_filter();
    let mut search = crate::Search::new(crate::Base::Dn(&base), Scope::Subtree, &filter, &[]);
    search.show_deleted = true;
    let (_, found) = domain.run(&TestDomain::admin(), &search).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].dn, format!("CN=alice\\0ADEL:{guid},CN=Deleted Objects,DC=contoso,DC=com"));
    assert_eq!(found[0].value("sAMAccountName"), "alice");
    assert_eq!(found[0].value("lastKnownParent"), PEOPLE);
    assert!(found[0].values("description").is_empty());
    domain.user("alice");
    assert_eq!(domain.directory.read().unwrap().check().unwrap(), Vec::<String>::new());
}

#[test]
fn what_has_children_or_is_needed_is_not_deleted() {
    let domain = TestDomain::new();
    domain.user("alice");
    assert_eq!(code(domain.delete(PEOPLE)), ResultCode::NOT_ALLOWED_ON_NON_LEAF);
    assert_eq!(code(domain.delete("CN=System,DC=contoso,DC=com")), ResultCode::UNWILLING_TO_PERFORM);
    assert_eq!(code(domain.delete("CN=nobody,DC=contoso,DC=com")), ResultCode::NO_SUCH_OBJECT);
    let whole = Update::Delete { dn: dn(DOMAIN), tree: true };
    assert_eq!(code(domain.directory.apply(&TestDomain::admin(), whole)), ResultCode::UNWILLING_TO_PERFORM);
    domain.directory.apply(&TestDomain::admin(), Update::Delete { dn: dn(PEOPLE), tree: true }).unwrap();
    assert_eq!(domain.find("(ou=People)"), Vec::<String>::new());
    assert_eq!(domain.directory.read().unwrap().check().unwrap(), Vec::<String>::new());
}

#[test]
fn renaming_a_container_renames_all_beneath_at_once() {
    let domain = TestDomain::new();
    domain.user("alice");
    assert_eq!(domain.find("(cn=alice)"), ["CN=alice,OU=People,DC=contoso,DC=com"]);
    domain.rename(PEOPLE, "OU=Staff", Some("OU=Groups,DC=contoso,DC=com")).unwrap();
    assert_eq!(domain.find("(cn=alice)"), ["CN=alice,OU=Staff,OU=Groups,DC=contoso,DC=com"]);
    assert_eq!(domain.find("(distinguishedName=cn=ALICE,ou=staff,OU=Groups,DC=contoso,DC=com)").len(), 1);
    assert_eq!(
        code(domain.rename("OU=Groups,DC=contoso,DC=com", "OU=Groups", Some("OU=Staff,OU=Groups,DC=contoso,DC=com"))),
        ResultCode::UNWILLING_TO_PERFORM
    );
    assert_eq!(code(domain.rename(DOMAIN, "DC=fabrikam", None)), ResultCode::UNWILLING_TO_PERFORM);
    assert_eq!(
        code(domain.rename("CN=alice,OU=Staff,OU=Groups,DC=contoso,DC=com", "OU=alice", None)),
        ResultCode::NAMING_VIOLATION
    );
    assert_eq!(domain.directory.read().unwrap().check().unwrap(), Vec::<String>::new());
}

#[test]
fn a_name_may_change_only_its_case() {
    let domain = TestDomain::new();
    domain.user("alice");
    domain.user("bob");
    domain.rename(&alice(), "CN=Alice", None).unwrap();
    assert_eq!(domain.find("(cn=alice)"), ["CN=Alice,OU=People,DC=contoso,DC=com"]);
    assert_eq!(code(domain.rename(&alice(), "CN=BOB", None)), ResultCode::ENTRY_ALREADY_EXISTS);
}

#[test]
fn passwords_need_a_sealed_connection_and_the_right_steps() {
    let domain = TestDomain::new();
    domain.user("alice");
    let unsealed = Caller { sealed: false, ..TestDomain::admin() };
    let result = domain.modify_as(&unsealed, &alice(), &[(Replace, "unicodePwd", &["\"\0P\0\"\0"])], false);
    assert!(result.unwrap_err().diagnostic().starts_with("0000001F: SvcErr: DSID-"));
    let add_only = domain.modify(&alice(), &[(Add, "unicodePwd", &["x"])]);
    assert_eq!(code(add_only), ResultCode::CONSTRAINT_VIOLATION);
}

#[test]
fn secrets_are_stored_encrypted_and_never_found_or_returned() {
    let domain = TestDomain::new();
    let applied = domain.user("alice");
    let unicode_pwd = domain.directory.schema().attribute("unicodePwd").unwrap().id;
    let secret = b"sixteen byte key".to_vec();
    let set = secret.clone();
    let edit = Update::System(Box::new(move |transaction| {
        transaction.edit(applied.dnt, |_, draft| {
            draft.set_bytes(unicode_pwd, set);
            Ok(())
        })?;
        Ok(applied.dnt)
    }));
    domain.directory.apply(&Caller::system(), edit).unwrap();
    assert!(domain.entry(&alice(), &["*", "unicodePwd"]).values("unicodePwd").is_empty());
    assert_eq!(domain.find("(unicodePwd=sixteen byte key)"), Vec::<String>::new());
    assert_eq!(domain.find("(unicodePwd=*)"), Vec::<String>::new());
    assert_eq!(domain.find("(!(unicodePwd=*))"), Vec::<String>::new());
    assert_eq!(domain.directory.read().unwrap().secret(applied.dnt, unicode_pwd).unwrap().unwrap().as_slice(), secret);
    let file = std::fs::read(domain.folder.path().join("directory.mdb")).unwrap();
    assert!(!file.windows(secret.len()).any(|window| window == secret));
    domain.delete(&alice()).unwrap();
    assert!(domain.directory.read().unwrap().secret(applied.dnt, unicode_pwd).unwrap().is_none());
}

#[test]
fn a_transaction_that_fails_changes_nothing() {
    let domain = TestDomain::new();
    let applied = domain.user("alice");
    let info = domain.directory.schema().attribute("info").unwrap().id;
    let edit = Update::System(Box::new(move |transaction| {
        transaction.edit(applied.dnt, |_, draft| {
            draft.set_text(info, "half");
            Ok(())
        })?;
        Err(Error::busy("changed my mind"))
    }));
    assert_eq!(code(domain.directory.apply(&Caller::system(), edit)), ResultCode::BUSY);
    assert!(domain.entry(&alice(), &["info"]).values("info").is_empty());
    let by_client = Update::System(Box::new(move |_| Ok(applied.dnt)));
    assert_eq!(code(domain.directory.apply(&TestDomain::admin(), by_client)), ResultCode::UNWILLING_TO_PERFORM);
}

#[test]
fn every_change_has_a_usn_and_attributes_know_when_they_changed() {
    let domain = TestDomain::new();
    let created = domain.user("alice");
    domain.clock.advance(std::time::Duration::from_secs(60));
    let changed = domain.modify(&alice(), &[(Replace, "info", &["x"])]).unwrap();
    assert!(changed.usn > created.usn);
    assert_eq!(changed.guid, created.guid);
    let view = domain.directory.read().unwrap();
    assert_eq!(view.highest_usn().unwrap(), changed.usn);
    let info = domain.directory.schema().attribute("info").unwrap().id;
    let name = domain.directory.schema().attribute("name").unwrap().id;
    let metadata = view.attribute_metadata(created.dnt).unwrap();
    let of = |id| *metadata.iter().find(|entry| entry.attribute == id).unwrap();
    assert_eq!((of(info).version, of(info).originating_usn), (1, changed.usn));
    assert_eq!((of(name).version, of(name).originating_usn), (1, created.usn));
    assert!(of(info).originating_time > of(name).originating_time);
    let unchanged = domain.modify(&alice(), &[(Replace, "info", &["x"])]).unwrap();
    assert_eq!(unchanged.usn, crate::Usn(0), "writing what is there changes nothing");
}

#[test]
fn only_administrators_give_powerful_trust() {
    let domain = TestDomain::new();
    domain.user("alice");
    domain.modify(&alice(), &[(Replace, "userAccountControl", &["524802"])]).unwrap();
    assert_eq!(domain.entry(&alice(), &["userAccountControl"]).value("userAccountControl"), "524802");
    domain.modify(&alice(), &[(Replace, "userAccountControl", &["4130"])]).unwrap();
    let entry = domain.entry(&alice(), &["sAMAccountType", "primaryGroupID"]);
    assert_eq!((entry.value("sAMAccountType").as_str(), entry.value("primaryGroupID").as_str()), ("805306369", "515"));
    domain.modify(&alice(), &[(Replace, "userAccountControl", &["2"])]).unwrap();
    assert_eq!(domain.entry(&alice(), &["userAccountControl"]).value("userAccountControl"), "4098");
    assert_eq!(
        code(domain.modify(&alice(), &[(Replace, "userAccountControl", &["12802"])])),
        ResultCode::CONSTRAINT_VIOLATION
    );
}

#[test]
fn principal_names_lead_to_one_account() {
    let domain = TestDomain::new();
    domain.user_with(
        "alice",
        vec![attribute("userPrincipalName", &["alice@contoso.com"]), attribute("servicePrincipalName", &["HTTP/web"])],
    );
    domain.user("bob");
    let bob = format!("CN=bob,{PEOPLE}");
    assert_eq!(
        code(domain.modify(&bob, &[(Replace, "userPrincipalName", &["ALICE@contoso.com"])])),
        ResultCode::CONSTRAINT_VIOLATION
    );
    assert_eq!(
        code(domain.modify(&bob, &[(Add, "servicePrincipalName", &["http/WEB"])])),
        ResultCode::CONSTRAINT_VIOLATION
    );
    domain.modify(&alice(), &[(Replace, "userPrincipalName", &["Alice@contoso.com"])]).unwrap();
}

#[test]
fn clients_set_times_only_to_what_has_a_meaning() {
    let domain = TestDomain::new();
    domain.user("alice");
    let set = |name: &str, value: &str| domain.modify(&alice(), &[(Replace, name, &[value])]);
    set("pwdLastSet", "-1").unwrap();
    assert_ne!(domain.entry(&alice(), &["pwdLastSet"]).value("pwdLastSet"), "-1");
    set("pwdLastSet", "0").unwrap();
    assert_eq!(code(set("pwdLastSet", "5")), ResultCode::UNWILLING_TO_PERFORM);
    set("lockoutTime", "0").unwrap();
    assert_eq!(code(set("lockoutTime", "5")), ResultCode::UNWILLING_TO_PERFORM);
}

#[test]
fn the_primary_group_is_one_of_the_accounts_groups() {
    let domain = TestDomain::new();
    domain.user("alice");
    let staff = domain.group("staff", &[]);
    let staff_dn = "CN=staff,OU=Groups,DC=contoso,DC=com";
    let rid =
        domain.directory.read().unwrap().object(staff.dnt).unwrap().unwrap().sid().unwrap().rid().unwrap().to_string();
    assert_eq!(
        code(domain.modify(&alice(), &[(Replace, "primaryGroupID", &[&rid])])),
        ResultCode::UNWILLING_TO_PERFORM
    );
    domain.modify(staff_dn, &[(Add, "member", &[&alice()])]).unwrap();
    domain.modify(&alice(), &[(Replace, "primaryGroupID", &[&rid])]).unwrap();
    assert!(domain.entry(staff_dn, &["member"]).values("member").is_empty());
    assert_eq!(code(domain.modify(staff_dn, &[(Add, "member", &[&alice()])])), ResultCode::ENTRY_ALREADY_EXISTS);
    assert_eq!(domain.directory.read().unwrap().check().unwrap(), Vec::<String>::new());
}

#[test]
fn the_name_that_every_account_has_in_the_domain_is_nobody_elses_principal_name() {
    let domain = TestDomain::new();
    domain.user("alice");
    domain.user_with("bob", vec![attribute("userPrincipalName", &["robert@contoso.com"])]);
    let bob = format!("CN=bob,{PEOPLE}");
    for name in ["alice@contoso.com", "ALICE@CONTOSO.COM", "alice@contoso", "Alice"] {
        let set = domain.modify(&bob, &[(Replace, "userPrincipalName", &[name])]);
        assert_eq!(code(set), ResultCode::CONSTRAINT_VIOLATION, "{name}");
    }
    domain.modify(&bob, &[(Replace, "userPrincipalName", &["alice@example.com"])]).unwrap();
    domain.modify(&bob, &[(Replace, "userPrincipalName", &["robert@contoso.com"])]).unwrap();
    let taken = domain.modify(&alice(), &[(Replace, "sAMAccountName", &["Robert"])]);
    assert_eq!(code(taken), ResultCode::CONSTRAINT_VIOLATION);
    let attributes = vec![attribute("objectClass", &["user"]), attribute("sAMAccountName", &["robert"])];
    assert_eq!(code(domain.add(&format!("CN=eve,{PEOPLE}"), attributes)), ResultCode::CONSTRAINT_VIOLATION);
    domain.modify(&alice(), &[(Replace, "userPrincipalName", &["alice@contoso.com"])]).unwrap();
}

#[test]
fn an_object_does_not_grow_without_end() {
    let domain = TestDomain::new();
    domain.user("alice");
    let large = |n: usize| format!("{n}{}", "x".repeat(1_000_000));
    let add = |n: usize| domain.modify(&alice(), &[(Add, "url", &[&large(n)])]);
    for n in 0..5 {
        add(n).unwrap();
    }
    assert_eq!(code(add(5)), ResultCode::ADMIN_LIMIT_EXCEEDED);
    domain.modify(&alice(), &[(Delete, "url", &[&large(0)])]).unwrap();
    add(5).unwrap();
    let values: Vec<String> = (0..6).map(large).collect();
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    let attributes = vec![attribute("objectClass", &["user"]), attribute("url", &values)];
    assert_eq!(code(domain.add(&format!("CN=bob,{PEOPLE}"), attributes)), ResultCode::ADMIN_LIMIT_EXCEEDED);
}

#[test]
fn names_that_look_like_others_are_refused() {
    let domain = TestDomain::new();
    domain.user("alice");
    let bob = format!("CN=bob,{PEOPLE}");
    domain.user("bob");
    for name in ["alice ", " alice", "ali\u{200b}ce", "alice\u{ad}", "\u{202e}ecila", "\u{feff}alice"] {
        let set = domain.modify(&bob, &[(Replace, "sAMAccountName", &[name])]);
        assert_eq!(code(set), ResultCode::UNWILLING_TO_PERFORM, "{name:?}");
        let set = domain.modify(&bob, &[(Replace, "userPrincipalName", &[&format!("{name}@contoso.com")])]);
        // A space at its end is one in the middle of a principal name.
        assert!(name.ends_with(' ') || code(set) == ResultCode::CONSTRAINT_VIOLATION, "{name:?}");
    }
    domain.modify(&bob, &[(Replace, "sAMAccountName", &["bob the builder"])]).unwrap();
}

#[test]
fn nobody_marks_an_object_as_one_that_the_directory_needs() {
    let domain = TestDomain::new();
    domain.user("alice");
    let marked = domain.modify(&alice(), &[(Replace, "isCriticalSystemObject", &["TRUE"])]);
    assert_eq!(code(marked), ResultCode::CONSTRAINT_VIOLATION);
    domain.delete(&alice()).unwrap();
}

#[test]
fn more_values_than_an_attribute_may_have_are_not_looked_at() {
    let domain = TestDomain::new();
    domain.user("alice");
    let values: Vec<String> = (0..1301).map(|n| format!("{n} ")).collect();
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    for kind in [Add, Replace, Delete] {
        // The number of them is said, not that the first is malformed.
        assert_eq!(code(domain.modify(&alice(), &[(kind, "codePage", &values)])), ResultCode::ADMIN_LIMIT_EXCEEDED);
    }
}

#[test]
fn members_come_and_go_in_one_request() {
    let domain = TestDomain::new();
    let names: Vec<String> = ["a", "b", "c"].iter().map(|name| format!("CN={name},{PEOPLE}")).collect();
    for name in ["a", "b", "c"] {
        domain.user(name);
    }
    let [a, b, c] = [0, 1, 2].map(|at: usize| names[at].as_str());
    let group = "CN=staff,OU=Groups,DC=contoso,DC=com";
    domain.group("staff", &[a]);
    let steps: [(crate::ModificationKind, &str, &[&str]); 5] = [
        (Add, "member", &[b]),
        (Delete, "member", &[a]),
        (Add, "member", &[a]),
        (Delete, "member", &[b]),
        (Add, "member", &[c]),
    ];
    domain.modify(group, &steps).unwrap();
    assert_eq!(domain.entry(group, &["member"]).values("member"), [a, c]);
    domain.modify(group, &[(Add, "member", &[b]), (Replace, "member", &[b, c])]).unwrap();
    assert_eq!(domain.entry(group, &["member"]).values("member"), [b, c]);
    assert_eq!(code(domain.modify(group, &[(Add, "member", &[a, a])])), ResultCode::ATTRIBUTE_OR_VALUE_EXISTS);
    assert_eq!(domain.directory.read().unwrap().check().unwrap(), Vec::<String>::new());
}
