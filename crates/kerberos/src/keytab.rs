//! Keytabs: the long-term keys of services and machines, in the file format 0x0502 that MIT krb5 and Samba read.
//!
//! ```
//! use dtyp::{FileTime, SystemRandom};
//! use kerberos::{PrincipalName, crypto::{Etype, Key}, keytab::{Entry, Keytab}};
//! let key = Key::random(Etype::Aes256, &SystemRandom);
//! let entry = Entry::new(PrincipalName::user("webapp01$"), "CONTOSO.COM", 3, FileTime::from_unix(1_700_000_000, 0), key);
//! let keytab = Keytab { entries: vec![entry] };
//! assert_eq!(Keytab::decode(&keytab.encode())?.entries.len(), 1);
//! # Ok::<(), kerberos::keytab::KeytabError>(())
//! ```

use std::path::{Path, PathBuf};

use dtyp::FileTime;
use zeroize::Zeroizing;

use crate::PrincipalName;
use crate::crypto::{Etype, Key};
use crate::private_file;
use crate::stored::{self, Damaged, Fields};

/// Larger files are no keytabs.
const LONGEST: u64 = 4 << 20;

/// What is wrong with a keytab.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeytabError {
    /// The file cannot be read or written.
    #[error("the keytab {path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The bytes are of another format.
    #[error("this is no keytab of format 0x0502")]
    Format,
    /// The bytes end early, or a name in them is no text.
    #[error("the keytab is damaged")]
    Damaged,
}

impl From<Damaged> for KeytabError {
    fn from(_: Damaged) -> Self {
        Self::Damaged
    }
}

/// A keytab.
#[derive(Clone, Debug, Default)]
pub struct Keytab {
    /// Its entries. Those with other encryption types than AES are left out when reading.
    pub entries: Vec<Entry>,
}

/// One key of one principal.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Whose key it is.
    pub principal: PrincipalName,
    /// In which realm.
    pub realm: String,
    /// The version of the key.
    pub kvno: u32,
    /// When it was written.
    pub timestamp: FileTime,
    /// The key.
    pub key: Key,
}

impl Entry {
    /// One key of one principal.
    #[must_use]
    pub fn new(principal: PrincipalName, realm: &str, kvno: u32, timestamp: FileTime, key: Key) -> Self {
        Self { principal, realm: realm.to_owned(), kvno, timestamp, key }
    }

    fn write_to(&self, out: &mut Vec<u8>) {
        let components = self.principal.components.iter().take(usize::from(u16::MAX));
        out.extend_from_slice(&u16::try_from(components.len()).unwrap_or(u16::MAX).to_be_bytes());
        stored::counted16(out, self.realm.as_bytes());
        for component in components {
            stored::counted16(out, component.as_bytes());
        }
        out.extend_from_slice(&self.principal.name_type.to_be_bytes());
        let seconds = u32::try_from(self.timestamp.unix_seconds()).unwrap_or(0);
        out.extend_from_slice(&seconds.to_be_bytes());
        let [.., low] = self.kvno.to_be_bytes();
        out.push(low);
        out.extend_from_slice(&u16::try_from(self.key.etype() as i32).unwrap_or(0).to_be_bytes());
        stored::counted16(out, self.key.bytes());
        out.extend_from_slice(&self.kvno.to_be_bytes());
    }

    /// Reads one record; `None` when its key is of a kind that is not used here.
    fn read(record: &[u8]) -> Result<Option<Self>, KeytabError> {
        let mut r = Fields(record);
        let count = r.u16()?;
        let realm = stored::text(r.counted16()?)?;
        let components = (0..count).map(|_| stored::text(r.counted16()?)).collect::<Result<Vec<_>, Damaged>>()?;
        let name_type = r.u32()?;
        let timestamp = FileTime::from_unix(i64::from(r.u32()?), 0);
        let low = r.u8()?;
        let etype = r.u16()?;
        let key = r.counted16()?;
        // A 32-bit version follows when there is room; zero means that the writer did not know of it.
        let kvno = match r.u32() {
            Ok(kvno) if kvno != 0 => kvno,
            _ => u32::from(low),
        };
        let key = Etype::from_i32(i32::from(etype)).and_then(|etype| Key::new(etype, key).ok());
        let principal = stored::principal(name_type, components);
        Ok(key.map(|key| Self { principal, realm, kvno, timestamp, key }))
    }
}

impl Keytab {
    /// The keys of a principal, newest version first.
    #[must_use]
    pub fn keys(&self, principal: &PrincipalName, realm: &str) -> Vec<&Entry> {
        let mut found: Vec<&Entry> = self
            .entries
            .iter()
            .filter(|entry| entry.principal.components == principal.components && entry.realm == realm)
            .collect();
        found.sort_by_key(|entry| std::cmp::Reverse((entry.kvno, entry.key.etype() as i32)));
        found
    }

    /// The file's bytes.
    #[must_use]
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        let mut out = Zeroizing::new(vec![5, 2]);
        for entry in &self.entries {
            let mut record = Zeroizing::new(Vec::new());
            entry.write_to(&mut record);
            stored::counted32(&mut out, &record);
        }
        out
    }

    /// Reads the file's bytes; deleted entries (holes) are skipped.
    ///
    /// # Errors
    /// When they are no keytab of format 0x0502, or cut short.
    pub fn decode(bytes: &[u8]) -> Result<Self, KeytabError> {
        let rest = bytes.strip_prefix(&[5, 2]).ok_or(KeytabError::Format)?;
        let mut r = Fields(rest);
        let mut entries = Vec::new();
        while !r.0.is_empty() {
            let size = i32::from_be_bytes(r.u32()?.to_be_bytes());
            if size == 0 {
                break; // MIT krb5 takes a zero length for the end.
            }
            let record = r.bytes(usize::try_from(size.unsigned_abs()).map_err(|_| KeytabError::Damaged)?)?;
            if size > 0 {
                entries.extend(Entry::read(record)?);
            }
        }
        Ok(Self { entries })
    }

    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read or is no keytab.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, KeytabError> {
        let path = path.as_ref();
        let file = |source| KeytabError::File { path: path.to_owned(), source };
        Self::decode(&Zeroizing::new(private_file::read(path, LONGEST).map_err(file)?))
    }

    /// Writes a file that only its owner can read (0600), replacing another as a whole.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<(), KeytabError> {
        let path = path.as_ref();
        private_file::replace(path, &self.encode())
            .map_err(|source| KeytabError::File { path: path.to_owned(), source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dtyp::SystemRandom;
    use proptest::prelude::*;

    fn entry(name: &str, kvno: u32, etype: Etype) -> Entry {
        let time = FileTime::from_unix(1_700_000_000, 0);
        Entry::new(PrincipalName::user(name), "CONTOSO.COM", kvno, time, Key::random(etype, &SystemRandom))
    }

    #[test]
    fn a_keytab_reads_back_with_versions_above_255() {
        let keytab =
            Keytab { entries: vec![entry("webapp01$", 300, Etype::Aes256), entry("webapp01$", 2, Etype::Aes128)] };
        let read = Keytab::decode(&keytab.encode()).unwrap();
        let keys = read.keys(&PrincipalName::user("webapp01$"), "CONTOSO.COM");
        assert_eq!(keys.iter().map(|e| e.kvno).collect::<Vec<_>>(), [300, 2]);
        assert_eq!(keys[0].key.bytes(), keytab.entries[0].key.bytes());
        assert_eq!(keys[0].timestamp, keytab.entries[0].timestamp);
    }

    #[test]
    fn holes_and_keys_of_other_kinds_are_skipped() {
        let keytab = Keytab { entries: vec![entry("a", 1, Etype::Aes256)] };
        let mut bytes = keytab.encode().to_vec();
        bytes.extend_from_slice(&(-3i32).to_be_bytes());
        bytes.extend_from_slice(&[1, 2, 3]);
        let mut rc4 = vec![0, 1, 0, 1, b'R', 0, 1, b'b', 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 23, 0, 16];
        rc4.extend_from_slice(&[7; 16]);
        stored::counted32(&mut bytes, &rc4);
        assert_eq!(Keytab::decode(&bytes).unwrap().entries.len(), 1);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Keytab::decode(&[&[5, 2], &bytes[..]].concat());
        }
    }
}
