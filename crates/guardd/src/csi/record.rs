//! What of the volumes outlives the guard's process: where they are, and for whom. No secret is in it.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
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

    /// Writes it as a whole, readable for the guard only. When it cannot be written, an earlier one stays.
    pub fn save(&self, volume: &Volume) -> std::io::Result<()> {
        let draft = self.folder.join(format!(".{}", volume.id.lease()));
        let _ = std::fs::remove_file(&draft);
        let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
        let written = write(volume, file).and_then(|()| std::fs::rename(&draft, self.path(&volume.id)));
        written.inspect_err(|_| drop(std::fs::remove_file(&draft)))
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

    /// All that are there, by their leases; files that are none are removed. One that cannot be read now may be one, and stays.
    pub fn all(&self) -> std::io::Result<BTreeMap<LeaseId, Volume>> {
        let mut all = BTreeMap::new();
        for file in std::fs::read_dir(&self.folder)? {
            let path = file?.path();
            match load(&path) {
                Ok(volume) if path == self.path(&volume.id) => drop(all.insert(volume.id.lease(), volume)),
                Err(error) if !matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::UnexpectedEof) => {
                    return Err(std::io::Error::new(error.kind(), format!("{}: {error}", path.display())));
                }
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

/// All of it, or an error: what a buffer could not write when it is dropped, nobody hears of.
fn write(volume: &Volume, mut file: impl Write) -> std::io::Result<()> {
    file.write_all(&serde_json::to_vec(volume)?)
}

fn load(path: &Path) -> std::io::Result<Volume> {
    let mut text = Vec::new();
    std::fs::File::open(path)?.take(LONGEST).read_to_end(&mut text)?;
    Ok(serde_json::from_slice(&text)?)
}

#[cfg(test)]
mod tests {
    use ccg::{Keytabs, Workload};

    use super::*;
    use crate::csi::target::Targets;

    fn volume(id: &str) -> Volume {
        let text = |text: &str| text.to_owned();
        let pod = Workload { namespace: text("n"), pod: text("p"), uid: text("u"), service_account: text("s") };
        let target = Targets::new("/k").parse("/k/pods/u/x/mount").unwrap();
        let (id, keytabs) = (VolumeId::parse(id).unwrap(), Keytabs::default());
        Volume { id, target, pod, spec: text("webapp01"), keytabs, group: None }
    }

    #[test]
    fn a_full_disk_is_an_error_and_not_half_a_record() {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        assert!(write(&volume("v"), full).is_err());
    }

    #[test]
    fn what_is_no_record_is_removed_and_what_cannot_be_read_is_not() {
        let place = tempfile::tempdir().unwrap();
        let records = Records::open(place.path().join("volumes")).unwrap();
        let kept = volume("kept");
        records.save(&kept).unwrap();
        std::fs::write(records.folder.join("half.json"), b"{\"id\":").unwrap();
        assert_eq!(records.all().unwrap().into_values().collect::<Vec<_>>(), [kept]);
        assert_eq!(std::fs::read_dir(&records.folder).unwrap().count(), 1);

        // Reading a folder is an error of the system's, as is one file too many being open.
        let unread = records.path(&VolumeId::parse("unread").unwrap());
        std::fs::create_dir(&unread).unwrap();
        assert!(records.all().is_err() && unread.exists());
    }
}
