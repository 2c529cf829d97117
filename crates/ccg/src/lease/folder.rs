//! The folder of a lease: one folder for each account, with its credential cache and its keytab.
//!
//! `<lease>/webapp01/krb5cc`, as the programs expect it that AWS's credentials-fetcher is made for. The lease's own folder belongs to the
//! guard and can only be passed through; each account's folder and its files belong to the container's user alone. That user may do what
//! it likes in there, so nothing is ever opened or changed by a path that goes through it: a file is written in the guard's folder, and
//! moved to its place by folder handles that follow no links.
//!
//! Where it is mounted for its readers, nobody has to pass through the lease's own folder, and it is closed ([`Readers`]).

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{AtFlags, CWD, Gid, Mode, OFlags, Uid};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

/// The user whose processes may use the identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// User.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

impl Owner {
    /// Who this process is.
    #[must_use]
    pub fn this_process() -> Self {
        Self { uid: rustix::process::geteuid().as_raw(), gid: rustix::process::getegid().as_raw() }
    }
}

/// Who else reads what is in a folder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Readers {
    /// Nobody: the owner passes through the lease's folder to its own.
    #[default]
    Owner,
    /// The owner's group, where an account's folder is mounted; there is no other way to it.
    MountedForGroup,
    /// Whoever gets to where an account's folder is mounted; there is no other way to it.
    Mounted,
}

impl Readers {
    fn files(self) -> Mode {
        match self {
            Self::Owner => Mode::RUSR | Mode::WUSR,
            Self::MountedForGroup => Mode::RUSR | Mode::WUSR | Mode::RGRP,
            Self::Mounted => Mode::RUSR | Mode::WUSR | Mode::RGRP | Mode::ROTH,
        }
    }

    fn folders(self) -> Mode {
        match self {
            Self::Owner => Mode::RWXU,
            Self::MountedForGroup => Mode::RWXU | Mode::RGRP | Mode::XGRP,
            Self::Mounted => Mode::RWXU | Mode::RGRP | Mode::XGRP | Mode::ROTH | Mode::XOTH,
        }
    }

    fn passage(self) -> Mode {
        match self {
            Self::Owner => PASSAGE,
            Self::MountedForGroup | Self::Mounted => Mode::RWXU,
        }
    }
}

/// A folder for identities.
#[derive(Clone, Debug)]
pub struct Folder {
    path: PathBuf,
    owner: Owner,
    readers: Readers,
}

/// What went wrong, where.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {source}")]
pub struct FolderError {
    /// The file or folder.
    pub path: PathBuf,
    /// What the system said.
    pub source: std::io::Error,
}

const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
/// Others may pass through, but not look around.
const PASSAGE: Mode = Mode::RWXU.union(Mode::XGRP).union(Mode::XOTH);

impl Folder {
    /// The credential cache's name in an account's folder.
    pub const CCACHE: &'static str = "krb5cc";
    /// The keytab's.
    pub const KEYTAB: &'static str = "keytab";

    /// This folder, for this user.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>, owner: Owner) -> Self {
        Self { path: path.into(), owner, readers: Readers::Owner }
    }

    /// The same that others read too.
    #[must_use]
    pub fn for_readers(mut self, readers: Readers) -> Self {
        self.readers = readers;
        self
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where an account's files are.
    #[must_use]
    pub fn account(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Makes it, with a folder for each account.
    ///
    /// # Errors
    /// When it exists, or cannot be made or given to its owner.
    pub fn create(&self, accounts: &[&str]) -> Result<(), FolderError> {
        rustix::fs::mkdirat(CWD, &self.path, Mode::RWXU).map_err(at(&self.path))?;
        let made = accounts.iter().try_for_each(|name| self.make(name));
        let open = || {
            let handle = rustix::fs::openat(CWD, &self.path, DIRECTORY, Mode::empty())?;
            rustix::fs::fchmod(&handle, self.readers.passage())
        };
        made.and_then(|()| open().map_err(at(&self.path))).inspect_err(|_| drop(self.remove()))
    }

    fn make(&self, name: &str) -> Result<(), FolderError> {
        let path = self.account(name);
        if matches!(name, "" | "." | "..") || name.contains(['/', '\0']) {
            let source = std::io::Error::new(std::io::ErrorKind::InvalidInput, "this is no name for a folder");
            return Err(FolderError { path, source });
        }
        let make = || {
            let parent = rustix::fs::openat(CWD, &self.path, DIRECTORY, Mode::empty())?;
            rustix::fs::mkdirat(&parent, name, Mode::RWXU)?;
            let folder = rustix::fs::openat(&parent, name, DIRECTORY, Mode::empty())?;
            self.give(&folder, self.readers.folders())
        };
        make().map_err(at(&path))
    }

    /// Puts a file into an account's folder (0600, unless others read it too), in the place of an earlier one, in one step.
    ///
    /// # Errors
    /// When it cannot be written; an earlier file stays as it was.
    pub fn put(&self, account: &str, name: &str, bytes: &[u8]) -> Result<(), FolderError> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let path = self.account(account).join(name);
        let put = || -> Result<(), std::io::Error> {
            let parent = rustix::fs::openat(CWD, &self.path, DIRECTORY, Mode::empty())?;
            let folder = rustix::fs::openat(&parent, account, DIRECTORY, Mode::empty())?;
            let draft = format!(".{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let file = rustix::fs::openat(&parent, &draft, flags, Mode::RUSR | Mode::WUSR)?;
            let written = std::fs::File::from(file.try_clone()?)
                .write_all(bytes)
                .and_then(|()| Ok(self.give(&file, self.readers.files())?))
                .and_then(|()| Ok(rustix::fs::renameat(&parent, &draft, &folder, name)?));
            if written.is_err() {
                let _ = rustix::fs::unlinkat(&parent, &draft, AtFlags::empty());
            }
            written
        };
        put().map_err(|source| FolderError { path, source })
    }

    /// Removes it with all that is in it. It is no error when it is not there.
    ///
    /// # Errors
    /// When something in it cannot be removed.
    pub fn remove(&self) -> Result<(), FolderError> {
        super::removal::remove(&self.path).map_err(at(&self.path))
    }

    fn give(&self, file: &impl std::os::fd::AsFd, mode: Mode) -> Result<(), Errno> {
        if self.owner != Owner::this_process() {
            let Owner { uid, gid } = self.owner;
            rustix::fs::fchown(file, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))?;
        }
        // Only after the owner: in no moment does another group read it.
        rustix::fs::fchmod(file, mode)
    }
}

fn at(path: &Path) -> impl Fn(Errno) -> FolderError {
    let path = path.to_owned();
    move |errno| FolderError { path: path.clone(), source: errno.into() }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    use super::*;

    fn folder() -> (tempfile::TempDir, Folder) {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::new(place.path().join("lease"), Owner::this_process());
        (place, folder)
    }

    fn mode(path: &Path) -> u32 {
        path.metadata().unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn only_the_owner_reads_what_is_in_it() {
        let (_place, folder) = folder();
        folder.create(&["webapp01"]).unwrap();
        folder.put("webapp01", Folder::CCACHE, b"one").unwrap();
        folder.put("webapp01", Folder::CCACHE, b"two").unwrap();
        let file = folder.account("webapp01").join("krb5cc");
        assert_eq!(std::fs::read(&file).unwrap(), b"two");
        assert_eq!((mode(folder.path()), mode(&folder.account("webapp01")), mode(&file)), (0o711, 0o700, 0o600));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no drafts are left");
        folder.remove().unwrap();
        folder.remove().unwrap();
        assert!(!folder.path().exists());
    }

    #[test]
    fn it_is_given_to_its_user() {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::new(place.path().join("lease"), Owner { uid: 12_345, gid: 54_321 });
        let made = folder.create(&["webapp01"]);
        if Owner::this_process().uid != 0 {
            assert!(made.is_err() && !folder.path().exists(), "only root gives files away");
            return;
        }
        folder.put("webapp01", "krb5cc", b"x").unwrap();
        for path in [folder.account("webapp01"), folder.account("webapp01").join("krb5cc")] {
            let meta = path.metadata().unwrap();
            assert_eq!((meta.uid(), meta.gid()), (12_345, 54_321), "{}", path.display());
        }
        assert_eq!(folder.path().metadata().unwrap().uid(), 0, "the way to it stays the guard's");
    }

    #[test]
    fn what_is_mounted_for_others_is_reached_in_no_other_way() {
        let modes = |readers| {
            let (_place, folder) = folder();
            let folder = folder.for_readers(readers);
            folder.create(&["webapp01"]).unwrap();
            folder.put("webapp01", Folder::CCACHE, b"one").unwrap();
            let account = folder.account("webapp01");
            (mode(folder.path()), mode(&account), mode(&account.join("krb5cc")))
        };
        assert_eq!(modes(Readers::MountedForGroup), (0o700, 0o750, 0o640));
        assert_eq!(modes(Readers::Mounted), (0o700, 0o755, 0o644));
    }

    #[test]
    fn links_that_its_user_plants_lead_nowhere() {
        let (place, folder) = folder();
        folder.create(&["webapp01"]).unwrap();
        let victim = place.path().join("victim");
        std::fs::write(&victim, b"precious").unwrap();
        std::os::unix::fs::symlink(&victim, folder.account("webapp01").join("krb5cc")).unwrap();
        folder.put("webapp01", "krb5cc", b"ticket").unwrap();
        assert_eq!(std::fs::read(&victim).unwrap(), b"precious");
        assert_eq!(std::fs::read(folder.account("webapp01").join("krb5cc")).unwrap(), b"ticket");

        std::os::unix::fs::symlink(place.path(), folder.account("webapp01").join("out")).unwrap();
        folder.remove().unwrap();
        assert!(victim.exists());
    }

    #[test]
    fn what_its_user_piles_up_in_it_is_removed_however_deep() {
        let (place, folder) = folder();
        folder.create(&["webapp01"]).unwrap();
        let open = |at: std::os::fd::BorrowedFd<'_>, name: &str| {
            rustix::fs::mkdirat(at, name, Mode::RWXU).unwrap();
            rustix::fs::openat(at, name, DIRECTORY, Mode::empty()).unwrap()
        };
        let account = std::fs::File::open(folder.account("webapp01")).unwrap();
        // More levels than there may be open files.
        let mut deepest = open(account.as_fd(), "d");
        for _ in 0..1_000 {
            deepest = open(deepest.as_fd(), "d");
        }
        let closed = folder.account("webapp01").join("closed");
        std::fs::create_dir_all(closed.join("in")).unwrap();
        std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o000)).unwrap();
        let resource = rustix::process::Resource::Nofile;
        let limit = rustix::process::getrlimit(resource);
        let low = rustix::process::Rlimit { current: Some(512), ..limit };
        rustix::process::setrlimit(resource, low).unwrap();
        let removed = folder.remove();
        rustix::process::setrlimit(resource, limit).unwrap();
        removed.unwrap();
        assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_is_removed_is_taken_from_its_user_first_who_may_be_in_it_still() {
        let place = tempfile::tempdir().unwrap();
        let us = Owner::this_process();
        let owner = if us.uid == 0 { Owner { uid: 12_345, gid: 54_321 } } else { us };
        let folder = Folder::new(place.path().join("lease"), owner);
        folder.create(&["webapp01"]).unwrap();
        let account = std::fs::File::open(folder.account("webapp01")).unwrap();
        account.set_permissions(std::fs::Permissions::from_mode(0o777)).unwrap();
        folder.remove().unwrap();
        let left = account.metadata().unwrap();
        assert_eq!((left.uid(), left.gid(), left.mode() & 0o7777), (us.uid, us.gid, 0o700));
    }

    #[test]
    fn names_that_lead_out_are_no_folders() {
        for name in ["", ".", "..", "a/b", "../x"] {
            let (_place, folder) = folder();
            assert!(folder.create(&[name]).is_err(), "{name}");
            assert!(!folder.path().exists(), "nothing is left of it");
        }
    }

    #[test]
    fn one_that_is_there_already_is_not_taken_over() {
        let (_place, folder) = folder();
        std::fs::create_dir(folder.path()).unwrap();
        std::fs::write(folder.path().join("x"), b"").unwrap();
        assert!(folder.create(&["webapp01"]).is_err());
        assert!(folder.path().join("x").exists());
    }
}
