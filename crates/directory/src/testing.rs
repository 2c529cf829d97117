//! A small domain for tests, and builders that name only what matters.

use std::ops::ControlFlow;
use std::sync::Arc;

use dtyp::sd::{AceFlags, AceKind};
use dtyp::{AccessMask, Ace, Acl, FileTime, Guid, ManualClock, SecurityDescriptor, SeededRandom, Sid, Token};
use ldap::Dn;

use crate::{
    Applied, Attribute, Base, Caller, CreateOptions, Directory, EntrySink, Environment, Error, Modification,
    ModificationKind, OpenOptions, Scope, Search, SearchDone, Update,
};

pub(crate) const DOMAIN: &str = "DC=contoso,DC=com";
pub(crate) const PEOPLE: &str = "OU=People,DC=contoso,DC=com";

/// A domain in a folder that goes when this does.
pub(crate) struct TestDomain {
    pub(crate) directory: Directory,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) folder: tempfile::TempDir,
}

pub(crate) fn environment() -> (Environment, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new(FileTime::from_unix(1_767_225_600, 0)));
    (Environment { clock: clock.clone(), random: Arc::new(SeededRandom::new(7)) }, clock)
}

/// Small, so that many tests may run side by side.
pub(crate) fn options() -> OpenOptions {
    OpenOptions { map_size: 1 << 28, ..OpenOptions::default() }
}

pub(crate) fn domain_sid() -> Sid {
    Sid::domain_of(1, 2, 3)
}

pub(crate) fn dn(text: &str) -> Dn {
    text.parse().unwrap()
}

pub(crate) fn attribute(name: &str, values: &[&str]) -> Attribute {
    Attribute::new(name, values.iter().map(|value| value.as_bytes()))
}

/// Administrators may do everything, everybody who has authenticated may read; so for what is beneath.
fn descriptor() -> Vec<u8> {
    let ace = |mask, trustee| Ace {
        kind: AceKind::Allow,
        flags: AceFlags(AceFlags::CONTAINER_INHERIT.0),
        mask,
        scope: None,
        trustee,
        data: Vec::new(),
    };
    let aces = [
        ace(AccessMask::DS_ALL, Sid::BUILTIN_ADMINISTRATORS),
        ace(AccessMask::GENERIC_READ.mapped(), Sid::AUTHENTICATED_USERS),
    ];
    let (owner, group) = (Some(Sid::BUILTIN_ADMINISTRATORS), Some(Sid::BUILTIN_ADMINISTRATORS));
    SecurityDescriptor { owner, group, dacl: Some(Acl::new(aces)), ..SecurityDescriptor::default() }.to_bytes().unwrap()
}

const SCHEMA: &str = "CN=Schema,CN=Configuration,DC=contoso,DC=com";

/// The category of users.
fn class_person() -> Vec<Attribute> {
    vec![
        attribute("lDAPDisplayName", &["person"]),
        attribute("governsID", &["2.5.6.6"]),
        attribute("objectClassCategory", &["0"]),
        attribute("subClassOf", &["top"]),
        attribute("schemaIDGUID", &["0123456789abcdef"]),
        attribute("defaultObjectCategory", &["CN=Person,CN=Schema,CN=Configuration,DC=contoso,DC=com"]),
    ]
}

/// The objects a domain needs for what is tested here.
pub(crate) fn seed() -> Vec<(Dn, Vec<Attribute>)> {
    let sid = domain_sid();
    let descriptor = descriptor();
    let object = |name: &str, class: &str, more: Vec<Attribute>| {
        let mut attributes = vec![attribute("objectClass", &[class])];
        attributes.extend(more);
        (dn(name), attributes)
    };
    vec![
        object(
            DOMAIN,
            "domainDNS",
            vec![
                attribute("instanceType", &["5"]),
                Attribute::new("objectSid", [sid.to_bytes()]),
                Attribute::new("nTSecurityDescriptor", [descriptor]),
                attribute(
                    "wellKnownObjects",
                    &["B:32:18E2EA80684F11D2B9AA00C04F79F805:CN=Deleted Objects,DC=contoso,DC=com"],
                ),
            ],
        ),
        object(
            "CN=Deleted Objects,DC=contoso,DC=com",
            "container",
            vec![attribute("isCriticalSystemObject", &["TRUE"]), attribute("isDeleted", &["TRUE"])],
        ),
        object(PEOPLE, "organizationalUnit", vec![]),
        object("OU=Groups,DC=contoso,DC=com", "organizationalUnit", vec![]),
        object("CN=System,DC=contoso,DC=com", "container", vec![attribute("isCriticalSystemObject", &["TRUE"])]),
        object(SCHEMA, "dMD", vec![attribute("instanceType", &["5"])]),
        object("CN=Person,CN=Schema,CN=Configuration,DC=contoso,DC=com", "classSchema", class_person()),
    ]
}

impl TestDomain {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (environment, clock) = environment();
        let directory = Directory::create(folder.path(), CreateOptions { open: options() }, environment).unwrap();
        directory.apply(&Caller::system(), Update::Load(seed())).unwrap();
        Self { directory, clock, folder }
    }

    /// An administrator on an encrypted connection.
    pub(crate) fn admin() -> Caller {
        let user = domain_sid().with_rid(500).unwrap();
        Caller::new(
            Arc::new(Token::new(user, [Sid::BUILTIN_ADMINISTRATORS, Sid::AUTHENTICATED_USERS, Sid::EVERYONE])),
            true,
        )
    }

    pub(crate) fn add(&self, name: &str, attributes: Vec<Attribute>) -> Result<Applied, Error> {
        self.directory.apply(&Self::admin(), Update::Add { dn: dn(name), attributes })
    }

    /// A user in People.
    pub(crate) fn user(&self, name: &str) -> Applied {
        self.user_with(name, vec![])
    }

    pub(crate) fn user_with(&self, name: &str, more: Vec<Attribute>) -> Applied {
        let mut attributes = vec![attribute("objectClass", &["user"]), attribute("sAMAccountName", &[name])];
        attributes.extend(more);
        self.add(&format!("CN={name},{PEOPLE}"), attributes).unwrap()
    }

    pub(crate) fn group(&self, name: &str, members: &[&str]) -> Applied {
        let mut attributes = vec![attribute("objectClass", &["group"]), attribute("sAMAccountName", &[name])];
        if !members.is_empty() {
            attributes.push(attribute("member", members));
        }
        self.add(&format!("CN={name},OU=Groups,{DOMAIN}"), attributes).unwrap()
    }

    pub(crate) fn modify(&self, name: &str, changes: &[(ModificationKind, &str, &[&str])]) -> Result<Applied, Error> {
        self.modify_as(&Self::admin(), name, changes, false)
    }

    pub(crate) fn modify_as(
        &self,
        caller: &Caller,
        name: &str,
        changes: &[(ModificationKind, &str, &[&str])],
        permissive: bool,
    ) -> Result<Applied, Error> {
        let changes =
            changes.iter().map(|(kind, name, values)| Modification { kind: *kind, attribute: attribute(name, values) });
        self.directory
            .apply(caller, Update::Modify { dn: dn(name), changes: changes.collect(), permissive, sd_flags: None })
    }

    pub(crate) fn delete(&self, name: &str) -> Result<Applied, Error> {
        self.directory.apply(&Self::admin(), Update::Delete { dn: dn(name), tree: false })
    }

    pub(crate) fn rename(&self, name: &str, rdn: &str, superior: Option<&str>) -> Result<Applied, Error> {
        let update = Update::Rename {
            dn: dn(name),
            new_rdn: rdn.parse().unwrap(),
            delete_old_rdn: true,
            new_superior: superior.map(dn),
        };
        self.directory.apply(&Self::admin(), update)
    }

    /// The names of what a search under the domain finds, sorted.
    pub(crate) fn find(&self, filter: &str) -> Vec<String> {
        let mut names: Vec<String> =
            self.entries(DOMAIN, Scope::Subtree, filter, &["1.1"]).into_iter().map(|entry| entry.dn).collect();
        names.sort();
        names
    }

    pub(crate) fn entries(&self, base: &str, scope: Scope, filter: &str, attributes: &[&str]) -> Vec<Entry> {
        let base = dn(base);
        let filter = filter_of(filter);
        let filter = filter.as_filter();
        let search = Search::new(Base::Dn(&base), scope, &filter, attributes);
        self.run(&TestDomain::admin(), &search).unwrap().1
    }

    pub(crate) fn entry(&self, name: &str, attributes: &[&str]) -> Entry {
        self.entries(name, Scope::Base, "(objectClass=*)", attributes).pop().unwrap()
    }

    pub(crate) fn run(&self, caller: &Caller, search: &Search<'_>) -> Result<(SearchDone, Vec<Entry>), Error> {
        let mut sink = Entries::default();
        let done = self.directory.read()?.search(caller, search, &mut sink)?;
        Ok((done, sink.0))
    }
}

pub(crate) fn filter_of(text: &str) -> ldap::FilterBuf {
    text.parse().unwrap()
}

/// An entry as a client gets it.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) dn: String,
    pub(crate) attributes: Vec<(String, Vec<Vec<u8>>)>,
}

impl Entry {
    pub(crate) fn values(&self, name: &str) -> Vec<String> {
        let found = self.attributes.iter().find(|(have, _)| have.eq_ignore_ascii_case(name));
        found
            .map(|(_, values)| values.iter().map(|value| String::from_utf8_lossy(value).into_owned()).collect())
            .unwrap_or_default()
    }

    pub(crate) fn value(&self, name: &str) -> String {
        self.values(name).into_iter().next().unwrap_or_default()
    }

    pub(crate) fn guid(&self) -> Guid {
        let found = self.attributes.iter().find(|(have, _)| have == "objectGUID").unwrap();
        Guid::from_bytes(&found.1[0]).unwrap()
    }
}

/// Gathers entries.
#[derive(Default)]
pub(crate) struct Entries(pub(crate) Vec<Entry>);

impl EntrySink for Entries {
    fn begin(&mut self, dn: &str) {
        self.0.push(Entry { dn: dn.into(), attributes: Vec::new() });
    }

    fn attribute(&mut self, name: &str) {
        self.0.last_mut().unwrap().attributes.push((name.into(), Vec::new()));
    }

    fn value(&mut self, value: &[u8]) {
        self.0.last_mut().unwrap().attributes.last_mut().unwrap().1.push(value.to_vec());
    }

    fn end(&mut self) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}
