//! How long calls took, in memory that does not grow with their number: what grows here would hide what grows in a plugin.

use std::time::Duration;

/// Each holds what took up to 3 % longer than the one before: the first a microsecond, the last four seconds and all above.
const SLOTS: usize = 512;
const STEP: f64 = 1.03;

/// A count for each duration, as far as it matters.
pub struct Times {
    slots: Box<[u32; SLOTS]>,
    fastest: Duration,
    slowest: Duration,
}

impl Default for Times {
    fn default() -> Self {
        Self { slots: Box::new([0; SLOTS]), fastest: Duration::MAX, slowest: Duration::ZERO }
    }
}

impl Times {
    pub fn add(&mut self, took: Duration) {
        let microseconds = (took.as_secs_f64() * 1e6).max(1.0);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is between 0 and SLOTS")]
        let slot = (microseconds.ln() / STEP.ln()).ceil().min(SLOTS as f64 - 1.0) as usize;
        if let Some(count) = self.slots.get_mut(slot) {
            *count = count.saturating_add(1);
        }
        (self.fastest, self.slowest) = (self.fastest.min(took), self.slowest.max(took));
    }

    pub fn merge(&mut self, other: &Self) {
        for (mine, others) in self.slots.iter_mut().zip(other.slots.iter()) {
            *mine = mine.saturating_add(*others);
        }
        (self.fastest, self.slowest) = (self.fastest.min(other.fastest), self.slowest.max(other.slowest));
    }

    pub fn calls(&self) -> u64 {
        self.slots.iter().map(|count| u64::from(*count)).sum()
    }

    pub fn fastest(&self) -> Duration {
        self.fastest.min(self.slowest)
    }

    pub fn slowest(&self) -> Duration {
        self.slowest
    }

    /// How long so many of a hundred calls took at the most, to 3 %.
    pub fn reached_by(&self, percent: u64) -> Duration {
        let wanted = (self.calls() * percent).div_ceil(100);
        let mut seen = 0;
        for (slot, count) in self.slots.iter().enumerate() {
            seen += u64::from(*count);
            if seen >= wanted {
                let within = Duration::from_secs_f64(STEP.powf(slot as f64) / 1e6);
                return within.clamp(self.fastest(), self.slowest);
            }
        }
        self.slowest
    }
}
