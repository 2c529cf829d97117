//! Whether what lies in a provider's folder can only be a provider's. On drive C every user may make folders, so whoever came first could be
//! anybody, and would say whose account the guard is given.

use std::io;
use std::path::{Path, PathBuf};

use protect::{rights, system};

use crate::PluginError;

/// What is read of the folder.
const READ: [&str; 7] =
    ["port.txt", "ssl", "ssl/ca", "ssl/ca/ca.crt", "ssl/client", "ssl/client/tls.crt", "ssl/client/tls.key"];

/// Nobody but this account, SYSTEM and administrators may change the folder and what is read of it, or put another in its place. What is not
/// there is somebody else's to miss.
pub(super) fn check(host_dir: &Path, folder: &Path) -> Result<(), PluginError> {
    for path in folder.ancestors() {
        if path.parent().is_none() {
            // The drive's own folder is as Windows made it.
            break;
        }
        if host_dir.starts_with(path) {
            held(path, rights::who_else_may_replace)?;
        } else {
            held(path, rights::who_else_may_change)?;
        }
    }
    READ.iter().try_for_each(|file| held(&folder.join(file), rights::who_else_may_change))
}

type Who = fn(&[u8], &dtyp::Sid) -> Result<Option<String>, dtyp::Error>;

fn held(path: &Path, who: Who) -> Result<(), PluginError> {
    let found = || who(&system::of_file(path)?, &system::me()?).map_err(io::Error::other);
    let path = PathBuf::from(path);
    match found() {
        Ok(None) => Ok(()),
        Ok(Some(who)) => Err(PluginError::OpenFolder { path, who }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(PluginError::Identity(pki::Error::Read { path, source })),
    }
}
