//! Files and folders.

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::os::windows::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use sha2::{Digest, Sha256};
use windows::Win32::Foundation::{ERROR_ACCESS_DENIED, ERROR_SHARING_VIOLATION};
use windows::Win32::Storage::FileSystem::{FILE_ATTRIBUTE_REPARSE_POINT, FILE_FLAG_OPEN_REPARSE_POINT};

use protect::rights::{Readers, who_else_may_change};

use super::keys;
use crate::caseless::Caseless;
use crate::machine::{Failure, Found, Removed};
use crate::plan::ASIDE;
use crate::step::Step;

/// What is there; a link is found as a link.
pub fn find(path: &Caseless) -> Result<Found, Failure> {
    let failed = |source| Failure::new(format!("look at {path}"), source);
    let metadata = match fs::symlink_metadata(path.as_str()) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(error) => return Err(failed(error)),
    };
    if metadata.file_attributes() & FILE_ATTRIBUTE_REPARSE_POINT.0 != 0 {
        return Ok(Found::Other);
    }
    let open_to = open_to(path).map_err(failed)?;
    if metadata.is_dir() {
        return Ok(Found::Folder { open_to });
    }
    Ok(Found::File { sha256: hash(path).map_err(failed)?, open_to })
}

fn open_to(path: &Caseless) -> io::Result<Option<String>> {
    let descriptor = protect::system::of_file(Path::new(path.as_str()))?;
    let me = protect::system::me()?;
    who_else_may_change(&descriptor, &me).map_err(io::Error::other)
}

fn hash(path: &Caseless) -> io::Result<[u8; 32]> {
    let mut options = OpenOptions::new();
    let mut file = options.read(true).custom_flags(FILE_FLAG_OPEN_REPARSE_POINT.0).open(path.as_str())?;
    let (mut hasher, mut buffer) = (Sha256::new(), vec![0; 64 << 10]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hasher.finalize().into()),
            read => hasher.update(buffer.get(..read).unwrap_or_default()),
        }
    }
}

/// The names in a folder.
pub fn list(folder: &Caseless) -> Result<Vec<String>, Failure> {
    let failed = |source| Failure::new(format!("list {folder}"), source);
    let entries = match fs::read_dir(folder.as_str()) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let name = |entry: io::Result<fs::DirEntry>| Ok(entry?.file_name().to_string_lossy().into_owned());
    entries.map(name).collect::<io::Result<_>>().map_err(failed)
}

/// Whether both lead to one and the same.
pub fn same(one: &Caseless, other: &Caseless) -> Result<bool, Failure> {
    match same_file::is_same_file(one.as_str(), other.as_str()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        told => told.map_err(|source| Failure::new(format!("look at {one} and {other}"), source)),
    }
}

/// Takes a step that is about files.
pub fn take(step: &Step) -> Result<(), Failure> {
    let done = match step {
        Step::MakeFolder(path) => make_folder(path),
        Step::RemoveFolder(path) => fs::remove_dir(path.as_str()),
        Step::WriteFile { path, contents } => write(path, contents),
        Step::RemoveFile { path, .. } => fs::remove_file(path.as_str()),
        Step::Rename { from, to } => rename(from, to),
        _ => Ok(()),
    };
    done.map_err(|source| Failure::new(step.to_string(), source))
}

/// With rights of its own, not those of the folder above: that may be one where all may write.
fn make_folder(path: &Caseless) -> io::Result<()> {
    let descriptor = Readers::Everyone.folder_of_the_machine().map_err(io::Error::other)?;
    protect::system::create_folder(Path::new(path.as_str()), &descriptor)
}

/// With rights of its own, under another name first. What a run that is killed leaves has a name by which the next one removes it.
fn write(path: &Caseless, contents: &[u8]) -> io::Result<()> {
    let unfinished = Caseless::from(format!("{path}.{}{ASIDE}", std::process::id()));
    let descriptor = Readers::Everyone.file_of_the_machine().map_err(io::Error::other)?;
    let written = protect::system::create_file(Path::new(unfinished.as_str()), &descriptor)
        .and_then(|mut file| file.write_all(contents).and_then(|()| file.sync_all()))
        .and_then(|()| rename(&unfinished, path));
    if written.is_err() {
        // That it cannot be removed is not the error to report.
        let _ = fs::remove_file(unfinished.as_str());
    }
    written
}

/// Never over something else.
fn rename(from: &Caseless, to: &Caseless) -> io::Result<()> {
    protect::system::rename(Path::new(from.as_str()), Path::new(to.as_str()))
}

/// Deletes a file, or a folder that is empty.
pub fn remove(path: &Caseless) -> Result<Removed, Failure> {
    let folder = matches!(find(path)?, Found::Folder { .. });
    let removed = if folder { fs::remove_dir(path.as_str()) } else { fs::remove_file(path.as_str()) };
    // Windows denies access to whoever would delete what is loaded.
    let in_use = [ERROR_ACCESS_DENIED.0, ERROR_SHARING_VIOLATION.0].map(u32::cast_signed);
    match removed {
        Ok(()) => Ok(Removed::Gone),
        Err(error) if !folder && error.raw_os_error().is_some_and(|code| in_use.contains(&code)) => Ok(Removed::InUse),
        Err(source) => Err(Failure::new(format!("remove {path}"), source)),
    }
}

/// Has it deleted when the computer starts next; a folder only if it is empty then.
pub fn remove_at_restart(path: &Caseless) -> Result<(), Failure> {
    // Windows keeps one list for the whole machine, and does not look whether something is on it already.
    if keys::goes_at_restart(path) {
        return Ok(());
    }
    protect::system::remove_at_restart(Path::new(path.as_str()))
        .map_err(|source| Failure::new(format!("have {path} removed at the next start"), source))
}
