//! MSDS-MANAGEDPASSWORD_BLOB: the value of msDS-ManagedPassword. MS-ADTS 2.2.19.

use crate::{ManagedPassword, PASSWORD_LENGTH};
use std::time::Duration;
use zeroize::Zeroizing;

const HEADER: usize = 16;
/// A password and its terminator.
const SLOT: usize = PASSWORD_LENGTH + 2;
/// 100 ns in a second.
const TICKS: u64 = 10_000_000;

/// What a permitted caller gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManagedPasswordBlob {
    /// The password.
    pub current: ManagedPassword,
    /// The one before, while somebody may still use it.
    pub previous: Option<ManagedPassword>,
    /// After this time the password should be asked for again.
    pub query_interval: Duration,
    /// The password will not change before this time.
    pub unchanged_interval: Duration,
}

/// Why bytes are no such blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BlobError {
    /// Another version than 1.
    #[error("the managed password has version {0}, of which nothing is known")]
    Version(u16),
    /// Fewer bytes than it says.
    #[error("the managed password is cut short")]
    Truncated,
    /// An offset that leads outside or into the header.
    #[error("the managed password's {0} lies outside of it")]
    Offset(&'static str),
    /// A password that does not have 256 bytes and a terminator.
    #[error("the {0} password does not have 256 bytes and a terminator")]
    Password(&'static str),
}

impl ManagedPasswordBlob {
    /// Its bytes.
    #[must_use]
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        let passwords = 1 + usize::from(self.previous.is_some());
        let query = HEADER + passwords * SLOT;
        let mut out = Zeroizing::new(Vec::with_capacity(query + 16));
        let previous = if self.previous.is_some() { HEADER + SLOT } else { 0 };
        out.extend_from_slice(&[1, 0, 0, 0]);
        // At most 548 bytes: nothing is cut off.
        out.extend_from_slice(&(query as u32 + 16).to_le_bytes());
        for offset in [HEADER, previous, query, query + 8] {
            out.extend_from_slice(&(offset as u16).to_le_bytes());
        }
        for password in std::iter::once(&self.current).chain(&self.previous) {
            out.extend_from_slice(password.as_bytes());
            out.extend_from_slice(&[0, 0]);
        }
        for interval in [self.query_interval, self.unchanged_interval] {
            let ticks =
                interval.as_secs().saturating_mul(TICKS).saturating_add(u64::from(interval.subsec_nanos() / 100));
            out.extend_from_slice(&ticks.to_le_bytes());
        }
        out
    }

    /// Reads a blob of any length and order of its parts.
    ///
    /// # Errors
    /// When a length or an offset is wrong.
    pub fn decode(bytes: &[u8]) -> Result<Self, BlobError> {
        let version = number(bytes, 0).ok_or(BlobError::Truncated)?;
        if version != 1 {
            return Err(BlobError::Version(version));
        }
        let length =
            bytes.get(4..8).and_then(|b| b.try_into().ok()).map(u32::from_le_bytes).ok_or(BlobError::Truncated)?;
        let bytes = usize::try_from(length).ok().and_then(|n| bytes.get(..n)).ok_or(BlobError::Truncated)?;
        let offset = |at| number(bytes, at).map(usize::from).ok_or(BlobError::Truncated);
        let (current, previous, query, unchanged) = (offset(8)?, offset(10)?, offset(12)?, offset(14)?);
        Ok(Self {
            current: password(bytes, current, "current")?,
            previous: if previous == 0 { None } else { Some(password(bytes, previous, "previous")?) },
            query_interval: interval(bytes, query, "query interval")?,
            unchanged_interval: interval(bytes, unchanged, "unchanged interval")?,
        })
    }
}

fn number(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|b| u16::from_le_bytes(*b))
}

fn password(bytes: &[u8], at: usize, which: &'static str) -> Result<ManagedPassword, BlobError> {
    let rest = bytes.get(at..).filter(|_| at >= HEADER).ok_or(BlobError::Offset(which))?;
    match rest.split_first_chunk::<PASSWORD_LENGTH>() {
        Some((password, [0, 0, ..])) => Ok(ManagedPassword::new(password)),
        _ => Err(BlobError::Password(which)),
    }
}

fn interval(bytes: &[u8], at: usize, which: &'static str) -> Result<Duration, BlobError> {
    let bytes =
        bytes.get(at..).filter(|_| at >= HEADER).and_then(|rest| rest.first_chunk()).ok_or(BlobError::Offset(which))?;
    let ticks = u64::from_le_bytes(*bytes);
    Ok(Duration::new(ticks / TICKS, (ticks % TICKS) as u32 * 100))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn blob(previous: bool) -> ManagedPasswordBlob {
        ManagedPasswordBlob {
            current: ManagedPassword::new(&[5; 256]),
            previous: previous.then(|| ManagedPassword::new(&[6; 256])),
            query_interval: Duration::from_secs(3600),
            unchanged_interval: Duration::new(3300, 100),
        }
    }

    #[test]
    fn the_layout_is_the_one_windows_writes() {
        let bytes = blob(false).encode();
        assert_eq!(bytes.len(), 0x122);
        assert_eq!(&bytes[..16], &[1, 0, 0, 0, 0x22, 1, 0, 0, 0x10, 0, 0, 0, 0x12, 1, 0x1a, 1]);
        assert_eq!(&bytes[272..274], &[0, 0], "the terminator");
        assert_eq!(blob(true).encode().len(), 0x224);
        assert_eq!(&blob(true).encode()[8..16], &[0x10, 0, 0x12, 1, 0x14, 2, 0x1c, 2]);
    }

    #[test]
    fn what_is_damaged_is_refused() {
        let good = blob(true).encode();
        assert_eq!(ManagedPasswordBlob::decode(&good), Ok(blob(true)));
        assert_eq!(ManagedPasswordBlob::decode(&good[..good.len() - 1]), Err(BlobError::Truncated));
        let with = |at: usize, value: u8| {
            let mut bytes = good.to_vec();
            bytes[at] = value;
            ManagedPasswordBlob::decode(&bytes)
        };
        assert_eq!(with(0, 2), Err(BlobError::Version(2)));
        assert_eq!(with(8, 0), Err(BlobError::Offset("current")));
        assert_eq!(with(8, 0x11), Err(BlobError::Password("current")));
        assert_eq!(with(13, 0xff), Err(BlobError::Offset("query interval")));
        assert_eq!(with(272, 1), Err(BlobError::Password("current")));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(mut bytes in proptest::collection::vec(any::<u8>(), 0..700), good in any::<bool>(), at in 0usize..548) {
            if good {
                let mut whole = blob(true).encode().to_vec();
                whole[at] = bytes.first().copied().unwrap_or(0);
                bytes = whole;
            }
            let _ = ManagedPasswordBlob::decode(&bytes);
        }
    }
}
