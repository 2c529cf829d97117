//! The handle: opening a folder, reading snapshots, sending updates.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, RwLock, Weak};

use dtyp::{Clock, Guid, Random};
use schema::{AttrId, Schema};
use zeroize::Zeroizing;

use crate::catalogue::Catalogue;
use crate::dn_cache::DnCache;
use crate::secrets::SecretBox;
use crate::store::{Counters, Store, create_key, read_key};
use crate::update::writer::{Request, Writer};
use crate::{Applied, Caller, Dnt, Error, Update, View, account};

/// What a directory takes from the world: the time and randomness.
#[derive(Clone)]
pub struct Environment {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Unpredictable bytes.
    pub random: Arc<dyn Random>,
}

impl Environment {
    /// This machine's clock and randomness.
    #[must_use]
    pub fn system() -> Self {
        Self { clock: Arc::new(dtyp::SystemClock), random: Arc::new(dtyp::SystemRandom) }
    }
}

/// How to make a new, empty directory.
#[derive(Clone, Debug, Default)]
pub struct CreateOptions {
    /// How it is opened after that.
    pub open: OpenOptions,
}

/// How to open a directory.
#[derive(Clone, Debug)]
pub struct OpenOptions {
    /// The most the file may ever grow to. Only address space, no disk.
    pub map_size: usize,
    /// How many snapshots may be held at once.
    pub max_readers: u32,
    /// How many updates may wait for the writer; one more is told `busy`.
    pub queue: usize,
    /// Where the key to the secrets is; `directory.key` in the same folder when not said.
    pub key_file: Option<PathBuf>,
}

/// A directory in a folder. Clones share it; the last one dropped finishes what waits and closes it.
#[derive(Clone)]
pub struct Directory {
    pub(crate) inner: Arc<Inner>,
    writer: Arc<Writer>,
}

/// What the handles, snapshots and the writer share.
pub(crate) struct Inner {
    pub(crate) store: Store,
    pub(crate) schema: Arc<Schema>,
    pub(crate) catalogue: Arc<Catalogue>,
    pub(crate) names: DnCache,
    /// The schema's objects for categories, once found.
    pub(crate) categories: RwLock<HashMap<AttrId, Dnt>>,
    pub(crate) secrets: SecretBox,
    pub(crate) environment: Environment,
    pub(crate) invocation: Guid,
    /// What gMSA passwords are derived from, and what they make.
    pub(crate) root_keys: crate::gmsa::KnownRootKeys,
    /// Keys of passwords that are on their way to the writer.
    pub(crate) prepared_keys: crate::account::Prepared,
    /// The accounts whose password is just being stored.
    pub(crate) rolling: Arc<Mutex<HashSet<Dnt>>>,
    /// The way to the writer, for what a reader found to be due.
    writer: OnceLock<Weak<Writer>>,
}

impl Inner {
    /// Hands the writer something that a reader found to be due. Nobody waits for it: when it is lost, the next reader finds it again.
    pub(crate) fn submit_later(&self, update: Update, done: impl FnOnce() + Send + 'static) {
        match self.writer.get().and_then(Weak::upgrade) {
            None => done(),
            Some(writer) => writer.submit(Box::new(Request {
                caller: Caller::system(),
                update,
                done: Box::new(move |result| {
                    if let Err(error) = result {
                        tracing::warn!(%error, "what was due could not be stored; it is tried again at the next read");
                    }
                    done();
                }),
            })),
        }
    }
}

const KEY_FILE: &str = "directory.key";
pub(crate) const INVOCATION: &str = "invocation";

impl Directory {
    /// Makes an empty directory in a folder, which is created when missing. `provision` fills it. A key file that was named and exists
    /// is used as it is.
    ///
    /// # Errors
    /// When there is a directory already, or the folder cannot be written.
    pub fn create(path: &Path, options: CreateOptions, environment: Environment) -> Result<Self, Error> {
        create_folder(path)?;
        let store = Store::open(path, &options.open, true)?;
        let key_path = key_path(path, &options.open);
        let key = match &options.open.key_file {
            // Somebody keeps it apart, or an earlier attempt went no further.
            Some(path) if path.exists() => read_key(path)?,
            _ => {
                let mut key = Zeroizing::new([0; 32]);
                environment.random.fill(key.as_mut_slice());
                create_key(&key_path, &key)?;
                key
            }
        };
        let invocation = Guid::random(&*environment.random);
        let mut txn = store.env.write_txn()?;
        store.tables.meta.put(&mut txn, INVOCATION.as_bytes(), invocation.as_bytes())?;
        txn.commit()?;
        Self::start(store, &key, environment, &options.open)
    }

    /// Opens the directory in a folder. One process, and in it one handle (and its clones), at a time.
    ///
    /// # Errors
    /// When there is none, another process has it open, or its files are damaged.
    pub fn open(path: &Path, options: OpenOptions, environment: Environment) -> Result<Self, Error> {
        let store = Store::open(path, &options, false)?;
        let key = read_key(&key_path(path, &options))?;
        Self::start(store, &key, environment, &options)
    }

    fn start(store: Store, key: &[u8; 32], environment: Environment, options: &OpenOptions) -> Result<Self, Error> {
        let schema = Schema::shared();
        let catalogue = Arc::new(Catalogue::new(&schema)?);
        let invocation = {
            let txn = store.env.read_txn()?;
            Counters(store.tables).guid(&txn, INVOCATION)?
        };
        let invocation = invocation.ok_or_else(|| Error::damaged("it does not say which copy of a directory it is"))?;
        let secrets = SecretBox::new(key);
        let inner = Arc::new(Inner {
            store,
            schema,
            catalogue,
            names: DnCache::new(),
            categories: RwLock::default(),
            secrets,
            environment,
            invocation,
            root_keys: crate::gmsa::KnownRootKeys::default(),
            prepared_keys: crate::account::Prepared::default(),
            rolling: Arc::default(),
            writer: OnceLock::new(),
        });
        let writer = Arc::new(Writer::start(Arc::clone(&inner), options.queue.max(1))?);
        // Weak: it must not keep itself running.
        let _ = inner.writer.set(Arc::downgrade(&writer));
        Ok(Self { inner, writer })
    }

    /// What it looks like now, unchanging until dropped. Keep it short: pages a snapshot can see are not reused.
    ///
    /// # Errors
    /// When too many snapshots are held, or the store fails.
    pub fn read(&self) -> Result<View<'_>, Error> {
        View::open(&self.inner)
    }

    /// Hands an update to the writer and returns at once. `done` is called when it is on disk, or with why it was refused, on the
    /// writer's thread: it must only pass the result on. When the queue is full it is called at once with `busy`.
    pub fn submit(&self, caller: Caller, update: Update, done: impl FnOnce(Result<Applied, Error>) + Send + 'static) {
        self.writer.submit(Box::new(Request { caller, update, done: Box::new(done) }));
    }

    /// Whether an update sets a password, so that it is better [prepared](Self::prepare) before it is submitted.
    #[must_use]
    pub fn wants_preparation(update: &Update) -> bool {
        account::sets_password(update)
    }

    /// Makes the keys of a password that an update sets: some milliseconds of work that the writer need not do then.
    pub fn prepare(&self, caller: &Caller, update: &Update) {
        if !account::sets_password(update) {
            return;
        }
        if let Err(error) = self.read().and_then(|view| account::prepare(&view, caller, update)) {
            tracing::warn!(%error, "a password's keys could not be made before its turn");
        }
    }

    /// Does an update and waits until it is on disk. Blocks: not for the async runtime.
    ///
    /// # Errors
    /// When the update breaks a rule, the caller may not do it, or the store fails.
    pub fn apply(&self, caller: &Caller, update: Update) -> Result<Applied, Error> {
        self.prepare(caller, &update);
        let (sender, receiver) = std::sync::mpsc::sync_channel(1);
        let done = Box::new(move |result| {
            // Nobody waits any more when this fails: then nobody needs the answer.
            let _ = sender.send(result);
        });
        self.writer.submit_waiting(Box::new(Request { caller: caller.clone(), update, done }));
        receiver.recv().unwrap_or_else(|_| Err(Error::store("the writer ended without an answer".into())))
    }

    /// The schema.
    #[must_use]
    pub fn schema(&self) -> &Arc<Schema> {
        &self.inner.schema
    }

    /// The time and randomness it was given.
    #[must_use]
    pub fn environment(&self) -> &Environment {
        &self.inner.environment
    }

    /// Which copy of the directory this is. MS-ADTS 3.1.1.1.9.
    #[must_use]
    pub fn invocation_id(&self) -> Guid {
        self.inner.invocation
    }
}

fn key_path(folder: &Path, options: &OpenOptions) -> PathBuf {
    options.key_file.clone().unwrap_or_else(|| folder.join(KEY_FILE))
}

/// A folder only its owner can look into.
pub(crate) fn create_folder(path: &Path) -> Result<(), Error> {
    use std::os::unix::fs::DirBuilderExt;
    if path.is_dir() {
        return Ok(());
    }
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|error| Error::io("create", path, &error))
}
