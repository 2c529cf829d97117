//! What of a gMSA can be changed once it is made, and by whom.

use ldap::ResultCode;

use super::*;

const SPN: &str = "servicePrincipalName";
const DELEGATES: &str = "msDS-AllowedToActOnBehalfOfOtherIdentity";

fn code(result: Result<Applied, Error>) -> ResultCode {
    result.map_or_else(|error| error.code, |_| ResultCode::SUCCESS)
}

fn texts(values: &[&str]) -> Vec<Vec<u8>> {
    values.iter().map(|value| value.as_bytes().to_vec()).collect()
}

impl Scene {
    fn principal(&self, class: &str, name: &str, member: &[&str]) -> Applied {
        let mut attributes = vec![attribute("objectClass", &[class]), attribute("sAMAccountName", &[name])];
        attributes.extend((!member.is_empty()).then(|| attribute("member", member)));
        self.add(&format!("CN={name},CN=Users,DC=contoso,DC=com"), attributes).unwrap()
    }

    fn caller(&self, name: &str) -> Caller {
        let view = self.directory.read().unwrap();
        let account = account::find(&view, name).unwrap().unwrap();
        Caller::new(Arc::new(account::token(&view, account).unwrap()), true)
    }

    fn sid(&self, account: &Applied) -> Sid {
        self.directory.read().unwrap().object(account.dnt).unwrap().unwrap().sid().unwrap()
    }

    /// What somebody else than the administrator writes to the gMSA.
    fn write_as(&self, caller: &Caller, what: &str, values: &[&str]) -> ResultCode {
        let change = Modification { kind: ModificationKind::Replace, attribute: Attribute::new(what, texts(values)) };
        let update = Update::Modify { dn: dn(WEBAPP), changes: vec![change], permissive: false, sd_flags: None };
        code(self.directory.apply(caller, update))
    }
}

#[test]
fn who_may_retrieve_changes_at_once_for_users_computers_groups_and_groups_in_groups() {
    let scene = Scene::new();
    scene.gmsa("30");
    scene.principal("user", "alice", &[]);
    scene.principal("computer", "node1$", &[]);
    scene.principal("user", "bob", &[]);
    let inner = scene.principal("group", "inner", &["CN=bob,CN=Users,DC=contoso,DC=com"]);
    let outer = scene.principal("group", "outer", &["CN=inner,CN=Users,DC=contoso,DC=com"]);
    let user = *scene.caller("alice").token.user();
    let computer = *scene.caller("node1$").token.user();
    let names = ["alice", "node1$", "bob"];
    let may = || names.map(|name| scene.read(&scene.caller(name)).unwrap().is_some());
    let (inner, outer) = (scene.sid(&inner), scene.sid(&outer));
    for (sddl, expected) in [
        (format!("D:(A;;RP;;;{user})"), [true, false, false]),
        (format!("D:(A;;RP;;;{computer})"), [false, true, false]),
        (format!("D:(A;;RP;;;{inner})"), [false, false, true]),
        (format!("D:(A;;RP;;;{outer})"), [false, false, true]),
        (format!("D:(A;;RP;;;{user})(A;;RP;;;{computer})(A;;RP;;;{outer})"), [true, true, true]),
        (format!("D:(D;;RP;;;{inner})(A;;RP;;;AU)"), [true, true, false]),
        ("D:".to_owned(), [false, false, false]),
    ] {
        scene.set_membership(&sddl);
        assert_eq!(may(), expected, "{sddl}");
    }
    let stranger = scene.caller("alice");
    assert_eq!(scene.write_as(&stranger, "msDS-GroupMSAMembership", &["x"]), ResultCode::INSUFFICIENT_ACCESS_RIGHTS);
    assert_ne!(code(scene.modify(WEBAPP, "msDS-GroupMSAMembership", texts(&["no descriptor"]))), ResultCode::SUCCESS);
}

#[test]
fn the_interval_is_chosen_once() {
    let scene = Scene::new();
    scene.gmsa("7");
    for values in [texts(&["30"]), texts(&["7"]), vec![]] {
        assert_eq!(
            code(scene.modify(WEBAPP, "msDS-ManagedPasswordInterval", values)),
            ResultCode::CONSTRAINT_VIOLATION
        );
    }
    assert_eq!(scene.value("msDS-ManagedPasswordInterval"), "7");
}

#[test]
fn encryption_types_and_delegates_are_the_administrator_s_to_change() {
    let scene = Scene::new();
    scene.gmsa("30");
    scene.principal("user", "alice", &[]);
    let descriptor = scene.membership("O:BAD:(A;;GA;;;AU)").values.to_vec();
    scene.modify(WEBAPP, "msDS-SupportedEncryptionTypes", texts(&["16"])).unwrap();
    scene.modify(WEBAPP, DELEGATES, descriptor.clone()).unwrap();
    assert_eq!(scene.value("msDS-SupportedEncryptionTypes"), "16");
    assert_eq!(scene.entry(&scene.admin(), WEBAPP, &[DELEGATES]).unwrap().attributes[0].1, descriptor);
    assert_ne!(code(scene.modify(WEBAPP, DELEGATES, texts(&["no descriptor"]))), ResultCode::SUCCESS);
    let stranger = scene.caller("alice");
    for (what, value) in
        [("msDS-SupportedEncryptionTypes", "24"), (DELEGATES, "x"), (SPN, "HTTP/x"), ("dNSHostName", "x")]
    {
        assert_eq!(scene.write_as(&stranger, what, &[value]), ResultCode::INSUFFICIENT_ACCESS_RIGHTS, "{what}");
    }
    scene.modify(WEBAPP, DELEGATES, vec![]).unwrap();
}

#[test]
fn a_service_principal_name_leads_to_one_account_whatever_its_case() {
    let scene = Scene::new();
    scene.gmsa("30");
    scene.principal("computer", "web1$", &[]);
    let computer = "CN=web1$,CN=Users,DC=contoso,DC=com";
    scene.modify(WEBAPP, SPN, texts(&["HTTP/shop.contoso.com", "HTTP/shop"])).unwrap();
    assert_eq!(code(scene.modify(computer, SPN, texts(&["http/SHOP"]))), ResultCode::CONSTRAINT_VIOLATION);
    scene.modify(WEBAPP, SPN, texts(&["HTTP/shop.contoso.com"])).unwrap();
    scene.modify(computer, SPN, texts(&["http/SHOP"])).unwrap();
}

#[test]
fn the_account_itself_writes_names_of_its_own_host_only() {
    let scene = Scene::new();
    scene.try_gmsa(vec![attribute("dNSHostName", &["webapp.contoso.com"])]).unwrap();
    let own = scene.caller("webapp$");
    for name in ["HTTP/webapp", "HTTP/webapp.contoso.com", "HTTP/webapp.contoso.com:8443"] {
        assert_eq!(scene.write_as(&own, SPN, &[name]), ResultCode::SUCCESS, "{name}");
    }
    for name in ["HTTP/dc1.contoso.com", "HTTP/shop", "HTTP/webapp/shop"] {
        assert_eq!(scene.write_as(&own, SPN, &[name]), ResultCode::INSUFFICIENT_ACCESS_RIGHTS, "{name}");
    }
}

#[test]
fn who_writes_names_by_right_takes_no_service_of_a_host_away_from_it() {
    let scene = Scene::new();
    scene.gmsa("30");
    let operator = scene.principal("user", "operator", &[]);
    let sid = scene.sid(&operator);
    // The right to write every name, without being an administrator.
    let domain = scene.domain();
    let sddl = format!("O:DAG:DAD:P(A;;GA;;;DA)(A;;GA;;;SY)(A;;RPWPLCRCLO;;;{sid})");
    let descriptor = dtyp::sddl::parse(&sddl, &domain, &domain).unwrap().to_bytes().unwrap();
    scene.modify(WEBAPP, "nTSecurityDescriptor", vec![descriptor]).unwrap();
    let operator = scene.caller("operator");
    assert_eq!(scene.write_as(&operator, SPN, &["HTTP/shop.contoso.com"]), ResultCode::SUCCESS);
    for name in ["cifs/dc1.contoso.com", "CIFS/DC1"] {
        assert_eq!(scene.write_as(&operator, SPN, &[name]), ResultCode::CONSTRAINT_VIOLATION, "{name}");
    }
    // The kind that no host has by itself, and what no host is called.
    for name in ["mssqlsvc/dc1.contoso.com", "cifs/nas.contoso.com"] {
        assert_eq!(scene.write_as(&operator, SPN, &[name]), ResultCode::SUCCESS, "{name}");
    }
    scene.modify(WEBAPP, SPN, texts(&["HTTP/dc1.contoso.com"])).unwrap();
}
