//! Asking again: only for what passes by itself, after waits that double, and within the time that a call has.
//!
//! The waits are those of Microsoft's guidance for Key Vault ("throttling guidance": 1, 2, 4, 8, 16 seconds) and for the metadata service's tokens ("retry
//! guidance": 404, 410, 429 and 5xx).

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::http::{Failure, Reply};

/// How long to wait before each further try.
const WAITS: [u64; 5] = [1, 2, 4, 8, 16];
/// No single try gets more.
const ONE_TRY: Duration = Duration::from_secs(10);

/// What is worth another try.
pub(crate) struct Policy {
    /// These answers.
    pub(crate) statuses: fn(u16) -> bool,
    /// No answer at all, for so many tries.
    pub(crate) unanswered: usize,
}

/// What came of asking.
pub(crate) struct Asked {
    pub(crate) outcome: Result<Reply, Failure>,
    pub(crate) tries: usize,
}

/// How long a whole call may take, and how the waits between its tries pass.
#[derive(Clone)]
pub(crate) struct Patience {
    pub(crate) timeout: Duration,
    pub(crate) pause: Arc<dyn Fn(Duration) + Send + Sync>,
}

impl Patience {
    pub(crate) fn of_seconds(seconds: u64) -> Self {
        Self { timeout: Duration::from_secs(seconds), pause: Arc::new(std::thread::sleep) }
    }

    /// For one call.
    pub(crate) fn budget(&self) -> Budget<'_> {
        Budget::new(self.timeout, &*self.pause)
    }

    /// For one call, and how much of its time is kept for what has to come after: `kept`, if that is no large part of it.
    pub(crate) fn budget_but(&self, kept: Duration) -> (Budget<'_>, Duration) {
        let kept = kept.min(self.timeout / 4);
        (Budget::new(self.timeout - kept, &*self.pause), kept)
    }

    pub(crate) fn seconds(&self) -> u64 {
        self.timeout.as_secs()
    }
}

impl fmt::Debug for Patience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.timeout.fmt(f)
    }
}

/// What can be set of a plugin's `patience`.
macro_rules! patient {
    ($plugin:ty) => {
        impl $plugin {
            /// With this much time for a whole call, its waits between tries included.
            #[must_use]
            pub fn with_timeout(mut self, timeout: std::time::Duration) -> Self {
                self.patience.timeout = timeout;
                self
            }

            /// With another way to wait between tries, which tests need.
            #[must_use]
            pub fn with_pause(mut self, pause: impl Fn(std::time::Duration) + Send + Sync + 'static) -> Self {
                self.patience.pause = std::sync::Arc::new(pause);
                self
            }
        }
    };
}
pub(crate) use patient;

/// The time that a whole call has left.
pub(crate) struct Budget<'a> {
    left: Duration,
    pause: &'a (dyn Fn(Duration) + Send + Sync + 'a),
}

impl<'a> Budget<'a> {
    pub(crate) fn new(left: Duration, pause: &'a (dyn Fn(Duration) + Send + Sync + 'a)) -> Self {
        Self { left, pause }
    }

    /// Asks until the answer is final, the tries are used up, or another wait would not leave time to ask.
    pub(crate) fn ask(&mut self, policy: &Policy, mut once: impl FnMut(Duration) -> Result<Reply, Failure>) -> Asked {
        let mut tries = 0;
        loop {
            let since = Instant::now();
            let outcome = if self.left.is_zero() { Err(Failure::Timeout) } else { once(self.left.min(ONE_TRY)) };
            self.left = self.left.saturating_sub(since.elapsed());
            let wait = WAITS.get(tries).copied().map(Duration::from_secs);
            tries += 1;
            let asked_for = match &outcome {
                Ok(reply) if (policy.statuses)(reply.status) => reply.retry_after.unwrap_or_default(),
                Err(Failure::Unreachable(_) | Failure::Timeout) if tries < policy.unanswered => Duration::ZERO,
                _ => return Asked { outcome, tries },
            };
            match wait.map(|wait| wait.max(asked_for)) {
                Some(wait) if wait < self.left => {
                    (self.pause)(wait);
                    self.left -= wait;
                }
                _ => return Asked { outcome, tries },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    const BUSY: Policy = Policy { statuses: |status| status == 429, unanswered: 2 };

    fn reply(status: u16, after: Option<u64>) -> Result<Reply, Failure> {
        Ok(Reply { status, retry_after: after.map(Duration::from_secs), body: Vec::new().into() })
    }

    /// Asks with these answers; gives the waits and how it ended.
    fn run(left: u64, answers: Vec<Result<Reply, Failure>>) -> (Vec<u64>, Asked) {
        let waits = Mutex::new(Vec::new());
        let pause = |wait: Duration| waits.lock().unwrap().push(wait.as_secs());
        let mut answers = answers.into_iter();
        let asked = Budget::new(Duration::from_secs(left), &pause).ask(&BUSY, |_| answers.next().unwrap());
        (waits.into_inner().unwrap(), asked)
    }

    #[test]
    fn waits_double_until_the_answer_is_final() {
        let (waits, asked) = run(60, vec![reply(429, None), reply(429, None), reply(429, None), reply(200, None)]);
        assert_eq!((waits, asked.tries), (vec![1, 2, 4], 4));
        assert_eq!(asked.outcome.unwrap().status, 200);
    }

    #[test]
    fn nobody_waits_longer_than_the_call_may_take() {
        let busy = || (0..9).map(|_| reply(429, None)).collect();
        assert_eq!(run(60, busy()).0, [1, 2, 4, 8, 16]);
        assert_eq!(run(25, busy()).0, [1, 2, 4, 8]);
        let (waits, asked) = run(5, busy());
        assert_eq!((waits, asked.tries), (vec![1, 2], 3));
        assert_eq!(run(1, busy()).0, [0; 0]);
        assert!(matches!(run(0, vec![]).1.outcome, Err(Failure::Timeout)));
    }

    #[test]
    fn a_wait_that_the_server_asks_for_is_kept_unless_it_is_too_long() {
        assert_eq!(run(60, vec![reply(429, Some(7)), reply(429, Some(0)), reply(200, None)]).0, [7, 2]);
        let (waits, asked) = run(60, vec![reply(429, Some(60))]);
        assert_eq!((waits.len(), asked.tries), (0, 1));
        assert_eq!(run(60, vec![reply(429, Some(u64::MAX))]).0, [0; 0]);
    }

    #[test]
    fn other_answers_are_final_and_silence_is_given_few_tries() {
        for status in [200, 301, 400, 403, 404] {
            assert_eq!(run(60, vec![reply(status, None)]).1.tries, 1);
        }
        assert_eq!(run(60, vec![Err(Failure::Timeout), Err(Failure::Unreachable("x".into()))]).1.tries, 2);
        assert_eq!(run(60, vec![Err(Failure::Tls("x".into()))]).1.tries, 1);
        assert_eq!(run(60, vec![Err(Failure::Unusable("x".into()))]).1.tries, 1);
    }
}
