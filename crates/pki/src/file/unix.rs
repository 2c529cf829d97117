//! Rights as mode bits.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use super::Readers;

const fn mode(readers: Readers) -> u32 {
    match readers {
        Readers::Owner | Readers::Plugins => 0o600,
        Readers::Everyone => 0o644,
    }
}

const fn folder_mode(readers: Readers) -> u32 {
    match readers {
        Readers::Owner | Readers::Plugins => 0o700,
        Readers::Everyone => 0o755,
    }
}

pub(super) fn make_folder(path: &Path, readers: Readers) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(folder_mode(readers)).create(path)
}

pub(super) fn close_folder(path: &Path, metadata: &Metadata, readers: Readers) -> io::Result<()> {
    let mode = folder_mode(readers);
    if metadata.permissions().mode() & 0o777 == mode {
        return Ok(());
    }
    fs::set_permissions(path, Permissions::from_mode(mode))
}

pub(super) fn create(path: &Path, readers: Readers) -> io::Result<File> {
    let file = OpenOptions::new().write(true).create_new(true).mode(mode(readers)).open(path)?;
    file.set_permissions(Permissions::from_mode(mode(readers)))?;
    Ok(file)
}

/// Without waiting, should it be a pipe.
pub(super) fn open(path: &Path) -> io::Result<File> {
    let nonblocking = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    OpenOptions::new().read(true).custom_flags(nonblocking).open(path)
}

pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        Some(parent) => File::open(parent)?.sync_all(),
        None => File::open(".")?.sync_all(),
    }
}
