//! Standalone managed service accounts: one computer uses it, and sets its password.

use ldap::ResultCode;

use super::*;

const SMSA: &str = "CN=backup,CN=Managed Service Accounts,DC=contoso,DC=com";
const HOST: &str = "CN=SRV01,CN=Computers,DC=contoso,DC=com";
const LINK: &str = "msDS-HostServiceAccount";
const NEW_PASSWORD: &str = "Nobody has to remember this one, 4711 times";

struct Hosts(Scene);

impl Hosts {
    fn new() -> Self {
        let scene = Scene::new();
        for name in ["SRV01", "SRV02"] {
            let computer = vec![
                attribute("objectClass", &["computer"]),
                attribute("sAMAccountName", &[&format!("{name}$")]),
                attribute("userAccountControl", &["4096"]),
            ];
            scene.add(&format!("CN={name},CN=Computers,DC=contoso,DC=com"), computer).unwrap();
        }
        let account =
            [attribute("objectClass", &["msDS-ManagedServiceAccount"]), attribute("sAMAccountName", &["backup$"])];
        scene.add(SMSA, account.to_vec()).unwrap();
        Self(scene)
    }

    fn host(&self, name: &str) -> Caller {
        let view = self.0.directory.read().unwrap();
        let account = account::find(&view, &format!("{name}$")).unwrap().unwrap();
        Caller::new(Arc::new(account::token(&view, account).unwrap()), true)
    }

    fn write(&self, caller: &Caller, name: &str, changes: Vec<Modification>) -> Result<Applied, Error> {
        self.0.directory.apply(caller, Update::Modify { dn: dn(name), changes, permissive: false, sd_flags: None })
    }

    /// What an administrator does for the account's host.
    fn entrust(&self, name: &str) {
        let sid = *self.host(name).token.user();
        let entry = self.0.entry(&Caller::system(), SMSA, &["nTSecurityDescriptor"]).unwrap();
        let stored = &entry.attributes.iter().find(|(name, _)| name == "nTSecurityDescriptor").unwrap().1[0];
        let mut descriptor = dtyp::SecurityDescriptor::from_bytes(stored).unwrap();
        let domain = self.0.domain();
        let ace = format!("D:(OA;;CR;00299570-246d-11d0-a768-00aa006e0529;;{sid})");
        let more = dtyp::sddl::parse(&ace, &domain, &domain).unwrap().dacl.unwrap().aces;
        descriptor.dacl.as_mut().unwrap().aces.extend(more);
        self.0.modify(SMSA, "nTSecurityDescriptor", vec![descriptor.to_bytes().unwrap()]).unwrap();
        self.0.modify(HOST, LINK, vec![SMSA.as_bytes().to_vec()]).unwrap();
    }
}

fn quoted(password: &str) -> Vec<u8> {
    format!("\"{password}\"").encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn password(kind: ModificationKind, password: &str) -> Modification {
    Modification { kind, attribute: Attribute::new("unicodePwd", [quoted(password)]) }
}

fn code(result: Result<Applied, Error>) -> ResultCode {
    result.map_or_else(|error| error.code, |_| ResultCode::SUCCESS)
}

#[test]
fn it_is_a_computers_kind_of_account_without_a_derived_password() {
    let hosts = Hosts::new();
    let value = |name| hosts.0.entry(&hosts.0.admin(), SMSA, &[name]).unwrap().value(name);
    assert_eq!(value("userAccountControl"), "4096");
    assert_eq!(value("sAMAccountType"), "805306369");
    assert!(
        hosts.0.entry(&hosts.0.admin(), SMSA, &[PASSWORD, "msDS-ManagedPasswordId"]).unwrap().attributes.is_empty()
    );
    let nameless =
        vec![attribute("objectClass", &["msDS-ManagedServiceAccount"]), attribute("sAMAccountName", &["tape"])];
    let dn = "CN=tape,CN=Managed Service Accounts,DC=contoso,DC=com";
    assert_eq!(code(hosts.0.add(dn, nameless)), ResultCode::CONSTRAINT_VIOLATION, "a name without $");
}

#[test]
fn its_host_sets_its_password_when_it_was_given_that_right_and_logs_on_with_it() {
    let hosts = Hosts::new();
    hosts.entrust("SRV01");
    let host = hosts.host("SRV01");
    hosts.write(&host, SMSA, vec![password(ModificationKind::Replace, NEW_PASSWORD)]).unwrap();
    let opens = |password: &str| {
        account::authenticate(&hosts.0.directory.read().unwrap(), "backup$", password.as_bytes()).is_ok()
    };
    assert!(opens(NEW_PASSWORD));
    let value = |name, what| hosts.0.entry(&hosts.0.admin(), name, &[what]).unwrap().value(what);
    assert_eq!(value(SMSA, "msDS-KeyVersionNumber"), "1");
    assert_eq!(value(SMSA, "msDS-HostServiceAccountBL"), HOST);
    // From then on the account itself is enough: it knows the old one.
    let account = hosts.host("backup");
    let next = "And this one even less, says the scheduler 0815";
    let change = vec![password(ModificationKind::Delete, NEW_PASSWORD), password(ModificationKind::Add, next)];
    hosts.write(&account, SMSA, change).unwrap();
    assert!(opens(next) && !opens(NEW_PASSWORD));
    assert_eq!(value(SMSA, "msDS-KeyVersionNumber"), "2");
    hosts.0.clock.set(hosts.0.at(24 * 400));
    assert!(opens(next), "it does not expire");
}

#[test]
fn a_computer_that_links_the_account_to_itself_has_gained_nothing() {
    let hosts = Hosts::new();
    hosts.entrust("SRV01");
    let other = hosts.host("SRV02");
    let link = Modification { kind: ModificationKind::Add, attribute: attribute(LINK, &[SMSA]) };
    // Its own attribute: every computer may write it, in Active Directory too.
    hosts.write(&other, "CN=SRV02,CN=Computers,DC=contoso,DC=com", vec![link]).unwrap();
    let reset = vec![password(ModificationKind::Replace, NEW_PASSWORD)];
    assert_eq!(code(hosts.write(&other, SMSA, reset)), ResultCode::INSUFFICIENT_ACCESS_RIGHTS);
}
