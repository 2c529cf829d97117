//! The folder of `pando guard exec`, and those of earlier ones that were killed.
//!
//! Who is killed removes nothing. So a folder is locked for as long as it is used, by this process and by the program that it starts, and
//! whoever makes the next one removes those that nobody has locked. flock(2).

use std::io::{Error, Result};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use ccg::{Folder, Owner};
use rustix::fs::{AtFlags, CWD, FlockOperation, Mode, OFlags};
use rustix::io::FdFlags;
use tempfile::TempDir;

const PREFIX: &str = "pando-guard-";
/// So often somebody may take a new folder for a left one.
const ATTEMPTS: usize = 16;
const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// A folder that is closed to others, and removed when this is dropped.
pub struct Scratch {
    folder: TempDir,
    lock: OwnedFd,
}

impl Scratch {
    /// Removes what was left, and makes one.
    pub fn make(parent: &Path) -> Result<Self> {
        remove_left(parent);
        for _ in 0..ATTEMPTS {
            let owner_only = PermissionsExt::from_mode(0o700);
            let folder = tempfile::Builder::new().prefix(PREFIX).permissions(owner_only).tempdir_in(parent)?;
            match lock(folder.path()) {
                Ok(lock) if is_at(&lock, folder.path()) => return Ok(Self { folder, lock }),
                // Who looked for left ones has it, and it is gone or going.
                _ => {}
            }
        }
        Err(Error::other("others remove each folder that is made there"))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Programs that are started from now on keep it locked too: when this process is killed, they still need it.
    pub fn share(&self) -> Result<()> {
        Ok(rustix::io::fcntl_setfd(&self.lock, FdFlags::empty())?)
    }
}

fn lock(path: &Path) -> Result<OwnedFd> {
    let folder = rustix::fs::openat(CWD, path, FOLDER, Mode::empty())?;
    rustix::fs::flock(&folder, FlockOperation::NonBlockingLockExclusive)?;
    Ok(folder)
}

fn is_at(folder: &impl AsFd, path: &Path) -> bool {
    let there = rustix::fs::statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW);
    let this = rustix::fs::fstat(folder);
    matches!((there, this), (Ok(there), Ok(this)) if (there.st_dev, there.st_ino) == (this.st_dev, this.st_ino))
}

/// Removes those of this user's that nobody has locked.
fn remove_left(parent: &Path) {
    let own = Owner::this_process();
    // Where nobody may look around, nothing is found.
    for entry in std::fs::read_dir(parent).into_iter().flatten().flatten() {
        let path = entry.path();
        let is_named = path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(PREFIX));
        // Others, who may write there too, plant nothing that is touched: what is not locked and not ours stays.
        let Some(lock) = is_named.then(|| lock(&path).ok()).flatten() else { continue };
        if rustix::fs::fstat(&lock).is_ok_and(|found| found.st_uid == own.uid) {
            tracing::info!(path = %path.display(), "removing the identity of a program whose guard was killed");
            if let Err(error) = Folder::new(&path, own).remove() {
                tracing::warn!(%error, "it cannot be removed: remove it by hand");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(parent: &Path) -> Vec<std::ffi::OsString> {
        let mut names: Vec<_> = std::fs::read_dir(parent).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    }

    #[test]
    fn what_a_killed_one_left_is_removed_by_the_next_and_what_is_in_use_is_not() {
        let parent = tempfile::tempdir().unwrap();
        let used = Scratch::make(parent.path()).unwrap();
        let left = parent.path().join("pando-guard-left");
        std::fs::create_dir_all(left.join("identity/webapp01")).unwrap();
        std::fs::write(left.join("identity/webapp01/krb5cc"), "ticket").unwrap();
        std::fs::create_dir(parent.path().join("other")).unwrap();
        std::os::unix::fs::symlink(parent.path().join("other"), parent.path().join("pando-guard-link")).unwrap();
        let next = Scratch::make(parent.path()).unwrap();
        assert!(!left.exists() && used.path().exists() && next.path().exists());
        drop((used, next));
        assert_eq!(names(parent.path()), ["other", "pando-guard-link"]);
    }

    #[test]
    fn many_that_begin_at_once_do_not_remove_each_others() {
        let parent = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let made = Scratch::make(parent.path()).unwrap();
                        std::fs::write(made.path().join("x"), "x").unwrap();
                    }
                });
            }
        });
        assert_eq!(names(parent.path()).len(), 0);
    }
}
