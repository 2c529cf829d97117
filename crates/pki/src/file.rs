//! Files that are there whole or not at all, with rights that are right from their first moment.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use zeroize::Zeroizing;

use crate::Error;

#[cfg(unix)]
#[path = "file/unix.rs"]
mod system;
#[cfg(windows)]
#[path = "file/windows.rs"]
mod system;

/// The most that is read of a certificate or key.
pub const LIMIT: u64 = 256 << 10;

/// Who may read a file. Only its owner may write it; on Windows that is SYSTEM and administrators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readers {
    /// Its owner: mode 0600.
    Owner,
    /// Its owner, and the account that CCG's plugins run as: on Linux the owner, 0600; on Windows `NetworkService`.
    Plugins,
    /// Everybody: mode 0644.
    Everyone,
}

/// Puts `contents` in the place of `path`: readers see the old file or the new one, also when the machine stops in between.
///
/// # Errors
/// [`Error::Write`].
pub fn write(path: &Path, contents: &[u8], readers: Readers) -> Result<(), Error> {
    let temporary = beside(path);
    let result = write_new(&temporary, contents, readers).and_then(|()| fs::rename(&temporary, path));
    if result.is_err() {
        // What is left is of no use to anyone; that it cannot be removed is not the error to report.
        let _ = fs::remove_file(&temporary);
    }
    result.and_then(|()| system::sync_folder(path)).map_err(|source| Error::Write { path: path.to_owned(), source })
}

/// Makes a folder that only its owner enters (mode 0700), and closes it to others when it is there already.
///
/// # Errors
/// [`Error::Write`], also when something else has the name.
pub fn private_folder(path: &Path) -> Result<(), Error> {
    folder(path, Readers::Owner)
}

/// Makes a folder that only its owner and these enter, and closes it to others when it is there already.
///
/// # Errors
/// [`Error::Write`], also when something else has the name.
pub fn folder(path: &Path, readers: Readers) -> Result<(), Error> {
    let failed = |source| Error::Write { path: path.to_owned(), source };
    system::make_folder(path, readers).map_err(failed)?;
    // A link would lead the rights, and all that is written later, to another's folder.
    let metadata = fs::symlink_metadata(path).map_err(failed)?;
    if !metadata.is_dir() {
        return Err(failed(io::Error::new(
            io::ErrorKind::NotADirectory,
            "it is no folder but something else of that name",
        )));
    }
    system::close_folder(path, &metadata, readers).map_err(failed)
}

/// Reads a file of at most [`LIMIT`] bytes into memory that is wiped afterwards.
///
/// # Errors
/// [`Error::Read`] or [`Error::TooLarge`].
pub fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, Error> {
    let failed = |source| Error::Read { path: path.to_owned(), source };
    let file = open(path).map_err(failed)?;
    let length = file.metadata().map_err(failed)?.len();
    let too_large = || Error::TooLarge { path: path.to_owned(), limit: LIMIT };
    if length > LIMIT {
        return Err(too_large());
    }
    // Room for all of it at once: a vector that grows leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(length).unwrap_or(0).saturating_add(1)));
    file.take(LIMIT + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > LIMIT { Err(too_large()) } else { Ok(bytes) }
}

/// Opens a file for reading, without waiting: a pipe in its place, which nobody writes to, must not hold up who reads it.
///
/// # Errors
/// The system's. What has nothing to say reads as empty, or as an error.
pub fn open(path: &Path) -> io::Result<File> {
    system::open(path)
}

fn write_new(path: &Path, contents: &[u8], readers: Readers) -> io::Result<()> {
    let mut file = system::create(path, readers)?;
    file.write_all(contents)?;
    file.sync_all()
}

/// A name in the same folder that no other writer uses.
fn beside(path: &Path) -> PathBuf {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}.{}.new", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed)));
    path.with_file_name(name)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_key_is_readable_by_its_owner_only_and_nothing_else_is_left_in_the_folder() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tls.key");
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
        write(&path, b"new", Readers::Owner).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(mode(&path), 0o600);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        write(&path, b"public", Readers::Everyone).unwrap();
        assert_eq!(mode(&path), 0o644);
    }

    #[test]
    fn a_folder_that_was_open_is_closed_and_a_link_is_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ssl/client");
        fs::create_dir_all(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();
        private_folder(&path).unwrap();
        assert_eq!(mode(&path), 0o700);
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(private_folder(&link).is_err());
    }

    #[test]
    fn a_file_too_large_to_be_a_key_is_not_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("huge");
        fs::write(&path, vec![b'x'; usize::try_from(LIMIT).unwrap() + 1]).unwrap();
        assert!(matches!(read(&path), Err(Error::TooLarge { .. })));
        assert!(matches!(read(Path::new("/dev/zero")), Err(Error::TooLarge { .. })));
    }

    #[test]
    fn what_cannot_be_written_leaves_no_trace() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("taken");
        fs::create_dir(&path).unwrap();
        assert!(write(&path, b"x", Readers::Owner).is_err());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
