//! Keys derived before: a key costs up to sixty-four derivations, and all accounts of a domain need the same few.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use dtyp::{Guid, Sid};

use crate::password::password_of;
use crate::{DerivedKey, GMSA_DESCRIPTOR, KeyId, ManagedPassword, RootKey};

/// The slots in use at one time are few: what accounts have now, had before and get next.
const MOST: usize = 32;

/// Remembers the keys that gMSA passwords are derived from. Shared by reference; the keys are wiped when they are forgotten.
///
/// It knows a root key by its name: forget ([`KeyCache::clear`]) when one is replaced.
#[derive(Default)]
pub struct KeyCache(Mutex<VecDeque<(Guid, KeyId, DerivedKey)>>);

impl KeyCache {
    /// The same as [`gmsa_password`](crate::gmsa_password), cheaper when somebody's key of this slot was derived before.
    #[must_use]
    pub fn gmsa_password(&self, root: &RootKey, slot: KeyId, account: &Sid) -> ManagedPassword {
        password_of(root.hash, &self.key(root, slot), account)
    }

    /// Forgets everything.
    pub fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn key(&self, root: &RootKey, slot: KeyId) -> DerivedKey {
        let known = |keys: &VecDeque<(Guid, KeyId, DerivedKey)>| {
            keys.iter().find(|(id, of, _)| (*id, *of) == (root.id, slot)).map(|(.., key)| key.clone())
        };
        if let Some(key) = known(&self.0.lock().unwrap_or_else(PoisonError::into_inner)) {
            return key;
        }
        // Derived without the lock: two that ask at once do the same work, and find the same.
        let key = root.l2(slot, &GMSA_DESCRIPTOR);
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known(&keys).is_none() {
            keys.truncate(MOST - 1);
            keys.push_front((root.id, slot, key.clone()));
        }
        key
    }
}

impl std::fmt::Debug for KeyCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyCache(…)")
    }
}

#[cfg(test)]
mod tests {
    use dtyp::FileTime;

    use super::*;
    use crate::{KdfHash, gmsa_password};

    #[test]
    fn what_is_remembered_is_what_is_derived_and_never_much() {
        let cache = KeyCache::default();
        let root = |n| RootKey::new(Guid([n; 16]), 1, KdfHash::Sha256, &[n; 64], FileTime(0), FileTime(1)).unwrap();
        let account = Sid::domain_of(1, 2, 3);
        let first = KeyId::new(362, 5, 30).unwrap();
        for turn in 0..2 {
            for (n, slot) in [(1, first), (2, first), (1, first.plus(1))] {
                assert!(
                    cache.gmsa_password(&root(n), slot, &account) == gmsa_password(&root(n), slot, &account),
                    "{turn}"
                );
            }
        }
        assert_eq!(cache.0.lock().unwrap().len(), 3);
        (0..2 * MOST as u64).for_each(|n| drop(cache.gmsa_password(&root(3), first.plus(n), &account)));
        assert_eq!(cache.0.lock().unwrap().len(), MOST);
        cache.clear();
        assert!(cache.0.lock().unwrap().is_empty());
    }
}
