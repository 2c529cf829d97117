//! The group key envelope: what GetKey answers. MS-GKDI 2.2.4.

use dtyp::Guid;
use zeroize::Zeroizing;

use crate::root_key::KEY_LENGTH;
use crate::{DerivedKey, KdfHash, KeyId};

const MAGIC: [u8; 4] = *b"KDSK";
/// The lengths and numbers before the parts.
const HEAD: usize = 80;
/// No part of one is longer: names, parameters, the longest public key.
const MOST_BYTES: usize = 4096;
/// Set when a public key is inside.
const PUBLIC: u32 = 1;
/// Set when the key may be used to encrypt, not only to decrypt.
const ENCRYPTS: u32 = 2;
/// `msKds-KDFAlgorithmID`: the one there is.
const KDF: &str = "SP800_108_CTR_HMAC";

/// The keys inside.
#[derive(Clone, PartialEq, Eq)]
pub enum GroupKeys {
    /// Who may have the seeds: those of L1, and of L2, from which the older ones follow.
    Seeds {
        /// Of the numbers (L0, L1) when there is no L2 key, else of the L1 before.
        l1: Option<DerivedKey>,
        /// Of the slot itself.
        l2: Option<DerivedKey>,
    },
    /// Who may only encrypt for the group: its public key, as [`GroupPublicKey`](crate::GroupPublicKey) writes it.
    Public(Vec<u8>),
}

impl std::fmt::Debug for GroupKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if matches!(self, Self::Public(_)) { "Public(…)" } else { "Seeds(…)" })
    }
}

/// A key of a group, and what else must be known to use it. The keys are wiped when dropped, and never printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupKeyEnvelope {
    /// Whether new data may be encrypted with it.
    pub encrypts: bool,
    /// Which key.
    pub slot: KeyId,
    /// Of which root key.
    pub root_key: Guid,
    /// The root key's derivation function.
    pub hash: KdfHash,
    /// The root key's secret agreement: its name.
    pub agreement: String,
    /// And its parameters; empty for a curve.
    pub agreement_parameters: Vec<u8>,
    /// Its private keys, in bits.
    pub private_bits: u32,
    /// Its public keys, in bits.
    pub public_bits: u32,
    /// The domain's DNS name.
    pub domain: String,
    /// The forest's DNS name.
    pub forest: String,
    /// The keys.
    pub keys: GroupKeys,
}

/// Why bytes are no such envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the group key envelope is damaged: {0}")]
pub struct GroupKeyEnvelopeError(&'static str);

type Damaged = GroupKeyEnvelopeError;

impl GroupKeyEnvelope {
    /// Its bytes.
    #[must_use]
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        let (public, l1, l2): (u32, &[u8], &[u8]) = match &self.keys {
            GroupKeys::Public(key) => (PUBLIC, &[], key),
            GroupKeys::Seeds { l1, l2 } => {
                (0, l1.as_ref().map_or(&[], |key| &key[..]), l2.as_ref().map_or(&[], |key| &key[..]))
            }
        };
        let (algorithm, parameters) = (utf16(KDF), self.hash.encode());
        let (agreement, domain, forest) = (utf16(&self.agreement), utf16(&self.domain), utf16(&self.forest));
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or_default();
        let parts: [&[u8]; 8] =
            [&algorithm, &parameters, &agreement, &self.agreement_parameters, &domain, &forest, l1, l2];
        // Never moved while it grows: no copy of a key stays behind.
        let mut out = Zeroizing::new(Vec::with_capacity(HEAD + parts.iter().map(|part| part.len()).sum::<usize>()));
        let mut number = |number: u32| out.extend_from_slice(&number.to_le_bytes());
        number(1);
        number(u32::from_le_bytes(MAGIC));
        number(public | if self.encrypts { ENCRYPTS } else { 0 });
        number(self.slot.l0().cast_unsigned());
        number(self.slot.l1().into());
        number(self.slot.l2().into());
        for four in self.root_key.as_bytes().as_chunks::<4>().0 {
            number(u32::from_le_bytes(*four));
        }
        for part in [&algorithm[..], &parameters, &agreement, &self.agreement_parameters] {
            number(length(part));
        }
        number(self.private_bits);
        number(self.public_bits);
        for part in [l1, l2, &domain, &forest] {
            number(length(part));
        }
        parts.iter().for_each(|part| out.extend_from_slice(part));
        out
    }

    /// Reads its bytes.
    ///
    /// # Errors
    /// When they are no envelope.
    pub fn decode(bytes: &[u8]) -> Result<Self, GroupKeyEnvelopeError> {
        let mut rest = Rest(bytes);
        if rest.number()? != 1 || rest.take(4)? != MAGIC {
            return Err(GroupKeyEnvelopeError("it is of another kind"));
        }
        let flags = rest.number()?;
        let (l0, l1, l2) = (rest.number()?, rest.number()?, rest.number()?);
        let small = |number| u8::try_from(number).ok();
        let slot = small(l1).zip(small(l2)).and_then(|(l1, l2)| KeyId::new(l0.cast_signed(), l1, l2));
        let slot = slot.ok_or(GroupKeyEnvelopeError("its key number is out of range"))?;
        let root_key = rest.take(16)?.try_into().map(Guid).map_err(|_| GroupKeyEnvelopeError("it is cut short"))?;
        let [algorithm, parameters, agreement, agreement_parameters] =
            [rest.length()?, rest.length()?, rest.length()?, rest.length()?];
        let (private_bits, public_bits) = (rest.number()?, rest.number()?);
        let [l1, l2, domain, forest] = [rest.length()?, rest.length()?, rest.length()?, rest.length()?];
        if rest.name(algorithm)? != KDF {
            return Err(GroupKeyEnvelopeError("its derivation function is of another kind"));
        }
        let hash = KdfHash::decode(rest.take(parameters)?);
        let hash = hash.ok_or(GroupKeyEnvelopeError("its derivation function is unknown"))?;
        let agreement = rest.name(agreement)?;
        let agreement_parameters = rest.take(agreement_parameters)?.to_vec();
        let (domain, forest) = (rest.name(domain)?, rest.name(forest)?);
        let (l1, l2) = (rest.take(l1)?, rest.take(l2)?);
        let keys = match flags & PUBLIC {
            0 => GroupKeys::Seeds { l1: seed(l1)?, l2: seed(l2)? },
            _ if l1.is_empty() => GroupKeys::Public(l2.to_vec()),
            _ => return Err(GroupKeyEnvelopeError("a seed stands beside a public key")),
        };
        if !rest.0.is_empty() {
            return Err(GroupKeyEnvelopeError("something follows it"));
        }
        let encrypts = flags & ENCRYPTS != 0;
        #[rustfmt::skip]
        let envelope = Self {
            encrypts, slot, root_key, hash, agreement, agreement_parameters, private_bits, public_bits, domain, forest, keys,
        };
        Ok(envelope)
    }
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect()
}

fn seed(bytes: &[u8]) -> Result<Option<DerivedKey>, Damaged> {
    match <[u8; KEY_LENGTH]>::try_from(bytes) {
        Ok(key) => Ok(Some(Zeroizing::new(key))),
        Err(_) if bytes.is_empty() => Ok(None),
        Err(_) => Err(GroupKeyEnvelopeError("a key does not have 64 bytes")),
    }
}

/// What is still to be read.
struct Rest<'b>(&'b [u8]);

impl<'b> Rest<'b> {
    fn take(&mut self, count: usize) -> Result<&'b [u8], Damaged> {
        let (taken, left) = self.0.split_at_checked(count).ok_or(GroupKeyEnvelopeError("it is cut short"))?;
        self.0 = left;
        Ok(taken)
    }

    fn number(&mut self) -> Result<u32, Damaged> {
        let bytes = self.take(4)?.try_into();
        bytes.map(u32::from_le_bytes).map_err(|_| GroupKeyEnvelopeError("it is cut short"))
    }

    fn length(&mut self) -> Result<usize, Damaged> {
        let length = usize::try_from(self.number()?).ok().filter(|length| *length <= MOST_BYTES);
        length.ok_or(GroupKeyEnvelopeError("a part of it is too long"))
    }

    fn name(&mut self, bytes: usize) -> Result<String, Damaged> {
        let (units, odd) = self.take(bytes)?.as_chunks::<2>();
        let Some(([0, 0], units)) = units.split_last().filter(|_| odd.is_empty()) else {
            return Err(GroupKeyEnvelopeError("a name has no end"));
        };
        let units: Vec<u16> = units.iter().map(|unit| u16::from_le_bytes(*unit)).collect();
        String::from_utf16(&units).map_err(|_| GroupKeyEnvelopeError("a name is no text"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SecretAgreement;
    use proptest::prelude::*;

    fn envelope(keys: GroupKeys) -> GroupKeyEnvelope {
        let agreement = SecretAgreement::windows();
        GroupKeyEnvelope {
            encrypts: true,
            slot: KeyId::new(361, 17, 8).unwrap(),
            root_key: "d778c271-9025-9a82-f6dc-b8960b8ad8c5".parse().unwrap(),
            hash: KdfHash::Sha512,
            agreement: agreement.name().to_owned(),
            agreement_parameters: agreement.parameters(),
            private_bits: 512,
            public_bits: 2048,
            domain: "domain.test".into(),
            forest: "domain.test".into(),
            keys,
        }
    }

    fn all() -> [GroupKeyEnvelope; 4] {
        let key = |n| Some(Zeroizing::new([n; 64]));
        [
            envelope(GroupKeys::Seeds { l1: key(1), l2: key(2) }),
            envelope(GroupKeys::Seeds { l1: key(1), l2: None }),
            envelope(GroupKeys::Seeds { l1: None, l2: key(2) }),
            envelope(GroupKeys::Public(vec![3; 264])),
        ]
    }

    #[test]
    fn the_layout_is_the_one_of_the_document() {
        let bytes = all()[0].encode();
        assert_eq!(hex::encode(&bytes[..24]), "010000004b44534b02000000690100001100000008000000");
        assert_eq!(hex::encode(&bytes[24..40]), "71c278d72590829af6dcb8960b8ad8c5");
        // Lengths: algorithm, its parameters, agreement, its parameters; bits; L1, L2, domain, forest.
        let lengths: Vec<u32> =
            bytes[40..80].as_chunks::<4>().0.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect();
        assert_eq!(lengths, [38, 30, 6, 524, 512, 2048, 64, 64, 24, 24]);
        assert_eq!(bytes.len(), 80 + 38 + 30 + 6 + 524 + 24 + 24 + 64 + 64);
        assert_eq!(&bytes[bytes.len() - 65..bytes.len() - 63], &[1, 2], "the L1 key, then the L2 key");
        assert_eq!(all()[3].encode()[8], 3, "a public key, which encrypts");
        assert!(format!("{:?}", all()[0]).ends_with("keys: Seeds(…) }"));
    }

    #[test]
    fn an_envelope_reads_back_and_no_part_of_one_does() {
        for envelope in all() {
            let bytes = envelope.encode();
            assert_eq!(GroupKeyEnvelope::decode(&bytes), Ok(envelope));
            for cut in 0..bytes.len() {
                assert!(GroupKeyEnvelope::decode(&bytes[..cut]).is_err(), "{cut}");
            }
            assert!(GroupKeyEnvelope::decode(&[&bytes[..], &[0]].concat()).is_err());
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(which in 0usize..4, at in 0usize..900, with in any::<u8>()) {
            let mut bytes = all()[which].encode();
            let length = bytes.len();
            bytes[at % length] = with;
            if let Ok(envelope) = GroupKeyEnvelope::decode(&bytes) {
                prop_assert_eq!(GroupKeyEnvelope::decode(&envelope.encode()), Ok(envelope));
            }
        }
    }
}
