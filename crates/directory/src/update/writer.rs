//! The one thread that writes: takes what waits, does each update, commits them together, answers.
//!
//! Group commit: one `fsync` for everything that waited while the one before was done. An update that is refused has written nothing, so
//! its neighbours are not touched; when the store itself fails, the whole batch is given up and everybody in it is told.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use heed::RwTxn;

use super::{Applied, Plan, Update, plan};
use crate::directory::Inner;
use crate::{Caller, Error, View, gmsa};

/// Who is told how an update ended.
pub(crate) type Done = Box<dyn FnOnce(Result<Applied, Error>) + Send>;

/// An update that waits.
pub(crate) struct Request {
    pub(crate) caller: Caller,
    pub(crate) update: Update,
    pub(crate) done: Done,
}

/// The way to the writing thread.
pub(crate) struct Writer {
    sender: Option<SyncSender<Box<Request>>>,
    thread: Option<JoinHandle<()>>,
}

/// More updates than this do not share a commit, so that none waits long.
const MOST_IN_BATCH: usize = 512;

impl Writer {
    pub(crate) fn start(inner: Arc<Inner>, queue: usize) -> Result<Self, Error> {
        let (sender, receiver) = sync_channel(queue);
        let thread = std::thread::Builder::new()
            .name("directory-writer".into())
            .spawn(move || run(&inner, &receiver))
            .map_err(|error| Error::store(format!("the writer's thread does not start: {error}")))?;
        Ok(Self { sender: Some(sender), thread: Some(thread) })
    }

    /// Hands over an update, or answers `busy`.
    pub(crate) fn submit(&self, request: Box<Request>) {
        let refused = match self.sender.as_ref().map(|sender| sender.try_send(request)) {
            None => return,
            Some(Ok(())) => return,
            Some(Err(TrySendError::Full(request) | TrySendError::Disconnected(request))) => request,
        };
        (refused.done)(Err(Error::busy("too many updates wait already")));
    }

    /// Hands over an update, waiting for a place in the queue.
    pub(crate) fn submit_waiting(&self, request: Box<Request>) {
        if let Some(sender) = &self.sender
            && let Err(refused) = sender.send(request)
        {
            (refused.0.done)(Err(Error::busy("the directory is closing")));
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.sender = None;
        let Some(thread) = self.thread.take() else { return };
        // The last handle may be dropped by an answer, on the writer's own thread: it ends by itself then.
        if thread.thread().id() != std::thread::current().id() && thread.join().is_err() {
            tracing::error!("the directory's writer ended in a panic");
        }
    }
}

fn run(inner: &Inner, receiver: &Receiver<Box<Request>>) {
    while let Ok(first) = receiver.recv() {
        let mut batch = vec![*first];
        while batch.len() < MOST_IN_BATCH
            && let Ok(next) = receiver.try_recv()
        {
            batch.push(*next);
        }
        commit(inner, batch);
    }
}

fn commit(inner: &Inner, batch: Vec<Request>) {
    let mut answers = Vec::with_capacity(batch.len());
    let failed = perform_all(inner, batch, &mut answers).err();
    for (done, result) in answers {
        match &failed {
            // What was refused was refused; what was done is undone.
            Some(error) if result.is_ok() => done(Err(error.clone())),
            _ => done(result),
        }
    }
}

type Answers = Vec<(Done, Result<Applied, Error>)>;

fn perform_all(inner: &Inner, batch: Vec<Request>, answers: &mut Answers) -> Result<(), Error> {
    let mut broken = None;
    let mut txn = match inner.store.env.write_txn() {
        Ok(txn) => Some(txn),
        Err(error) => {
            broken = Some(Error::from(error));
            None
        }
    };
    for Request { caller, update, done } in batch {
        let result = match (&mut txn, &broken) {
            (Some(txn), None) => match perform(inner, txn, &caller, update) {
                Ok(result) => result,
                Err(error) => {
                    broken = Some(error.clone());
                    Err(error)
                }
            },
            (_, Some(error)) => Err(error.clone()),
            (None, None) => Err(Error::store("there is no transaction".into())),
        };
        answers.push((done, result));
    }
    match (broken, txn) {
        (Some(error), txn) => {
            if let Some(txn) = txn {
                txn.abort();
            }
            Err(error)
        }
        // Nothing done is nothing to wait for a disk for.
        (None, Some(txn)) if answers.iter().all(|(_, result)| result.is_err()) => {
            txn.abort();
            Ok(())
        }
        (None, Some(txn)) => Ok(txn.commit()?),
        (None, None) => Ok(()),
    }
}

/// Does one update. The outer error spoils the transaction, the inner one is only this update's.
fn perform(
    inner: &Inner,
    txn: &mut RwTxn<'_>,
    caller: &Caller,
    update: Update,
) -> Result<Result<Applied, Error>, Error> {
    let now = inner.environment.clock.now();
    let planned = {
        let view = View::inside(inner, txn);
        plan(&view, caller, update)
    };
    let Plan { drafts, inherited, target, names_change, notes } = match planned {
        Ok(planned) => planned,
        Err(refused) => return Ok(Err(refused)),
    };
    if names_change {
        inner.names.begin_era(txn.id() as u64);
    }
    if drafts.iter().any(gmsa::changes_root_keys) {
        inner.root_keys.begin_era(txn.id() as u64);
    }
    notes.write(inner, txn)?;
    let mut applied = Applied { usn: crate::Usn::default(), dnt: target.0, guid: target.1 };
    for draft in drafts {
        if let Some(change) = super::write::write(inner, txn, draft, now)? {
            tracing::trace!(usn = change.usn.0, dnt = change.dnt.0, attributes = change.attributes.len(), "changed");
            applied.usn = change.usn;
        }
    }
    for each in &inherited {
        super::propagate::write(inner, txn, each)?;
    }
    Ok(Ok(applied))
}
