//! Where kubelet wants a volume: a folder of the pod below kubelet's own, and what is mounted there.
//!
//! Pods write into some folders of theirs on the node, so a path is only followed from kubelet's folder downwards, without links.

use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, ResolveFlags, StatxAttributes, StatxFlags};
use rustix::io::Errno;
use rustix::mount::{MoveMountFlags, UnmountFlags};
use serde::{Deserialize, Serialize};

use super::request::BadRequest;
use super::view::View;

const FOLDER: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
const BENEATH: ResolveFlags = ResolveFlags::BENEATH.union(ResolveFlags::NO_SYMLINKS).union(ResolveFlags::NO_MAGICLINKS);
const LONGEST: usize = 4096;

/// A path below kubelet's folder: `pods/UID/…/NAME`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Target(String);

impl Target {
    /// The pod whose folder it is in.
    pub fn pod(&self) -> &str {
        self.0.split('/').nth(1).unwrap_or_default()
    }

    /// The folder around it, and its name there.
    fn split(&self) -> (&str, &str) {
        self.0.rsplit_once('/').unwrap_or_default()
    }
}

/// What is at a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// No folder.
    Nothing,
    /// A folder on which nothing is mounted.
    Folder,
    /// This file system's folder of this number is mounted.
    Mounted { device: (u32, u32), inode: u64 },
}

/// What went wrong with a target.
#[derive(Debug, thiserror::Error)]
#[error("{doing} {path}: {source}")]
pub(super) struct TargetError {
    pub doing: &'static str,
    pub path: PathBuf,
    pub source: std::io::Error,
}

/// Kubelet's folder.
#[derive(Clone, Debug)]
pub(super) struct Targets {
    kubelet: PathBuf,
}

impl Targets {
    pub fn new(kubelet: impl Into<PathBuf>) -> Self {
        Self { kubelet: kubelet.into() }
    }

    /// Reads a path as kubelet gives it. The folders there may be are looked at later.
    pub fn parse(&self, path: &str) -> Result<Target, BadRequest> {
        let bad = |what: &str| BadRequest::Target {
            path: path.chars().take(256).collect(),
            below: self.kubelet.join("pods/UID").display().to_string(),
            what: what.to_owned(),
        };
        let kubelet = self.kubelet.to_str().map(|text| text.trim_end_matches('/'));
        let below = kubelet.and_then(|kubelet| path.strip_prefix(kubelet)?.strip_prefix('/'));
        let below = below.ok_or_else(|| bad("it is elsewhere"))?.trim_end_matches('/');
        if path.len() > LONGEST || below.contains('\0') || below.split('/').any(|part| matches!(part, "" | "." | ".."))
        {
            return Err(bad("it is no plain path"));
        }
        match below.split('/').collect::<Vec<_>>()[..] {
            ["pods", _, _, ..] => Ok(Target(below.to_owned())),
            _ => Err(bad("it is in no pod's folder")),
        }
    }

    /// Where the targets of a pod are, for messages.
    pub fn of_pod(&self, uid: &str) -> String {
        self.path("pods").join(uid).display().to_string()
    }

    pub fn path(&self, below: &str) -> PathBuf {
        self.kubelet.join(below)
    }

    /// Asks what is there.
    pub fn look(&self, target: &Target) -> Result<Found, TargetError> {
        match self.open(&target.0) {
            Err(Errno::NOENT) => Ok(Found::Nothing),
            found => found.and_then(|folder| look(&folder)).map_err(self.failed("looking at", target)),
        }
    }

    /// Makes the folder, and mounts an account's folder of a lease on it, in one step and read-only from the start.
    pub fn mount(&self, target: &Target, view: &View, lease_and_account: &Path) -> Result<(), TargetError> {
        let (around, name) = target.split();
        let make = || {
            let around = self.open(around)?;
            match rustix::fs::mkdirat(&around, name, Mode::from_raw_mode(0o750)) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(errno) => return Err(errno),
            }
            self.open(&target.0)
        };
        let folder = make().map_err(self.failed("making the folder", target))?;
        let window = view.window(lease_and_account).map_err(self.failed("preparing the mount for", target))?;
        let both = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
        rustix::mount::move_mount(&window, "", &folder, "", both).map_err(self.failed("mounting on", target))
    }

    /// Takes down what is mounted from this device, however often, and removes the folder.
    pub fn clear(&self, target: &Target, device: (u32, u32)) -> Result<(), TargetError> {
        let (around, name) = target.split();
        let around = match self.open(around) {
            Err(Errno::NOENT) => return Ok(()),
            found => found.map_err(self.failed("looking at", target))?,
        };
        let place = format!("/proc/self/fd/{}/{name}", around.as_raw_fd());
        loop {
            match self.look(target)? {
                Found::Nothing => return Ok(()),
                Found::Folder => break,
                Found::Mounted { device: found, .. } if found != device => {
                    let source = std::io::Error::other("something else is mounted there, which is left alone");
                    return Err(TargetError { doing: "unmounting", path: self.path(&target.0), source });
                }
                Found::Mounted { .. } => {
                    let flags = UnmountFlags::DETACH | UnmountFlags::NOFOLLOW;
                    rustix::mount::unmount(&place, flags).map_err(self.failed("unmounting", target))?;
                }
            }
        }
        match rustix::fs::unlinkat(&around, name, AtFlags::REMOVEDIR) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(self.failed("removing the folder", target)(errno)),
        }
    }

    fn open(&self, below: &str) -> Result<OwnedFd, Errno> {
        let kubelet = rustix::fs::openat(CWD, &self.kubelet, FOLDER, Mode::empty())?;
        rustix::fs::openat2(&kubelet, below, FOLDER, Mode::empty(), BENEATH)
    }

    fn failed(&self, doing: &'static str, target: &Target) -> impl Fn(Errno) -> TargetError {
        let path = self.path(&target.0);
        move |errno| TargetError { doing, path: path.clone(), source: errno.into() }
    }
}

fn look(folder: &OwnedFd) -> Result<Found, Errno> {
    let seen = rustix::fs::statx(folder, "", AtFlags::EMPTY_PATH, StatxFlags::INO)?;
    let device = (seen.stx_dev_major, seen.stx_dev_minor);
    match seen.stx_attributes.contains(StatxAttributes::MOUNT_ROOT) {
        true => Ok(Found::Mounted { device, inode: seen.stx_ino }),
        false => Ok(Found::Folder),
    }
}

/// The device and the number of a folder.
pub(super) fn identify(path: &Path) -> std::io::Result<((u32, u32), u64)> {
    let seen = rustix::fs::statx(CWD, path, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::INO)?;
    Ok(((seen.stx_dev_major, seen.stx_dev_minor), seen.stx_ino))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_below_the_folder_of_a_pod() {
        let targets = Targets::new("/var/lib/kubelet");
        let target = targets.parse("/var/lib/kubelet/pods/u-1/volumes/kubernetes.io~csi/id/mount").unwrap();
        assert_eq!((target.pod(), target.split().1), ("u-1", "mount"));
        for bad in [
            "",
            "/",
            "mount",
            "/etc/x/y",
            "/var/lib/kubelet",
            "/var/lib/kubelet/pods",
            "/var/lib/kubelet/pods/u-1",
            "/var/lib/kubelet/plugins/x/y",
            "/var/lib/kubeletx/pods/u-1/x",
            "/var/lib/kubelet/pods/u-1/../../../../etc/x",
            "/var/lib/kubelet/pods/../pods/x/y",
            "/var/lib/kubelet/pods//u-1/x",
            "/var/lib/kubelet/pods/u-1/./x",
            "/var/lib/kubelet/pods/u-1/x\0",
        ] {
            assert!(targets.parse(bad).is_err(), "{bad}");
        }
        assert!(targets.parse(&format!("/var/lib/kubelet/pods/u/{}", "a".repeat(4096))).is_err());
    }

    proptest::proptest! {
        #[test]
        fn whatever_kubelet_sends_stays_below_the_pods(path in "(/k/pods/)?[a-z./~\0 -]{0,60}") {
            if let Ok(target) = Targets::new("/k").parse(&path) {
                let parts: Vec<_> = target.0.split('/').collect();
                proptest::prop_assert!(parts.len() >= 3 && parts[0] == "pods" && parts[1] == target.pod());
                proptest::prop_assert!(parts.iter().all(|part| !matches!(*part, "" | "." | "..")));
            }
        }
    }

    #[test]
    fn links_on_the_way_are_not_followed() {
        let place = tempfile::tempdir().unwrap();
        let targets = Targets::new(place.path());
        let outside = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(place.path().join("pods/u")).unwrap();
        std::os::unix::fs::symlink(outside.path(), place.path().join("pods/u/x")).unwrap();
        std::fs::create_dir(outside.path().join("mount")).unwrap();
        let target = targets.parse(&format!("{}/pods/u/x/mount", place.path().display())).unwrap();
        assert!(targets.look(&target).is_err());
        assert!(targets.clear(&target, (0, 0)).is_err());
        assert!(outside.path().join("mount").is_dir());
    }

    #[test]
    fn what_is_not_there_is_cleared_already() {
        let place = tempfile::tempdir().unwrap();
        let targets = Targets::new(place.path());
        let target = targets.parse(&format!("{}/pods/u/x/mount", place.path().display())).unwrap();
        targets.clear(&target, (0, 0)).unwrap();
        std::fs::create_dir_all(place.path().join("pods/u/x/mount")).unwrap();
        assert_eq!(targets.look(&target).unwrap(), Found::Folder);
        targets.clear(&target, (0, 0)).unwrap();
        assert_eq!(targets.look(&target).unwrap(), Found::Nothing);
    }
}
