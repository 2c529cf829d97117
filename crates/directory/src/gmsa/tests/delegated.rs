//! Delegated managed service accounts, and why one does not become whom it names.

use dtyp::rid;
use ldap::ResultCode;

use super::*;

const DMSA: &str = "CN=worker,OU=Apps,DC=contoso,DC=com";
const SERVICE: &str = "CN=oldsvc,CN=Users,DC=contoso,DC=com";
const ADMINISTRATOR: &str = "CN=Administrator,CN=Users,DC=contoso,DC=com";
const PRECEDED_BY: &str = "msDS-ManagedAccountPrecededByLink";
const SUPERSEDED_BY: &str = "msDS-SupersededManagedAccountLink";
const STATE: &str = "msDS-DelegatedMSAState";

/// A domain with an organizational unit in which everybody may do everything, and an old service account elsewhere.
struct Apps(Scene);

impl Apps {
    fn new() -> Self {
        let scene = Scene::new();
        scene.add("OU=Apps,DC=contoso,DC=com", vec![attribute("objectClass", &["organizationalUnit"])]).unwrap();
        let user = vec![attribute("objectClass", &["user"]), attribute("sAMAccountName", &["oldsvc"])];
        scene.add(SERVICE, user).unwrap();
        let apps = Self(scene);
        apps.grant("OU=Apps,DC=contoso,DC=com", "(A;CI;GA;;;S-1-1-0)");
        apps
    }

    /// Adds an entry to an object's access list.
    fn grant(&self, name: &str, ace: &str) {
        let domain = self.0.domain();
        let sddl = format!("O:DAG:DAD:P(A;;GA;;;DA)(A;;GA;;;SY)(A;;RPLCLORC;;;AU){ace}");
        let descriptor = dtyp::sddl::parse(&sddl, &domain, &domain).unwrap().to_bytes().unwrap();
        self.0.modify(name, "nTSecurityDescriptor", vec![descriptor]).unwrap();
    }

    fn create(&self, caller: &Caller, more: &[(&str, &str)]) -> Result<Applied, Error> {
        let mut attributes = vec![
            attribute("objectClass", &["msDS-DelegatedManagedServiceAccount"]),
            attribute("sAMAccountName", &["worker$"]),
        ];
        attributes.extend(more.iter().map(|(name, value)| attribute(name, &[value])));
        self.0.directory.apply(caller, Update::Add { dn: dn(DMSA), attributes })
    }

    fn write(&self, caller: &Caller, name: &str, what: &str, value: &str) -> Result<Applied, Error> {
        let change = Modification { kind: ModificationKind::Replace, attribute: attribute(what, &[value]) };
        let update = Update::Modify { dn: dn(name), changes: vec![change], permissive: false, sd_flags: None };
        self.0.directory.apply(caller, update)
    }
}

fn code(result: Result<Applied, Error>) -> ResultCode {
    result.map_or_else(|error| error.code, |_| ResultCode::SUCCESS)
}

#[test]
fn a_delegated_account_has_a_derived_password_that_ldap_shows_to_nobody() {
    let apps = Apps::new();
    apps.create(&apps.0.admin(), &[]).unwrap();
    let entry = apps.0.entry(&apps.0.admin(), DMSA, &["*", STATE, "msDS-ManagedPasswordId"]).unwrap();
    for (name, expected) in [
        (STATE, "0"),
        ("userAccountControl", "4096"),
        ("msDS-ManagedPasswordInterval", "30"),
        ("msDS-SupportedEncryptionTypes", "24"),
    ] {
        assert_eq!(entry.value(name), expected, "{name}");
    }
    let domain = apps.0.domain();
    let readers = dtyp::sddl::parse("D:(A;;RP;;;S-1-1-0)", &domain, &domain).unwrap().to_bytes().unwrap();
    apps.0.modify(DMSA, "msDS-GroupMSAMembership", vec![readers]).unwrap();
    for caller in [apps.0.reader(), apps.0.admin(), Caller::system()] {
        assert!(apps.0.entry(&caller, DMSA, &[PASSWORD]).unwrap().attributes.is_empty());
    }
    let view = apps.0.directory.read().unwrap();
    let found = view.object(account::find(&view, "worker$").unwrap().unwrap()).unwrap().unwrap();
    let keys = account::keys(&view, &found).unwrap().unwrap();
    assert_eq!((keys.kvno, keys.salt.as_str()), (1, "CONTOSO.COMhostworker.contoso.com"));
    drop(view);
    let quoted: Vec<u8> = "\"Rosinen 4711\"".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert!(apps.0.modify(DMSA, "unicodePwd", vec![quoted]).is_err(), "the directory alone sets it");
}

#[test]
fn who_may_create_one_may_not_name_an_account_that_is_not_theirs() {
    let apps = Apps::new();
    let stranger = apps.0.reader();
    for state in ["0", "1", "2"] {
        let given = [(PRECEDED_BY, ADMINISTRATOR), (STATE, state)];
        assert_eq!(code(apps.create(&stranger, &given)), ResultCode::INSUFFICIENT_ACCESS_RIGHTS, "state {state}");
    }
    apps.create(&stranger, &[(STATE, "3")]).unwrap();
    let link = |value| code(apps.write(&stranger, DMSA, PRECEDED_BY, value));
    assert_eq!(link(ADMINISTRATOR), ResultCode::INSUFFICIENT_ACCESS_RIGHTS);
    assert_eq!(
        code(apps.write(&stranger, DMSA, STATE, "2")),
        ResultCode::CONSTRAINT_VIOLATION,
        "without a predecessor"
    );
    // Nor is it enough that an administrator has linked them, and left the dMSA to somebody else.
    apps.write(&apps.0.admin(), DMSA, PRECEDED_BY, ADMINISTRATOR).unwrap();
    assert_eq!(code(apps.write(&stranger, DMSA, STATE, "2")), ResultCode::INSUFFICIENT_ACCESS_RIGHTS);
    apps.write(&stranger, DMSA, STATE, "0").unwrap();
}

#[test]
fn who_may_write_one_of_the_two_attributes_of_the_predecessor_may_not_give_it_away() {
    let apps = Apps::new();
    let stranger = apps.0.reader();
    apps.create(&stranger, &[]).unwrap();
    apps.grant(SERVICE, "(OA;;WP;3752e002-43be-48c8-b3ca-2cb2fffbc8a1;;S-1-1-0)");
    assert_eq!(code(apps.write(&stranger, DMSA, PRECEDED_BY, SERVICE)), ResultCode::INSUFFICIENT_ACCESS_RIGHTS);
    apps.grant(
        SERVICE,
        "(OA;;WP;3752e002-43be-48c8-b3ca-2cb2fffbc8a1;;S-1-1-0)(OA;;WP;a4693096-a4c3-4ecd-b8cb-73cd6398b7a2;;S-1-1-0)",
    );
    apps.write(&stranger, DMSA, PRECEDED_BY, SERVICE).unwrap();
}

#[test]
fn who_may_write_both_ends_links_them_and_both_ends_show_it() {
    let apps = Apps::new();
    let admin = apps.0.admin();
    apps.create(&admin, &[(PRECEDED_BY, SERVICE), (STATE, "1")]).unwrap();
    apps.write(&admin, SERVICE, SUPERSEDED_BY, DMSA).unwrap();
    apps.write(&admin, SERVICE, "msDS-SupersededServiceAccountState", "1").unwrap();
    let value = |name: &str, what| apps.0.entry(&admin, name, &[what]).unwrap().value(what);
    assert_eq!(value(SERVICE, "msDS-ManagedAccountPrecededByLinkBL"), DMSA);
    assert_eq!(value(DMSA, "msDS-SupersededManagedAccountLinkBL"), SERVICE);
    let refused = |name, what, to| code(apps.write(&admin, name, what, to));
    assert_eq!(refused(DMSA, PRECEDED_BY, "OU=Apps,DC=contoso,DC=com"), ResultCode::CONSTRAINT_VIOLATION);
    assert_eq!(refused(DMSA, PRECEDED_BY, DMSA), ResultCode::CONSTRAINT_VIOLATION);
    assert_eq!(refused(SERVICE, SUPERSEDED_BY, ADMINISTRATOR), ResultCode::CONSTRAINT_VIOLATION);
    assert_eq!(refused(DMSA, STATE, "4"), ResultCode::CONSTRAINT_VIOLATION);
}

#[test]
fn nobody_gives_their_own_account_to_a_delegated_one_that_is_not_theirs() {
    let apps = Apps::new();
    apps.create(&apps.0.admin(), &[]).unwrap();
    apps.grant(DMSA, "");
    let stranger = apps.0.reader();
    assert_eq!(code(apps.write(&stranger, SERVICE, SUPERSEDED_BY, DMSA)), ResultCode::INSUFFICIENT_ACCESS_RIGHTS);
}

#[test]
fn a_link_to_an_administrator_is_no_membership() {
    let apps = Apps::new();
    apps.create(&apps.0.admin(), &[(PRECEDED_BY, ADMINISTRATOR), (STATE, "2")]).unwrap();
    apps.write(&apps.0.admin(), ADMINISTRATOR, SUPERSEDED_BY, DMSA).unwrap();
    let view = apps.0.directory.read().unwrap();
    let token = account::token(&view, account::find(&view, "worker$").unwrap().unwrap()).unwrap();
    let admins = [Sid::BUILTIN_ADMINISTRATORS, apps.0.domain().with_rid(rid::DOMAIN_ADMINS).unwrap()];
    assert!(admins.iter().all(|group| !token.contains(group)));
    assert_ne!(Some(*token.user()), apps.0.domain().with_rid(500).ok());
}
