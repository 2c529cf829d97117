use std::sync::Arc;

use dtyp::{Sid, Token};

use super::{Provision, provision};
use crate::account::{authenticate, find, keys, token};
use crate::testing::{Entries, environment, filter_of};
use crate::{Base, Caller, Directory, Scope, Search};

fn wanted() -> Provision {
    Provision {
        domain: "contoso.com".into(),
        netbios: "CONTOSO".into(),
        dc_name: "dc1".into(),
        admin_password: "Rosinen 4711".to_owned().into(),
        loopback: true,
        kds_root_key: false,
    }
}

fn new_domain() -> (Directory, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let directory = provision(folder.path(), &wanted(), environment().0).unwrap();
    (directory, folder)
}

fn names(directory: &Directory, caller: &Caller, base: &str, filter: &str) -> Vec<String> {
    let (base, filter) = (base.parse().unwrap(), filter_of(filter));
    let filter = filter.as_filter();
    let mut sink = Entries::default();
    let search = Search::new(Base::Dn(&base), Scope::Subtree, &filter, &["1.1"]);
    directory.read().unwrap().search(caller, &search, &mut sink).unwrap();
    sink.0.into_iter().map(|entry| entry.dn).collect()
}

#[test]
fn a_new_domain_has_its_contexts_its_schema_and_its_accounts() {
    let (directory, _folder) = new_domain();
    let system = Caller::system();
    assert_eq!(directory.read().unwrap().naming_contexts().unwrap().len(), 3);
    let schema = "CN=Schema,CN=Configuration,DC=contoso,DC=com";
    assert_eq!(names(&directory, &system, schema, "(objectClass=attributeSchema)").len(), 1505);
    assert_eq!(names(&directory, &system, schema, "(objectClass=classSchema)").len(), 270);
    let admins = names(
        &directory,
        &system,
        "DC=contoso,DC=com",
        "(&(objectCategory=person)(memberOf=CN=Domain Admins,CN=Users,DC=contoso,DC=com))",
    );
    assert_eq!(admins, ["CN=Administrator,CN=Users,DC=contoso,DC=com"]);
    assert_eq!(names(&directory, &system, "DC=contoso,DC=com", "(servicePrincipalName=ldap/localhost)").len(), 1);
}

/// What the rootDSE's dsServiceName names: bloodyAD reads the domain controller's settings and policy from there.
#[test]
fn the_domain_controller_has_its_settings() {
    let (directory, _folder) = new_domain();
    let configuration = "CN=Configuration,DC=contoso,DC=com";
    let id: String = directory.invocation_id().as_bytes().iter().map(|byte| format!("\\{byte:02x}")).collect();
    let settings =
        names(&directory, &Caller::system(), configuration, &format!("(&(objectClass=nTDSDSA)(invocationId={id}))"));
    assert_eq!(
        settings,
        [format!("CN=NTDS Settings,CN=DC1,CN=Servers,CN=Default-First-Site-Name,CN=Sites,{configuration}")]
    );
    let masters =
        "(&(hasMasterNCs=DC=contoso,DC=com)(dMDLocation=CN=Schema,CN=Configuration,DC=contoso,DC=com)(options=1))";
    assert_eq!(names(&directory, &Caller::system(), configuration, masters), settings);
}

#[test]
fn administrator_logs_on_and_is_one() {
    let (directory, _folder) = new_domain();
    let view = directory.read().unwrap();
    let dnt = authenticate(&view, "CONTOSO\\Administrator", b"Rosinen 4711").unwrap();
    let token = token(&view, dnt).unwrap();
    let sid = *token.user();
    assert_eq!(sid.rid(), Some(500));
    let domain = sid.domain().unwrap();
    for group in [
        Sid::BUILTIN_ADMINISTRATORS,
        domain.with_rid(512).unwrap(),
        domain.with_rid(513).unwrap(),
        domain.with_rid(519).unwrap(),
    ] {
        assert!(token.contains(&group), "{group}");
    }
}

#[test]
fn the_netbios_name_is_the_one_that_was_chosen() {
    let folder = tempfile::tempdir().unwrap();
    let wanted = Provision { netbios: "CORP".into(), ..wanted() };
    let directory = provision(folder.path(), &wanted, environment().0).unwrap();
    let view = directory.read().unwrap();
    for name in ["CORP\\Administrator", "corp\\administrator", "contoso.com\\Administrator", "Administrator@corp"] {
        assert!(find(&view, name).unwrap().is_some(), "{name}");
    }
    for name in ["CONTOSO\\Administrator", "Administrator@contoso", "\\Administrator"] {
        assert_eq!(find(&view, name).unwrap(), None, "{name}");
    }
}

#[test]
fn the_kdc_and_the_domain_controller_have_keys_and_the_guest_has_no_way_in() {
    let (directory, _folder) = new_domain();
    let view = directory.read().unwrap();
    for (name, salt) in [("krbtgt", "CONTOSO.COMkrbtgt"), ("DC1$", "CONTOSO.COMhostdc1.contoso.com")] {
        let object = view.object(find(&view, name).unwrap().unwrap()).unwrap().unwrap();
        let keys = keys(&view, &object).unwrap().unwrap();
        assert_eq!((keys.salt.as_str(), keys.keys.len()), (salt, 2), "{name}");
    }
    assert_eq!(authenticate(&view, "Guest", b"").unwrap_err().data(), 0x52e);
}

#[test]
fn who_has_authenticated_reads_and_strangers_do_not() {
    let (directory, _folder) = new_domain();
    let reader = Caller::new(Arc::new(Token::new(Sid::domain_of(9, 9, 9), [Sid::AUTHENTICATED_USERS])), true);
    let find = |caller| names(&directory, caller, "CN=Users,DC=contoso,DC=com", "(sAMAccountName=Administrator)").len();
    assert_eq!(find(&reader), 1);
    let stranger = Caller::new(Arc::new(Token::new(Sid::domain_of(9, 9, 9), [])), true);
    let (base, filter) = ("CN=Users,DC=contoso,DC=com".parse().unwrap(), filter_of("(cn=*)"));
    let filter = filter.as_filter();
    let search = Search::new(Base::Dn(&base), Scope::Subtree, &filter, &["1.1"]);
    assert!(directory.read().unwrap().search(&stranger, &search, &mut Entries::default()).is_err());
}

#[test]
fn names_and_passwords_that_will_not_do_are_refused() {
    let refused = |change: fn(&mut Provision)| {
        let mut wanted = wanted();
        change(&mut wanted);
        let folder = tempfile::tempdir().unwrap();
        assert!(provision(folder.path(), &wanted, environment().0).is_err());
    };
    refused(|wanted| wanted.domain = "contoso".into());
    refused(|wanted| wanted.domain = "con..toso".into());
    refused(|wanted| wanted.domain = "a,DC=b.com".into());
    refused(|wanted| wanted.netbios = "SIXTEENLETTERSXX".into());
    refused(|wanted| wanted.admin_password = "short".to_owned().into());
}

fn describe(directory: &Directory, caller: &Caller, name: &str) -> Result<crate::Applied, crate::Error> {
    let attribute = crate::testing::attribute("description", &["x"]);
    let changes = vec![crate::Modification { kind: crate::ModificationKind::Replace, attribute }];
    let dn = format!("{name},DC=contoso,DC=com").parse().unwrap();
    directory.apply(caller, crate::Update::Modify { dn, changes, permissive: false, sd_flags: None })
}

#[test]
fn account_operators_administer_accounts_and_not_administrators() {
    let (directory, _folder) = new_domain();
    let operators = Sid::BUILTIN.with_rid(548).unwrap();
    let token = Token::new(Sid::domain_of(9, 9, 9), [Sid::AUTHENTICATED_USERS, operators]);
    let operator = Caller::new(Arc::new(token), true);
    for name in [
        "CN=Administrator,CN=Users",
        "CN=krbtgt,CN=Users",
        "CN=Domain Admins,CN=Users",
        "CN=Administrators,CN=Builtin",
        "CN=Account Operators,CN=Builtin",
        "CN=DC1,OU=Domain Controllers",
        "CN=AdminSDHolder,CN=System",
    ] {
        let refused = describe(&directory, &operator, name).unwrap_err();
        assert_eq!(refused.code, ldap::ResultCode::INSUFFICIENT_ACCESS_RIGHTS, "{name}");
    }
    describe(&directory, &operator, "CN=Guest,CN=Users").unwrap();
}

#[test]
fn what_was_deleted_is_seen_by_administrators() {
    let (directory, _folder) = new_domain();
    let system = Caller::system();
    let dn = || "CN=gone,CN=Users,DC=contoso,DC=com".parse().unwrap();
    let attributes = vec![crate::testing::attribute("objectClass", &["contact"])];
    directory.apply(&system, crate::Update::Add { dn: dn(), attributes }).unwrap();
    directory.apply(&system, crate::Update::Delete { dn: dn(), tree: false }).unwrap();
    let seen = |group: Sid| {
        let caller =
            Caller::new(Arc::new(Token::new(Sid::domain_of(9, 9, 9), [Sid::AUTHENTICATED_USERS, group])), true);
        let (base, filter) = ("DC=contoso,DC=com".parse().unwrap(), filter_of("(isDeleted=TRUE)"));
        let filter = filter.as_filter();
        let mut search = Search::new(Base::Dn(&base), Scope::Subtree, &filter, &["1.1"]);
        search.show_deleted = true;
        let mut sink = Entries::default();
        directory.read().unwrap().search(&caller, &search, &mut sink).unwrap();
        sink.0.iter().filter(|entry| entry.dn.starts_with("CN=gone")).count()
    };
    assert_eq!((seen(Sid::EVERYONE), seen(Sid::BUILTIN_ADMINISTRATORS)), (0, 1));
}
