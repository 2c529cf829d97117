//! When a gMSA gets its next password, and what a reader sees around that moment. MS-ADTS 3.1.1.4.5.39.
//!
//! Passwords roll on the grid of ten-hour slots, every `floor(days * 24 / 10)` of them, counted from the slot the account's key is in.
//! Nothing happens at that moment: the next reader, or the KDC, computes what is due.

use crate::KeyId;
use crate::key_id::CYCLE;
use crate::root_key::CLOCK_SKEW;
use dtyp::FileTime;
use std::time::Duration;

/// How many slots a password lasts; nothing for an interval that gives none (less than a slot).
#[must_use]
pub fn slots(interval_days: u32) -> Option<u64> {
    Some(u64::from(interval_days) * 24 / 10).filter(|slots| *slots > 0)
}

/// Which keys an account has at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The slot of the password in force.
    pub current: KeyId,
    /// The slot of the one before it, for readers: none while the account is younger than one interval.
    pub previous: Option<KeyId>,
    /// The slot of the one that it replaced, which still proves the account for a while: none before the first change.
    pub replaced: Option<KeyId>,
    /// When the password in force ends.
    pub expires: FileTime,
    /// The slot of the next password, when it is so near that readers get it already.
    pub next: Option<KeyId>,
}

impl Plan {
    /// What is due at `now` for an account whose stored key is of `stored` (none when it has none yet).
    ///
    /// Nothing when the interval gives no password at all.
    #[must_use]
    pub fn at(interval_days: u32, stored: Option<KeyId>, created: FileTime, now: FileTime) -> Option<Self> {
        let slots = slots(interval_days)?;
        let length = slots.saturating_mul(CYCLE);
        let start = stored.unwrap_or_else(|| KeyId::at(created)).start();
        let passed = now.0.saturating_sub(start.0) / length;
        let current = KeyId::at(start).plus(passed.saturating_mul(slots));
        let expires = FileTime(current.start().0.saturating_add(length));
        let is_old = now.0.saturating_sub(created.0) >= length;
        let before = current.start().0.checked_sub(length).map(|start| KeyId::at(FileTime(start)));
        let previous = before.filter(|_| is_old);
        // The first password is of the slot that the account was made in.
        let first = KeyId::at(created.min(start));
        let replaced = before.filter(|before| *before >= first);
        let near = expires <= now.saturating_add(CLOCK_SKEW);
        Some(Self { current, previous, replaced, expires, next: near.then(|| current.plus(slots)) })
    }

    /// The slots of the passwords that a reader gets as current and previous: shortly before the end the next one already.
    #[must_use]
    pub fn released(&self) -> (KeyId, Option<KeyId>) {
        match self.next {
            Some(next) => (next, Some(self.current)),
            None => (self.current, self.previous),
        }
    }

    /// QueryPasswordInterval and UnchangedPasswordInterval.
    #[must_use]
    pub fn intervals(&self, now: FileTime) -> (Duration, Duration) {
        let query = self.expires.since(now);
        let unchanged = match self.next {
            Some(next) => {
                query + Duration::from_nanos(next.start().0.saturating_sub(self.current.start().0).saturating_mul(100))
            }
            None => query,
        };
        (query, unchanged.saturating_sub(CLOCK_SKEW))
    }

    /// Until when which passwords prove the account does not change: the one before ends, the next begins, or the one in force ends.
    #[must_use]
    pub fn settled_until(&self, now: FileTime) -> FileTime {
        let next_begins = self.expires.saturating_sub(CLOCK_SKEW);
        let ends = [self.honoured_until(), next_begins, self.expires].into_iter();
        ends.filter(|end| *end > now).min().unwrap_or(self.expires)
    }

    /// Whether the password before is still taken: for less than five minutes after the change.
    #[must_use]
    pub fn honours_previous(&self, now: FileTime) -> bool {
        now < self.honoured_until()
    }

    /// When the password before ends for good.
    #[must_use]
    pub fn honoured_until(&self) -> FileTime {
        self.current.start().saturating_add(CLOCK_SKEW)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HOUR: u64 = CYCLE / 10;

    fn at(hours: u64) -> FileTime {
        FileTime(370_000 * CYCLE + hours * HOUR)
    }

    fn plan(days: u32, created: FileTime, now: FileTime) -> Plan {
        Plan::at(days, Some(KeyId::at(created)), created, now).unwrap()
    }

    #[test]
    fn intervals_are_whole_slots() {
        assert_eq!([0, 1, 30].map(slots), [None, Some(2), Some(72)]);
        assert!(Plan::at(0, None, at(0), at(0)).is_none());
    }

    #[test]
    fn a_password_lasts_its_interval_and_the_one_before_follows_it() {
        let start = KeyId::at(at(0));
        let young = plan(1, at(0), at(19));
        assert_eq!((young.current, young.previous, young.expires), (start, None, at(20)));
        let rolled = plan(1, at(0), at(20));
        assert_eq!((rolled.current, rolled.previous, rolled.expires), (start.plus(2), Some(start), at(40)));
    }

    #[test]
    fn a_password_that_ends_before_the_account_is_an_interval_old_is_not_shown_again_but_still_proves_it() {
        let created = at(7);
        let rolled = plan(1, created, at(20));
        assert_eq!((rolled.current, rolled.previous), (KeyId::at(at(20)), None));
        assert_eq!(rolled.replaced, Some(KeyId::at(at(0))));
        assert_eq!(plan(1, created, at(19)).replaced, None);
        assert_eq!(plan(1, created, at(27)).previous, Some(KeyId::at(at(0))));
    }

    #[test]
    fn skipped_intervals_leave_no_stale_password() {
        let late = plan(1, at(0), at(99));
        assert_eq!((late.current, late.previous), (KeyId::at(at(80)), Some(KeyId::at(at(60)))));
    }

    #[test]
    fn shortly_before_the_end_readers_get_the_next_password() {
        let minutes = |n: u64| Duration::from_secs(n * 60);
        let now = at(20).saturating_sub(minutes(5));
        let near = plan(1, at(0), now);
        assert_eq!(near.released(), (KeyId::at(at(20)), Some(KeyId::at(at(0)))));
        assert_eq!(near.intervals(now), (minutes(5), minutes(20 * 60)));
        let before = at(20).saturating_sub(minutes(6));
        assert_eq!(plan(1, at(0), before).released(), (KeyId::at(at(0)), None));
        assert_eq!(plan(1, at(0), before).intervals(before), (minutes(6), minutes(1)));
    }

    #[test]
    fn previous_password_opens_the_door_for_five_minutes_after_rollover_and_no_longer() {
        let just = at(20).saturating_add(Duration::from_secs(299));
        assert!(plan(1, at(0), just).honours_previous(just));
        let five = at(20).saturating_add(Duration::from_secs(300));
        assert!(!plan(1, at(0), five).honours_previous(five));
    }

    #[test]
    fn what_proves_the_account_changes_five_minutes_before_the_end_at_the_end_and_five_minutes_later() {
        let minutes = |n: u64| Duration::from_secs(n * 60);
        let until = |now: FileTime| plan(1, at(0), now).settled_until(now);
        assert_eq!(until(at(2)), at(20).saturating_sub(minutes(5)));
        assert_eq!(until(at(20).saturating_sub(minutes(5))), at(20));
        assert_eq!(until(at(20)), at(20).saturating_add(minutes(5)));
        assert_eq!(until(at(20).saturating_add(minutes(5))), at(40).saturating_sub(minutes(5)));
    }

    proptest! {
        #[test]
        fn what_is_stored_late_leads_to_the_same_keys(days in 1u32..60, hours in 0u64..20_000, seen in 0u64..20_000) {
            let (seen, now) = (at(seen.min(hours)), at(hours));
            let then = plan(days, at(0), seen);
            let direct = plan(days, at(0), now);
            let through = Plan::at(days, Some(then.current), at(0), now).unwrap();
            prop_assert_eq!(direct, through);
            prop_assert!(direct.previous.is_none() || direct.previous == direct.replaced);
            prop_assert!(direct.current.start() <= now && now < direct.expires);
        }
    }
}
