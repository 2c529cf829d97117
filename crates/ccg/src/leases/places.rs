//! The folders in which leases are kept.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use crate::FolderError;

/// Where leases are kept. Both should be in memory.
#[derive(Clone, Debug)]
pub struct Places {
    /// The folders that containers see.
    pub identities: PathBuf,
    /// The guard's own records.
    pub records: PathBuf,
}

/// Makes a folder that only the guard looks into.
pub(super) fn make(path: &Path, mode: u32) -> Result<(), FolderError> {
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
    std::fs::DirBuilder::new().recursive(true).mode(mode).create(path).map_err(at(path))?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).map_err(at(path))
}

/// The folder is this process's own from now on.
pub(super) fn lock(folder: &Path) -> Result<OwnedFd, FolderError> {
    let folder_itself = std::fs::File::open(folder).map_err(at(folder))?;
    let locked = rustix::fs::flock(&folder_itself, rustix::fs::FlockOperation::NonBlockingLockExclusive);
    let taken =
        |_| std::io::Error::other("another guard keeps its leases here: stop it first, or choose another folder");
    locked.map_err(|errno| at(folder)(taken(errno)))?;
    Ok(folder_itself.into())
}

/// What went wrong with a file or folder.
pub(super) fn at(path: &Path) -> impl Fn(std::io::Error) -> FolderError {
    let path = path.to_owned();
    move |source| FolderError { path: path.clone(), source }
}
