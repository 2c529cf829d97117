//! The key envelope: which key an account's password was derived from (msDS-ManagedPasswordId). Observed, not documented.

use crate::KeyId;
use dtyp::Guid;

const MAGIC: u32 = u32::from_le_bytes(*b"KDSK");
/// Names longer than this are none.
const MAX_NAME: usize = 4096;

/// Which key, of which root key, of which domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyEnvelope {
    /// 2 when new data may be encrypted with it.
    pub flags: u32,
    /// The slot.
    pub slot: KeyId,
    /// The root key.
    pub root_key: Guid,
    /// The domain's DNS name.
    pub domain: String,
    /// The forest's DNS name.
    pub forest: String,
}

/// Why bytes are no such envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the key envelope is damaged: {0}")]
pub struct EnvelopeError(&'static str);

impl KeyEnvelope {
    /// The envelope of a gMSA's password.
    #[must_use]
    pub fn new(slot: KeyId, root_key: Guid, domain: &str, forest: &str) -> Self {
        Self { flags: 2, slot, root_key, domain: domain.to_owned(), forest: forest.to_owned() }
    }

    /// Its bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let name = |text: &str| -> Vec<u8> { text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect() };
        let (domain, forest) = (name(&self.domain), name(&self.forest));
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or_default().to_le_bytes();
        let mut out = Vec::with_capacity(52 + domain.len() + forest.len());
        for number in
            [1, MAGIC, self.flags, self.slot.l0().cast_unsigned(), u32::from(self.slot.l1()), u32::from(self.slot.l2())]
        {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(self.root_key.as_bytes());
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&length(&domain));
        out.extend_from_slice(&length(&forest));
        out.extend_from_slice(&domain);
        out.extend_from_slice(&forest);
        out
    }

    /// Reads its bytes.
    ///
    /// # Errors
    /// When they are no envelope.
    pub fn decode(bytes: &[u8]) -> Result<Self, EnvelopeError> {
        let mut rest = bytes;
        let (version, magic, flags) = (u32_le(&mut rest)?, u32_le(&mut rest)?, u32_le(&mut rest)?);
        if version != 1 || magic != MAGIC {
            return Err(EnvelopeError("it is of another kind"));
        }
        let (l0, l1, l2) = (u32_le(&mut rest)?, u32_le(&mut rest)?, u32_le(&mut rest)?);
        let small = |n| u8::try_from(n).ok();
        let slot = small(l1).zip(small(l2)).and_then(|(l1, l2)| KeyId::new(l0.cast_signed(), l1, l2));
        let slot = slot.ok_or(EnvelopeError("its key number is out of range"))?;
        let root_key = Guid(take(&mut rest, 16)?.try_into().map_err(|_| EnvelopeError("it is cut short"))?);
        let lengths = [u32_le(&mut rest)?, u32_le(&mut rest)?, u32_le(&mut rest)?]
            .map(|n| usize::try_from(n).unwrap_or(usize::MAX));
        let [additional, domain, forest] = lengths;
        take(&mut rest, additional)?;
        let (domain, forest) = (name(take(&mut rest, domain)?)?, name(take(&mut rest, forest)?)?);
        Ok(Self { flags, slot, root_key, domain, forest })
    }
}

fn take<'b>(rest: &mut &'b [u8], count: usize) -> Result<&'b [u8], EnvelopeError> {
    let (taken, left) = rest.split_at_checked(count).ok_or(EnvelopeError("it is cut short"))?;
    *rest = left;
    Ok(taken)
}

fn u32_le(rest: &mut &[u8]) -> Result<u32, EnvelopeError> {
    let bytes = take(rest, 4)?;
    bytes.try_into().map(u32::from_le_bytes).map_err(|_| EnvelopeError("it is cut short"))
}

fn name(bytes: &[u8]) -> Result<String, EnvelopeError> {
    let (units, odd) = bytes.as_chunks::<2>();
    let Some(([0, 0], units)) = units.split_last().filter(|_| odd.is_empty() && bytes.len() <= MAX_NAME) else {
        return Err(EnvelopeError("a name has no end"));
    };
    let units: Vec<u16> = units.iter().map(|unit| u16::from_le_bytes(*unit)).collect();
    String::from_utf16(&units).map_err(|_| EnvelopeError("a name is no text"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_envelope_reads_back() {
        let envelope = KeyEnvelope::new(KeyId::new(361, 3, 31).unwrap(), Guid([3; 16]), "contoso.com", "contoso.com");
        let bytes = envelope.encode();
        assert_eq!(&bytes[4..8], b"KDSK");
        assert_eq!(KeyEnvelope::decode(&bytes), Ok(envelope));
        for cut in 0..bytes.len() {
            assert!(KeyEnvelope::decode(&bytes[..cut]).is_err(), "{cut}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(at in 0usize..100, with in any::<u8>()) {
            let mut bytes = KeyEnvelope::new(KeyId::new(361, 3, 31).unwrap(), Guid([3; 16]), "contoso.com", "contoso.com").encode();
            let n = bytes.len();
            bytes[at % n] = with;
            let _ = KeyEnvelope::decode(&bytes);
        }
    }
}
