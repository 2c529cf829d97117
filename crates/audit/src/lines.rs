//! The file.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

/// Lines of JSON at the end of a file, or on standard output.
pub struct Lines(Mutex<Out>);

enum Out {
    Standard,
    File { path: PathBuf, file: File },
}

impl Lines {
    /// Appends to this file, which only this user reads when it is new; `-` is standard output. When the file is moved away, as programs do
    /// that rotate logs, the next line begins a new one; on Windows it has to be started anew.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(path: &Path) -> io::Result<Self> {
        let out = match path.to_str() {
            Some("-") => Out::Standard,
            _ => Out::File { path: path.to_owned(), file: append(path)? },
        };
        Ok(Self(Mutex::new(out)))
    }

    /// Writes a line. One that cannot be written is in the log.
    pub fn write(&self, line: &impl Serialize) {
        let Ok(mut line) = serde_json::to_string(line) else { return };
        line.push('\n');
        let mut out = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = out.append(line.as_bytes()) {
            tracing::error!(%error, line, "the audit cannot be written");
        }
    }
}

impl Out {
    fn append(&mut self, line: &[u8]) -> io::Result<()> {
        match self {
            Self::Standard => {
                let mut out = io::stdout().lock();
                out.write_all(line)?;
                out.flush()
            }
            Self::File { path, file } => {
                if !is_at(file, path) {
                    match append(path) {
                        Ok(new) => *file = new,
                        // The old one is still better than none.
                        Err(error) => {
                            tracing::error!(%error, path = %path.display(), "the audit file is gone, and no new one can be made")
                        }
                    }
                }
                file.write_all(line)
            }
        }
    }
}

#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let which = |found: &std::fs::Metadata| (found.dev(), found.ino());
    matches!((file.metadata(), path.metadata()), (Ok(open), Ok(there)) if which(&open) == which(&there))
}

#[cfg(not(unix))]
fn is_at(_: &File, _: &Path) -> bool {
    true
}

fn append(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn a_file_that_was_moved_away_is_begun_anew() {
        let folder = tempfile::tempdir().unwrap();
        let (path, moved) = (folder.path().join("audit.log"), folder.path().join("audit.log.1"));
        let lines = Lines::open(&path).unwrap();
        lines.write(&1);
        lines.write(&2);
        std::fs::rename(&path, &moved).unwrap();
        lines.write(&3);
        let read = |path| std::fs::read_to_string(path).unwrap();
        assert_eq!((read(&moved), read(&path)), ("1\n2\n".to_owned(), "3\n".to_owned()));
        std::fs::remove_file(&path).unwrap();
        lines.write(&"a\nb");
        assert_eq!(read(&path), "\"a\\nb\"\n");
    }

    #[test]
    fn what_is_cut_to_nothing_goes_on_at_its_beginning() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.log");
        let lines = Lines::open(&path).unwrap();
        lines.write(&1);
        File::options().write(true).open(&path).unwrap().set_len(0).unwrap();
        lines.write(&2);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "2\n");
    }

    #[cfg(unix)]
    #[test]
    fn only_its_user_reads_it_and_the_service_need_not() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.log");
        drop(Lines::open(&path).unwrap());
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o200)).unwrap();
        Lines::open(&path).unwrap().write(&1);
    }

    #[cfg(unix)]
    #[test]
    fn without_a_folder_for_a_new_one_the_old_one_is_written_on() {
        let folder = tempfile::tempdir().unwrap();
        let (logs, elsewhere) = (folder.path().join("logs"), folder.path().join("elsewhere"));
        std::fs::create_dir(&logs).unwrap();
        let lines = Lines::open(&logs.join("audit.log")).unwrap();
        std::fs::rename(&logs, &elsewhere).unwrap();
        lines.write(&1);
        assert_eq!(std::fs::read_to_string(elsewhere.join("audit.log")).unwrap(), "1\n");
    }
}
