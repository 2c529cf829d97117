//! Tickets from a real directory.

use std::sync::Arc;
use std::time::Duration;

use directory::provision::{Provision, provision};
use directory::{Attribute, Caller, Directory, Environment, Modification, ModificationKind, Update};
use dtyp::{FileTime, ManualClock, Sid, SystemRandom, Token, rid};
use kerberos::PrincipalName;
use kerberos::pac::{LogonInfo, UpnDnsInfo};

use super::*;
use crate::kdc::control;

mod gmsa;

const PASSWORD: &str = "Rosinen 4711";
const PEOPLE: &str = "CN=Users,DC=contoso,DC=com";

struct Domain {
    directory: Directory,
    principals: DirectoryPrincipals,
    clock: Arc<ManualClock>,
    _folder: tempfile::TempDir,
}

impl Domain {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new(FileTime::from_unix(1_767_225_600, 0)));
        let wanted = Provision {
            domain: "contoso.com".into(),
            netbios: "CONTOSO".into(),
            dc_name: "dc1".into(),
            admin_password: PASSWORD.to_owned().into(),
            loopback: true,
            kds_root_key: true,
        };
        let environment = Environment { clock: clock.clone(), random: Arc::new(SystemRandom) };
        let directory = provision(folder.path(), &wanted, environment).unwrap();
        let facts = Facts::gather(&directory).unwrap();
        let principals = DirectoryPrincipals::new(directory.clone(), &facts).unwrap();
        let domain = Self { directory, principals, clock, _folder: folder };
        domain.add("alice", "user", &[("userAccountControl", "512"), ("userPrincipalName", "alice.b@contoso.com")]);
        domain
    }

    fn apply(&self, update: Update) {
        let user = Sid::domain_of(1, 2, 3).with_rid(500).unwrap();
        let token = Token::new(user, [Sid::BUILTIN_ADMINISTRATORS, Sid::AUTHENTICATED_USERS, Sid::EVERYONE]);
        let admin = Caller::new(Arc::new(token), true);
        let caller = if matches!(update, Update::Load(_)) { Caller::system() } else { admin };
        self.directory.apply(&caller, update).unwrap();
    }

    fn add(&self, name: &str, class: &str, more: &[(&str, &str)]) {
        let mut attributes = vec![Attribute::new("objectClass", [class]), Attribute::new("sAMAccountName", [name])];
        if class != "group" {
            let quoted: Vec<u8> = format!("\"{PASSWORD}\"").encode_utf16().flat_map(u16::to_le_bytes).collect();
            attributes.push(Attribute::new("unicodePwd", [quoted]));
        }
        attributes.extend(more.iter().map(|(name, value)| Attribute::new(*name, [*value])));
        self.apply(Update::Add { dn: format!("CN={name},{PEOPLE}").parse().unwrap(), attributes });
    }

    fn set(&self, dn: &str, attribute: &str, value: &str) {
        let changes =
            vec![Modification { kind: ModificationKind::Replace, attribute: Attribute::new(attribute, [value]) }];
        self.apply(Update::Modify { dn: dn.parse().unwrap(), changes, permissive: false, sd_flags: None });
    }

    fn client(&self, name: &PrincipalName) -> Option<Arc<Account>> {
        self.principals.client(name, self.now()).unwrap()
    }

    fn alice(&self) -> Arc<Account> {
        self.client(&PrincipalName::user("alice")).unwrap()
    }

    fn service(&self, name: &str) -> Option<String> {
        let found = self.principals.service(&PrincipalName::service(name), self.now()).unwrap();
        found.map(|account| account.name.clone())
    }

    fn now(&self) -> FileTime {
        use dtyp::Clock;
        self.clock.now()
    }
}

#[test]
fn clients_are_found_by_every_name_windows_takes() {
    let domain = Domain::new();
    domain.add("web1$", "computer", &[("userAccountControl", "4096")]);
    for name in [
        PrincipalName::user("alice"),
        PrincipalName::user("ALICE"),
        PrincipalName::user("alice.b"),
        PrincipalName::user("alice@contoso.com"),
        PrincipalName::enterprise("alice.b@contoso.com"),
        PrincipalName::enterprise("Alice@CONTOSO"),
        PrincipalName::enterprise("alice@CONTOSO.COM"),
        PrincipalName::enterprise("ALICE"),
    ] {
        assert_eq!(domain.client(&name).map(|found| found.name.clone()).as_deref(), Some("alice"), "{name:?}");
    }
    assert_eq!(domain.client(&PrincipalName::user("web1")).unwrap().name, "web1$");
    for name in [
        PrincipalName::user("bob"),
        PrincipalName::user(""),
        PrincipalName::user("Domain Users"),
        PrincipalName::enterprise("alice@fabrikam.com"),
        PrincipalName::service("alice/contoso.com"),
        PrincipalName::service("ldap/dc1.contoso.com"),
        PrincipalName::default(),
    ] {
        assert!(domain.client(&name).is_none(), "{name:?}");
    }
}

#[test]
fn services_are_found_by_their_names_and_those_that_every_host_has() {
    let domain = Domain::new();
    domain.add(
        "web1$",
        "computer",
        &[("userAccountControl", "4096"), ("servicePrincipalName", "HOST/web1.contoso.com")],
    );
    for (name, expected) in [
        ("ldap/dc1.contoso.com", Some("DC1$")),
        ("LDAP/DC1", Some("DC1$")),
        ("ldap/dc1.contoso.com/contoso.com", Some("DC1$")),
        ("ldap/localhost", Some("DC1$")),
        ("cifs/dc1.contoso.com", Some("DC1$")),
        ("HTTP/web1.contoso.com", Some("web1$")),
        ("host/web1.contoso.com", Some("web1$")),
        ("kadmin/changepw", Some("krbtgt")),
        ("web1$", Some("web1$")),
        ("web1", Some("web1$")),
        ("mssqlsvc/web1.contoso.com", None),
        ("ldap/web1.contoso.com", None),
        ("http/nowhere", None),
        ("nobody", None),
    ] {
        assert_eq!(domain.service(name).as_deref(), expected, "{name}");
    }
    assert!(HOST_SERVICES.is_sorted());
}

#[test]
fn an_account_has_the_keys_and_the_salt_of_its_password() {
    let domain = Domain::new();
    let alice = domain.alice();
    assert_eq!((alice.salt.as_str(), alice.keys.kvno, alice.keys.current.len()), ("CONTOSO.COMalice", 1, 2));
    assert!(alice.keys.others.is_empty() && !alice.is_service);
    let key = kerberos::crypto::Key::from_password(
        kerberos::crypto::Etype::Aes256,
        PASSWORD.as_bytes(),
        b"CONTOSO.COMalice",
        4096,
    );
    assert_eq!(alice.keys.strongest(), Some(&key));
    domain.set(&format!("CN=alice,{PEOPLE}"), "msDS-SupportedEncryptionTypes", "8");
    let kinds: Vec<_> = domain.alice().keys.current.iter().map(kerberos::crypto::Key::etype).collect();
    assert_eq!(kinds, [kerberos::crypto::Etype::Aes128]);
    domain.set(&format!("CN=alice,{PEOPLE}"), "msDS-SupportedEncryptionTypes", "4");
    assert_eq!(domain.alice().keys.current.len(), 2, "RC4 alone is not to be had");
}

#[test]
fn what_changes_in_the_directory_changes_at_once() {
    let domain = Domain::new();
    let before = domain.alice();
    assert!(Arc::ptr_eq(&before, &domain.alice()), "remembered while nothing changes");
    let dn = format!("CN=alice,{PEOPLE}");
    domain.set(&dn, "userAccountControl", "514");
    assert!(domain.alice().has(control::ACCOUNT_DISABLE));
    domain.set(&dn, "userAccountControl", "66048");
    let expires = domain.now().saturating_add(Duration::from_secs(60));
    domain.set(&dn, "accountExpires", &expires.0.to_string());
    let alice = domain.alice();
    assert_eq!((alice.expires, alice.password_expires, alice.control), (Some(expires), None, 66048));
    domain.set(&dn, "userAccountControl", "512");
    domain.set(&dn, "accountExpires", "0");
    domain.set(&dn, "pwdLastSet", "0");
    let alice = domain.alice();
    assert!(alice.must_change_password && alice.expires.is_none() && !before.must_change_password);
}

#[test]
fn a_password_grows_old_by_the_domain_s_rule() {
    let domain = Domain::new();
    domain.set("DC=contoso,DC=com", "maxPwdAge", "-36000000000");
    let expected = domain.now().saturating_add(Duration::from_secs(3600));
    assert_eq!(domain.alice().password_expires, Some(expected));
    domain.set("DC=contoso,DC=com", "maxPwdAge", "-9223372036854775808");
    assert_eq!(domain.alice().password_expires, None);
}

#[test]
fn a_pac_says_who_an_account_is_and_what_it_is_a_member_of() {
    let domain = Domain::new();
    let alice = format!("CN=alice,{PEOPLE}");
    // Global, domain local, universal; security groups all, and one that is none.
    for (name, kind, member) in [
        ("inner", "-2147483646", alice.as_str()),
        ("local", "-2147483644", &format!("CN=inner,{PEOPLE}")),
        ("everywhere", "-2147483640", &alice),
        ("letters", "2", &alice),
    ] {
        domain.add(name, "group", &[("groupType", kind), ("member", member)]);
    }
    domain.set(&alice, "displayName", "Alice B.");
    let account = domain.alice();
    let info = LogonInfo::decode(&account.authorization.logon_info).unwrap();
    assert_eq!(info.user_sid(), Some(account.sid));
    assert_eq!((info.effective_name.as_str(), info.full_name.as_str()), ("alice", "Alice B."));
    assert_eq!((info.logon_server.as_str(), info.logon_domain_name.as_str()), ("DC1", "CONTOSO"));
    assert_eq!((info.primary_group_id, info.user_account_control), (rid::DOMAIN_USERS, 0x10));
    assert_eq!(info.group_ids.len(), 3, "Domain Users, inner, everywhere: {:?}", info.group_ids);
    assert!(info.group_ids.iter().any(|group| group.rid == rid::DOMAIN_USERS));
    assert_eq!(account.authorization.resource_groups.len(), 1);
    assert_eq!(info.extra_sids[0].sid.to_string(), "S-1-18-1");
    let names = UpnDnsInfo::decode(&account.authorization.upn_dns_info).unwrap();
    assert_eq!((names.upn.as_str(), names.dns_domain.as_str()), ("alice.b@contoso.com", "CONTOSO.COM"));
    assert_eq!((names.upn_is_constructed, names.account), (false, Some(("alice".to_owned(), account.sid))));
    domain.set(&format!("CN=Protected Users,{PEOPLE}"), "member", &alice);
    assert!(domain.alice().protected && !account.protected);
}

#[test]
fn the_ticket_granting_service_keeps_its_keys_before() {
    let domain = Domain::new();
    let first = domain.principals.krbtgt(domain.now()).unwrap();
    assert_eq!((first.keys.kvno, first.keys.others.len()), (1, 0));
    let quoted: Vec<u8> = "\"Another-Passw0rd\"".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let attribute = Attribute::new("unicodePwd", [quoted]);
    let changes = vec![Modification { kind: ModificationKind::Replace, attribute }];
    let dn = format!("CN=krbtgt,{PEOPLE}").parse().unwrap();
    domain.apply(Update::Modify { dn, changes, permissive: false, sd_flags: None });
    let second = domain.principals.krbtgt(domain.now()).unwrap();
    assert_eq!((second.keys.kvno, second.keys.others.len()), (2, 2));
    assert!(second.keys.others.contains(&(1, first.keys.strongest().unwrap().clone())));
}
