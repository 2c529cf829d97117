//! How much of one kind is written.

use std::collections::BTreeMap;
use std::time::Duration;

use dtyp::FileTime;

const MINUTE: Duration = Duration::from_secs(60);
/// Of so many the count is kept.
const MOST_KNOWN: usize = 1_024;

/// So many a minute of each, and no more; the rest is counted. Whoever may be refused as often as he likes would fill a disk.
pub struct Restraint<K> {
    a_minute: u32,
    known: BTreeMap<K, Count>,
    /// Of those who are not known, or not any more.
    left_out: u64,
}

struct Count {
    since: FileTime,
    written: u32,
    left_out: u64,
}

impl<K: Ord> Restraint<K> {
    /// So many a minute.
    #[must_use]
    pub fn new(a_minute: u32) -> Self {
        Self { a_minute, known: BTreeMap::new(), left_out: 0 }
    }

    /// Whether this one is written: then also how many were not since the last one that was.
    pub fn admit(&mut self, who: K, now: FileTime) -> Option<u64> {
        if self.known.len() >= MOST_KNOWN && !self.known.contains_key(&who) {
            self.forget(now);
            if self.known.len() >= MOST_KNOWN {
                self.left_out = self.left_out.saturating_add(1);
                return None;
            }
        }
        let count = self.known.entry(who).or_insert(Count { since: now, written: 0, left_out: 0 });
        if count.is_over(now) {
            (count.since, count.written) = (now, 0);
        }
        if count.written >= self.a_minute {
            count.left_out = count.left_out.saturating_add(1);
            return None;
        }
        count.written = count.written.saturating_add(1);
        Some(std::mem::take(&mut count.left_out).saturating_add(std::mem::take(&mut self.left_out)))
    }

    fn forget(&mut self, now: FileTime) {
        let left_out = &mut self.left_out;
        self.known.retain(|_, count| {
            let stays = !count.is_over(now);
            if !stays {
                *left_out = left_out.saturating_add(count.left_out);
            }
            stays
        });
    }
}

impl Count {
    fn is_over(&self, now: FileTime) -> bool {
        // A clock that was set back begins a new minute too.
        now < self.since || now.since(self.since) >= MINUTE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> FileTime {
        FileTime::from_unix(1_800_000_000 + second, 0)
    }

    #[test]
    fn each_has_so_many_a_minute_and_the_rest_is_counted() {
        let mut restraint = Restraint::new(2);
        let admitted: Vec<_> = (0..5).map(|_| restraint.admit("a", at(0))).collect();
        assert_eq!(admitted, [Some(0), Some(0), None, None, None]);
        assert_eq!(restraint.admit("b", at(0)), Some(0));
        assert_eq!((restraint.admit("a", at(59)), restraint.admit("a", at(60))), (None, Some(4)));
        assert_eq!(restraint.admit("a", at(0)), Some(0), "the clock was set back");
    }

    #[test]
    fn those_that_are_known_are_bounded() {
        let mut restraint = Restraint::new(1);
        let admitted = (0..5_000).filter(|who| restraint.admit(*who, at(0)).is_some()).count();
        assert_eq!((admitted, restraint.known.len()), (MOST_KNOWN, MOST_KNOWN));
        assert_eq!(restraint.admit(0, at(0)), None);
        assert_eq!(restraint.admit(9_999, at(60)), Some(5_000 - MOST_KNOWN as u64 + 1), "all are counted");
    }
}
