//! A file system of its own for the identities: in memory, and of a bounded size.
//!
//! Each user may write into the folders of its leases, where Kerberos programs keep further tickets. On a file system that others need
//! too, as /run is, that could use it up. mount(2), tmpfs(5).

use std::io::{Error, Result};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;

use rustix::io::Errno;
use rustix::mount::MountFlags;

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// There is one now.
    Made,
    /// There was one already; it has the size that was asked for.
    Kept,
    /// There is one already, and more of it is in use than was asked for; it stays as it is.
    InUse,
    /// There are leases in the folder, which a file system over it would hide.
    Occupied,
}

/// What `statfs(2)` calls a tmpfs.
const TMPFS: i64 = 0x0102_1994;
/// The least that a file with something in it takes.
const PAGE: u64 = 4096;

/// Whether more is in use than is to be allowed.
fn is_fuller(folder: &Path, size: u64) -> Result<bool> {
    let found = rustix::fs::statvfs(folder)?;
    let (blocks, files) = (found.f_blocks.saturating_sub(found.f_bfree), found.f_files.saturating_sub(found.f_ffree));
    Ok(blocks.saturating_mul(found.f_frsize) > size || files > (size / PAGE).max(1))
}

/// Mounts a tmpfs of this many bytes over a folder, which is made if need be.
///
/// # Errors
/// When the system refuses: only root may mount.
pub fn make_room(folder: &Path, size: u64) -> Result<Room> {
    let folder = &std::path::absolute(folder)?;
    std::fs::DirBuilder::new().recursive(true).mode(0o711).create(folder)?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    let bounds = format!("size={size},nr_inodes={}", (size / PAGE).max(1));
    let above = folder.parent().ok_or_else(|| Error::other("it is no folder in another"))?;
    if folder.metadata()?.dev() != above.metadata()?.dev() {
        if rustix::fs::statfs(folder)?.f_type != TMPFS {
            return Err(Error::other("another file system than a tmpfs is mounted there"));
        }
        return match rustix::mount::mount_remount(folder, flags, bounds.as_str()) {
            Ok(()) => Ok(Room::Kept),
            Err(Errno::INVAL) if is_fuller(folder, size)? => Ok(Room::InUse),
            Err(error) => Err(error.into()),
        };
    }
    if std::fs::read_dir(folder)?.next().is_some() {
        return Ok(Room::Occupied);
    }
    let data = std::ffi::CString::new(format!("{bounds},mode=0711"))?;
    rustix::mount::mount("tmpfs", folder, "tmpfs", flags, data.as_c_str())?;
    Ok(Room::Made)
}
