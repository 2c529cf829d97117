//! The clock as a parameter, so that a rollover ten hours away is a unit test.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use crate::FileTime;

/// Tells the time. Rooms take `&dyn Clock` and never ask the system themselves.
pub trait Clock: Send + Sync {
    /// The time now, UTC.
    fn now(&self) -> FileTime;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> FileTime {
        FileTime::from_system_time(SystemTime::now())
    }
}

/// A clock that stands still until it is set: for tests, demonstrations and simulation.
#[derive(Debug)]
pub struct ManualClock(AtomicU64);

impl ManualClock {
    /// A clock that shows `now`.
    #[must_use]
    pub fn new(now: FileTime) -> Self {
        Self(AtomicU64::new(now.0))
    }

    /// Moves the hands, in either direction.
    pub fn set(&self, now: FileTime) {
        self.0.store(now.0, Ordering::SeqCst);
    }

    /// Moves the hands forward.
    pub fn advance(&self, by: Duration) {
        self.set(self.now().saturating_add(by));
    }
}

impl Clock for ManualClock {
    fn now(&self) -> FileTime {
        FileTime(self.0.load(Ordering::SeqCst))
    }
}

impl<C: Clock + ?Sized> Clock for std::sync::Arc<C> {
    fn now(&self) -> FileTime {
        (**self).now()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_only_when_told() {
        let clock = ManualClock::new(FileTime(10));
        assert_eq!(clock.now(), FileTime(10));
        clock.advance(Duration::from_micros(1));
        assert_eq!(clock.now(), FileTime(20));
        clock.set(FileTime(5));
        assert_eq!(clock.now(), FileTime(5));
    }

    #[test]
    fn the_system_clock_is_past_the_year_2020() {
        assert!(SystemClock.now() > FileTime::from_unix(1_577_836_800, 0));
    }
}
