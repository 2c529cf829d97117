//! Connections that are kept for the next user, and no more of them than allowed.

use std::sync::{Mutex, PoisonError};

use client::ldap::Connection;
use dtyp::FileTime;
use tokio::sync::{Semaphore, SemaphorePermit};

/// Connections of one kind.
pub(crate) struct Pool {
    idle: Mutex<Vec<Pooled>>,
    allowed: Semaphore,
}

/// A connection and how long what it rests on holds.
pub(crate) struct Pooled {
    pub(crate) connection: Connection,
    pub(crate) until: FileTime,
}

/// The right to one connection at a time.
pub(crate) type Turn<'a> = SemaphorePermit<'a>;

impl Pool {
    pub(crate) fn new(size: usize) -> Self {
        Self { idle: Mutex::default(), allowed: Semaphore::new(size.max(1)) }
    }

    /// Waits until a connection may be used.
    pub(crate) async fn turn(&self) -> Option<Turn<'_>> {
        self.allowed.acquire().await.ok()
    }

    /// An idle connection that still holds; those that do not are dropped.
    pub(crate) fn take(&self, now: FileTime) -> Option<Pooled> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|pooled| pooled.until > now && pooled.connection.is_alive());
        idle.pop()
    }

    /// Keeps a connection for the next one, if it can still be used.
    pub(crate) fn give_back(&self, pooled: Pooled) {
        if pooled.connection.is_alive() {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(pooled);
        }
    }

    /// Drops what is idle: the server has gone away.
    pub(crate) fn clear(&self) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
