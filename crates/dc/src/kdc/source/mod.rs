//! The accounts of a directory, as tickets need them.
//!
//! Names are looked up as MS-KILE 3.3.5.6.1 and 3.3.5.1.1 say. What was found is remembered as long as the directory stays as it is: its
//! USN rises with every change, of a group as of a password.

mod account;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use directory::account::HOST_SERVICES;
use directory::{Directory, Dnt, Usn, View};
use dtyp::FileTime;
use kerberos::PrincipalName;

use super::{Account, Principals, Realm, Unavailable};
use crate::ldap::Facts;
use account::Reader;

/// How many accounts are remembered of each kind.
const REMEMBERED: usize = 1 << 14;

/// The accounts of a directory.
pub(crate) struct DirectoryPrincipals {
    directory: Directory,
    realm: Realm,
    reader: Reader,
    remembered: RwLock<Remembered>,
}

/// Accounts as they were at a USN.
#[derive(Default)]
struct Remembered {
    at: Usn,
    clients: Accounts,
    services: Accounts,
    krbtgt: Option<Arc<Account>>,
}

/// Accounts by name, each with the time until when it is like that: managed passwords change without a change of the directory.
type Accounts = HashMap<PrincipalName, (FileTime, Arc<Account>)>;

/// What an account is looked up as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Client,
    Service,
}

impl Remembered {
    fn of(&mut self, role: Role) -> &mut Accounts {
        match role {
            Role::Client => &mut self.clients,
            Role::Service => &mut self.services,
        }
    }

    fn get(&self, role: Role, name: &PrincipalName, now: FileTime) -> Option<&Arc<Account>> {
        let accounts = match role {
            Role::Client => &self.clients,
            Role::Service => &self.services,
        };
        accounts.get(name).filter(|(until, _)| now < *until).map(|(_, account)| account)
    }

    /// Forgets what is older than `now`. What is younger stays: then the snapshot that asks is of the past.
    fn is_at(&mut self, now: Usn) -> bool {
        if self.at < now {
            *self = Self { at: now, ..Self::default() };
        }
        self.at == now
    }
}

impl DirectoryPrincipals {
    /// The accounts of this domain controller's directory.
    ///
    /// # Errors
    /// When the directory cannot be read or is not a domain's.
    pub(crate) fn new(directory: Directory, facts: &Facts) -> Result<Self, Unavailable> {
        let realm = Realm { name: facts.realm(), netbios: facts.netbios.clone() };
        let reader = Reader::new(&directory, facts)?;
        Ok(Self { directory, realm, reader, remembered: RwLock::default() })
    }

    fn look_up(&self, role: Role, name: &PrincipalName, now: FileTime) -> Result<Option<Arc<Account>>, Unavailable> {
        let view = self.directory.read()?;
        let usn = view.highest_usn()?;
        {
            let remembered = self.remembered.read().unwrap_or_else(PoisonError::into_inner);
            if remembered.at == usn
                && let Some(account) = remembered.get(role, name, now)
            {
                return Ok(Some(Arc::clone(account)));
            }
        }
        let found = match role {
            Role::Client => self.find_client(&view, name)?,
            Role::Service => self.find_service(&view, name)?,
        };
        let Some(found) = found else { return Ok(None) };
        let Some((account, until)) = self.reader.account(&view, found)? else { return Ok(None) };
        let account = Arc::new(account);
        let mut remembered = self.remembered.write().unwrap_or_else(PoisonError::into_inner);
        if remembered.is_at(usn) {
            let accounts = remembered.of(role);
            if accounts.len() >= REMEMBERED {
                accounts.clear();
            }
            accounts.insert(name.clone(), (until, Arc::clone(&account)));
        }
        Ok(Some(account))
    }

    /// MS-KILE 3.3.5.6.1. A host may leave out the `$` of its account's name.
    fn find_client(&self, view: &View<'_>, name: &PrincipalName) -> Result<Option<Dnt>, Unavailable> {
        let whole = name.to_string();
        if name.name_type == PrincipalName::NT_ENTERPRISE {
            return self.by_upn(view, &whole);
        }
        if name.components.len() == 1
            && let Some(found) = self.by_account_name(view, &whole)?
        {
            return Ok(Some(found));
        }
        if whole.contains('@') {
            return self.by_upn(view, &whole);
        }
        self.reader.find(view, self.reader.upn, &format!("{whole}@{}", self.realm.name))
    }

    /// MS-KILE 3.3.5.1.1.
    fn find_service(&self, view: &View<'_>, name: &PrincipalName) -> Result<Option<Dnt>, Unavailable> {
        let whole = name.to_string();
        if let Some((class, host)) = whole.split_once('/') {
            if let Some(found) = self.reader.find(view, self.reader.spn, &whole)? {
                return Ok(Some(found));
            }
            let class = class.to_ascii_lowercase();
            if HOST_SERVICES.binary_search(&class.as_str()).is_ok() {
                let mapped = self.reader.find(view, self.reader.spn, &format!("host/{host}"))?;
                if mapped.is_some() {
                    return Ok(mapped);
                }
            }
        }
        if let Some(found) = self.reader.find(view, self.reader.upn, &whole)? {
            return Ok(Some(found));
        }
        match name.components.as_slice() {
            [one] if name.name_type == PrincipalName::NT_ENTERPRISE => self.by_upn(view, one),
            [one] => self.by_account_name(view, one),
            _ => Ok(None),
        }
    }

    fn by_account_name(&self, view: &View<'_>, name: &str) -> Result<Option<Dnt>, Unavailable> {
        match self.reader.find(view, self.reader.account_name, name)? {
            Some(found) => Ok(Some(found)),
            None if name.ends_with('$') => Ok(None),
            None => self.reader.find(view, self.reader.account_name, &format!("{name}$")),
        }
    }

    /// `userPrincipalName`, or an account's name, with the domain's or without. MS-ADTS 3.1.1.13.7.
    fn by_upn(&self, view: &View<'_>, name: &str) -> Result<Option<Dnt>, Unavailable> {
        if let Some(found) = self.reader.find(view, self.reader.upn, name)? {
            return Ok(Some(found));
        }
        match name.rsplit_once('@') {
            Some((account, realm)) if self.realm.is(realm) => self.by_account_name(view, account),
            Some(_) => Ok(None),
            None => self.by_account_name(view, name),
        }
    }

    fn ticket_granting(&self) -> Result<Arc<Account>, Unavailable> {
        let view = self.directory.read()?;
        let usn = view.highest_usn()?;
        {
            let remembered = self.remembered.read().unwrap_or_else(PoisonError::into_inner);
            if remembered.at == usn
                && let Some(account) = &remembered.krbtgt
            {
                return Ok(Arc::clone(account));
            }
        }
        let account = Arc::new(self.reader.ticket_granting(&view)?);
        let mut remembered = self.remembered.write().unwrap_or_else(PoisonError::into_inner);
        if remembered.is_at(usn) {
            remembered.krbtgt = Some(Arc::clone(&account));
        }
        Ok(account)
    }
}

impl Principals for DirectoryPrincipals {
    fn realm(&self) -> &Realm {
        &self.realm
    }

    fn client(&self, name: &PrincipalName, now: FileTime) -> Result<Option<Arc<Account>>, Unavailable> {
        self.look_up(Role::Client, name, now)
    }

    fn service(&self, name: &PrincipalName, now: FileTime) -> Result<Option<Arc<Account>>, Unavailable> {
        self.look_up(Role::Service, name, now)
    }

    fn krbtgt(&self, _now: FileTime) -> Result<Arc<Account>, Unavailable> {
        self.ticket_granting()
    }
}
