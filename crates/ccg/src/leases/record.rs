//! What of a lease outlives the guard's process: how to renew it. No secret is in it.

use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::LeaseId;
use super::peer::Peer;
use super::workload::Workload;
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
    pub keytabs: Keytabs,
    /// The credential specs, as they came.
    pub specs: Vec<String>,
    /// Whose credentials the caller brought, and brings again to renew it.
    pub brought: Option<Brought>,
    pub term: Term,
}

/// An account whose password only the caller has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Brought {
    pub username: String,
    pub domain: String,
}

impl Record {
    pub const VERSION: u32 = 1;

    fn path(folder: &Path, id: &LeaseId) -> PathBuf {
        folder.join(format!("{id}.json"))
    }

    /// Writes it as a whole, readable for the guard only.
    pub fn save(&self, folder: &Path) -> std::io::Result<()> {
        let path = Self::path(folder, &self.id);
        let draft = folder.join(format!(".{}", self.id));
        let _ = std::fs::remove_file(&draft);
        let mut options = std::fs::OpenOptions::new();
        let file = options.write(true).create_new(true).mode(0o600).open(&draft)?;
        serde_json::to_writer(std::io::BufWriter::new(file), self)?;
        std::fs::rename(&draft, path)
    }

    pub fn remove(folder: &Path, id: &LeaseId) -> std::io::Result<()> {
        match std::fs::remove_file(Self::path(folder, id)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// All that are there; files that are none are removed.
    pub fn load_all(folder: &Path) -> std::io::Result<Vec<Self>> {
        let mut records = Vec::new();
        for file in std::fs::read_dir(folder)? {
            let path = file?.path();
            match Self::load(&path) {
                Ok(record) => records.push(record),
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
            false => Err(std::io::Error::other("its name or version is another")),
        }
    }
}
