//! Mounting a folder into a container's root, which the container's image has filled and cannot be trusted.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use rustix::mount::{MountFlags, MountPropagationFlags};

use super::HookError;

const FOLDER: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// Binds `source` read-only to `inside` of `root`; the folders on the way are made. Links in there lead nowhere but into `root`.
pub(super) fn bind(source: &Path, root: &Path, inside: &str) -> Result<(), HookError> {
    let failed = |doing, path: &Path| {
        let path = path.to_owned();
        move |errno: Errno| HookError::Mount { doing, path: path.clone(), source: errno.into() }
    };
    let handle = rustix::fs::openat(CWD, root, FOLDER, Mode::empty()).map_err(failed("opening the root", root))?;
    let target = make(&handle, inside).map_err(failed("making a folder in the container:", Path::new(inside)))?;
    rustix::mount::mount_bind(source, by_handle(&target)).map_err(failed("mounting the identity", source))?;
    // The handle is of the folder beneath; what lies above it now is asked for anew.
    let mounted = resolve(&handle, inside).map_err(failed("finding the mounted identity", source))?;
    let place = by_handle(&mounted);
    let flags = MountFlags::BIND | MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    rustix::mount::mount_remount(&place, flags, "").map_err(failed("making the identity read-only", source))?;
    rustix::mount::mount_change(&place, MountPropagationFlags::PRIVATE).map_err(failed("mounting the identity", source))
}

fn make(root: &OwnedFd, inside: &str) -> Result<OwnedFd, Errno> {
    let mut path = PathBuf::from("/");
    let mut folder = resolve(root, &path)?;
    for name in inside.split('/').filter(|name| !name.is_empty()) {
        path.push(name);
        folder = match resolve(root, &path) {
            Err(Errno::NOENT) => {
                rustix::fs::mkdirat(&folder, name, Mode::from_raw_mode(0o755))?;
                resolve(root, &path)?
            }
            found => found?,
        };
    }
    Ok(folder)
}

fn resolve(root: &OwnedFd, path: impl AsRef<Path>) -> Result<OwnedFd, Errno> {
    let within = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    rustix::fs::openat2(root, path.as_ref(), FOLDER, Mode::empty(), within)
}

fn by_handle(handle: &OwnedFd) -> String {
    format!("/proc/self/fd/{}", handle.as_fd().as_raw_fd())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_in_the_image_lead_nowhere_but_into_it() {
        let place = tempfile::tempdir().unwrap();
        let (root, outside) = (place.path().join("root"), place.path().join("outside"));
        std::fs::create_dir(&root).unwrap();
        std::fs::create_dir(&outside).unwrap();
        std::os::unix::fs::symlink(&outside, root.join("run")).unwrap();
        let handle = rustix::fs::openat(CWD, &root, FOLDER, Mode::empty()).unwrap();
        // The link's target does not exist inside, and is not made outside.
        assert!(make(&handle, "/run/pando").is_err());
        assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 0);

        std::fs::remove_file(root.join("run")).unwrap();
        std::fs::create_dir_all(root.join("var/run")).unwrap();
        std::os::unix::fs::symlink("/var/run", root.join("run")).unwrap();
        make(&handle, "/run/pando").unwrap();
        assert!(root.join("var/run/pando").is_dir());
    }
}
