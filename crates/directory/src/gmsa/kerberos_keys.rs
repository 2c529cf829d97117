//! Kerberos keys of managed passwords, derived once: a key costs 4,096 rounds of a hash, and all who look at a rollover need the same.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use dtyp::{Guid, Sid};
use gkdi::{KeyId, ManagedPassword};
use secrecy::ExposeSecret;

use crate::account::PasswordKeys;

/// More accounts than roll over within the minutes that matter; then it starts afresh.
const MOST: usize = 4096;

/// Whose keys, of which slot of which root key.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Name {
    pub(super) account: Sid,
    pub(super) root: Guid,
    pub(super) slot: KeyId,
    pub(super) salt: String,
}

/// Remembers keys; they are wiped when they are forgotten.
#[derive(Default)]
pub(crate) struct KerberosKeys(Mutex<HashMap<Name, PasswordKeys>>);

impl KerberosKeys {
    /// The keys of a password, which is the one that `name` says.
    pub(super) fn of(&self, name: &Name, password: &ManagedPassword) -> PasswordKeys {
        if let Some(known) = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(name) {
            return known.clone();
        }
        // Without the lock: two that ask at once do the same work, and find the same.
        let keys = PasswordKeys::new(password.kerberos_utf8().expose_secret(), &name.salt);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST {
            all.clear();
        }
        all.insert(name.clone(), keys.clone());
        keys
    }
}
