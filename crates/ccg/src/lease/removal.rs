//! Removes a folder whose user may have put anything into it.
//!
//! Folders are not followed into the depth, which would take a file handle and some stack for each level: a folder in a folder is first
//! moved up, beside those that wait to be emptied. So the most that is open are two, however deep they were.

use std::path::Path;

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;

const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
/// So often somebody may put something in while it is emptied.
const MOST_TURNS: usize = 1_000_000;

/// Removes `path` with all that is in it. It is no error when it is not there.
pub(super) fn remove(path: &Path) -> Result<(), Errno> {
    let top = match rustix::fs::openat(CWD, path, DIRECTORY, Mode::empty()) {
        Err(Errno::NOENT) => return Ok(()),
        opened => opened?,
    };
    // From now on nobody comes in by this way.
    rustix::fs::fchmod(&top, Mode::RWXU)?;
    let mut moved = 0usize;
    for _ in 0..MOST_TURNS {
        let mut found = false;
        for entry in Dir::read_from(&top)? {
            let entry = entry?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            found = true;
            if !is_folder(&top, name, entry.file_type())? {
                gone(rustix::fs::unlinkat(&top, name, AtFlags::empty()))?;
                continue;
            }
            let inner = open(&top, name)?;
            empty(&inner, &top, &mut moved)?;
            match rustix::fs::unlinkat(&top, name, AtFlags::REMOVEDIR) {
                // Somebody put something in: next turn.
                Err(Errno::NOTEMPTY | Errno::EXIST) => {}
                removed => gone(removed)?,
            }
        }
        if !found {
            return gone(rustix::fs::unlinkat(CWD, path, AtFlags::REMOVEDIR));
        }
    }
    Err(Errno::NOTEMPTY)
}

/// Removes its files, and moves its folders up.
fn empty(folder: &impl std::os::fd::AsFd, top: &impl std::os::fd::AsFd, moved: &mut usize) -> Result<(), Errno> {
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        if !is_folder(folder, name, entry.file_type())? {
            gone(rustix::fs::unlinkat(folder, name, AtFlags::empty()))?;
            continue;
        }
        // A folder that its owner closed could not be moved.
        drop(open(folder, name)?);
        *moved += 1;
        match rustix::fs::renameat(folder, name, top, format!(".removed-{}-{moved}", std::process::id())) {
            // What an earlier removal left has this name: the next one is free.
            Err(Errno::EXIST | Errno::NOTEMPTY) => {}
            moved => gone(moved)?,
        }
    }
    Ok(())
}

/// Opens a folder, and takes it from its user, whose processes may be in it still: from now on they put nothing into it.
fn open(at: &impl std::os::fd::AsFd, name: &std::ffi::CStr) -> Result<rustix::fd::OwnedFd, Errno> {
    let opened = open_closed(at, name)?;
    let (uid, gid) = (rustix::process::geteuid(), rustix::process::getegid());
    // Where it is not ours to take, it is nobody's but our own.
    let _ = rustix::fs::fchown(&opened, Some(uid), Some(gid));
    // Without this right its own folders could not be moved out of it; root needs none.
    let _ = rustix::fs::fchmod(&opened, Mode::RWXU);
    Ok(opened)
}

/// Opens a folder that its owner may have closed. What is exchanged for a link meanwhile is not followed.
fn open_closed(at: &impl std::os::fd::AsFd, name: &std::ffi::CStr) -> Result<rustix::fd::OwnedFd, Errno> {
    match rustix::fs::openat(at, name, DIRECTORY, Mode::empty()) {
        Err(Errno::ACCESS) => {
            let closed = rustix::fs::openat(at, name, DIRECTORY | OFlags::PATH, Mode::empty())?;
            let by_handle = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&closed));
            rustix::fs::chmodat(CWD, by_handle, Mode::RWXU, AtFlags::empty())?;
            rustix::fs::openat(at, name, DIRECTORY, Mode::empty())
        }
        opened => opened,
    }
}

fn is_folder(at: &impl std::os::fd::AsFd, name: &std::ffi::CStr, said: FileType) -> Result<bool, Errno> {
    match said {
        FileType::Unknown => {
            let known = rustix::fs::statat(at, name, AtFlags::SYMLINK_NOFOLLOW)?;
            Ok(FileType::from_raw_mode(known.st_mode) == FileType::Directory)
        }
        said => Ok(said == FileType::Directory),
    }
}

/// It is gone; by whose hand does not matter.
fn gone(done: Result<(), Errno>) -> Result<(), Errno> {
    match done {
        Err(Errno::NOENT) => Ok(()),
        done => done,
    }
}
