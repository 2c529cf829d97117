//! GetKey, the one method of the Group Key Distribution Protocol: which key a caller gets. MS-GKDI 3.1.4.1.
//!
//! Only the decision: the call itself (an RPC over an encrypted connection) is somebody else's.

use dtyp::{AccessMask, FileTime, Guid, SecurityDescriptor, Token, access_check};

use crate::root_key::CLOCK_SKEW;
use crate::{GroupKeyEnvelope, GroupKeys, KeyId, RootKey, public_key};

/// The rights that a descriptor gives to the seeds, and to the public key alone.
const SEEDS: AccessMask = AccessMask(0x3);
const PUBLIC: AccessMask = AccessMask(0x2);
/// A descriptor longer than this is a mistake. MS-DTYP allows no longer list.
const MOST_BYTES: usize = 1 << 16;

/// What is asked for.
#[derive(Clone, Debug)]
pub struct GetKey<'r> {
    descriptor: &'r [u8],
    parsed: SecurityDescriptor,
    root_key: Option<Guid>,
    slot: Option<KeyId>,
}

/// Why no key is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GetKeyError {
    /// The descriptor is none, or the key's numbers are neither all there nor all -1. `E_INVALIDARG`.
    #[error("the request names no key: a security descriptor, and three key numbers in range or none")]
    Invalid,
    /// A slot that has not begun. `E_INVALIDARG`.
    #[error("the key of a future interval was asked for")]
    Future,
    /// The descriptor does not let the caller. `E_ACCESSDENIED`.
    #[error("the security descriptor does not let the caller have this key")]
    Denied,
    /// No such root key, or none that is used yet. `NTE_NO_KEY`.
    #[error("there is no root key for this request")]
    NoKey,
    /// The root key has no public keys. `NTE_BAD_KEY`.
    #[error("the root key says nothing usable about secret agreement, so it has no public keys")]
    NoAgreement,
}

impl GetKeyError {
    /// Its number. MS-ERREF 2.1.
    #[must_use]
    pub const fn hresult(self) -> u32 {
        match self {
            Self::Invalid | Self::Future => 0x8007_0057,
            Self::Denied => 0x8007_0005,
            Self::NoKey => 0x8009_000D,
            Self::NoAgreement => 0x8009_0003,
        }
    }
}

impl<'r> GetKey<'r> {
    /// A request, as it came over the wire.
    ///
    /// # Errors
    /// [`GetKeyError::Invalid`].
    pub fn new(descriptor: &'r [u8], root_key: Option<Guid>, numbers: [i32; 3]) -> Result<Self, GetKeyError> {
        let parsed = Some(descriptor).filter(|bytes| bytes.len() <= MOST_BYTES);
        let parsed = parsed.and_then(|bytes| SecurityDescriptor::from_bytes(bytes).ok()).ok_or(GetKeyError::Invalid)?;
        let slot = match numbers {
            [-1, -1, -1] => None,
            [l0, l1, l2] => {
                let small = |number| u8::try_from(number).ok();
                let slot = small(l1).zip(small(l2)).and_then(|(l1, l2)| KeyId::new(l0, l1, l2));
                Some(slot.ok_or(GetKeyError::Invalid)?)
            }
        };
        Ok(Self { descriptor, parsed, root_key, slot })
    }

    /// Decides it for a caller at a time.
    ///
    /// # Errors
    /// Every [`GetKeyError`].
    pub fn answer(
        &self,
        caller: &Token,
        root_keys: &[RootKey],
        domain: &str,
        forest: &str,
        now: FileTime,
    ) -> Result<GroupKeyEnvelope, GetKeyError> {
        let present = KeyId::at(now);
        if self.slot.is_some_and(|slot| slot > KeyId::at(now.saturating_add(CLOCK_SKEW))) {
            return Err(GetKeyError::Future);
        }
        let slot = match (self.root_key, self.slot) {
            (None, Some(slot)) => slot,
            // The newest of that time: the caller derives the older ones itself.
            (Some(_), Some(slot)) if slot.l0() < present.l0() => KeyId::new(slot.l0(), 31, 31).unwrap_or(slot),
            _ => present,
        };
        let seeds = self.may_have_seeds(caller)?;
        let root = self.root(root_keys, slot, now)?;
        let keys = if seeds { self.seeds(root, slot) } else { self.public(root, slot)? };
        let agreement = root.agreement.as_ref();
        Ok(GroupKeyEnvelope {
            encrypts: slot == present,
            slot,
            root_key: root.id,
            hash: root.hash,
            agreement: agreement.map_or("", |agreement| agreement.name()).to_owned(),
            agreement_parameters: agreement.map(crate::SecretAgreement::parameters).unwrap_or_default(),
            private_bits: agreement.map_or(0, |agreement| agreement.private_bits),
            public_bits: agreement.map_or(0, |agreement| agreement.public_bits),
            domain: domain.to_owned(),
            forest: forest.to_owned(),
            keys,
        })
    }

    /// Whether the caller gets seeds; else the public key, which is given of the latest key only.
    fn may_have_seeds(&self, caller: &Token) -> Result<bool, GetKeyError> {
        // A descriptor without a list grants everything to everybody; of keys nobody means that.
        let has =
            |right| self.parsed.dacl.is_some() && access_check(&self.parsed, caller, right, &[], None).is_granted();
        match (has(SEEDS), self.slot) {
            (true, _) => Ok(true),
            (false, None) if has(PUBLIC) => Ok(false),
            _ => Err(GetKeyError::Denied),
        }
    }

    fn root<'k>(&self, root_keys: &'k [RootKey], slot: KeyId, now: FileTime) -> Result<&'k RootKey, GetKeyError> {
        let is_used = |key: &&RootKey| key.use_start <= now.saturating_add(CLOCK_SKEW);
        let used = || root_keys.iter().filter(is_used);
        let found = match (self.root_key, self.slot) {
            (Some(id), _) => used().find(|key| key.id == id),
            (None, None) => used().max_by_key(|key| (key.use_start, key.id)),
            (None, Some(_)) => {
                used().filter(|key| key.use_start <= slot.start()).max_by_key(|key| (key.created, key.id))
            }
        };
        found.ok_or(GetKeyError::NoKey)
    }

    fn seeds(&self, root: &RootKey, slot: KeyId) -> GroupKeys {
        let l1 = |l1| root.l1(slot.l0(), l1, self.descriptor);
        if slot.l2() == 31 {
            return GroupKeys::Seeds { l1: Some(l1(slot.l1())), l2: None };
        }
        GroupKeys::Seeds { l1: slot.l1().checked_sub(1).map(l1), l2: Some(root.l2(slot, self.descriptor)) }
    }

    fn public(&self, root: &RootKey, slot: KeyId) -> Result<GroupKeys, GetKeyError> {
        let agreement = root.agreement.as_ref().ok_or(GetKeyError::NoAgreement)?;
        let key = public_key(root.hash, &root.l2(slot, self.descriptor), agreement);
        Ok(GroupKeys::Public(key.ok_or(GetKeyError::NoAgreement)?.encode()))
    }
}

#[cfg(test)]
mod tests;
