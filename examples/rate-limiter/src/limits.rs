//! The rate limits themselves.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

/// How many requests a minute one of the public endpoints takes from one customer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Limit {
    /// The endpoint.
    pub name: String,
    /// Requests a minute.
    pub per_minute: u32,
}

/// All limits. They live as long as the service.
#[derive(Debug)]
pub struct Limits(Mutex<BTreeMap<String, u32>>);

/// Why a limit is not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadLimit {
    #[error("There is no such limit.")]
    Unknown,
    #[error("A limit is between 1 and 1,000,000 requests a minute.")]
    OutOfRange,
}

impl Default for Limits {
    fn default() -> Self {
        let limits = [("login", 10), ("orders", 120), ("search", 600)];
        Self(Mutex::new(limits.into_iter().map(|(name, n)| (name.to_owned(), n)).collect()))
    }
}

impl Limits {
    /// All of them, by name.
    #[must_use]
    pub fn all(&self) -> Vec<Limit> {
        let limits = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        limits.iter().map(|(name, per_minute)| Limit { name: name.clone(), per_minute: *per_minute }).collect()
    }

    /// Changes one and gives what it was.
    pub(crate) fn set(&self, name: &str, per_minute: u32) -> Result<u32, BadLimit> {
        if !(1..=1_000_000).contains(&per_minute) {
            return Err(BadLimit::OutOfRange);
        }
        let mut limits = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let limit = limits.get_mut(name).ok_or(BadLimit::Unknown)?;
        Ok(std::mem::replace(limit, per_minute))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_that_exists_is_changed_to_what_makes_sense() {
        let limits = Limits::default();
        assert_eq!(limits.set("search", 700), Ok(600));
        assert_eq!(limits.set("nothing", 1), Err(BadLimit::Unknown));
        assert_eq!(limits.set("search", 0), Err(BadLimit::OutOfRange));
        assert_eq!(limits.set("search", 1_000_001), Err(BadLimit::OutOfRange));
        assert!(limits.all().contains(&Limit { name: "search".into(), per_minute: 700 }));
    }
}
