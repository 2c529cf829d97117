//! The DLLs: where they come from, and where they are put, side by side by version, so that a new one can come while the old one is loaded.
//!
//! They lie beside the installer with a `SHA256SUMS` as `sha256sum` writes it, rather than inside it: so they can be signed after they were
//! built, and what is installed is, byte for byte, what a release publishes and anyone can check.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use semver::Version;
use sha2::{Digest, Sha256 as Hasher};

use crate::caseless::Caseless;
use crate::class::Class;
use crate::machine::Sha256;
use crate::version;

/// The list of checksums beside the DLLs.
pub const SUMS: &str = "SHA256SUMS";
/// A plugin is about a megabyte.
const LARGEST: u64 = 64 << 20;

/// A DLL to be installed.
#[derive(Clone, Debug)]
pub struct Dll {
    pub sha256: Sha256,
    /// What it says it is.
    pub version: Option<Version>,
    pub contents: Arc<[u8]>,
}

/// Why there is no DLL to install.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    #[error("{} cannot be read: {source} (is a whole release unpacked there? say with --from where it is)", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} is larger than {LARGEST} bytes: that is no plugin", .0.display())]
    TooLarge(PathBuf),
    #[error("{} does not list {file} (is the release complete? say with --from where it was unpacked)", sums.display())]
    NotListed { sums: PathBuf, file: &'static str },
    #[error("{} is not the file that {SUMS} lists: it is damaged, or not of this release; nothing was installed", .0.display())]
    Mismatch(PathBuf),
}

impl Dll {
    /// Reads a plugin's DLL, and holds it against the list. What is installed are the bytes that were checked.
    ///
    /// # Errors
    /// See [`SourceError`].
    pub fn read(folder: &Path, class: &Class) -> Result<Self, SourceError> {
        let sums = folder.join(SUMS);
        let list = bounded(&sums)?;
        let listed = listed(&String::from_utf8_lossy(&list), class.dll);
        let listed = listed.ok_or(SourceError::NotListed { sums, file: class.dll })?;
        let path = folder.join(class.dll);
        let dll = Self::of(bounded(&path)?);
        if dll.sha256 == listed { Ok(dll) } else { Err(SourceError::Mismatch(path)) }
    }

    #[must_use]
    pub fn of(contents: Vec<u8>) -> Self {
        Self { sha256: sha256(&contents), version: version::of(&contents), contents: contents.into() }
    }
}

#[must_use]
pub fn sha256(bytes: &[u8]) -> Sha256 {
    Hasher::digest(bytes).into()
}

fn bounded(path: &Path) -> Result<Vec<u8>, SourceError> {
    let failed = |source| SourceError::Read { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    std::fs::File::open(path).map_err(failed)?.take(LARGEST + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > LARGEST { Err(SourceError::TooLarge(path.to_owned())) } else { Ok(bytes) }
}

/// The checksum of a file in a list: lines of 64 hexadecimal digits, a space, a space or an asterisk, and a name.
#[must_use]
pub fn listed(list: &str, file: &str) -> Option<Sha256> {
    list.lines().find_map(|line| {
        let (digits, name) = line.split_at_checked(64)?;
        let name = name.strip_prefix("  ").or_else(|| name.strip_prefix(" *"))?;
        if !name.trim_end().eq_ignore_ascii_case(file) || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        let mut sum = Sha256::default();
        for (at, byte) in sum.iter_mut().enumerate() {
            *byte = u8::from_str_radix(digits.get(2 * at..2 * at + 2)?, 16).ok()?;
        }
        Some(sum)
    })
}

/// A folder by its whole path: what is registered is looked up by others, from other folders.
///
/// # Errors
/// A sentence that says what is wanted.
pub fn whole(text: &str) -> Result<String, String> {
    let path = text.replace('/', "\\");
    let path = path.trim_end_matches('\\');
    let mut parts = path.split('\\');
    let drive = parts.next().unwrap_or_default().as_bytes();
    let on_a_drive = matches!(drive, [letter, b':'] if letter.is_ascii_alphabetic());
    // Windows passes over dots and spaces at a name's end: `.` and `..` are such, and what would be the same folder by another name.
    let plain = |part: &str| {
        !part.is_empty() && !part.ends_with(['.', ' ']) && !part.contains(['"', '<', '>', '|', '?', '*', ':'])
    };
    let names: Vec<_> = parts.collect();
    if !on_a_drive || names.is_empty() || !names.into_iter().all(plain) {
        return Err(r"a whole path such as D:\Pando\ccg, without . and ..".to_owned());
    }
    Ok(path.to_owned())
}

/// Where plugins are installed: `<root>\<name>\<version>-<hash>\<dll>`.
#[derive(Clone, Debug)]
pub struct Layout {
    root: Caseless,
    /// Those that are elsewhere, by their names.
    elsewhere: Vec<(&'static str, Caseless)>,
}

impl Layout {
    /// All plugins below one folder.
    #[must_use]
    pub const fn at(root: Caseless) -> Self {
        Self { root, elsewhere: Vec::new() }
    }

    /// `Pando\ccg` in the folder of the computer's programs.
    #[must_use]
    pub fn below(program_files: &Caseless) -> Self {
        Self::at(program_files.join("Pando").join("ccg"))
    }

    /// With one plugin below another folder.
    #[must_use]
    pub fn with(mut self, class: &Class, root: Caseless) -> Self {
        self.elsewhere.push((class.name, root));
        self
    }

    /// The folder below which a plugin is.
    #[must_use]
    pub fn root(&self, class: &Class) -> &Caseless {
        let elsewhere = self.elsewhere.iter().find(|(name, _)| *name == class.name);
        elsewhere.map_or(&self.root, |(_, root)| root)
    }

    /// The folder of this version of a plugin.
    #[must_use]
    pub fn version(&self, class: &Class, dll: &Dll) -> Caseless {
        let version = dll.version.as_ref().map_or_else(|| UNVERSIONED.to_owned(), ToString::to_string);
        plugin(self.root(class), class).join(&label(&version, &dll.sha256))
    }
}

/// The folder of all versions of a plugin.
#[must_use]
pub fn plugin(root: &Caseless, class: &Class) -> Caseless {
    root.join(class.name)
}

/// In the place of the version of a DLL that has none.
const UNVERSIONED: &str = "unversioned";

fn label(version: &str, sum: &Sha256) -> String {
    use std::fmt::Write;
    let mut label = format!("{version}-");
    for byte in sum.iter().take(8) {
        let _ = write!(label, "{byte:02x}");
    }
    label
}

/// The version that a folder's name says, if it is the folder of one.
#[must_use]
pub fn version_of(folder: &str) -> Option<&str> {
    let (version, hash) = folder.rsplit_once('-')?;
    let known = version.bytes().all(|c| c.is_ascii_alphanumeric() || b".+-".contains(&c));
    (known && !version.is_empty() && hash.len() == 16 && hash.bytes().all(|c| c.is_ascii_hexdigit())).then_some(version)
}

/// Whether a DLL with this checksum belongs into a folder of this name.
#[must_use]
pub fn belongs(folder: &str, sum: &Sha256) -> bool {
    version_of(folder).is_some_and(|version| label(version, sum).eq_ignore_ascii_case(folder))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::class::CLASSES;

    #[test]
    fn a_dll_is_what_the_list_says_or_it_is_not_installed() {
        let folder = tempfile::tempdir().unwrap();
        let [class, _] = &CLASSES;
        let write = |name: &str, text: String| std::fs::write(folder.path().join(name), text).unwrap();
        let read = || Dll::read(folder.path(), class);
        assert!(matches!(read(), Err(SourceError::Read { .. })));
        let sum = "0".repeat(64);
        write(class.dll, "a plugin".into());
        write(SUMS, format!("{sum}  other.dll\n"));
        assert!(matches!(read(), Err(SourceError::NotListed { .. })));
        write(SUMS, format!("{sum}  {}\n", class.dll));
        assert!(matches!(read(), Err(SourceError::Mismatch(_))));
        let real: String = sha256(b"a plugin").iter().map(|byte| format!("{byte:02X}")).collect();
        write(SUMS, format!("{sum}  other.dll\r\n{real} *{}\r\n", class.dll));
        assert_eq!(&*read().unwrap().contents, b"a plugin");
    }

    #[test]
    fn lines_that_are_no_checksums_are_passed_over() {
        let zeros = "0".repeat(64);
        assert_eq!(listed(&format!("# list\n\n{zeros}  a.dll"), "A.DLL"), Some([0; 32]));
        for line in
            [format!("{zeros} a.dll"), format!("{zeros}  b.dll"), format!("{}g  a.dll", &zeros[1..]), "ä".repeat(40)]
        {
            assert_eq!(listed(&line, "a.dll"), None, "{line}");
        }
    }

    #[test]
    fn plugins_are_installed_where_their_path_says_whoever_reads_it() {
        assert_eq!(whole("D:/Pando/ccg/").as_deref(), Ok(r"D:\Pando\ccg"));
        for partial in [
            "",
            "plug",
            r"\plug",
            "C:",
            r"C:\",
            "C:x",
            r"C:\a\..\b",
            r"C:\.\b",
            r"C:\a\\b",
            r"\\host\share\x",
            r"C:\a:b",
            r"C:\a.\b",
            r"C:\a\b ",
        ] {
            assert!(whole(partial).is_err(), "{partial:?}");
        }
    }

    #[test]
    fn a_folder_says_which_dll_belongs_into_it() {
        let sum = sha256(b"x");
        let name = label("0.1.0-rc.1", &sum);
        assert_eq!(version_of(&name), Some("0.1.0-rc.1"));
        assert!(belongs(&name, &sum) && !belongs(&name, &sha256(b"y")));
        for other in ["", "0.1.0", "x-12", "..-0123456789abcdeg", r"a\b-0123456789abcdef"] {
            assert_eq!(version_of(other), None, "{other}");
        }
    }
}
