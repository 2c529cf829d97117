//! The directory's accounts, as binds need them. MS-ADTS 5.1.1.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use directory::{Caller, Directory, Dnt, Error, Object, Usn, View, account};
use kerberos::PrincipalName;
use kerberos::crypto::{Etype, Key};
use kerberos::gss::Accepted;
use kerberos::pac::Pac;

use super::facts::Facts;
use super::logon::{Logon, LogonFailure, Principal};
use crate::outside::Outside;

/// How many principals are remembered: as many as the KDC remembers accounts.
const REMEMBERED: usize = 1 << 14;
/// MS-ADTS 2.2.16.
const ACCOUNT_DISABLE: i64 = 2;

/// The accounts of a directory.
pub(crate) fn accounts(directory: &Directory, facts: &Arc<Facts>) -> Box<dyn Logon> {
    Box::new(Accounts { directory: directory.clone(), facts: Arc::clone(facts), remembered: Mutex::default() })
}

struct Accounts {
    directory: Directory,
    facts: Arc<Facts>,
    /// Principals as they were at a USN: while nothing in the directory changes, neither do they. With a principal stays what it was
    /// found to be allowed, so that a busy service's every connection need not find out anew.
    remembered: Mutex<Remembered>,
}

#[derive(Default)]
struct Remembered {
    at: Usn,
    principals: HashMap<Dnt, Principal>,
}

impl Logon for Accounts {
    fn simple(&self, name: &str, password: &[u8]) -> Result<Principal, LogonFailure> {
        let view = self.directory.read().map_err(unavailable)?;
        let account = account::authenticate(&view, name, password).map_err(|failure| {
            if let account::LogonFailure::Directory(error) = &failure {
                tracing::error!(%error, "a logon could not be decided");
            }
            LogonFailure { data: failure.data() }
        })?;
        self.principal(&view, account).map_err(unavailable)
    }

    fn ticket(&self, accepted: &Accepted) -> Result<Principal, LogonFailure> {
        if !accepted.client_realm.eq_ignore_ascii_case(&self.facts.realm()) {
            return Err(LogonFailure::NO_SUCH_USER);
        }
        let view = self.directory.read().map_err(unavailable)?;
        let account = find(&view, accepted)?.ok_or(LogonFailure::NO_SUCH_USER)?;
        let object = view.object(account).map_err(unavailable)?.ok_or(LogonFailure::NO_SUCH_USER)?;
        check(&object)?;
        self.principal(&view, account).map_err(unavailable)
    }

    /// Whatever the service is called: a ticket that one of our own keys opens is for us, and no other account's key is ever tried.
    fn service_keys(&self, _: &PrincipalName, _: &str, etype: Etype, kvno: Option<u32>) -> Vec<Key> {
        let found = self.directory.read().and_then(|view| self.own_keys(&view)).unwrap_or_else(|error| {
            tracing::error!(%error, "the domain controller's own keys cannot be read");
            Vec::new()
        });
        let mut keys: Vec<account::AccountKey> = found.into_iter().filter(|key| key.key.etype() == etype).collect();
        keys.sort_by_key(|key| Some(key.kvno) != kvno);
        keys.into_iter().map(|key| key.key).collect()
    }
}

impl Accounts {
    fn own_keys(&self, view: &View<'_>) -> Result<Vec<account::AccountKey>, Error> {
        let machine = self.facts.machine_account();
        let Some(own) = account::find(view, &machine)? else { return Ok(Vec::new()) };
        let Some(object) = view.object(own)? else { return Ok(Vec::new()) };
        Ok(account::keys(view, &object)?.map(|keys| keys.keys).unwrap_or_default())
    }

    fn principal(&self, view: &View<'_>, account: Dnt) -> Result<Principal, Error> {
        let now = view.highest_usn()?;
        if let Some(principal) = self.remembered(now, account) {
            return Ok(principal);
        }
        let object = view.object(account)?;
        let name = object.as_ref().and_then(|object| text(object, "sAMAccountName")).unwrap_or_default();
        let principal = Principal {
            caller: Caller::new(Arc::new(account::token(view, account)?), false),
            name: format!("{}\\{name}", self.facts.netbios).into(),
        };
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        // A snapshot older than what is remembered must not be taken for the present.
        if remembered.at == now && remembered.principals.len() < REMEMBERED {
            remembered.principals.insert(account, principal.clone());
        }
        Ok(principal)
    }

    fn remembered(&self, now: Usn, account: Dnt) -> Option<Principal> {
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        if remembered.at < now {
            remembered.at = now;
            remembered.principals.clear();
        }
        if remembered.at == now { remembered.principals.get(&account).cloned() } else { None }
    }
}

/// Whom a ticket speaks for: the SID in its PAC. A ticket without one says a name only, which may be another account's by now, and
/// which need not lead here to the account that it led the KDC to; it speaks for nobody.
fn find(view: &View<'_>, accepted: &Accepted) -> Result<Option<Dnt>, LogonFailure> {
    let Some(pac) = &accepted.pac else {
        tracing::info!(client = %Outside(&accepted.client), "a ticket without a PAC: the client asked the KDC for none");
        return Err(LogonFailure::WRONG);
    };
    let malformed = |_| LogonFailure::MALFORMED;
    let pac = Pac::decode(pac).map_err(malformed)?;
    let info = pac.logon_info().map_err(malformed)?.ok_or(LogonFailure::MALFORMED)?;
    let sid = info.user_sid().ok_or(LogonFailure::MALFORMED)?;
    view.by_sid(&sid).map_err(unavailable)
}

/// A ticket outlives what has been decided about its account since: whoever is disabled or expired by now stays out.
fn check(account: &Object<'_>) -> Result<(), LogonFailure> {
    let number = |name: &str| text(account, name).and_then(|text| text.parse::<i64>().ok()).unwrap_or(0);
    if account.is_deleted() || !account.is_a("user") {
        return Err(LogonFailure::NO_SUCH_USER);
    }
    if number("userAccountControl") & ACCOUNT_DISABLE != 0 {
        return Err(LogonFailure::DISABLED);
    }
    let (expires, now) = (number("accountExpires"), account.view().environment().clock.now().0);
    match u64::try_from(expires) {
        Ok(expires) if expires != 0 && expires <= now => Err(LogonFailure::EXPIRED),
        _ => Ok(()),
    }
}

fn text<'v>(object: &Object<'v>, attribute: &str) -> Option<&'v str> {
    object.view().schema().attribute(attribute).and_then(|attribute| object.text(attribute.id))
}

fn unavailable(error: Error) -> LogonFailure {
    tracing::error!(%error, "a logon could not be decided");
    LogonFailure::WRONG
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ldap::testing::{PEOPLE, TestServer, administrator};
    use directory::{Attribute, Modification, ModificationKind, Update};
    use kerberos::gss::{AcceptOptions, Initiator, InitiatorOptions, ReplayCache, accept};

    struct Scene {
        server: TestServer,
        accounts: Box<dyn Logon>,
    }

    impl Scene {
        fn new() -> Self {
            let server = TestServer::new();
            let scene = Self { accounts: accounts(&server.server.directory, &server.server.facts), server };
            scene.server.account("alice", "user", "Wonder-1and");
            scene.server.account("DC1$", "computer", "Wonder-1and");
            scene
        }

        fn apply(&self, update: Update) {
            self.server.server.directory.apply(&administrator(true), update).unwrap();
        }

        fn modify(&self, name: &str, kind: ModificationKind, attribute: &str, value: &str) {
            let dn = format!("CN={name},{PEOPLE}").parse().unwrap();
            let changes = vec![Modification { kind, attribute: Attribute::new(attribute, [value]) }];
            self.apply(Update::Modify { dn, changes, permissive: false, sd_flags: None });
        }
    }

    #[test]
    fn a_logon_by_any_name_gives_the_principal() {
        let scene = Scene::new();
        for name in ["alice@contoso.com", r"CONTOSO\Alice", "alice", "CN=alice,OU=People,DC=contoso,DC=com"] {
            assert_eq!(&*scene.accounts.simple(name, b"Wonder-1and").unwrap().name, r"CONTOSO\alice", "{name}");
        }
        assert_eq!(scene.accounts.simple("alice", b"wrong").unwrap_err(), LogonFailure::WRONG);
    }

    #[test]
    fn what_is_remembered_of_a_principal_ends_with_the_next_change() {
        let scene = Scene::new();
        let logon = || scene.accounts.simple("alice", b"Wonder-1and").unwrap().caller.token;
        let before = logon();
        assert!(Arc::ptr_eq(&before, &logon()));
        scene.apply(Update::Add {
            dn: format!("CN=staff,{PEOPLE}").parse().unwrap(),
            attributes: vec![
                Attribute::new("objectClass", ["group"]),
                Attribute::new("sAMAccountName", ["staff"]),
                Attribute::new("member", [format!("CN=alice,{PEOPLE}")]),
            ],
        });
        assert_eq!(logon().groups().len(), before.groups().len() + 1);
        scene.modify("alice", ModificationKind::Replace, "userAccountControl", "514");
        assert_eq!(scene.accounts.simple("alice", b"Wonder-1and").unwrap_err(), LogonFailure::DISABLED);
    }

    #[test]
    fn a_ticket_for_this_domain_controller_speaks_for_its_client_until_that_is_disabled() {
        let scene = Scene::new();
        let keys = scene.accounts.service_keys(&PrincipalName::service("ldap/x"), "", Etype::Aes256, Some(1));
        assert_eq!(keys.len(), 1);
        let environment = scene.server.server.directory.environment();
        let now = environment.clock.now();
        let bind_with = |client: &str, pac: Option<u32>| {
            let pac = pac.map(|rid| scene.server.pac(rid, &keys[0]));
            let ticket = scene.server.ticket_under(client, &keys[0], pac);
            let (_, token) = Initiator::start(&ticket, InitiatorOptions::default(), now, &*environment.random).unwrap();
            let lookup = |service: &PrincipalName, realm: &str, etype: Etype, kvno: Option<u32>| {
                scene.accounts.service_keys(service, realm, etype, kvno)
            };
            let options = AcceptOptions {
                keys: &lookup,
                replay: &ReplayCache::default(),
                bindings: None,
                require_bindings: false,
                now,
                random: &*environment.random,
            };
            scene.accounts.ticket(&accept(&token, &options).unwrap())
        };
        let alice = scene.accounts.simple("alice", b"Wonder-1and").unwrap().caller.token.user().rid();
        let bind = |client: &str| bind_with(client, alice);
        assert_eq!(&*bind("alice").unwrap().name, r"CONTOSO\alice");
        assert_eq!(&*bind("whatever she was called").unwrap().name, r"CONTOSO\alice");
        assert_eq!(bind_with("alice", Some(99_999)).unwrap_err(), LogonFailure::NO_SUCH_USER);
        assert_eq!(bind_with("alice", None).unwrap_err(), LogonFailure::WRONG, "a name alone proves nothing");
        scene.modify("alice", ModificationKind::Replace, "userAccountControl", "514");
        assert_eq!(bind("alice").unwrap_err(), LogonFailure::DISABLED);
    }
}
