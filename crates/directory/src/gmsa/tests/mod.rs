//! Managed passwords over months, under a clock of the tests' own.

mod attributes;
mod creation;
mod delegated;
mod release;
mod rollover;
mod root_keys;
mod standalone;

use std::sync::Arc;
use std::time::Duration;

use dtyp::{Clock, FileTime, ManualClock, Sid, Token};
use gkdi::{KeyEnvelope, KeyId, ManagedPassword, ManagedPasswordBlob};
use secrecy::ExposeSecret;

use crate::account::{self, Keys};
use crate::provision::{Provision, provision};
use crate::testing::{Entries, Entry, attribute, dn, environment, filter_of};
use crate::{
    Applied, Attribute, Base, Caller, Directory, Error, Modification, ModificationKind, Scope, Search, Update,
};

const HOUR: Duration = Duration::from_secs(3600);
const MINUTE: Duration = Duration::from_secs(60);
const SECOND: Duration = Duration::from_secs(1);
/// The secret attribute's name, so often asked for.
const PASSWORD: &str = "msDS-ManagedPassword";
const WEBAPP: &str = "CN=webapp,CN=Managed Service Accounts,DC=contoso,DC=com";

/// A domain with a root key, and the clock at the beginning of a slot.
struct Scene {
    directory: Directory,
    clock: Arc<ManualClock>,
    folder: tempfile::TempDir,
    start: FileTime,
}

impl Scene {
    fn new() -> Self {
        Self::with(true)
    }

    fn with(kds_root_key: bool) -> Self {
        let (environment, clock) = environment();
        let start = KeyId::at(clock.now()).plus(1).start();
        clock.set(start);
        let folder = tempfile::tempdir().unwrap();
        let wanted = Provision {
            domain: "contoso.com".into(),
            netbios: "CONTOSO".into(),
            dc_name: "dc1".into(),
            admin_password: "Rosinen 4711".to_owned().into(),
            loopback: false,
            kds_root_key,
        };
        let directory = provision(folder.path(), &wanted, environment).unwrap();
        Self { directory, clock, folder, start }
    }

    /// `hours` after the beginning.
    fn at(&self, hours: u64) -> FileTime {
        self.start.saturating_add(Duration::from_secs(hours * 3600))
    }

    fn domain(&self) -> Sid {
        let view = self.directory.read().unwrap();
        view.object(view.domain().unwrap()).unwrap().unwrap().sid().unwrap()
    }

    fn admin(&self) -> Caller {
        let groups = [Sid::BUILTIN_ADMINISTRATORS, self.domain().with_rid(512).unwrap(), Sid::AUTHENTICATED_USERS];
        Caller::new(Arc::new(Token::new(self.domain().with_rid(500).unwrap(), groups)), true)
    }

    /// Somebody who has logged on, and belongs to nothing.
    fn reader(&self) -> Caller {
        let token = Token::new(self.domain().with_rid(4711).unwrap(), [Sid::AUTHENTICATED_USERS, Sid::EVERYONE]);
        Caller::new(Arc::new(token), true)
    }

    fn add(&self, name: &str, attributes: Vec<Attribute>) -> Result<Applied, Error> {
        self.directory.apply(&self.admin(), Update::Add { dn: dn(name), attributes })
    }

    fn modify(&self, name: &str, what: &str, values: Vec<Vec<u8>>) -> Result<Applied, Error> {
        let change = Modification { kind: ModificationKind::Replace, attribute: Attribute::new(what, values) };
        let update = Update::Modify { dn: dn(name), changes: vec![change], permissive: false, sd_flags: None };
        self.directory.apply(&self.admin(), update)
    }

    /// A gMSA whose password whoever has authenticated may retrieve, with more attributes.
    fn try_gmsa(&self, more: Vec<Attribute>) -> Result<Applied, Error> {
        let mut attributes = vec![attribute("objectClass", &["msDS-GroupManagedServiceAccount"])];
        for default in [attribute("sAMAccountName", &["webapp$"]), self.membership("D:(A;;RP;;;AU)")] {
            if !more.iter().any(|given| given.name == default.name) {
                attributes.push(default);
            }
        }
        attributes.extend(more);
        self.add(WEBAPP, attributes)
    }

    fn gmsa(&self, days: &str) -> Applied {
        self.try_gmsa(vec![attribute("msDS-ManagedPasswordInterval", &[days])]).unwrap()
    }

    fn membership(&self, sddl: &str) -> Attribute {
        let domain = self.domain();
        let descriptor = dtyp::sddl::parse(sddl, &domain, &domain).unwrap().to_bytes().unwrap();
        Attribute::new("msDS-GroupMSAMembership", [descriptor])
    }

    fn set_membership(&self, sddl: &str) {
        self.modify(WEBAPP, "msDS-GroupMSAMembership", self.membership(sddl).values.to_vec()).unwrap();
    }

    fn entry(&self, caller: &Caller, name: &str, attributes: &[&str]) -> Result<Entry, Error> {
        let (base, filter) = (dn(name), filter_of("(objectClass=*)"));
        let filter = filter.as_filter();
        let mut sink = Entries::default();
        let search = Search::new(Base::Dn(&base), Scope::Base, &filter, attributes);
        self.directory.read()?.search(caller, &search, &mut sink)?;
        Ok(sink.0.pop().unwrap())
    }

    /// What a reader is given.
    fn read(&self, caller: &Caller) -> Result<Option<ManagedPasswordBlob>, Error> {
        let entry = self.entry(caller, WEBAPP, &[PASSWORD])?;
        let found = entry.attributes.iter().find(|(name, _)| name == PASSWORD);
        Ok(found.map(|(_, values)| ManagedPasswordBlob::decode(&values[0]).unwrap()))
    }

    fn blob(&self) -> ManagedPasswordBlob {
        self.read(&self.reader()).unwrap().unwrap()
    }

    fn value(&self, name: &str) -> String {
        self.entry(&self.admin(), WEBAPP, &[name]).unwrap().value(name)
    }

    fn envelope(&self, name: &str) -> Option<KeyEnvelope> {
        let entry = self.entry(&self.admin(), WEBAPP, &[name]).unwrap();
        entry.attributes.first().map(|(_, values)| KeyEnvelope::decode(&values[0]).unwrap())
    }

    /// What the KDC works with.
    fn keys(&self) -> Keys {
        let view = self.directory.read().unwrap();
        let found = account::find(&view, "webapp$").unwrap().unwrap();
        account::keys(&view, &view.object(found).unwrap().unwrap()).unwrap().unwrap()
    }

    fn opens(&self, password: &ManagedPassword) -> bool {
        let view = self.directory.read().unwrap();
        account::authenticate(&view, "webapp$", password.kerberos_utf8().expose_secret().as_bytes()).is_ok()
    }

    /// Waits until what readers found to be due is stored: the writer does one thing after the other.
    fn settle(&self) {
        let nothing = Update::System(Box::new(|transaction| transaction.view().domain()));
        self.directory.apply(&Caller::system(), nothing).unwrap();
    }
}
