//! When an identity has to be fetched again.

use std::time::Duration;

use dtyp::FileTime;
use serde::{Deserialize, Serialize};

use crate::Identity;

/// How long an identity lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Term {
    /// When it was fetched.
    #[serde(with = "ticks")]
    pub fetched: FileTime,
    /// When the first of its tickets ends.
    #[serde(with = "ticks")]
    pub end: FileTime,
    /// When the first of its passwords changes.
    #[serde(with = "ticks")]
    pub password: FileTime,
}

/// After a password has changed, clocks may still differ by this much; and so long before that it is given out. MS-ADTS 3.1.1.4.5.39.
const SKEW: Duration = Duration::from_secs(300);
/// How long to wait after a first failure, and at most.
const PATIENCE: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(300));

impl Term {
    pub(crate) fn of(identity: &Identity) -> Self {
        let changes = identity.accounts().map(|account| account.gmsa.password.query_interval).min();
        let ends = identity.accounts().map(|account| account.ticket.end_time).min();
        let fetched = identity.fetched;
        Self {
            fetched,
            end: ends.unwrap_or(fetched),
            password: fetched.saturating_add(changes.unwrap_or(Duration::MAX)),
        }
    }

    /// The shorter of two, for identities that are kept together.
    pub(crate) fn shorter(self, other: Self) -> Self {
        Self {
            fetched: self.fetched.min(other.fetched),
            end: self.end.min(other.end),
            password: self.password.min(other.password),
        }
    }

    /// How long to wait: until half of the ticket's life is over, the next password is given out, or it is surely in force; after failures
    /// a little, then longer and longer. `spread`, of 256, is how much sooner, up to a tenth of it: leases that began together do not all
    /// come back together.
    pub(crate) fn wait(&self, now: FileTime, failures: u32, spread: u8) -> Duration {
        if failures > 0 {
            let (first, most) = PATIENCE;
            let wait = first.saturating_mul(1 << failures.min(10).saturating_sub(1)).min(most);
            return sooner(wait, spread);
        }
        let half = self.end.since(self.fetched) / 2;
        let due = self.fetched.saturating_add(sooner(half, spread)).min(self.next_password(spread));
        due.since(now).max(Duration::from_secs(1))
    }

    /// Who has the next password before it is in force, and the present one with it, takes tickets for either: no service is without its
    /// keys when the change comes.
    fn next_password(&self, spread: u8) -> FileTime {
        let given_out = self.password.saturating_sub(SKEW);
        match self.fetched < given_out {
            true => given_out.saturating_add(SKEW / 5 * 4 - SKEW / 5 * 3 * u32::from(spread) / 256),
            false => self.password.saturating_add(SKEW),
        }
    }
}

fn sooner(wait: Duration, spread: u8) -> Duration {
    wait - wait / 10 * u32::from(spread) / 256
}

mod ticks {
    use dtyp::FileTime;
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(time: &FileTime, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(time.0)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<FileTime, D::Error> {
        u64::deserialize(deserializer).map(FileTime)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn term(ticket: u32, password: u32) -> Term {
        let fetched = FileTime(1_000_000_000_000);
        Term { fetched, end: fetched.saturating_add(HOUR * ticket), password: fetched.saturating_add(HOUR * password) }
    }

    #[test]
    fn an_identity_is_fetched_again_at_half_of_its_tickets_life() {
        let term = term(10, 700);
        assert_eq!(term.wait(term.fetched, 0, 0), HOUR * 5);
        assert_eq!(term.wait(term.fetched.saturating_add(HOUR * 4), 0, 0), HOUR);
        assert_eq!(term.wait(term.fetched.saturating_add(HOUR * 9), 0, 0), Duration::from_secs(1));
    }

    #[test]
    fn leases_that_began_together_are_spread_over_the_last_tenth_of_the_wait() {
        let term = term(10, 700);
        assert!(term.wait(term.fetched, 0, 255) > HOUR * 9 / 2);
        assert!(term.wait(term.fetched, 0, 255) < term.wait(term.fetched, 0, 128));
        assert!(term.wait(term.fetched, 0, 128) < HOUR * 5);
    }

    #[test]
    fn a_new_password_is_fetched_before_it_is_in_force_and_again_when_every_domain_controller_has_it() {
        const MINUTE: Duration = Duration::from_secs(60);
        let term = term(10, 2);
        assert_eq!(term.wait(term.fetched, 0, 0), HOUR * 2 - MINUTE);
        let soonest = term.wait(term.fetched, 0, 255);
        assert!(soonest > HOUR * 2 - MINUTE * 4 && soonest < HOUR * 2 - MINUTE * 3, "{soonest:?}");
        let early = Term { fetched: term.password.saturating_sub(MINUTE), ..term };
        assert_eq!(early.wait(early.fetched, 0, 255), MINUTE + SKEW, "never before");
        let late = term.password.saturating_add(MINUTE);
        assert_eq!(term.wait(late, 0, 0), Duration::from_secs(1), "what was missed is made up for");
    }

    #[test]
    fn failures_are_followed_by_longer_and_longer_waits_up_to_a_limit() {
        let term = term(10, 700);
        let waits: Vec<u64> = (1..9).map(|failures| term.wait(term.fetched, failures, 0).as_secs()).collect();
        assert_eq!(waits, [5, 10, 20, 40, 80, 160, 300, 300]);
        assert_eq!(term.wait(term.fetched, u32::MAX, 0), PATIENCE.1);
    }
}
