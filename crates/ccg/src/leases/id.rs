//! The name of a lease.

use std::fmt;
use std::str::FromStr;

use dtyp::Random;
use serde::{Deserialize, Serialize};

/// Twenty lower-case hexadecimal digits: who does not know it cannot guess it, and it is safe as a file name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LeaseId(String);

/// A text that names no lease.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a lease is named by 20 lower-case hexadecimal digits: `pando guard leases` lists those there are")]
pub struct BadLeaseId;

impl LeaseId {
    /// How many digits.
    const LENGTH: usize = 20;

    /// One that nobody has.
    pub fn random(random: &dyn Random) -> Self {
        let mut bytes = [0; 32];
        random.fill(&mut bytes);
        Self::of_bytes(bytes)
    }

    /// The one whose digits are the first of these bytes: a hash of what the lease is for.
    #[must_use]
    pub fn of_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes.iter().take(Self::LENGTH / 2).map(|byte| format!("{byte:02x}")).collect())
    }

    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for LeaseId {
    type Err = BadLeaseId;

    fn from_str(text: &str) -> Result<Self, BadLeaseId> {
        let digits = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if digits && text.len() == Self::LENGTH { Ok(Self(text.to_owned())) } else { Err(BadLeaseId) }
    }
}

impl TryFrom<String> for LeaseId {
    type Error = BadLeaseId;

    fn try_from(text: String) -> Result<Self, BadLeaseId> {
        text.parse()
    }
}

impl From<LeaseId> for String {
    fn from(id: LeaseId) -> Self {
        id.0
    }
}

impl fmt::Display for LeaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_safe_as_a_file_name_names_a_lease() {
        let id = LeaseId::random(&dtyp::SystemRandom);
        assert_eq!(id.as_str().parse(), Ok(id.clone()));
        assert_ne!(id, LeaseId::random(&dtyp::SystemRandom));
        for bad in
            ["", "..", "../../../../etc/passwd", "0123456789abcdef012", "0123456789ABCDEF0123", "0123456789abcdef01234"]
        {
            assert!(bad.parse::<LeaseId>().is_err(), "{bad}");
        }
    }
}
