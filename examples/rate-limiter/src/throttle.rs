//! How often somebody may try to log in.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use dtyp::FileTime;

/// Counts attempts by key: so many in a window of time, then none until the window is over.
///
/// The directory has a lockout of its own; this keeps guesses away from it, and from locking people out.
#[derive(Debug)]
pub struct Throttle<K> {
    most: u32,
    window: Duration,
    counts: Mutex<HashMap<K, Count>>,
}

#[derive(Debug, Clone, Copy)]
struct Count {
    since: FileTime,
    attempts: u32,
}

/// More keys than this are not remembered: the oldest give way.
const MOST_KEYS: usize = 10_000;

impl<K: Hash + Eq + Clone> Throttle<K> {
    /// At most `most` attempts for each key in each window.
    #[must_use]
    pub fn new(most: u32, window: Duration) -> Self {
        Self { most, window, counts: Mutex::new(HashMap::new()) }
    }

    /// Counts an attempt.
    ///
    /// # Errors
    /// How long to wait, when there have been too many.
    pub fn attempt(&self, key: K, now: FileTime) -> Result<(), Duration> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.len() >= MOST_KEYS && !counts.contains_key(&key) {
            self.make_room(&mut counts, now);
        }
        let count = counts.entry(key).or_insert(Count { since: now, attempts: 0 });
        if now.since(count.since) >= self.window {
            *count = Count { since: now, attempts: 0 };
        }
        if count.attempts >= self.most {
            return Err(self.window.saturating_sub(now.since(count.since)));
        }
        count.attempts += 1;
        Ok(())
    }

    /// Forgets a key's attempts: the last one was right.
    pub fn forgive(&self, key: &K) {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }

    fn make_room(&self, counts: &mut HashMap<K, Count>, now: FileTime) {
        counts.retain(|_, count| now.since(count.since) < self.window);
        if counts.len() >= MOST_KEYS {
            // All are fresh: an attack from many places. Half of them go, the oldest.
            let mut times: Vec<_> = counts.values().map(|count| count.since).collect();
            times.sort_unstable();
            let middle = times.get(times.len() / 2).copied().unwrap_or(now);
            counts.retain(|_, count| count.since > middle);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn after_so_many_attempts_there_are_none_until_the_window_is_over() {
        let throttle = Throttle::new(3, MINUTE);
        let start = FileTime::from_unix(1_000, 0);
        for _ in 0..3 {
            throttle.attempt("alice", start).unwrap();
        }
        assert_eq!(throttle.attempt("alice", start + MINUTE / 4), Err(MINUTE * 3 / 4));
        throttle.attempt("bob", start).unwrap();
        throttle.attempt("alice", start + MINUTE).unwrap();
    }

    #[test]
    fn a_right_password_clears_the_count() {
        let throttle = Throttle::new(1, MINUTE);
        let now = FileTime::from_unix(1_000, 0);
        throttle.attempt("alice", now).unwrap();
        throttle.forgive(&"alice");
        throttle.attempt("alice", now).unwrap();
    }

    #[test]
    fn the_memory_of_attempts_has_an_end() {
        let throttle = Throttle::new(1, MINUTE);
        for i in 0..3 * MOST_KEYS {
            let _ = throttle.attempt(i, FileTime::from_unix(1_000, u32::try_from(i).unwrap() * 100));
        }
        assert!(throttle.counts.lock().unwrap().len() <= MOST_KEYS);
    }
}
