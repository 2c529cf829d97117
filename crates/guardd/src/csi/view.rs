//! A read-only view of the identities, from which the volumes are cut.
//!
//! A mount that is made first and made read-only afterwards is read-only here alone: its copies in other mount namespaces, kubelet's among
//! them, would stay writable. So one view of all identities is made read-only beforehand; each volume is a copy of a part of it, and so
//! are that one's copies.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::CWD;
use rustix::io::Errno;
use rustix::mount::{MountFlags, MountPropagationFlags, OpenTreeFlags, UnmountFlags};

/// The view. It is reached by the guard's user only, and taken down with this value.
#[derive(Debug)]
pub(super) struct View {
    path: PathBuf,
}

impl View {
    /// Makes it of the identities' folder, in place of one that an earlier guard left.
    pub fn open(identities: &Path, path: PathBuf) -> std::io::Result<Self> {
        use std::os::unix::fs::DirBuilderExt;
        take_down(&path)?;
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&path)?;
        rustix::mount::mount_bind(identities, &path)?;
        let view = Self { path };
        let flags = MountFlags::BIND | MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
        rustix::mount::mount_remount(&view.path, flags, "")?;
        rustix::mount::mount_change(&view.path, MountPropagationFlags::PRIVATE)?;
        Ok(view)
    }

    /// A mount of a part of it, which is nowhere yet.
    pub fn window(&self, below: &Path) -> Result<OwnedFd, Errno> {
        let flags = OpenTreeFlags::OPEN_TREE_CLONE
            | OpenTreeFlags::OPEN_TREE_CLOEXEC
            | OpenTreeFlags::AT_NO_AUTOMOUNT
            | OpenTreeFlags::AT_SYMLINK_NOFOLLOW;
        rustix::mount::open_tree(CWD, self.path.join(below), flags)
    }
}

impl Drop for View {
    fn drop(&mut self) {
        let _ = take_down(&self.path);
    }
}

/// Unmounts whatever is there.
fn take_down(path: &Path) -> std::io::Result<()> {
    loop {
        match rustix::mount::unmount(path, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW) {
            Ok(()) => {}
            // Nothing is mounted there, or nothing is there.
            Err(Errno::INVAL | Errno::NOENT) => return Ok(()),
            Err(errno) => return Err(errno.into()),
        }
    }
}
