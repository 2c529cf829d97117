//! The folder every test's domain starts as a copy of.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::UNIX_EPOCH;

use tempfile::TempDir;

use crate::people::{self, ADMIN_PASSWORD};
use crate::{Domain, Tool, binary, pando};

/// Copies a provisioned domain with everybody in it to `folder`.
pub(crate) fn copy_to(folder: &Path) {
    static TEMPLATE: OnceLock<PathBuf> = OnceLock::new();
    let template = TEMPLATE.get_or_init(find_or_make);
    copy(template, folder).expect("the template can be copied");
}

/// The template of this build of the binary; test executables that run later find it.
fn find_or_make() -> PathBuf {
    let modified = fs::metadata(pando()).and_then(|binary| binary.modified()).expect("the binary has a time");
    let stamp = modified.duration_since(UNIX_EPOCH).expect("the binary is younger than 1970").as_nanos();
    let shelf = binary::target().join("test-domain");
    let template = shelf.join(stamp.to_string());
    if !template.is_dir() {
        fs::create_dir_all(&shelf).expect("a folder for the template can be made");
        remove_older(&shelf, stamp);
        make(&shelf, &template);
    }
    template
}

/// Removes the templates of earlier builds.
fn remove_older(shelf: &Path, stamp: u128) {
    for entry in fs::read_dir(shelf).into_iter().flatten().flatten() {
        let name = entry.file_name();
        if name.to_str().and_then(|name| name.parse::<u128>().ok()).is_some_and(|other| other < stamp) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Provisions, adds everybody, and puts the folder in its place at once, so that nobody sees half of it.
fn make(shelf: &Path, template: &Path) {
    let folder = TempDir::new_in(shelf).expect("a temporary folder can be made");
    provision(folder.path());
    let mut domain = Domain::run(folder);
    people::add_all(&domain);
    domain.kill();
    // Another test executable may have been quicker: its template is as good.
    let _ = fs::rename(domain.path("data"), template);
}

/// Provisions `contoso.com` into FOLDER/data.
pub(crate) fn provision(folder: &Path) {
    let password = folder.join("admin-password");
    fs::write(&password, ADMIN_PASSWORD).expect("the password file can be written");
    Tool::new(pando())
        .args(["domain", "provision", "--domain", "contoso.com", "--netbios", "CONTOSO", "--dc-name", "dc1"])
        .args(["--loopback", "--kds-root-key", "--data"])
        .arg(folder.join("data"))
        .arg("--admin-password-file")
        .arg(&password)
        .ok();
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    fs::set_permissions(to, fs::metadata(from)?.permissions())?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
