//! Accounts in a folder of this host: mounted secrets, systemd's credentials, or files that an administrator keeps.
//!
//! Under the name that a credential spec has for it, the folder holds either a folder with the files `domain`, `username` and `password`, or
//! one file with a JSON object of the three. A name never has a separator in it, nothing outside the folder is read, and nothing that others
//! could write or read.

mod error;
mod read;

use std::path::{Path, PathBuf};

use credspec::{FILE_CLSID, FileInput};
use dtyp::Guid;

use crate::{Hop, PasswordCredentials, Plugin, PluginError};

pub use error::FileError;

/// The plugin of a folder of secrets.
#[derive(Clone, Debug)]
pub struct Files {
    name: String,
    clsid: Guid,
    folder: PathBuf,
}

impl Files {
    /// The secrets in `folder`.
    ///
    /// # Errors
    /// [`FileError::Folder`] when it is no folder, or others can write in it. That is checked again at each call.
    pub fn new(folder: &Path) -> Result<Self, FileError> {
        read::check_folder(folder)?;
        Ok(Self { name: "file".to_owned(), clsid: FILE_CLSID, folder: folder.to_owned() })
    }

    /// Under another name and class, for operators with several folders.
    #[must_use]
    pub fn with_class(mut self, name: &str, clsid: Guid) -> Self {
        (self.name, self.clsid) = (name.to_owned(), clsid);
        self
    }
}

impl Plugin for Files {
    fn clsid(&self) -> Guid {
        self.clsid
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn get_password_credentials(&self, input: &str) -> Result<PasswordCredentials, PluginError> {
        let secret: FileInput = input.parse()?;
        let account = read::account(&self.folder, &secret)?;
        Ok(PasswordCredentials {
            domain: account.domain,
            username: account.username,
            password: account.password,
            hop: Hop {
                to: format!("the secret {secret} in {}", self.folder.display()),
                how: "read from this host's files, which only root and the guard's user can change".to_owned(),
                authorised_by: "the files' owner and mode".to_owned(),
            },
        })
    }
}
