//! What an examiner has seen, as it stands in the status of a `GMSAAccountReport`.
//!
//! The report has the namespace and the name of the Secret, and counts for specs that name exactly that Secret: an examiner can say nothing
//! about accounts that are not its own. What it says is a text from elsewhere all the same, so it is bounded where it is read.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde::{Deserialize, Serialize};

/// The longest message that is passed on, in bytes.
const LONGEST: usize = 1_024;

/// Whether something holds, and how that is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// In one word.
    pub reason: String,
    /// In a sentence.
    pub message: String,
}

impl Verdict {
    /// It holds.
    pub fn holds(reason: &str, message: impl Into<String>) -> Self {
        Self::new("True", reason, message)
    }

    /// It does not.
    pub fn fails(reason: &str, message: impl Into<String>) -> Self {
        Self::new("False", reason, message)
    }

    /// Nobody can say.
    pub fn unknown(reason: &str, message: impl Into<String>) -> Self {
        Self::new("Unknown", reason, message)
    }

    fn new(status: &str, reason: &str, message: impl Into<String>) -> Self {
        Self { status: status.to_owned(), reason: reason.to_owned(), message: message.into() }.bounded()
    }

    /// As the API server takes it as part of a condition, whoever wrote it.
    #[must_use]
    pub fn bounded(mut self) -> Self {
        if !["True", "False"].contains(&self.status.as_str()) {
            self.status = "Unknown".to_owned();
        }
        self.reason.retain(|c| c.is_ascii_alphanumeric());
        self.reason.truncate(64);
        if !self.reason.starts_with(|c: char| c.is_ascii_alphabetic()) {
            self.reason = "Reported".to_owned();
        }
        while self.message.len() > LONGEST {
            self.message.pop();
        }
        self
    }
}

/// What was seen of one spec.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Examined {
    /// The spec's name.
    pub name: String,
    /// Its uid: one that was made anew under the same name is another.
    pub uid: String,
    /// Which version of it.
    pub generation: i64,
    /// Whether a controller of its domain answers, and is of that domain.
    pub directory_reachable: Verdict,
    /// Whether the directory releases the gMSA's password to the impersonation account.
    pub retrieval_allowed: Verdict,
    /// Whether the gMSA can log on with it.
    pub logon_succeeded: Verdict,
    /// When the password was last released to the examiner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_fetch_time: Option<Time>,
    /// When it will be another, as the directory said then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_rotation_time: Option<Time>,
}

/// The report of one account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// When all this was seen.
    pub observed_time: Time,
    /// After how many seconds it is looked at again.
    pub interval_seconds: i64,
    /// Whether the Secret is there, with all that it must have.
    pub secret_found: Verdict,
    /// When the impersonation account's own password is to be changed, if a provider does that. Written as null when not: a merge takes it away.
    #[serde(default)]
    pub account_rotation_time: Option<Time>,
    /// The specs that name it.
    #[serde(default)]
    pub specs: Vec<Examined>,
}

impl Report {
    /// Whether it may still be believed. An examiner that was missed three times is not there any more; one whose clock is ahead says nothing
    /// that can be dated.
    #[must_use]
    pub fn is_fresh(&self, now: &Time) -> bool {
        const AHEAD: i64 = 300;
        let age = now.0.as_second().saturating_sub(self.observed_time.0.as_second());
        let longest = self.interval_seconds.clamp(60, 86_400).saturating_mul(3);
        (-AHEAD..=longest).contains(&age)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_report_says_is_made_fit_to_be_passed_on() {
        let bad = Verdict { status: "Maybe".into(), reason: "1 rm -rf".into(), message: "ä".repeat(5_000) }.bounded();
        assert_eq!((bad.status.as_str(), bad.reason.as_str()), ("Unknown", "Reported"));
        assert!(bad.message.len() <= LONGEST);
        let good = Verdict::fails("NotAllowed", "no");
        assert_eq!(good.clone().bounded(), good);
    }
}
