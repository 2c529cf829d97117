//! What of the volumes outlives the guard's process: where they are, and for whom. No secret is in it.

use std::collections::BTreeMap;
use std::io::Read;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use ccg::LeaseId;

use super::request::{Volume, VolumeId};

/// Larger files are not ours.
const LONGEST: u64 = 1 << 20;

/// A folder with a file for each volume.
#[derive(Clone, Debug)]
pub(super) struct Records {
    folder: PathBuf,
}

impl Records {
    pub fn open(folder: PathBuf) -> std::io::Result<Self> {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        Ok(Self { folder })
    }

    /// Writes it as a whole, readable for the guard only.
    pub fn save(&self, volume: &Volume) -> std::io::Result<()> {
        let draft = self.folder.join(format!(".{}", volume.id.lease()));
        let _ = std::fs::remove_file(&draft);
        let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
        serde_json::to_writer(std::io::BufWriter::new(file), volume)?;
        std::fs::rename(&draft, self.path(&volume.id))
    }

    pub fn load(&self, id: &VolumeId) -> Option<Volume> {
        load(&self.path(id)).ok().filter(|volume| volume.id == *id)
    }

    pub fn remove(&self, id: &VolumeId) -> std::io::Result<()> {
        match std::fs::remove_file(self.path(id)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// All that are there, by their leases; files that are none are removed.
    pub fn all(&self) -> std::io::Result<BTreeMap<LeaseId, Volume>> {
        let mut all = BTreeMap::new();
        for file in std::fs::read_dir(&self.folder)? {
            let path = file?.path();
            match load(&path) {
                Ok(volume) if path == self.path(&volume.id) => drop(all.insert(volume.id.lease(), volume)),
                _ => {
                    tracing::warn!(path = %path.display(), "this is no volume; it is removed");
                    std::fs::remove_file(&path)?;
                }
            }
        }
        Ok(all)
    }

    fn path(&self, id: &VolumeId) -> PathBuf {
        self.folder.join(format!("{}.json", id.lease()))
    }
}

fn load(path: &Path) -> std::io::Result<Volume> {
    let mut text = Vec::new();
    std::fs::File::open(path)?.take(LONGEST).read_to_end(&mut text)?;
    Ok(serde_json::from_slice(&text)?)
}
