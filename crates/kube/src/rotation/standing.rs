//! How the rotation stands, for probes and metrics.

use std::sync::{Arc, Mutex, PoisonError};

use dtyp::FileTime;

use super::Known;

/// How the rotation of one account's password stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RotationStanding {
    /// When the directory took the password in force, if a provider has noted it.
    pub last: Option<FileTime>,
    /// When it is to be another.
    pub next: Option<FileTime>,
    /// Whether there are two at present.
    pub is_pending: bool,
    /// Whether the directory takes a password that is not in the Secret, because somebody else has written it.
    pub is_overwritten: bool,
    /// How many this process has brought to their end.
    pub rotated: u64,
    /// How many rounds of this process have failed.
    pub failed: u64,
    /// Why the last round failed; none when it did not.
    pub error: Option<String>,
}

/// Shared between who does it and who shows it.
#[derive(Clone, Debug, Default)]
pub struct Standings(Arc<Mutex<RotationStanding>>);

impl Standings {
    /// How it stands now.
    #[must_use]
    pub fn now(&self) -> RotationStanding {
        self.with(|standing| standing.clone())
    }

    pub(super) fn saw(&self, known: &Known, due: FileTime, is_missing: bool) {
        self.with(|standing| {
            standing.last = known.changed();
            standing.next = Some(due);
            standing.is_pending = known.next.is_some();
            standing.is_overwritten &= is_missing;
            standing.error = None;
        });
    }

    /// The Secret's password is not the account's.
    pub(super) fn overwritten(&self) {
        self.with(|standing| standing.is_overwritten = true);
    }

    pub(super) fn rotated(&self) {
        self.with(|standing| standing.rotated = standing.rotated.saturating_add(1));
    }

    pub(super) fn failed(&self, error: String) {
        self.with(|standing| {
            standing.failed = standing.failed.saturating_add(1);
            standing.error = Some(error);
        });
    }

    fn with<T>(&self, f: impl FnOnce(&mut RotationStanding) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
