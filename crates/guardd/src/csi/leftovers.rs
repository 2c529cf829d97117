//! What an earlier guard left: volumes that are still in use are taken up, everything else is taken down.

use std::path::Path;

use ccg::LeaseId;

use ccg::Peer;

use super::driver::Driver;
use super::request::Volume;

/// Longer tables of mounts are not read to their end.
const MOST_MOUNTS: usize = 100_000;

pub(super) async fn clean(driver: &Driver) -> std::io::Result<()> {
    let volumes = driver.records.all()?;
    for volume in volumes.values().filter(|volume| !is_in_use(driver, volume)) {
        tracing::info!(pod = %volume.pod, lease = %volume.id.lease(), "this volume is not in use any more, and is removed");
        if let Err(error) = driver.end(&volume.id, &volume.target).await {
            tracing::warn!(pod = %volume.pod, error = error.message(), "a volume that is not in use cannot be removed");
        }
    }
    let forgotten = driver.leases.list(&Peer::this_process()).into_iter().filter(|lease| lease.workload.is_some());
    for lease in forgotten.filter(|lease| !volumes.contains_key(&lease.id)) {
        tracing::info!(lease = %lease.id, "this pod's lease was never handed over, and is removed");
        if let Err(error) = driver.leases.release(&Peer::this_process(), &lease.id).await {
            tracing::warn!(lease = %lease.id, %error, "it cannot be removed");
        }
    }
    let table = std::fs::read_to_string("/proc/self/mountinfo")?;
    for mount in table.lines().take(MOST_MOUNTS).filter_map(|line| Mount::parse(line, driver.device)) {
        clear(driver, &mount);
    }
    Ok(())
}

/// Whether the lease is there and mounted for the pod.
fn is_in_use(driver: &Driver, volume: &Volume) -> bool {
    let folder = driver.leases.folder(&volume.id.lease());
    let found = driver.targets.look(&volume.target);
    folder.zip(found.ok()).is_some_and(|(folder, found)| driver.is_mounted(found, &folder))
}

/// Takes down the mount of a lease that is gone.
fn clear(driver: &Driver, mount: &Mount) {
    let known = driver.leases.folder(&mount.lease).is_some();
    let Some(target) = driver.targets.parse(&mount.point).ok().filter(|_| !known) else { return };
    tracing::info!(path = mount.point, lease = %mount.lease, "this mount's lease is gone; it is taken down");
    if let Err(error) = driver.targets.clear(&target, driver.device) {
        tracing::warn!(%error, "it cannot be taken down");
    }
}

/// A mount of an identity: where, and of which lease.
#[derive(Debug, PartialEq, Eq)]
struct Mount {
    point: String,
    lease: LeaseId,
}

impl Mount {
    /// Reads a line of the mount table (proc_pid_mountinfo(5)) that is about a folder `…/LEASE/ACCOUNT` of this device.
    fn parse(line: &str, (major, minor): (u32, u32)) -> Option<Self> {
        let mut fields = line.split(' ').skip(2);
        fields.next().filter(|device| *device == format!("{major}:{minor}"))?;
        let source = plain(fields.next()?);
        let source = source.strip_suffix("//deleted").unwrap_or(&source);
        let point = plain(fields.next()?);
        let lease = Path::new(source).parent()?.file_name()?.to_str()?.parse().ok()?;
        Some(Self { point, lease })
    }
}

/// The table has blanks, tabs, line ends and backslashes as octal numbers.
fn plain(field: &str) -> String {
    let marks = [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")];
    marks.iter().fold(field.to_owned(), |text, (mark, character)| text.replace(mark, character))
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn any_line_is_read_or_passed_over(line in "(36 35 0:24 )?\\PC{0,80}") {
            let _ = Mount::parse(&line, (0, 24));
        }
    }

    #[test]
    fn mounts_of_identities_are_told_from_others() {
        let read = |source: &str| {
            let line =
                format!("36 35 0:24 {source} /var/lib/k\\040x/pods/u/v/mount ro,nosuid shared:1 - tmpfs tmpfs rw");
            Mount::parse(&line, (0, 24))
        };
        let found = read("/pando-guard/krb/0123456789abcdef0123/webapp01").unwrap();
        assert_eq!(found.point, "/var/lib/k x/pods/u/v/mount");
        assert_eq!(read("/pando-guard/krb/0123456789abcdef0123/webapp01//deleted"), Some(found));
        assert_eq!(read("/other/folder"), None);
        assert_eq!(read("/"), None);
        for line in ["", "36", "36 35 0:24", "36 35 0:25 /krb/0123456789abcdef0123/webapp01 /x ro"] {
            assert_eq!(Mount::parse(line, (0, 24)), None);
        }
    }
}
