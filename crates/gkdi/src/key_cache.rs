//! Keys derived before: a key costs up to sixty-four derivations, and all accounts of a domain need the same few.

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError, RwLock};

use dtyp::{Guid, Sid};

use crate::password::password_of;
use crate::{DerivedKey, GMSA_DESCRIPTOR, KeyId, ManagedPassword, RootKey};

/// The slots in use at one time: a month has 72, and accounts made at any time of it need the present one, the one before and the next.
const MOST_SLOTS: usize = 512;
/// The same for groups of 32 slots.
const MOST_SEEDS: usize = 64;

/// Remembers the keys that gMSA passwords are derived from. Shared by reference; the keys are wiped when they are forgotten.
///
/// It knows a root key by its name: a root key that is replaced needs another cache.
#[derive(Default)]
pub struct KeyCache {
    /// L2 keys.
    slots: Remembered<KeyId>,
    /// L1 keys, by the numbers L0 and L1.
    seeds: Remembered<(i32, u8)>,
}

impl KeyCache {
    /// The same as [`gmsa_password`](crate::gmsa_password), cheaper when somebody's key of this slot was derived before.
    #[must_use]
    pub fn gmsa_password(&self, root: &RootKey, slot: KeyId, account: &Sid) -> ManagedPassword {
        password_of(root.hash, &self.key(root, slot), account)
    }

    fn key(&self, root: &RootKey, slot: KeyId) -> Arc<DerivedKey> {
        self.slots.get_or(MOST_SLOTS, (root.id, slot), || {
            let (l0, l1) = (slot.l0(), slot.l1());
            let seed = self.seeds.get_or(MOST_SEEDS, (root.id, (l0, l1)), || root.l1(l0, l1, &GMSA_DESCRIPTOR));
            root.l2_of(&seed, slot)
        })
    }
}

impl std::fmt::Debug for KeyCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyCache(…)")
    }
}

/// The keys of one level, those found last at the front. Each has its place in memory, so that no copy stays behind when the list grows.
struct Remembered<K>(RwLock<VecDeque<Entry<K>>>);

/// Of which root key, which key.
type Entry<K> = ((Guid, K), Arc<DerivedKey>);

impl<K> Default for Remembered<K> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}

impl<K: Copy + Eq> Remembered<K> {
    fn get_or(&self, most: usize, name: (Guid, K), derive: impl FnOnce() -> DerivedKey) -> Arc<DerivedKey> {
        let known =
            |keys: &VecDeque<Entry<K>>| keys.iter().find(|(known, _)| *known == name).map(|(_, key)| Arc::clone(key));
        if let Some(key) = known(&self.0.read().unwrap_or_else(PoisonError::into_inner)) {
            return key;
        }
        // Derived without the lock: two that ask at once do the same work, and find the same.
        let key = Arc::new(derive());
        let mut keys = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known(&keys).is_none() {
            keys.truncate(most.saturating_sub(1));
            keys.push_front((name, Arc::clone(&key)));
        }
        key
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
        let held = || (cache.slots.0.read().unwrap().len(), cache.seeds.0.read().unwrap().len());
        for turn in 0..2 {
            for (n, slot) in [(1, first), (2, first), (1, first.plus(1)), (1, first.plus(2))] {
                assert!(
                    cache.gmsa_password(&root(n), slot, &account) == gmsa_password(&root(n), slot, &account),
                    "{turn}"
                );
            }
        }
        assert_eq!(held(), (4, 3));
        let slots = (MOST_SEEDS as u64 + 3) * 32;
        (0..slots).step_by(4).for_each(|n| drop(cache.gmsa_password(&root(3), first.plus(n), &account)));
        assert_eq!(held(), (MOST_SLOTS, MOST_SEEDS));
    }
}
