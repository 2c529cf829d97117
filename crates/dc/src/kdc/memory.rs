//! A realm in memory, for tests, measurements and fuzzing: the accounts somebody put there, and nothing else.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use dtyp::{FileTime, Random, Sid};
use kerberos::PrincipalName;
use kerberos::crypto::{Etype, Key};
use kerberos::pac::{GROUP_ATTRIBUTES, GroupMembership, LogonInfo, UpnDnsInfo};

use super::{Account, Authorization, Keys, Principals, Realm, Unavailable};

/// Iterations of PBKDF2 when nothing is said. RFC 3962 4.
const ITERATIONS: u32 = 4096;

/// A realm in memory. Clones share it.
#[derive(Clone, Debug)]
pub struct Memory {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    realm: Realm,
    domain: Sid,
    accounts: RwLock<Accounts>,
}

#[derive(Debug, Default)]
struct Accounts {
    krbtgt: Option<Arc<Account>>,
    by_name: HashMap<String, Arc<Account>>,
    /// Lower-case service principal names, and the lower-case names of their accounts.
    services: HashMap<String, String>,
}

impl Memory {
    /// A realm with a ticket-granting service.
    #[must_use]
    pub fn new(dns_name: &str, random: &dyn Random) -> Self {
        let realm = Realm {
            name: dns_name.to_ascii_uppercase(),
            netbios: dns_name.split('.').next().unwrap_or_default().to_ascii_uppercase(),
        };
        let memory =
            Self { inner: Arc::new(Inner { realm, domain: Sid::domain_of(1, 2, 3), accounts: RwLock::default() }) };
        memory.renew_krbtgt(random);
        memory
    }

    /// Gives the ticket-granting service new keys; the ones before open its tickets still.
    pub fn renew_krbtgt(&self, random: &dyn Random) {
        let mut accounts = self.inner.accounts.write().unwrap_or_else(PoisonError::into_inner);
        let before = accounts.krbtgt.as_ref().map(|account| account.keys.clone()).unwrap_or_default();
        let keys = Keys {
            kvno: before.kvno + 1,
            current: [Etype::Aes256, Etype::Aes128].map(|etype| Key::random(etype, random)).into(),
            others: before.current.into_iter().map(|key| (before.kvno, key)).collect(),
        };
        accounts.krbtgt = Some(Arc::new(Account { keys, is_service: true, ..self.account("krbtgt", 502, "") }));
    }

    /// Adds an account with a password. Its name ends in `$` when it is a computer.
    pub fn add(&self, name: &str, password: &str) {
        let mut accounts = self.inner.accounts.write().unwrap_or_else(PoisonError::into_inner);
        let rid = 1103 + u32::try_from(accounts.by_name.len()).unwrap_or_default();
        accounts.by_name.insert(name.to_ascii_lowercase(), Arc::new(self.account(name, rid, password)));
    }

    /// Gives an account a service principal name.
    pub fn add_service(&self, name: &str, spn: &str) {
        self.change(name, |account| account.is_service = true);
        let mut accounts = self.inner.accounts.write().unwrap_or_else(PoisonError::into_inner);
        accounts.services.insert(spn.to_ascii_lowercase(), name.to_ascii_lowercase());
    }

    /// Changes an account.
    pub fn change(&self, name: &str, change: impl FnOnce(&mut Account)) {
        let mut accounts = self.inner.accounts.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(account) = accounts.by_name.get_mut(&name.to_ascii_lowercase()) {
            change(Arc::make_mut(account));
        }
    }

    /// Removes an account.
    pub fn remove(&self, name: &str) {
        let mut accounts = self.inner.accounts.write().unwrap_or_else(PoisonError::into_inner);
        accounts.by_name.remove(&name.to_ascii_lowercase());
    }

    /// The account of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Arc<Account>> {
        let accounts = self.inner.accounts.read().unwrap_or_else(PoisonError::into_inner);
        accounts.by_name.get(&name.to_ascii_lowercase()).cloned()
    }

    /// The account of the ticket-granting service.
    #[must_use]
    pub fn ticket_granting(&self) -> Option<Arc<Account>> {
        self.inner.accounts.read().unwrap_or_else(PoisonError::into_inner).krbtgt.clone()
    }

    fn account(&self, name: &str, rid: u32, password: &str) -> Account {
        let realm = &self.inner.realm.name;
        let salt = match name.strip_suffix('$') {
            Some(host) => {
                format!("{realm}host{}.{}", host.to_ascii_lowercase(), realm.to_ascii_lowercase())
            }
            None => format!("{realm}{name}"),
        };
        let key = |etype| Key::from_password(etype, password.as_bytes(), salt.as_bytes(), ITERATIONS);
        // Of the domain's SID, every number is the relative one of somebody.
        let sid = self.inner.domain.with_rid(rid).unwrap_or(self.inner.domain);
        Account {
            sid,
            control: 0x200,
            locked_until: None,
            expires: None,
            password_expires: None,
            must_change_password: false,
            logon_hours: None,
            protected: false,
            is_service: name.ends_with('$'),
            no_sid_compression: false,
            keys: Keys {
                kvno: 1,
                current: if password.is_empty() { Vec::new() } else { [Etype::Aes256, Etype::Aes128].map(key).into() },
                others: Vec::new(),
            },
            authorization: self.authorization(name, sid, rid),
            name: name.to_owned(),
            salt,
        }
    }

    fn authorization(&self, name: &str, sid: Sid, rid: u32) -> Authorization {
        let realm = &self.inner.realm;
        let logon_info = LogonInfo {
            effective_name: name.to_owned(),
            user_id: rid,
            primary_group_id: 513,
            group_ids: vec![GroupMembership { rid: 513, attributes: GROUP_ATTRIBUTES }],
            logon_server: "DC1".to_owned(),
            logon_domain_name: realm.netbios.clone(),
            logon_domain_id: Some(self.inner.domain),
            user_account_control: 0x10,
            ..LogonInfo::default()
        };
        let upn_dns_info = UpnDnsInfo {
            upn: format!("{name}@{}", realm.name.to_ascii_lowercase()),
            dns_domain: realm.name.clone(),
            upn_is_constructed: true,
            account: Some((name.to_owned(), sid)),
        };
        Authorization {
            logon_info: logon_info.encode(),
            upn_dns_info: upn_dns_info.encode(),
            resource_groups: Vec::new(),
        }
    }
}

impl Principals for Memory {
    fn realm(&self) -> &Realm {
        &self.inner.realm
    }

    fn client(&self, name: &PrincipalName, _now: FileTime) -> Result<Option<Arc<Account>>, Unavailable> {
        let [name] = name.components.as_slice() else { return Ok(None) };
        let account = match name.rsplit_once('@') {
            Some((account, realm)) if self.inner.realm.is(realm) => account,
            Some(_) => return Ok(None),
            None => name,
        };
        Ok(self.get(account))
    }

    fn service(&self, name: &PrincipalName, _now: FileTime) -> Result<Option<Arc<Account>>, Unavailable> {
        let name = name.to_string().to_ascii_lowercase();
        let accounts = self.inner.accounts.read().unwrap_or_else(PoisonError::into_inner);
        let account = accounts.services.get(&name).unwrap_or(&name);
        Ok(accounts.by_name.get(account).cloned())
    }

    fn krbtgt(&self, _now: FileTime) -> Result<Arc<Account>, Unavailable> {
        self.ticket_granting().ok_or_else(|| Unavailable("there is no ticket-granting service".to_owned()))
    }
}
