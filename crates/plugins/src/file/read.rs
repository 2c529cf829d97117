//! Reading a secret without being led out of its folder.

use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use credspec::FileInput;
use secrecy::SecretString;
use zeroize::Zeroizing;

use super::FileError;
use crate::account_object::{self, Account};
use crate::owned;

/// What an account needs is a few hundred bytes.
const MOST_BYTES: usize = 16 << 10;

pub(super) fn check_folder(folder: &Path) -> Result<PathBuf, FileError> {
    let wrong = |what: String| FileError::Folder { folder: folder.to_owned(), what };
    if !folder.is_absolute() {
        return Err(wrong("write its full path".to_owned()));
    }
    let real = folder.canonicalize().map_err(|error| wrong(error.to_string()))?;
    if !real.is_dir() {
        return Err(wrong("it is not a folder".to_owned()));
    }
    owned::check(&real).map_err(wrong)?;
    Ok(real)
}

/// The account of that name.
pub(super) fn account(folder: &Path, secret: &FileInput) -> Result<Account, FileError> {
    let real = check_folder(folder)?;
    let place = real.join(secret.as_str());
    let found = match place.canonicalize() {
        Ok(found) => found,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(FileError::NoSecret { secret: secret.to_string(), folder: folder.to_owned() });
        }
        Err(error) => return Err(FileError::Unusable { path: place, what: error.to_string() }),
    };
    let unusable = |what: &str| FileError::Unusable { path: place.clone(), what: what.to_owned() };
    if !found.is_dir() {
        return account_object::parse(&bytes(&real, &place)?).map_err(unusable);
    }
    let text = |name: &str| texts(&real, &place.join(name));
    let domain = match text("domain") {
        Err(FileError::Unusable { .. }) if !place.join("domain").exists() => text("domainName")?,
        other => other?,
    };
    let (username, password) = (text("username")?, text("password")?);
    if password.ends_with(['\r', '\n']) {
        return Err(unusable("its password ends with a line break: write it again without one (`printf`, not `echo`)"));
    }
    let line = |text: &str| text.trim_end_matches(['\r', '\n']).to_owned();
    account_object::account(&line(&domain), &line(&username), SecretString::from(password.as_str())).map_err(unusable)
}

fn texts(folder: &Path, path: &Path) -> Result<Zeroizing<String>, FileError> {
    let bytes = bytes(folder, path)?;
    let text = std::str::from_utf8(&bytes).map(|text| Zeroizing::new(text.to_owned()));
    text.map_err(|_| FileError::Unusable { path: path.to_owned(), what: "it is not UTF-8".to_owned() })
}

/// The bytes of a file that is in the folder, wherever links in there lead: mounted secrets are links to the version in force.
fn bytes(folder: &Path, path: &Path) -> Result<Zeroizing<Vec<u8>>, FileError> {
    let wrong = |what: String| FileError::Unusable { path: path.to_owned(), what };
    let real = path.canonicalize().map_err(|error| wrong(error.to_string()))?;
    if !real.starts_with(folder) {
        return Err(wrong("it leads out of the folder".to_owned()));
    }
    owned::check(&real).map_err(wrong)?;
    let metadata = real.metadata().map_err(|error| wrong(error.to_string()))?;
    if !metadata.is_file() {
        return Err(wrong("it is not a file".to_owned()));
    }
    if metadata.mode() & 0o004 != 0 {
        return Err(wrong("everybody may read it: take that away with chmod o-r".to_owned()));
    }
    let bytes = pki::file::read(&real).map_err(|error| wrong(error.to_string()))?;
    if bytes.len() > MOST_BYTES { Err(wrong(format!("it has more than {MOST_BYTES} bytes"))) } else { Ok(bytes) }
}
