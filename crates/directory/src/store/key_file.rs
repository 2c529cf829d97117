//! The key to the secrets, in a file of its own: a stolen database file gives no password.

use std::io::{Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use zeroize::Zeroizing;

use crate::Error;

/// The length of the key.
pub(crate) const LENGTH: usize = 32;

/// Writes a new key where there is none, readable by its owner alone, and on disk before this returns.
pub(crate) fn create_key(path: &Path, key: &[u8; LENGTH]) -> Result<(), Error> {
    let failed = |error| Error::io("create", path, &error);
    let mut file = std::fs::File::options().write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
    file.write_all(key).and_then(|()| file.sync_all()).map_err(failed)
}

/// Reads the key; refuses one that others may read.
pub(crate) fn read_key(path: &Path) -> Result<Zeroizing<[u8; LENGTH]>, Error> {
    let failed = |error| Error::io("read", path, &error);
    let mut file = std::fs::File::open(path).map_err(failed)?;
    let mode = file.metadata().map_err(failed)?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(Error::store(format!(
            "{} may be read by others than its owner: run chmod 600 on it",
            path.display()
        )));
    }
    let mut key = Zeroizing::new([0; LENGTH]);
    file.read_exact(key.as_mut_slice()).map_err(failed)?;
    let mut more = [0; 1];
    if file.read(&mut more).map_err(failed)? != 0 {
        return Err(Error::store(format!("{} is not a key: it is longer than {LENGTH} bytes", path.display())));
    }
    Ok(key)
}
