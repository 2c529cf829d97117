//! How fast the API server is asked, where somebody wants that bounded: as client-go does it for today's webhook, by a bucket of `burst`
//! tokens that `qps` more flow into each second. Who finds none waits for one that is still to come; who would wait too long takes none, so that
//! those who have given up do not hold up who comes later.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// A bound on what is asked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// Requests a second, in the long run.
    pub qps: f64,
    /// Requests at once.
    pub burst: u32,
}

/// Lets requests go at that rate.
pub(super) struct Pace {
    /// Between two tokens.
    apart: Duration,
    /// How long a full bucket takes to fill.
    full: Duration,
    /// When the bucket would have been empty: each token moves it on.
    empty: Mutex<Instant>,
}

impl Pace {
    pub(super) fn new(rate: Rate) -> Self {
        let apart =
            Duration::try_from_secs_f64(1.0 / rate.qps).unwrap_or(Duration::MAX).min(Duration::from_secs(3_600));
        let full = apart.saturating_mul(rate.burst.max(1));
        let now = Instant::now();
        Self { apart, full, empty: Mutex::new(now.checked_sub(full).unwrap_or(now)) }
    }

    /// Waits for its turn. If that would take longer than `patience`, says so at once.
    pub(super) async fn turn(&self, patience: Duration) -> bool {
        match self.reserve(Instant::now(), patience) {
            Some(at) => {
                sleep_until(at).await;
                true
            }
            None => false,
        }
    }

    fn reserve(&self, now: Instant, patience: Duration) -> Option<Instant> {
        let mut empty = self.empty.lock().unwrap_or_else(PoisonError::into_inner);
        let oldest = now.checked_sub(self.full).unwrap_or(now);
        let at = (*empty).max(oldest) + self.apart;
        if at.saturating_duration_since(now) > patience {
            return None;
        }
        *empty = at;
        Some(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(10_000);

    #[tokio::test(start_paused = true)]
    async fn a_burst_goes_at_once_and_the_rest_at_the_rate() {
        let pace = Pace::new(Rate { qps: 10.0, burst: 5 });
        let start = Instant::now();
        for _ in 0..5 {
            assert!(pace.turn(LONG).await);
        }
        assert_eq!(start.elapsed(), Duration::ZERO);
        for _ in 0..20 {
            assert!(pace.turn(LONG).await);
        }
        let took = start.elapsed().as_millis();
        assert!((1_995..=2_005).contains(&took), "{took}");
        // The bucket fills again, and no higher than before.
        tokio::time::sleep(Duration::from_secs(60)).await;
        let start = Instant::now();
        for _ in 0..6 {
            assert!(pace.turn(LONG).await);
        }
        assert!((95..=105).contains(&start.elapsed().as_millis()));
    }

    #[tokio::test(start_paused = true)]
    async fn who_would_wait_too_long_holds_up_nobody_else() {
        let pace = Pace::new(Rate { qps: 1.0, burst: 1 });
        assert!(pace.turn(LONG).await);
        let start = Instant::now();
        for _ in 0..1_000 {
            assert!(!pace.turn(Duration::from_millis(900)).await);
        }
        assert_eq!(start.elapsed(), Duration::ZERO, "they are told at once");
        assert!(pace.turn(Duration::from_secs(1)).await);
    }

    #[tokio::test(start_paused = true)]
    async fn odd_rates_are_slow_and_do_no_harm() {
        for qps in [0.0, -1.0, f64::NAN, 1e-300] {
            let pace = Pace::new(Rate { qps, burst: 1 });
            assert!(pace.turn(LONG).await);
            assert!(!pace.turn(Duration::from_secs(60)).await, "{qps}");
        }
        let pace = Pace::new(Rate { qps: f64::INFINITY, burst: u32::MAX });
        for _ in 0..1_000 {
            assert!(pace.turn(LONG).await);
        }
    }
}
