//! Where an impersonation account's credentials come from.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use credspec::SecretName;
use dtyp::FileTime;
use secrecy::SecretString;
use zeroize::Zeroizing;

use crate::{Error, RotationStanding};

/// The credentials of an impersonation account.
#[derive(Clone, Debug)]
pub struct Secret {
    /// The account.
    pub username: String,
    /// Its password.
    pub password: SecretString,
    /// The DNS or NetBIOS name of its domain.
    pub domain_name: String,
    /// When it was written last, as far as its source knows.
    pub changed: Option<FileTime>,
}

/// Why a secret is not given. Peers learn only that it is not; the audit event says why.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// There is none of that name.
    #[error("there is no such secret")]
    NotFound,
    /// It lacks a key, or the key is empty or no text.
    #[error("the secret has no usable {0}")]
    Incomplete(&'static str),
    /// It cannot be read now.
    #[error("the secret cannot be read: {0}")]
    Unavailable(String),
}

/// Gives secrets by name. It may block; each request asks anew, so there is nothing to go stale.
pub trait SecretSource: Send + Sync {
    /// The secret of that name.
    ///
    /// # Errors
    /// See [`SecretError`].
    fn read(&self, name: &SecretName) -> Result<Secret, SecretError>;

    /// How it stands, without a secret in it.
    fn standing(&self) -> Standing;
}

/// How a source of secrets stands: what the kubelet and Prometheus are told.
#[derive(Debug)]
pub struct Standing {
    /// Why the next request would get nothing whatever it names, if that is so.
    pub ready: Result<(), SecretError>,
    /// The one secret, of a source that has no more, and when it was written last.
    pub secret: Option<(SecretName, Option<FileTime>)>,
    /// For how long the API server has not been heard of, of a source that watches it.
    pub silent: Option<Duration>,
    /// How the rotation of the account's password stands, where this process does it.
    pub rotation: Option<RotationStanding>,
}

/// Secrets in a folder, one folder for each, as Kubernetes mounts them: `<folder>/<name>/{username,password,domainName}`.
#[derive(Clone, Debug)]
pub struct SecretFolder {
    folder: PathBuf,
}

impl SecretFolder {
    /// The secrets in `folder`, which must be there.
    ///
    /// # Errors
    /// [`Error::NoSecrets`].
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self, Error> {
        let folder = folder.into();
        match std::fs::read_dir(&folder) {
            Ok(_) => Ok(Self { folder }),
            Err(source) => Err(Error::NoSecrets { path: folder, source }),
        }
    }
}

impl SecretSource for SecretFolder {
    fn read(&self, name: &SecretName) -> Result<Secret, SecretError> {
        let folder = self.folder.join(name.as_str());
        if !folder.is_dir() {
            return Err(SecretError::NotFound);
        }
        // Kubernetes changes all keys of a mounted secret at once, by turning this link; following it once keeps them together.
        let folder = folder.join("..data").canonicalize().unwrap_or(folder);
        Ok(Secret {
            username: text(&folder, "username")?.to_string(),
            password: SecretString::from(text(&folder, "password")?.as_str()),
            domain_name: text(&folder, "domainName")?.to_string(),
            changed: changed(&folder),
        })
    }

    fn standing(&self) -> Standing {
        let ready =
            std::fs::read_dir(&self.folder).map(drop).map_err(|error| SecretError::Unavailable(error.to_string()));
        Standing { ready, secret: None, silent: None, rotation: None }
    }
}

/// When the password was written.
fn changed(folder: &Path) -> Option<FileTime> {
    let modified = std::fs::metadata(folder.join("password")).ok()?.modified().ok()?;
    Some(FileTime::from_system_time(modified))
}

/// The text of one key, without the line break that editors and `echo` put at its end.
fn text(folder: &Path, key: &'static str) -> Result<Zeroizing<String>, SecretError> {
    const MOST: usize = 4_096;
    let unavailable = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => SecretError::Incomplete(key),
        _ => SecretError::Unavailable(error.to_string()),
    };
    let file = File::open(folder.join(key)).map_err(unavailable)?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(MOST + 1));
    file.take(MOST as u64 + 1).read_to_end(&mut bytes).map_err(unavailable)?;
    let text = std::str::from_utf8(&bytes).ok().filter(|t| t.len() <= MOST).ok_or(SecretError::Incomplete(key))?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.is_empty() { Err(SecretError::Incomplete(key)) } else { Ok(Zeroizing::new(text.to_owned())) }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use secrecy::ExposeSecret;

    use super::*;

    fn folder() -> (tempfile::TempDir, SecretFolder) {
        let dir = tempfile::tempdir().unwrap();
        let source = SecretFolder::open(dir.path()).unwrap();
        (dir, source)
    }

    fn put(dir: &Path, username: &str, password: &str, domain: &str) {
        fs::create_dir_all(dir).unwrap();
        for (key, value) in [("username", username), ("password", password), ("domainName", domain)] {
            fs::write(dir.join(key), value).unwrap();
        }
    }

    #[test]
    fn a_change_is_what_the_next_read_returns() {
        let (dir, source) = folder();
        let name = "ccg-reader".parse().unwrap();
        assert!(matches!(source.read(&name), Err(SecretError::NotFound)));
        put(&dir.path().join("ccg-reader"), "reader", "one\n", "contoso.com\r\n");
        let secret = source.read(&name).unwrap();
        assert_eq!((secret.username.as_str(), secret.domain_name.as_str()), ("reader", "contoso.com"));
        assert_eq!(secret.password.expose_secret(), "one");
        assert!(!format!("{secret:?}").contains("one"));
        put(&dir.path().join("ccg-reader"), "reader", " two ", "contoso.com");
        assert_eq!(source.read(&name).unwrap().password.expose_secret(), " two ");
    }

    #[test]
    fn a_secret_without_all_of_its_keys_is_none() {
        let (dir, source) = folder();
        let name = "s".parse().unwrap();
        for missing in ["username", "password", "domainName"] {
            let path = dir.path().join("s");
            put(&path, "u", "p", "d");
            fs::remove_file(path.join(missing)).unwrap();
            assert!(matches!(source.read(&name), Err(SecretError::Incomplete(key)) if key == missing));
            fs::write(path.join(missing), "").unwrap();
            assert!(matches!(source.read(&name), Err(SecretError::Incomplete(key)) if key == missing));
            fs::write(path.join(missing), [0xff]).unwrap();
            assert!(matches!(source.read(&name), Err(SecretError::Incomplete(key)) if key == missing));
            fs::write(path.join(missing), "x".repeat(5_000)).unwrap();
            assert!(matches!(source.read(&name), Err(SecretError::Incomplete(key)) if key == missing));
        }
        fs::write(dir.path().join("file"), "x").unwrap();
        assert!(matches!(source.read(&"file".parse().unwrap()), Err(SecretError::NotFound)));
    }

    #[cfg(unix)]
    #[test]
    fn a_secret_as_kubernetes_mounts_it() {
        use std::os::unix::fs::symlink;
        let (dir, source) = folder();
        let mount = dir.path().join("s");
        put(&mount.join("..2026_11_23"), "u", "p", "d");
        symlink("..2026_11_23", mount.join("..data")).unwrap();
        for key in ["username", "password", "domainName"] {
            symlink(format!("..data/{key}"), mount.join(key)).unwrap();
        }
        assert_eq!(source.read(&"s".parse().unwrap()).unwrap().username, "u");
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error_at_once() {
        assert!(matches!(SecretFolder::open("/does/not/exist"), Err(Error::NoSecrets { .. })));
    }
}
