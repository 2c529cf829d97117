//! Copies of the file while it is in use, and the way back.
//!
//! A copy is made from one read transaction, so it is the directory as it was at one moment; writers do not wait for it. It has no key in it:
//! without the key file, which is kept apart, it opens no account.

use std::fs::File;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use dtyp::Guid;
use heed::CompactionOption;

use crate::directory::INVOCATION;
use crate::store::{self, Counter, Counters};
use crate::{Directory, Environment, Error, OpenOptions};

/// RIDs that are passed over after a restore. Accounts made since the copy had them, and what names their SIDs must not come to mean others.
const RIDS_PASSED_OVER: u64 = 100_000;

impl Directory {
    /// Copies the directory, as it is now, into a file that was not there, readable by its owner alone and on disk when this returns. Blocks.
    ///
    /// # Errors
    /// When the file cannot be written. Nothing of that name is left then.
    pub fn back_up(&self, to: &Path) -> Result<(), Error> {
        let unfinished = unfinished(to);
        let written = self.copy(&unfinished).and_then(|()| in_place(&unfinished, to));
        if written.is_err() {
            // What is half written is of no use to anybody, and the error before says more than one here would.
            let _ = std::fs::remove_file(&unfinished);
        }
        written
    }

    fn copy(&self, path: &Path) -> Result<(), Error> {
        let failed = |error| Error::io("write", path, &error);
        let mut options = File::options();
        let mut file =
            options.read(true).write(true).create(true).truncate(true).mode(0o600).open(path).map_err(failed)?;
        self.inner.store.env.copy_to_file(&mut file, CompactionOption::Enabled)?;
        file.sync_all().map_err(failed)
    }
}

/// Makes a directory of a copy in a folder that holds none, and looks through all of it. It becomes another copy of the directory
/// (MS-ADTS 3.1.1.1.9: a new invocationId), and numbers that accounts may have got since are not given again.
///
/// # Errors
/// When there is a directory already, the copy is damaged or does not agree with itself, or the key is another directory's. Nothing is left
/// in the folder then.
pub fn restore(
    copy: &Path,
    folder: &Path,
    options: &OpenOptions,
    environment: Environment,
) -> Result<Directory, Error> {
    crate::directory::create_folder(folder)?;
    let file = store::file(folder);
    if file.exists() {
        return Err(Error::store(format!(
            "{} exists already: a directory is not restored over another",
            file.display()
        )));
    }
    let unfinished = unfinished(&file);
    let restored = put(copy, &unfinished).and_then(|()| in_place(&unfinished, &file)).and_then(|()| {
        let directory = Directory::open_checked(folder, options, environment)?;
        renew(&directory)?;
        Ok(directory)
    });
    if restored.is_err() {
        for path in [&unfinished, &file] {
            // One of the two is not there.
            let _ = std::fs::remove_file(path);
        }
    }
    restored
}

fn put(copy: &Path, to: &Path) -> Result<(), Error> {
    let mut from = File::open(copy).map_err(|error| Error::io("read", copy, &error))?;
    let failed = |error| Error::io("write", to, &error);
    let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(to).map_err(failed)?;
    std::io::copy(&mut from, &mut file).and_then(|_| file.sync_all()).map_err(failed)
}

impl Directory {
    fn open_checked(folder: &Path, options: &OpenOptions, environment: Environment) -> Result<Self, Error> {
        let directory = Self::open(folder, options.clone(), environment)?;
        let findings = directory.read()?.check()?;
        if let Some(first) = findings.first() {
            return Err(Error::store(format!("the copy does not agree with itself: {first}")));
        }
        directory.check_key()?;
        Ok(directory)
    }

    /// Whether the key is the one that the secrets were encrypted under.
    fn check_key(&self) -> Result<(), Error> {
        let store = &self.inner.store;
        let txn = store.env.read_txn()?;
        if let Some((place, sealed)) = store.tables.secrets.first(&txn)? {
            let place = place.first_chunk().ok_or_else(|| Error::damaged("a secret belongs nowhere"))?;
            self.inner.secrets.open(place, sealed)?;
        }
        Ok(())
    }
}

fn renew(directory: &Directory) -> Result<(), Error> {
    let store = &directory.inner.store;
    let counters = Counters(store.tables);
    let mut txn = store.env.write_txn()?;
    let rid = counters.last(&txn, Counter::Rid)?.saturating_add(RIDS_PASSED_OVER);
    counters.set(&mut txn, Counter::Rid, rid)?;
    let invocation = Guid::random(&*directory.inner.environment.random);
    store.tables.meta.put(&mut txn, INVOCATION.as_bytes(), invocation.as_bytes())?;
    Ok(txn.commit()?)
}

fn unfinished(path: &Path) -> PathBuf {
    path.with_extension("unfinished")
}

/// Gives a finished file its name, on disk too.
fn in_place(from: &Path, to: &Path) -> Result<(), Error> {
    let failed = |error| Error::io("rename", to, &error);
    std::fs::rename(from, to).map_err(failed)?;
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::*;
    use crate::provision::{Provision, provision};

    fn wanted() -> Provision {
        Provision {
            domain: "contoso.com".into(),
            netbios: "CONTOSO".into(),
            dc_name: "dc1".into(),
            admin_password: SecretString::from("Rules-the-forest-1"),
            loopback: false,
            kds_root_key: false,
        }
    }

    #[test]
    fn a_copy_becomes_a_directory_again_with_its_key_and_with_no_other() {
        let place = tempfile::tempdir().unwrap();
        let (first, copy) = (place.path().join("first"), place.path().join("copy.mdb"));
        let directory = provision(&first, &wanted(), Environment::system()).unwrap();
        directory.back_up(&copy).unwrap();
        let rid = Counters(directory.inner.store.tables).last(directory.read().unwrap().txn(), Counter::Rid).unwrap();

        let key = first.join("directory.key");
        let options = OpenOptions { key_file: Some(key.clone()), ..OpenOptions::default() };
        let second = place.path().join("second");
        let restored = restore(&copy, &second, &options, Environment::system()).unwrap();
        drop(restored);
        let restored = Directory::open(&second, options.clone(), Environment::system()).unwrap();
        assert_ne!(restored.invocation_id(), directory.invocation_id());
        let next = Counters(restored.inner.store.tables).last(restored.read().unwrap().txn(), Counter::Rid).unwrap();
        assert!(next >= rid + RIDS_PASSED_OVER);

        // Not over another; not with another key; not from something else.
        assert!(restore(&copy, &second, &options, Environment::system()).is_err());
        let other = place.path().join("other.key");
        store::create_key(&other, &[9; 32]).unwrap();
        let wrong = OpenOptions { key_file: Some(other.clone()), ..OpenOptions::default() };
        let third = place.path().join("third");
        let refused = restore(&copy, &third, &wrong, Environment::system()).err().unwrap();
        assert!(refused.to_string().contains("key"), "{refused}");
        assert!(restore(&key, &third, &options, Environment::system()).is_err());
        let half = place.path().join("half.mdb");
        let bytes = std::fs::read(&copy).unwrap();
        std::fs::write(&half, &bytes[..bytes.len() / 2]).unwrap();
        assert!(restore(&half, &third, &options, Environment::system()).is_err());
        assert!(!store::file(&third).exists());
        assert!(restore(&copy, &third, &options, Environment::system()).is_ok(), "what failed leaves nothing behind");
    }
}
