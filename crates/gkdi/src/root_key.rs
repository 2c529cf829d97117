//! Root keys and the tree of keys beneath them. MS-GKDI 3.1.4.1.2.

use crate::{KeyId, SecretAgreement};
use dtyp::{FileTime, Guid, Random};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Sha256, Sha384, Sha512};
use std::time::Duration;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// Every key has this many bytes.
pub const KEY_LENGTH: usize = 64;
/// How far clocks of domain controllers may differ. MS-GKDI 3.1.4.1.
pub(crate) const CLOCK_SKEW: Duration = Duration::from_secs(300);

/// The hash of the derivation function. MS-GKDI 2.2.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KdfHash {
    /// `SHA1`.
    Sha1,
    /// `SHA256`, which is also meant when no parameters are stored.
    Sha256,
    /// `SHA384`.
    Sha384,
    /// `SHA512`, the default.
    Sha512,
}

impl KdfHash {
    /// The name in the root key's parameters.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
            Self::Sha384 => "SHA384",
            Self::Sha512 => "SHA512",
        }
    }

    /// `msKds-KDFParam`: the name in a structure of its own. MS-GKDI 2.2.1.
    #[must_use]
    pub fn encode(self) -> Vec<u8> {
        let name: Vec<u8> = self.name().encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
        let length = u32::try_from(name.len()).unwrap_or_default();
        let mut out = vec![0, 0, 0, 0, 1, 0, 0, 0];
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&name);
        out
    }

    /// Reads `msKds-KDFParam`.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        [Self::Sha1, Self::Sha256, Self::Sha384, Self::Sha512].into_iter().find(|hash| hash.encode() == bytes)
    }
}

/// Why a root key gives no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Only version 1 is known.
    #[error("the KDS root key has version {0}, of which nothing is known")]
    Version(u32),
    /// Not 64 bytes.
    #[error("the KDS root key's secret has {0} bytes instead of 64")]
    Length(usize),
    /// The key is to be used from a later time on.
    #[error("the KDS root key is not effective yet")]
    NotEffective,
    /// The slot is in the future.
    #[error("the key of a future interval was asked for")]
    Future,
}

/// A key from which the domain controllers of a forest derive all others. Its secret is wiped when dropped and never printed.
#[derive(Clone, ZeroizeOnDrop)]
pub struct RootKey {
    /// Its name.
    #[zeroize(skip)]
    pub id: Guid,
    /// The hash of its derivation function.
    #[zeroize(skip)]
    pub hash: KdfHash,
    /// When it was made.
    #[zeroize(skip)]
    pub created: FileTime,
    /// From when on it is used.
    #[zeroize(skip)]
    pub use_start: FileTime,
    /// How secrets are agreed on with a public key of its; none when what is stored of that makes no sense.
    #[zeroize(skip)]
    pub agreement: Option<SecretAgreement>,
    secret: [u8; KEY_LENGTH],
}

impl std::fmt::Debug for RootKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RootKey").field("id", &self.id).field("hash", &self.hash).finish_non_exhaustive()
    }
}

/// A key of one slot, or of the slots beneath an L1 number.
pub type DerivedKey = Zeroizing<[u8; KEY_LENGTH]>;

impl RootKey {
    /// A root key from what the directory stores.
    ///
    /// # Errors
    /// When its version is unknown or its secret has another length.
    pub fn new(
        id: Guid,
        version: u32,
        hash: KdfHash,
        secret: &[u8],
        created: FileTime,
        use_start: FileTime,
    ) -> Result<Self, KeyError> {
        if version != 1 {
            return Err(KeyError::Version(version));
        }
        let secret = secret.try_into().map_err(|_| KeyError::Length(secret.len()))?;
        Ok(Self { id, hash, created, use_start, agreement: Some(SecretAgreement::windows()), secret })
    }

    /// The secret, to be stored encrypted.
    #[must_use]
    pub fn secret(&self) -> &[u8; KEY_LENGTH] {
        &self.secret
    }

    /// The attributes of the object that keeps it, but for `msKds-DomainID`, the name of the domain controller. One of them is the secret.
    /// MS-GKDI 3.1.4.1.1, with the values that Windows chooses.
    #[must_use]
    pub fn attributes(&self) -> Vec<(&'static str, Zeroizing<Vec<u8>>)> {
        let value = |bytes: &[u8]| Zeroizing::new(bytes.to_vec());
        let number = |number: u64| value(number.to_string().as_bytes());
        let agreement = self.agreement.clone().unwrap_or_else(SecretAgreement::windows);
        let parameters = agreement.parameters();
        let mut attributes = vec![
            ("objectClass", value(b"msKds-ProvRootKey")),
            ("msKds-Version", value(b"1")),
            ("msKds-KDFAlgorithmID", value(b"SP800_108_CTR_HMAC")),
            ("msKds-KDFParam", value(&self.hash.encode())),
            ("msKds-SecretAgreementAlgorithmID", value(agreement.name().as_bytes())),
            ("msKds-PublicKeyLength", number(agreement.public_bits.into())),
            ("msKds-PrivateKeyLength", number(agreement.private_bits.into())),
            ("msKds-RootKeyData", value(&self.secret)),
            ("msKds-CreateTime", number(self.created.0)),
            ("msKds-UseStartTime", number(self.use_start.0)),
        ];
        if !parameters.is_empty() {
            attributes.push(("msKds-SecretAgreementParam", value(&parameters)));
        }
        attributes
    }

    /// A new one, as Windows makes it: SHA-512, and a secret of the random source.
    #[must_use]
    pub fn generate(random: &dyn Random, created: FileTime, use_start: FileTime) -> Self {
        let agreement = Some(SecretAgreement::windows());
        let (id, hash) = (Guid::random(random), KdfHash::Sha512);
        let mut key = Self { id, hash, created, use_start, agreement, secret: [0; KEY_LENGTH] };
        random.fill(&mut key.secret);
        key
    }

    /// The key of a slot for a descriptor, if it may be used at `now`: not before the root key is effective, not for slots that begin
    /// more than the clock skew from now. MS-GKDI 3.1.4.1.1.
    ///
    /// # Errors
    /// [`KeyError::NotEffective`] and [`KeyError::Future`].
    pub fn derive_at(&self, slot: KeyId, descriptor: &[u8], now: FileTime) -> Result<DerivedKey, KeyError> {
        if slot > KeyId::at(now.saturating_add(CLOCK_SKEW)) {
            return Err(KeyError::Future);
        }
        if self.use_start > now.saturating_add(CLOCK_SKEW) {
            return Err(KeyError::NotEffective);
        }
        Ok(self.l2(slot, descriptor))
    }

    /// The key of a slot for a descriptor.
    #[must_use]
    pub fn l2(&self, slot: KeyId, descriptor: &[u8]) -> DerivedKey {
        self.l2_of(&self.l1(slot.l0(), slot.l1(), descriptor), slot)
    }

    /// The key of a slot, from the key of the 32 slots that it is one of.
    pub(crate) fn l2_of(&self, seed: &DerivedKey, slot: KeyId) -> DerivedKey {
        let (l0, l1) = (slot.l0(), slot.l1());
        let mut key = self.kdf(&seed[..], &self.context(l0, i32::from(l1), 31), &[]);
        for l2 in (slot.l2()..31).rev() {
            key = self.kdf(&key[..], &self.context(l0, i32::from(l1), i32::from(l2)), &[]);
        }
        key
    }

    /// The key of 32 slots for a descriptor.
    #[must_use]
    pub fn l1(&self, l0: i32, l1: u8, descriptor: &[u8]) -> DerivedKey {
        let seed = self.kdf(&self.secret, &self.context(l0, -1, -1), &[]);
        // The descriptor enters with the newest of the L1 keys; every older one is derived from the next.
        let mut key = self.kdf(&seed[..], &self.context(l0, 31, -1), descriptor);
        for older in (l1..31).rev() {
            key = self.kdf(&key[..], &self.context(l0, i32::from(older), -1), &[]);
        }
        key
    }

    /// The key of an older slot, from those that [`GetKey`](crate::GetKey) gives of `given`: nothing when they do not reach it.
    #[cfg(test)]
    pub(crate) fn older(
        &self,
        given: KeyId,
        seed: Option<&DerivedKey>,
        key: Option<&DerivedKey>,
        wanted: KeyId,
    ) -> Option<DerivedKey> {
        if wanted.l1() == given.l1()
            && let Some(key) = key
        {
            let older = (wanted.l2()..given.l2()).rev();
            return Some(older.fold(key.clone(), |key, l2| {
                self.kdf(&key[..], &self.context(wanted.l0(), i32::from(wanted.l1()), i32::from(l2)), &[])
            }));
        }
        let newest = if key.is_some() { given.l1().checked_sub(1)? } else { given.l1() };
        let seed = (wanted.l1()..newest)
            .rev()
            .fold(seed?.clone(), |key, l1| self.kdf(&key[..], &self.context(wanted.l0(), i32::from(l1), -1), &[]));
        Some(self.l2_of(&seed, wanted))
    }

    fn context(&self, l0: i32, l1: i32, l2: i32) -> [u8; 28] {
        let mut out = [0; 28];
        let bytes = self.id.0.into_iter().chain([l0, l1, l2].into_iter().flat_map(i32::to_le_bytes));
        out.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
        out
    }

    fn kdf(&self, key: &[u8], context: &[u8], descriptor: &[u8]) -> DerivedKey {
        let mut out = Zeroizing::new([0; KEY_LENGTH]);
        kdf(self.hash, key, "KDS service", &[context, descriptor], &mut out[..]);
        out
    }
}

/// SP 800-108 in counter mode with HMAC; the label ends in its terminator, and a zero byte stands behind it. MS-GKDI 3.1.4.1.2.
pub(crate) fn kdf(hash: KdfHash, key: &[u8], label: &str, context: &[&[u8]], out: &mut [u8]) {
    match hash {
        KdfHash::Sha1 => counter_mode::<Hmac<Sha1>>(key, label, context, out),
        KdfHash::Sha256 => counter_mode::<Hmac<Sha256>>(key, label, context, out),
        KdfHash::Sha384 => counter_mode::<Hmac<Sha384>>(key, label, context, out),
        KdfHash::Sha512 => counter_mode::<Hmac<Sha512>>(key, label, context, out),
    }
}

fn counter_mode<M: Mac + KeyInit + Clone>(key: &[u8], label: &str, context: &[&[u8]], out: &mut [u8]) {
    let label: Vec<u8> = label.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
    let bits = u32::try_from(out.len().saturating_mul(8)).unwrap_or(u32::MAX);
    // HMAC takes keys of every length. The key is hashed once for all blocks.
    let Ok(keyed) = <M as KeyInit>::new_from_slice(key) else { return };
    for (block, chunk) in (1u32..).zip(out.chunks_mut(M::output_size())) {
        let mut mac = keyed.clone();
        mac.update(&block.to_be_bytes());
        mac.update(&label);
        mac.update(&[0]);
        context.iter().for_each(|part| mac.update(part));
        mac.update(&bits.to_be_bytes());
        let mut bytes = mac.finalize().into_bytes();
        chunk.iter_mut().zip(bytes.iter()).for_each(|(to, from)| *to = *from);
        bytes.as_mut_slice().zeroize();
    }
}

#[cfg(test)]
mod tests;
