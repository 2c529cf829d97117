//! Files that nobody but root and this process' own user can change: what they say, or what they do, is the operator's will.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::ProcessError;

/// Checks that only root and this process' own user can change the file, or put another in its place. Who passes this once passes it for
/// as long as neither of them wills otherwise, so nothing can slip in between the check and the use.
///
/// # Errors
/// [`ProcessError::NotOwned`].
pub fn check_owned(path: &Path) -> Result<(), ProcessError> {
    let refused = |what: String| ProcessError::NotOwned { path: path.to_owned(), what };
    let real = fs::canonicalize(path).map_err(|error| refused(error.to_string()))?;
    // A link is one more thing that could be changed.
    if real != path {
        return Err(refused(format!("write its full path without links, which is {}", real.display())));
    }
    check(path).map_err(refused)?;
    let metadata = fs::symlink_metadata(path).map_err(|error| refused(error.to_string()))?;
    if metadata.is_file() { Ok(()) } else { Err(refused("it is not a file".to_owned())) }
}

/// The same for a file or folder whose path has no links in it, whatever it is.
pub(crate) fn check(real: &Path) -> Result<(), String> {
    let us = rustix::process::geteuid().as_raw();
    for part in real.ancestors() {
        let metadata = fs::symlink_metadata(part).map_err(|error| error.to_string())?;
        if let Some(what) = fault(metadata.uid(), metadata.mode(), metadata.is_dir(), us) {
            return Err(format!("{} {what}", part.display()));
        }
    }
    Ok(())
}

fn fault(owner: u32, mode: u32, is_folder: bool, us: u32) -> Option<String> {
    if owner != 0 && owner != us {
        return Some(format!("belongs to user {owner}: it must belong to root or to the user that this runs as"));
    }
    // In a folder such as /tmp, everybody may make files, but only their owners may replace them.
    let sticky = is_folder && mode & 0o1000 != 0;
    (mode & 0o022 != 0 && !sticky)
        .then(|| format!("may be written by others (mode {:03o}): take that away with chmod go-w", mode & 0o777))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn only_root_and_ourselves_are_trusted() {
        assert_eq!(fault(0, 0o755, false, 1000), None);
        assert_eq!(fault(1000, 0o700, false, 1000), None);
        assert!(fault(1001, 0o700, false, 1000).is_some());
        assert!(fault(1000, 0o755, false, 0).is_some());
        assert!(fault(0, 0o775, false, 0).is_some());
        assert!(fault(0, 0o757, true, 0).is_some());
        assert_eq!(fault(0, 0o1777, true, 1000), None);
        assert!(fault(0, 0o1777, false, 1000).is_some());
    }

    #[test]
    fn a_file_that_others_can_change_or_replace_is_refused_with_the_reason() {
        let dir = tempfile::tempdir().unwrap();
        let folder = fs::canonicalize(dir.path()).unwrap().join("bin");
        let (file, link) = (folder.join("plugin"), folder.join("link"));
        fs::create_dir(&folder).unwrap();
        fs::write(&file, "").unwrap();
        symlink(&file, &link).unwrap();
        let set = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        set(&folder, 0o755);
        set(&file, 0o755);
        check_owned(&file).unwrap();
        let refused = |path: &Path, why: &str| {
            let error = check_owned(path).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        };
        refused(&link, "without links");
        refused(&folder, "not a file");
        refused(&folder.join("none"), "No such file");
        refused(Path::new("bin/plugin"), "No such file");
        refused(&folder.join("../bin/plugin"), "without links");
        set(&file, 0o775);
        refused(&file, "written by others (mode 775)");
        set(&file, 0o755);
        set(&folder, 0o757);
        refused(&file, "written by others (mode 757)");
    }
}
