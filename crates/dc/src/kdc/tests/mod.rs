//! The KDC without sockets: a client that knows the protocol and a realm in memory.

mod authentication;
mod client;
mod granting;
mod hostile;
mod mit;
mod pac;

use std::time::Duration;

use dtyp::{FileTime, SystemRandom};

use super::memory::Memory;
use super::{Kdc, Policy};

pub(super) const REALM: &str = "CONTOSO.COM";
pub(super) const PASSWORD: &str = "Rosinen 4711";
/// Tuesday, 14 November 2023.
const START: FileTime = FileTime::from_unix(1_700_000_000, 0);

/// A realm with alice, a computer, and a service of it.
pub(super) struct Fixture {
    pub(super) memory: Memory,
    pub(super) kdc: Kdc,
    pub(super) now: FileTime,
}

impl Fixture {
    pub(super) fn new() -> Self {
        let memory = Memory::new("contoso.com", &SystemRandom);
        memory.add("alice", PASSWORD);
        memory.add("web1$", "a computer's");
        memory.add_service("web1$", "http/web1.contoso.com");
        let kdc = Kdc::new(Box::new(memory.clone()), Policy::default());
        Self { memory, kdc, now: START }
    }

    pub(super) fn advance(&mut self, seconds: u64) {
        self.now = self.now.saturating_add(Duration::from_secs(seconds));
    }

    pub(super) fn answer(&self, request: &[u8]) -> Option<Vec<u8>> {
        self.kdc.answer(request, usize::MAX, self.now, &SystemRandom)
    }
}
