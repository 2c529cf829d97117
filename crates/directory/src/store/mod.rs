//! The tables beneath the directory, in one LMDB file.
//!
//! | table | key | value |
//! |---|---|---|
//! | objects | DNT | [record](crate::object::record) |
//! | children | parent's DNT, RDN's attribute, RDN's value folded | DNT |
//! | index | attribute, value in its order | DNTs |
//! | links | source's DNT, attribute | targets' DNTs (with their data) |
//! | back links | target's DNT, attribute | sources' DNTs |
//! | descriptors | id | security descriptor |
//! | descriptor ids | SHA-256 | id, how many objects have it |
//! | metadata | DNT | when and where attributes changed |
//! | secrets | DNT, attribute | encrypted value |
//! | meta | name | counters and identities |
//!
//! LMDB: copy-on-write pages and two meta pages, so that a crash at any moment leaves the last committed state; readers never wait.

mod counters;
#[cfg(test)]
mod crash;
mod descriptors;
mod key_file;

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use heed::types::Bytes;
use heed::{CommitOrAbort, Database, DatabaseFlags, Env, EnvFlags, EnvOpenOptions, IntegerComparator, WithoutTls};

pub(crate) use counters::{Counter, Counters};
pub(crate) use descriptors::Descriptors;
pub(crate) use key_file::{create_key, read_key};

use crate::{Error, OpenOptions};

/// A table with arbitrary keys in byte order.
pub(crate) type Table = Database<'static, Bytes, Bytes>;
/// A table with native 32-bit keys.
pub(crate) type NumberTable = Database<'static, Bytes, Bytes, IntegerComparator>;
/// A read transaction, or a write transaction used for reading.
pub(crate) type Snapshot<'a> = heed::RoTxn<'a, WithoutTls>;

/// Which descriptor, among those stored. A new descriptor gets a new number; a number never means another descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SdId(pub(crate) u32);

/// All tables.
#[derive(Clone, Copy)]
pub(crate) struct Tables {
    pub(crate) objects: NumberTable,
    pub(crate) children: Table,
    pub(crate) index: Table,
    pub(crate) links: Table,
    pub(crate) back_links: Table,
    pub(crate) descriptors: NumberTable,
    pub(crate) descriptor_ids: Table,
    pub(crate) metadata: NumberTable,
    pub(crate) secrets: Table,
    pub(crate) meta: Table,
}

/// The open file.
pub(crate) struct Store {
    pub(crate) env: Env<WithoutTls>,
    pub(crate) tables: Tables,
    /// Held as long as the store is open: no second process.
    _lock: File,
}

const FILE: &str = "directory.mdb";
const LOCK: &str = "directory.lock";
const GIB: usize = 1 << 30;

/// Where things are in a directory's folder.
pub(crate) fn file(folder: &Path) -> PathBuf {
    folder.join(FILE)
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self { map_size: 64 * GIB, max_readers: 4096, queue: 4096, key_file: None }
    }
}

impl Store {
    /// Makes or opens the file in a folder that exists.
    pub(crate) fn open(folder: &Path, options: &OpenOptions, create: bool) -> Result<Self, Error> {
        let path = file(folder);
        match (create, path.exists()) {
            (true, true) => {
                return Err(Error::store(format!(
                    "{} exists already: a directory is not made over another",
                    path.display()
                )));
            }
            (false, false) => {
                return Err(Error::store(format!("there is no directory in {}: {FILE} is missing", folder.display())));
            }
            _ => {}
        }
        let lock = lock(folder)?;
        let env = open_env(&path, options)?;
        check_length(&env, &path)?;
        let tables = create_tables(&env)?;
        env.clear_stale_readers()?;
        Ok(Self { env, tables, _lock: lock })
    }
}

/// A file shorter than its last page would be a bus error later: refuse it before anything is read.
fn check_length(env: &Env<WithoutTls>, path: &Path) -> Result<(), Error> {
    let pages = env.info().last_page_number.saturating_add(1) as u64;
    let page = u64::from(env.unnamed_database_stat().page_size);
    let length = env.real_disk_size()?;
    if length < pages.saturating_mul(page) {
        return Err(Error::store(format!(
            "{} is damaged: it should have {pages} pages of {page} bytes but has {length} bytes (restore it from a backup)",
            path.display()
        )));
    }
    Ok(())
}

fn lock(folder: &Path) -> Result<File, Error> {
    let path = folder.join(LOCK);
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(|error| Error::io("open", &path, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::store(format!(
            "the directory in {} is in use by another process, or opened twice in this one",
            folder.display()
        ))),
        Err(TryLockError::Error(error)) => Err(Error::io("lock", &path, &error)),
    }
}

/// Opens with as much address space as asked for, or less where the system limits it.
fn open_env(path: &Path, options: &OpenOptions) -> Result<Env<WithoutTls>, Error> {
    let mut size = options.map_size.max(GIB / 64);
    loop {
        match open_env_sized(path, options, size) {
            Err(heed::Error::Io(error)) if error.kind() == std::io::ErrorKind::OutOfMemory && size > GIB => size /= 4,
            other => return Ok(other?),
        }
    }
}

#[allow(unsafe_code, reason = "memory-mapped files are outside of Rust's guarantees")]
fn open_env_sized(path: &Path, options: &OpenOptions, size: usize) -> Result<Env<WithoutTls>, heed::Error> {
    let mut opener = EnvOpenOptions::new().read_txn_without_tls();
    opener.map_size(size).max_dbs(16).max_readers(options.max_readers);
    // SAFETY: the lock file held by `Store` keeps every other process and handle away, nothing in this process writes the file but LMDB,
    // and LMDB's own lock file stays beside it. NO_SUB_DIR names the file itself; NO_READ_AHEAD changes only paging.
    unsafe {
        opener.flags(EnvFlags::NO_SUB_DIR | EnvFlags::NO_READ_AHEAD);
        opener.open(path)
    }
}

fn create_tables(env: &Env<WithoutTls>) -> Result<Tables, Error> {
    let txn = env.write_txn()?;
    let done = env.create_databases_and_commit(txn, |opener, txn| -> Result<_, heed::Error> {
        let duplicates = DatabaseFlags::DUP_SORT;
        let fixed = DatabaseFlags::DUP_SORT | DatabaseFlags::DUP_FIXED;
        let mut plain =
            |name, flags| opener.database_options().types::<Bytes, Bytes>().name(name).flags(flags).create(txn);
        let children = plain("children", DatabaseFlags::empty())?;
        let index = plain("index", fixed)?;
        let links = plain("links", duplicates)?;
        let back_links = plain("back_links", fixed)?;
        let descriptor_ids = plain("descriptor_ids", DatabaseFlags::empty())?;
        let secrets = plain("secrets", DatabaseFlags::empty())?;
        let meta = plain("meta", DatabaseFlags::empty())?;
        let mut numbered = |name| {
            opener
                .database_options()
                .types::<Bytes, Bytes>()
                .key_comparator::<IntegerComparator>()
                .name(name)
                .create(txn)
        };
        let objects = numbered("objects")?;
        let descriptors = numbered("descriptors")?;
        let metadata = numbered("metadata")?;
        Ok(CommitOrAbort::<_, ()>::Commit((
            (objects, descriptors, metadata),
            (children, index, links, back_links),
            (descriptor_ids, secrets, meta),
        )))
    })?;
    let Some(((objects, descriptors, metadata), (children, index, links, back_links), (descriptor_ids, secrets, meta))) =
        done.commit()
    else {
        return Err(Error::store("the tables were not created".into()));
    };
    Ok(Tables { objects, children, index, links, back_links, descriptors, descriptor_ids, metadata, secrets, meta })
}

/// The key of a table numbered by DNT or descriptor.
pub(crate) const fn number(value: u32) -> [u8; 4] {
    value.to_ne_bytes()
}
