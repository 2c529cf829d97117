//! What the plugins with classes of our own are told: a secret of HashiCorp Vault or OpenBao, and a secret in a folder of the host's.
//!
//! Which server and which folder is the operator's to say. Here are only names, from which no path leads up or elsewhere.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use dtyp::Guid;

use crate::BadInput;

/// The plugin of HashiCorp Vault and OpenBao.
pub const VAULT_CLSID: Guid = Guid::from_u128(0xC116_59CA_8467_49DB_B7F3_4FC1_3C61_C991);
/// The plugin of a folder of secrets.
pub const FILE_CLSID: Guid = Guid::from_u128(0xE792_3E07_780D_4E9F_971B_42DA_D835_FADD);

/// More than any path of secrets needs.
const LONGEST: usize = 512;
const LONGEST_PART: usize = 128;

/// What the Vault plugin is told: `<mount>:<path>`, and `:<version>` when it is not the current one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VaultInput {
    /// Where the key-value engine is mounted: `secret`, `team/kv`.
    pub mount: StorePath,
    /// The secret in it: `ccg/webapp01`.
    pub path: StorePath,
    /// Its version; without one, the current version.
    pub version: Option<NonZeroU32>,
}

/// Names with slashes between them, each of letters, digits, `-`, `_` and `.`, and none that begins with a dot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorePath(String);

impl StorePath {
    /// The names, with slashes between them.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StorePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for StorePath {
    type Err = BadInput;

    fn from_str(text: &str) -> Result<Self, BadInput> {
        if text.len() <= LONGEST && text.split('/').all(is_part) {
            return Ok(Self(text.to_owned()));
        }
        Err(BadInput::Store { reason: "its names are not letters, digits, hyphens, underscores and dots" })
    }
}

fn is_part(part: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    (1..=LONGEST_PART).contains(&part.len()) && part.bytes().all(plain) && !part.starts_with('.')
}

impl FromStr for VaultInput {
    type Err = BadInput;

    fn from_str(text: &str) -> Result<Self, BadInput> {
        let mut parts = text.split(':');
        let (Some(mount), Some(path), version, None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
            return Err(BadInput::Store { reason: "it is not `<mount>:<path>` or `<mount>:<path>:<version>`" });
        };
        let number = |text: &str| {
            let digits = text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
            text.parse().ok().filter(|_| digits)
        };
        let version = match version {
            None => None,
            Some(text) => Some(number(text).ok_or(BadInput::Store { reason: "its version is not a number from 1" })?),
        };
        Ok(Self { mount: mount.parse()?, path: path.parse()?, version })
    }
}

impl fmt::Display for VaultInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.mount, self.path)?;
        self.version.iter().try_for_each(|version| write!(f, ":{version}"))
    }
}

/// What the file plugin is told: the name of one secret. It is safe as the name of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileInput(String);

impl FileInput {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FileInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for FileInput {
    type Err = BadInput;

    fn from_str(text: &str) -> Result<Self, BadInput> {
        if is_part(text) {
            return Ok(Self(text.to_owned()));
        }
        Err(BadInput::Store {
            reason: "it is not the name of a secret: letters, digits, hyphens, underscores and dots",
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_mount_a_path_and_a_version() {
        let plain: VaultInput = "secret:ccg/webapp01".parse().unwrap();
        assert_eq!((plain.mount.as_str(), plain.path.as_str(), plain.version), ("secret", "ccg/webapp01", None));
        let full: VaultInput = "team/kv:a_b.c:12".parse().unwrap();
        assert_eq!((full.mount.as_str(), full.version.map(NonZeroU32::get)), ("team/kv", Some(12)));
    }

    #[test]
    fn nothing_that_leads_elsewhere_is_a_path() {
        for text in [
            "",
            ":",
            "a",
            "a:",
            ":a",
            "a:b:",
            "a:b:0",
            "a:b:01",
            "a:b:+1",
            "a:b:x",
            "a:b:1:2",
            "a:b:4294967296",
            "a:/b",
            "a:b/",
            "a:b//c",
            "a:..",
            "a:../b",
            "a:b/../c",
            "..:a",
            "a:.b",
            "a:b?version=1",
            "a:b#c",
            "a:b%2fc",
            "a:b c",
            "a:b\\c",
            "a:b\0",
            "a:b\r\n",
            "ä:b",
            "a@b:c",
            "https://x:a",
            "a:b;c",
        ] {
            assert!(text.parse::<VaultInput>().is_err(), "{text:?}");
        }
        for text in ["", ".", "..", "a/b", "../a", "/a", "a\\b", ".hidden", "a\0", "a\n", "ä", "a b", "C:a"] {
            assert!(text.parse::<FileInput>().is_err(), "{text:?}");
        }
        assert!(format!("a:{}", "b".repeat(129)).parse::<VaultInput>().is_err());
        assert!(format!("a:{}", "b/".repeat(300) + "b").parse::<VaultInput>().is_err());
        assert!("b".repeat(129).parse::<FileInput>().is_err());
    }

    proptest! {
        #[test]
        fn what_is_accepted_is_written_as_it_was_read(text in "[a-zA-Z0-9.:/_\\\\-]{0,40}") {
            if let Ok(input) = text.parse::<VaultInput>() {
                prop_assert_eq!(input.to_string(), text.clone());
                prop_assert!(!text.contains("..") || !text.split(['/', ':']).any(|part| part.starts_with('.')));
            }
            if let Ok(input) = text.parse::<FileInput>() {
                prop_assert_eq!(std::path::Path::new(input.as_str()).components().count(), 1);
            }
        }
    }
}
