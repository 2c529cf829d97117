use std::time::Duration;

use dtyp::{Clock, Sid};
use kerberos::crypto::{Etype, Key};

use super::{LogonFailure, authenticate, find, keys, token};
use crate::testing::{TestDomain, attribute, domain_sid};
use crate::{Applied, Attribute, Error, ModificationKind};

const ALICE: &str = "CN=alice,OU=People,DC=contoso,DC=com";

fn quoted(password: &str) -> Vec<u8> {
    format!("\"{password}\"").encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// An enabled user with a password.
fn alice(domain: &TestDomain) -> Applied {
    let more = vec![
        Attribute::new("unicodePwd", [quoted("Rosinen 4711")]),
        attribute("userAccountControl", &["512"]),
        attribute("userPrincipalName", &["alice.b@contoso.com"]),
    ];
    domain.user_with("alice", more)
}

fn log_on(domain: &TestDomain, name: &str, password: &str) -> Result<(), u32> {
    let view = domain.directory.read().unwrap();
    authenticate(&view, name, password.as_bytes()).map(|_| ()).map_err(|failure| failure.data())
}

fn set(domain: &TestDomain, what: &str, value: &str) {
    domain.modify(ALICE, &[(ModificationKind::Replace, what, &[value])]).unwrap();
}

#[test]
fn an_account_answers_to_all_of_its_names() {
    let domain = TestDomain::new();
    let applied = alice(&domain);
    let view = domain.directory.read().unwrap();
    let sid = view.object(applied.dnt).unwrap().unwrap().sid().unwrap();
    for name in
        ["alice", "ALICE", "CONTOSO\\alice", "contoso.com\\Alice", "alice@contoso.com", "alice.b@contoso.com", ALICE]
    {
        assert_eq!(find(&view, name).unwrap(), Some(applied.dnt), "{name}");
    }
    assert_eq!(find(&view, &format!("<SID={sid}>")).unwrap(), Some(applied.dnt));
    for name in ["", "bob", "OTHER\\alice", "alice@other.com", "CN=alice", "alice*", "*", "\\", "@"] {
        assert_eq!(find(&view, name).unwrap(), None, "{name}");
    }
}

#[test]
fn the_right_password_opens_and_nothing_else_does() {
    let domain = TestDomain::new();
    alice(&domain);
    assert_eq!(log_on(&domain, "alice", "Rosinen 4711"), Ok(()));
    for (name, password) in
        [("alice", "rosinen 4711"), ("alice", ""), ("nobody", "Rosinen 4711"), ("OU=People,DC=contoso,DC=com", "")]
    {
        assert_eq!(log_on(&domain, name, password), Err(0x52e), "{name} {password}");
    }
    domain.user("bob");
    assert_eq!(log_on(&domain, "bob", ""), Err(0x52e), "an account without a password");
}

#[test]
fn the_state_of_an_account_is_told_only_to_who_knows_its_password() {
    let domain = TestDomain::new();
    alice(&domain);
    set(&domain, "userAccountControl", "514");
    assert_eq!(log_on(&domain, "alice", "Rosinen 4711"), Err(0x533));
    assert_eq!(log_on(&domain, "alice", "wrong"), Err(0x52e));
    set(&domain, "userAccountControl", "512");
    let soon = domain.clock.now().saturating_add(Duration::from_secs(60));
    set(&domain, "accountExpires", &soon.0.to_string());
    assert_eq!(log_on(&domain, "alice", "Rosinen 4711"), Ok(()));
    domain.clock.set(soon.saturating_add(Duration::from_secs(1)));
    assert_eq!(log_on(&domain, "alice", "Rosinen 4711"), Err(0x701));
    set(&domain, "accountExpires", "0");
    set(&domain, "logonHours", &"\0".repeat(21));
    assert_eq!(log_on(&domain, "alice", "wrong"), Err(0x52e));
    assert_eq!(log_on(&domain, "alice", "Rosinen 4711"), Err(0x530));
    domain.modify(ALICE, &[(ModificationKind::Replace, "logonHours", &[])]).unwrap();
    assert_eq!(log_on(&domain, "alice", "Rosinen 4711"), Ok(()));
    set(&domain, "pwdLastSet", "0");
    assert_eq!(log_on(&domain, "alice", "Rosinen 4711"), Err(0x773));
}

#[test]
fn keys_are_made_of_the_password_and_their_version_rises() {
    let domain = TestDomain::new();
    let applied = alice(&domain);
    let read = || {
        let view = domain.directory.read().unwrap();
        keys(&view, &view.object(applied.dnt).unwrap().unwrap()).unwrap().unwrap()
    };
    let first = read();
    assert_eq!((first.kvno, first.salt.as_str(), first.keys.len()), (1, "CONTOSO.COMalice", 2));
    assert_eq!(first.keys[0].key, Key::from_password(Etype::Aes256, b"Rosinen 4711", b"CONTOSO.COMalice", 4096));
    write_password(&domain, &[(ModificationKind::Replace, quoted("Mandeln 0815"))]).unwrap();
    let second = read();
    assert_eq!((second.kvno, second.keys.len()), (2, 4));
    assert_eq!(second.keys[2], first.keys[0], "the keys before stay for tickets under way");
    assert_eq!(domain.entry(ALICE, &["msDS-KeyVersionNumber"]).value("msDS-KeyVersionNumber"), "2");
}

#[test]
fn keys_are_made_before_the_writer_s_turn_and_are_right_whatever_happens_meanwhile() {
    let domain = TestDomain::new();
    let set = |password: &str| {
        let attribute = Attribute::new("unicodePwd", [quoted(password)]);
        let change = crate::Modification { kind: ModificationKind::Replace, attribute };
        crate::Update::Modify { dn: ALICE.parse().unwrap(), changes: vec![change], permissive: false, sd_flags: None }
    };
    let waiting = || domain.directory.inner.prepared_keys.len();
    let current = |applied: &Applied| {
        let view = domain.directory.read().unwrap();
        keys(&view, &view.object(applied.dnt).unwrap().unwrap()).unwrap().unwrap().keys[0].key.clone()
    };
    let applied = alice(&domain);
    assert_eq!(waiting(), 0, "what an add brings is used");
    let expected =
        |password: &str, salt: &str| Key::from_password(Etype::Aes256, password.as_bytes(), salt.as_bytes(), 4096);
    let update = set("Mandeln 0815");
    domain.directory.prepare(&TestDomain::admin(), &update);
    assert_eq!(waiting(), 1);
    // Renamed before its turn comes: the salt is another.
    domain.modify(ALICE, &[(ModificationKind::Replace, "sAMAccountName", &["alicia"])]).unwrap();
    domain.directory.apply(&TestDomain::admin(), update).unwrap();
    assert_eq!(current(&applied), expected("Mandeln 0815", "CONTOSO.COMalicia"));
    assert_eq!(waiting(), 1, "what was made in vain");
    let mut unsealed = TestDomain::admin();
    unsealed.sealed = false;
    domain.directory.prepare(&unsealed, &set("Mandeln 0816"));
    assert_eq!(waiting(), 1, "what is going to be refused costs nothing");
    for (name, class) in [("web1$", "computer"), ("svc$", "msDS-ManagedServiceAccount"), ("bob$", "user")] {
        let attributes = vec![
            attribute("objectClass", &[class]),
            attribute("sAMAccountName", &[name]),
            Attribute::new("unicodePwd", [quoted("Mandeln 0815")]),
        ];
        let made = domain.add(&format!("CN={class},{}", crate::testing::PEOPLE), attributes).unwrap();
        assert_eq!(waiting(), 1, "{class}");
        let salt = match class {
            "user" => format!("CONTOSO.COM{name}"),
            _ => format!("CONTOSO.COMhost{}.contoso.com", name.trim_end_matches('$')),
        };
        assert_eq!(current(&made), expected("Mandeln 0815", &salt), "{class}");
    }
}

fn write_password(domain: &TestDomain, steps: &[(ModificationKind, Vec<u8>)]) -> Result<Applied, Error> {
    let changes = steps.iter().map(|(kind, value)| crate::Modification {
        kind: *kind,
        attribute: Attribute::new("unicodePwd", [value.clone()]),
    });
    let update = crate::Update::Modify {
        dn: ALICE.parse().unwrap(),
        changes: changes.collect(),
        permissive: false,
        sd_flags: None,
    };
    domain.directory.apply(&TestDomain::admin(), update)
}

#[test]
fn a_change_needs_the_old_password() {
    let domain = TestDomain::new();
    alice(&domain);
    let change = |old: &str| {
        let steps = [(ModificationKind::Delete, quoted(old)), (ModificationKind::Add, quoted("Mandeln 0815"))];
        write_password(&domain, &steps)
    };
    assert_eq!(change("wrong").unwrap_err().code, ldap::ResultCode::CONSTRAINT_VIOLATION);
    change("Rosinen 4711").unwrap();
    assert_eq!(log_on(&domain, "alice", "Mandeln 0815"), Ok(()));
    assert_eq!(log_on(&domain, "alice", "Rosinen 4711"), Err(0x52e));
    assert!(write_password(&domain, &[(ModificationKind::Replace, b"unquoted".to_vec())]).is_err());
}

const HEAD: &str = "DC=contoso,DC=com";

/// Of the domain.
fn policy(domain: &TestDomain, least_age: &str, history: &str) {
    for (name, value) in [("minPwdAge", least_age), ("pwdHistoryLength", history)] {
        domain.modify(HEAD, &[(ModificationKind::Replace, name, &[value])]).unwrap();
    }
}

/// By the old one, as users do.
fn change(domain: &TestDomain, old: &str, new: &str) -> Result<(), String> {
    let steps = [(ModificationKind::Delete, quoted(old)), (ModificationKind::Add, quoted(new))];
    let changed = write_password(domain, &steps);
    changed.map(drop).map_err(|error| {
        assert_eq!((error.code, error.win32), (ldap::ResultCode::CONSTRAINT_VIOLATION, 0x52d), "{error}");
        error.to_string()
    })
}

fn reset(domain: &TestDomain, new: &str) {
    write_password(domain, &[(ModificationKind::Replace, quoted(new))]).unwrap();
}

const DAY: Duration = Duration::from_secs(86_400);

#[test]
fn a_user_keeps_a_password_for_as_long_as_the_domain_wants_and_an_administrator_need_not() {
    let domain = TestDomain::new();
    alice(&domain);
    policy(&domain, "-864000000000", "0");
    let set = domain.clock.now();
    domain.clock.set(set.saturating_add(DAY - Duration::from_secs(1)));
    assert!(change(&domain, "Rosinen 4711", "Mandeln 0815").unwrap_err().contains("minPwdAge"));
    domain.clock.set(set.saturating_add(DAY));
    change(&domain, "Rosinen 4711", "Mandeln 0815").unwrap();
    assert!(change(&domain, "Mandeln 0815", "Walnuss 2323").is_err(), "the next is as young as that one was");
    reset(&domain, "Walnuss 2323");
    assert!(change(&domain, "Walnuss 2323", "Haselnuss 42").is_err());
    // Whose password must be changed may do it at once.
    domain.modify(ALICE, &[(ModificationKind::Replace, "pwdLastSet", &["0"])]).unwrap();
    change(&domain, "Walnuss 2323", "Haselnuss 42").unwrap();
    // For ever.
    policy(&domain, "-9223372036854775808", "0");
    domain.clock.set(set.saturating_add(1_000 * DAY));
    assert!(change(&domain, "Haselnuss 42", "Rosinen 4711").is_err());
    policy(&domain, "0", "0");
    change(&domain, "Haselnuss 42", "Rosinen 4711").unwrap();
}

#[test]
fn a_user_goes_back_to_none_of_the_last_passwords_and_an_administrator_may() {
    let domain = TestDomain::new();
    // From before there was a history.
    alice(&domain);
    policy(&domain, "0", "3");
    let again = |old: &str, new: &str| assert!(change(&domain, old, new).unwrap_err().contains("pwdHistoryLength"));
    again("Rosinen 4711", "Rosinen 4711");
    let passwords = ["Mandeln 0815", "Walnuss 2323", "Haselnuss 42", "Pistazie 99"];
    change(&domain, "Rosinen 4711", passwords[0]).unwrap();
    change(&domain, passwords[0], passwords[1]).unwrap();
    // One that was reset is remembered too.
    reset(&domain, passwords[2]);
    for password in &passwords[..3] {
        again(passwords[2], password);
    }
    change(&domain, passwords[2], passwords[3]).unwrap();
    again(passwords[3], passwords[1]);
    reset(&domain, passwords[1]);
    change(&domain, passwords[1], passwords[0]).unwrap();
    // A shorter history counts at once, and what was forgotten stays so.
    policy(&domain, "0", "1");
    again(passwords[0], passwords[0]);
    change(&domain, passwords[0], passwords[1]).unwrap();
    policy(&domain, "0", "24");
    change(&domain, passwords[1], passwords[3]).unwrap();
    policy(&domain, "0", "0");
    change(&domain, passwords[3], passwords[3]).unwrap();
}

#[test]
fn the_first_password_that_the_history_holds_is_the_one_in_force_when_it_begins() {
    let domain = TestDomain::new();
    // From before there was a history.
    alice(&domain);
    policy(&domain, "0", "24");
    let again = |old: &str, new: &str| assert!(change(&domain, old, new).unwrap_err().contains("pwdHistoryLength"));
    change(&domain, "Rosinen 4711", "Mandeln 0815").unwrap();
    again("Mandeln 0815", "Rosinen 4711");
    // Nothing was remembered for a while; what was in force then is, from the next one on.
    policy(&domain, "0", "0");
    change(&domain, "Mandeln 0815", "Walnuss 2323").unwrap();
    policy(&domain, "0", "24");
    reset(&domain, "Haselnuss 42");
    again("Haselnuss 42", "Walnuss 2323");
    change(&domain, "Haselnuss 42", "Rosinen 4711").unwrap();
    // Each counts once.
    policy(&domain, "0", "2");
    change(&domain, "Rosinen 4711", "Walnuss 2323").unwrap();
    again("Walnuss 2323", "Rosinen 4711");
    change(&domain, "Walnuss 2323", "Haselnuss 42").unwrap();
}

#[test]
fn neither_age_nor_history_binds_computers_and_a_wrong_old_password_is_told_first() {
    let domain = TestDomain::new();
    alice(&domain);
    policy(&domain, "-864000000000", "24");
    let steps = [(ModificationKind::Delete, quoted("wrong")), (ModificationKind::Add, quoted("Rosinen 4711"))];
    assert_eq!(write_password(&domain, &steps).unwrap_err().win32, 0x56, "whether it is one of the last is not told");
    domain.modify(ALICE, &[(ModificationKind::Replace, "userAccountControl", &["4096"])]).unwrap();
    change(&domain, "Rosinen 4711", "Rosinen 4711").unwrap();
}

#[test]
fn a_token_holds_groups_of_groups() {
    let domain = TestDomain::new();
    let applied = alice(&domain);
    let inner = domain.group("inner", &[ALICE]);
    let outer = domain.group("outer", &["CN=inner,OU=Groups,DC=contoso,DC=com"]);
    let view = domain.directory.read().unwrap();
    let sid = |dnt| view.object(dnt).unwrap().unwrap().sid().unwrap();
    let token = token(&view, applied.dnt).unwrap();
    assert_eq!(token.user(), &sid(applied.dnt));
    for group in [sid(inner.dnt), sid(outer.dnt), Sid::AUTHENTICATED_USERS, Sid::EVERYONE] {
        assert!(token.contains(&group), "{group}");
    }
    assert!(!token.contains(&domain_sid().with_rid(512).unwrap()));
    assert!(matches!(authenticate(&view, "outer", b""), Err(LogonFailure::WrongPassword)));
}

#[test]
fn groups_without_number_do_not_shut_the_administrator_out() {
    let domain = TestDomain::new();
    let object = |name: &str, class: &str, sid: Option<Sid>, member: Option<&str>| {
        let mut attributes = vec![attribute("objectClass", &[class]), attribute("sAMAccountName", &[name])];
        attributes.extend(sid.map(|sid| Attribute::new("objectSid", [sid.to_bytes()])));
        attributes.extend(member.map(|member| attribute("member", &[member])));
        (format!("CN={name},OU=People,DC=contoso,DC=com").parse().unwrap(), attributes)
    };
    let at = |name: &str| format!("CN={name},OU=People,DC=contoso,DC=com");
    let mut objects = vec![
        object("Administrator", "user", domain_sid().with_rid(500).ok(), None),
        object("other", "user", None, None),
        object("Administrators", "group", Some(Sid::BUILTIN_ADMINISTRATORS), Some(&at("Administrator"))),
    ];
    for n in 0..1100 {
        let mut group = object(&format!("g{n}"), "group", None, None);
        group.1.push(attribute("member", &[&at("Administrator"), &at("other")]));
        objects.push(group);
    }
    domain.directory.apply(&crate::Caller::system(), crate::Update::Load(objects)).unwrap();
    let view = domain.directory.read().unwrap();
    let of = |name: &str| token(&view, find(&view, name).unwrap().unwrap());
    assert!(of("other").is_err());
    assert!(of("Administrator").unwrap().contains(&Sid::BUILTIN_ADMINISTRATORS));
}
