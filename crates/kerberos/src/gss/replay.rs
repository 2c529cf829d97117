//! Which authenticators came before. RFC 4120 3.2.3.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};

use dtyp::FileTime;
use sha2::{Digest, Sha256};

use super::CLOCK_SKEW;

/// Remembers authenticators for as long as their time would still be accepted, up to a fixed number of them.
///
/// When it is full, the oldest is forgotten: contexts with mutual authentication get a fresh key from the acceptor anyway, so a repeated
/// first token opens nothing.
#[derive(Debug)]
pub struct ReplayCache {
    capacity: usize,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    digests: HashSet<[u8; 16]>,
    by_age: VecDeque<(FileTime, [u8; 16])>,
}

impl ReplayCache {
    /// Remembers at most this many.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self { capacity: capacity.max(1), seen: Mutex::default() }
    }

    /// Whether this encrypted authenticator comes for the first time.
    pub fn is_new(&self, authenticator: &[u8], now: FileTime) -> bool {
        let digest = Sha256::digest(authenticator);
        let Some(digest) = digest.first_chunk::<16>().copied() else { return false };
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let gone = now.saturating_sub(CLOCK_SKEW * 2);
        while let Some((at, old)) = seen.by_age.front().copied() {
            if at >= gone && seen.by_age.len() < self.capacity {
                break;
            }
            seen.by_age.pop_front();
            seen.digests.remove(&old);
        }
        let new = seen.digests.insert(digest);
        if new {
            seen.by_age.push_back((now, digest));
        }
        new
    }
}

impl Default for ReplayCache {
    /// Half a million: what a busy server sees in ten minutes.
    fn default() -> Self {
        Self::new(1 << 19)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn an_authenticator_is_new_once_until_its_time_would_not_be_accepted_any_more() {
        let cache = ReplayCache::default();
        let now = FileTime::from_unix(1_700_000_000, 0);
        assert!(cache.is_new(b"a", now) && cache.is_new(b"b", now));
        assert!(!cache.is_new(b"a", now.saturating_add(Duration::from_secs(599))));
        assert!(cache.is_new(b"a", now.saturating_add(Duration::from_secs(601))));
    }

    #[test]
    fn it_never_holds_more_than_it_may() {
        let cache = ReplayCache::new(10);
        let now = FileTime::from_unix(1_700_000_000, 0);
        for n in 0..100u32 {
            assert!(cache.is_new(&n.to_be_bytes(), now));
        }
        let seen = cache.seen.lock().unwrap();
        assert!(seen.by_age.len() <= 10 && seen.digests.len() == seen.by_age.len());
    }
}
