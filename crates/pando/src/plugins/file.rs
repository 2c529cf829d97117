//! `file`: a folder of secrets on this host.

use std::path::PathBuf;

use ccg::plugins::{Files, Plugin};
use credspec::FILE_CLSID;
use serde::Deserialize;

use super::PluginsError;
use super::declaration::Declared;

/// Where the secrets are; without a folder, where systemd leaves a service's credentials.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileSettings {
    folder: Option<PathBuf>,
}

impl FileSettings {
    pub fn build(self, declared: &Declared<'_>) -> Result<Box<dyn Plugin>, PluginsError> {
        if declared.timeout.is_some() {
            return Err(declared.wrong("files need no timeout"));
        }
        let systemds = || std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
        let folder = self.folder.or_else(systemds).ok_or_else(|| {
            declared.wrong("it has no folder, and systemd passed no credentials (LoadCredential= in the guard's unit)")
        })?;
        let files = Files::new(&folder).map_err(|error| declared.wrong(error))?;
        Ok(Box::new(files.with_class(&declared.name, declared.clsid.unwrap_or(FILE_CLSID))))
    }
}
