//! One lease's own task, which alone renews it.

use std::sync::Arc;

use dtyp::{Clock, FileTime};
use tokio::sync::{Semaphore, mpsc, oneshot, watch};

use crate::{GuardError, Lease, Means, Observer, Term};

/// How a lease stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// How long it lasts.
    pub term: Term,
    /// How many renewals have failed since.
    pub failures: u32,
    /// What the last one said.
    pub error: Option<String>,
    /// Whether renewing it is the guard's own affair: else whoever asked brings credentials for it.
    pub alone: bool,
}

impl Standing {
    /// Whether its tickets can still be used.
    #[must_use]
    pub fn is_alive(&self, now: FileTime) -> bool {
        now < self.term.end
    }
}

/// Renew it now, with what the caller brought.
pub(super) struct Renew {
    pub means: Arc<Means>,
    pub reply: oneshot::Sender<Result<(), GuardError>>,
}

pub(super) struct Keeper {
    pub lease: Lease,
    /// Whether the guard can renew it without the caller.
    pub alone: bool,
    pub clock: Arc<dyn Clock>,
    pub observer: Arc<dyn Observer>,
    /// How many may fetch at the same time.
    pub fetching: Arc<Semaphore>,
    pub standing: watch::Sender<Standing>,
    pub commands: mpsc::Receiver<Renew>,
    /// Keeps a new term for the guard's next life.
    pub save: Box<dyn Fn(Term) + Send>,
}

impl Keeper {
    /// Until the lease is released, which ends this task or its channel.
    pub async fn run(mut self) {
        loop {
            let due = async {
                match self.alone {
                    true => self.lease.due(self.clock.as_ref()).await,
                    false => std::future::pending().await,
                }
            };
            let command = tokio::select! {
                () = due => None,
                command = self.commands.recv() => match command {
                    Some(command) => Some(command),
                    None => return,
                },
            };
            let means = command.as_ref().map(|command| command.means.as_ref());
            let renewed = self.renew(means).await;
            if let Some(Renew { reply, .. }) = command {
                let _ = reply.send(renewed);
            }
        }
    }

    async fn renew(&mut self, means: Option<&Means>) -> Result<(), GuardError> {
        // It is never closed.
        let _permit = self.fetching.acquire().await;
        let renewed = self.lease.renew(means, self.observer.as_ref()).await;
        if renewed.is_ok() {
            (self.save)(self.lease.term());
        }
        let error = renewed.as_ref().err().map(ToString::to_string);
        let (term, failures) = (self.lease.term(), self.lease.failures());
        self.standing.send_modify(|standing| *standing = Standing { term, failures, error, alone: standing.alone });
        renewed
    }
}
