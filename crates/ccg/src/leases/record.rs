//! What of a lease outlives the guard's process: how to renew it. No secret is in it.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::peer::Peer;
use super::process::Process;
use super::workload::Workload;
use super::{Holder, LeaseId};
use crate::{Keytabs, Owner, Readers, Term};

/// Larger files are not ours.
const LONGEST: u64 = 16 << 20;

/// A lease, as it is kept for the guard's next life.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Record {
    pub version: u32,
    pub id: LeaseId,
    pub peer: Peer,
    pub owner: Owner,
    #[serde(default)]
    pub readers: Readers,
    #[serde(default)]
    pub workload: Option<Workload>,
    #[serde(default)]
    pub process: Option<Process>,
    pub keytabs: Keytabs,
    /// The credential specs, as they came.
    pub specs: Vec<String>,
    /// Whose credentials the caller brought, and brings again to renew it.
    pub brought: Option<Brought>,
    pub term: Term,
}

/// What only the caller has the secret of, and brings again for each renewal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Brought {
    /// An account's password.
    Account { username: String, domain: String },
    /// Plugins that ask with the caller's own keys, of which this one is not secret.
    Keys { key_id: String },
}

impl Record {
    pub const VERSION: u32 = 1;

    pub fn holder(&self) -> Holder {
        Holder::of(&self.peer, self.workload.as_ref())
    }

    fn path(folder: &Path, id: &LeaseId) -> PathBuf {
        folder.join(format!("{id}.json"))
    }

    /// Writes it as a whole, readable for the guard only. When it cannot be written, an earlier one stays.
    pub fn save(&self, folder: &Path) -> std::io::Result<()> {
        let path = Self::path(folder, &self.id);
        let draft = folder.join(format!(".{}", self.id));
        let _ = std::fs::remove_file(&draft);
        let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
        let written = self.write(file).and_then(|()| std::fs::rename(&draft, path));
        written.inspect_err(|_| drop(std::fs::remove_file(&draft)))
    }

    /// All of it, or an error: what a buffer could not write when it is dropped, nobody hears of.
    fn write(&self, mut file: impl Write) -> std::io::Result<()> {
        file.write_all(&serde_json::to_vec(self)?)
    }

    pub fn remove(folder: &Path, id: &LeaseId) -> std::io::Result<()> {
        match std::fs::remove_file(Self::path(folder, id)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// All that are there; files that are none are removed. One that cannot be read now may be one, and stays.
    pub fn load_all(folder: &Path) -> std::io::Result<Vec<Self>> {
        let mut records = Vec::new();
        for file in std::fs::read_dir(folder)? {
            let path = file?.path();
            match Self::load(&path) {
                Ok(record) => records.push(record),
                Err(error) if !matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::UnexpectedEof) => {
                    return Err(std::io::Error::new(error.kind(), format!("{}: {error}", path.display())));
                }
                Err(error) => {
                    tracing::warn!(path = %path.display(), %error, "this is no lease; it is removed");
                    let _ = std::fs::remove_file(&path);
                }
            }
        }
        Ok(records)
    }

    fn load(path: &Path) -> std::io::Result<Self> {
        let mut text = Vec::new();
        std::fs::File::open(path)?.take(LONGEST).read_to_end(&mut text)?;
        let record: Self = serde_json::from_slice(&text)?;
        let named = path.file_name() == Self::path(Path::new(""), &record.id).file_name();
        match named && record.version == Self::VERSION {
            true => Ok(record),
            false => Err(std::io::Error::new(ErrorKind::InvalidData, "its name or version is another")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        let (owner, peer) = (Owner::this_process(), Peer { uid: 1, gid: 1, pid: None });
        let id = LeaseId::random(&dtyp::SystemRandom);
        let (readers, keytabs, term) = (Readers::default(), Keytabs::default(), super::super::ZERO);
        let version = Record::VERSION;
        Record {
            version,
            id,
            peer,
            owner,
            readers,
            workload: None,
            process: None,
            keytabs,
            specs: vec![],
            brought: None,
            term,
        }
    }

    #[test]
    fn what_the_caller_brought_is_told_apart_after_a_restart() {
        let place = tempfile::tempdir().unwrap();
        let account = Brought::Account { username: "svc-guard".into(), domain: "contoso.com".into() };
        for brought in [account, Brought::Keys { key_id: "AKIDEXAMPLE".into() }] {
            let kept = Record { brought: Some(brought.clone()), ..record() };
            kept.save(place.path()).unwrap();
            let records = Record::load_all(place.path()).unwrap();
            assert_eq!(records.first().unwrap().brought, Some(brought));
            Record::remove(place.path(), &kept.id).unwrap();
        }
    }

    #[test]
    fn a_full_disk_is_an_error_and_not_half_a_record() {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        assert!(record().write(full).is_err());
    }

    #[test]
    fn what_is_no_record_is_removed_and_what_cannot_be_read_is_not() {
        let place = tempfile::tempdir().unwrap();
        let kept = record();
        kept.save(place.path()).unwrap();
        std::fs::write(place.path().join("half.json"), b"{\"version\":1,").unwrap();
        let records = Record::load_all(place.path()).unwrap();
        assert_eq!(records.iter().map(|it| &it.id).collect::<Vec<_>>(), [&kept.id]);
        assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 1, "and no drafts");

        // Reading a folder is an error of the system's, as is one file too many being open.
        let unread = Record::path(place.path(), &LeaseId::random(&dtyp::SystemRandom));
        std::fs::create_dir(&unread).unwrap();
        assert!(Record::load_all(place.path()).is_err() && unread.exists());
    }
}
