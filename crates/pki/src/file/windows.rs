//! Rights as lists: SYSTEM, administrators, whoever runs this, and who may read. Nothing is inherited from the folder above, because a new
//! folder of drive C lets every user change what is in it.

use std::fs::{File, Metadata};
use std::io;
use std::path::Path;

use protect::{rights, system};

use super::Readers;

const fn readers_of(readers: Readers) -> rights::Readers {
    match readers {
        Readers::Owner => rights::Readers::Administrators,
        Readers::Plugins => rights::Readers::Plugins,
        Readers::Everyone => rights::Readers::Everyone,
    }
}

fn folder_rights(readers: Readers) -> io::Result<Vec<u8>> {
    readers_of(readers).folder(Some(&system::me()?)).map_err(io::Error::other)
}

/// The folders above it, as far as they are not there, can be entered by everybody and changed by nobody else.
pub(super) fn make_folder(path: &Path, readers: Readers) -> io::Result<()> {
    if path.symlink_metadata().is_ok() {
        return Ok(());
    }
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        make_folder(parent, Readers::Everyone)?;
    }
    match system::create_folder(path, &folder_rights(readers)?) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

pub(super) fn close_folder(path: &Path, _: &Metadata, readers: Readers) -> io::Result<()> {
    system::set_rights(path, &folder_rights(readers)?)
}

pub(super) fn create(path: &Path, readers: Readers) -> io::Result<File> {
    let rights = readers_of(readers).file(Some(&system::me()?)).map_err(io::Error::other)?;
    system::create_file(path, &rights)
}

pub(super) fn open(path: &Path) -> io::Result<File> {
    File::open(path)
}

/// Windows has no such thing.
pub(super) fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}
