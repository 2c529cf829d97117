//! The plugin of a folder of secrets: what it reads, and what it does not follow.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use plugins::{FileError, Files, Plugin, PluginError};
use secrecy::ExposeSecret;

struct Folder {
    _temporary: tempfile::TempDir,
    path: PathBuf,
}

impl Folder {
    fn new() -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let path = fs::canonicalize(temporary.path()).unwrap().join("accounts");
        fs::create_dir(&path).unwrap();
        set(&path, 0o700);
        Self { _temporary: temporary, path }
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        set(path.parent().unwrap(), 0o700);
        set(&path, 0o600);
        path
    }

    fn ask(&self, input: &str) -> Result<(String, String, String), PluginError> {
        let credentials = Files::new(&self.path).unwrap().get_password_credentials(input)?;
        Ok((credentials.domain, credentials.username, credentials.password.expose_secret().to_owned()))
    }

    fn refuses(&self, input: &str, why: &str) {
        let error = self.ask(input).unwrap_err();
        assert!(matches!(error, PluginError::File(_)), "{error:?}");
        let text = format!("{error} {error:?}");
        assert!(text.contains(why) && !text.contains("hunter2"), "{text}");
    }
}

fn set(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

const ACCOUNT: &str = r#"{"domain":"contoso.com","username":"u","password":"hunter2"}"#;

fn expected() -> (String, String, String) {
    ("contoso.com".into(), "u".into(), "hunter2".into())
}

#[test]
fn a_secret_is_a_folder_of_three_files_or_one_file() {
    let folder = Folder::new();
    for (name, text) in [("domain", "contoso.com\n"), ("username", "u\n"), ("password", "hunter2")] {
        folder.write(&format!("a/{name}"), text);
    }
    for (name, text) in [("domainName", "contoso.com"), ("username", "u"), ("password", "hunter2")] {
        folder.write(&format!("b/{name}"), text);
    }
    folder.write("c.json", ACCOUNT);
    for input in ["a", "b", "c.json"] {
        assert_eq!(folder.ask(input).unwrap(), expected(), "{input}");
    }
}

#[test]
fn a_mounted_secret_is_read_through_its_links_in_the_version_in_force() {
    let folder = Folder::new();
    for (version, password) in [("..2026_1", "hunter1"), ("..2026_2", "hunter2")] {
        for (name, text) in [("domain", "contoso.com"), ("username", "u"), ("password", password)] {
            folder.write(&format!("a/{version}/{name}"), text);
        }
    }
    symlink("..2026_2", folder.path.join("a/..data")).unwrap();
    for name in ["domain", "username", "password"] {
        symlink(format!("..data/{name}"), folder.path.join("a").join(name)).unwrap();
    }
    assert_eq!(folder.ask("a").unwrap(), expected());
}

#[test]
fn nothing_leads_out_of_the_folder() {
    let folder = Folder::new();
    let outside = folder.path.parent().unwrap().join("outside");
    fs::write(&outside, ACCOUNT).unwrap();
    set(&outside, 0o600);
    symlink(&outside, folder.path.join("link")).unwrap();
    symlink("/etc", folder.path.join("etc")).unwrap();
    folder.refuses("link", "leads out of the folder");
    folder.refuses("etc", "etc");
    for input in ["", "..", ".", "../outside", "a/b", "/etc/passwd", "a\0", "a\n", ".hidden"] {
        assert!(matches!(folder.ask(input), Err(PluginError::BadInput(_))), "{input:?}");
    }
    folder.refuses("nothing", "there is no secret nothing");
}

#[test]
fn what_others_can_write_or_read_is_not_used() {
    let folder = Folder::new();
    let file = folder.write("a", ACCOUNT);
    set(&file, 0o644);
    folder.refuses("a", "everybody may read it");
    set(&file, 0o660);
    folder.refuses("a", "may be written by others");
    set(&file, 0o600);
    folder.ask("a").unwrap();
    let files = Files::new(&folder.path).unwrap();
    set(&folder.path, 0o777);
    let error = files.get_password_credentials("a").unwrap_err();
    assert!(error.to_string().contains("may be written by others"), "{error}");
    assert!(matches!(Files::new(&folder.path), Err(FileError::Folder { .. })));
    for path in ["relative", "/no/such/folder", "/etc/passwd"] {
        assert!(matches!(Files::new(Path::new(path)), Err(FileError::Folder { .. })), "{path}");
    }
}

#[test]
fn what_is_no_account_is_refused_and_never_quoted() {
    let folder = Folder::new();
    folder.write("text", "hunter2");
    folder.write("large", &"x".repeat(17 << 10));
    folder.write("half/username", "u");
    folder.write("half/domain", "contoso.com");
    for (name, text) in [("domain", "contoso.com"), ("username", "u"), ("password", "hunter2\n")] {
        folder.write(&format!("line/{name}"), text);
    }
    fs::create_dir(folder.path.join("folder")).unwrap();
    set(&folder.path.join("folder"), 0o700);
    folder.refuses("text", "not a JSON object");
    folder.refuses("large", "more than 16384 bytes");
    folder.refuses("half", "password");
    folder.refuses("line", "ends with a line break");
    folder.refuses("folder", "domain");
}
