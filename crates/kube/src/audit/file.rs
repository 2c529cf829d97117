//! The audit as JSON lines, in a file or on standard output: one for each request. There is no secret in it.
//!
//! Anybody on the node can connect and be refused, so refusals of who showed no certificate are written sixty times a minute at most; the
//! next such line says how many there were besides. What comes with a certificate is always written.

use std::io;
use std::num::NonZeroU64;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use ::audit::{Lines, Restraint};
use pki::Certificate;
use serde::Serialize;

use super::{Audit, AuditEvent, Outcome};
use crate::{RotationEvent, RotationOutcome};

const MOST_STRANGERS_A_MINUTE: u32 = 60;

/// Appends to a file, or writes to standard output.
pub struct AuditFile {
    lines: Lines,
    strangers: Mutex<Restraint<()>>,
}

#[derive(Serialize)]
struct Line<'a> {
    time: String,
    peer: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<Client<'a>>,
    namespace: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<&'a str>,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'a str>,
    took_ms: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    strangers_not_written: Option<NonZeroU64>,
}

/// A step of the rotation of the account's own password.
#[derive(Serialize)]
struct RotationLine<'a> {
    time: String,
    namespace: &'a str,
    secret: &'a str,
    rotation: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<&'a str>,
    holder: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'a str>,
}

/// Which certificate it was.
#[derive(Serialize)]
struct Client<'a> {
    common_name: Option<&'a str>,
    sha256: String,
}

impl<'a> Line<'a> {
    fn of(event: &'a AuditEvent, strangers_not_written: u64) -> Self {
        let client = |of: &'a Certificate| Client { common_name: of.common_name.as_deref(), sha256: of.fingerprint() };
        Self {
            time: event.at.generalized(),
            peer: event.peer.to_string(),
            client: event.client.as_ref().map(client),
            namespace: event.namespace.as_str(),
            secret: event.secret.as_deref(),
            outcome: event.outcome.name(),
            why: match &event.outcome {
                Outcome::Unusable(why) | Outcome::Refused(why) => Some(why),
                _ => None,
            },
            took_ms: (event.took.as_secs_f64() * 1e6).round() / 1_000.0,
            strangers_not_written: NonZeroU64::new(strangers_not_written),
        }
    }
}

impl AuditFile {
    /// Appends to this file, which only the provider's user reads when it is new; `-` is standard output.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { lines: Lines::open(path)?, strangers: Mutex::new(Restraint::new(MOST_STRANGERS_A_MINUTE)) })
    }
}

impl Audit for AuditFile {
    fn record(&self, event: &AuditEvent) {
        let not_written = match &event.client {
            Some(_) => Some(0),
            None => self.strangers.lock().unwrap_or_else(PoisonError::into_inner).admit((), event.at),
        };
        if let Some(not_written) = not_written {
            self.lines.write(&Line::of(event, not_written));
        }
    }

    fn rotation(&self, event: &RotationEvent) {
        let line = RotationLine {
            time: event.at.generalized(),
            namespace: event.namespace.as_str(),
            secret: &event.secret,
            rotation: event.outcome.name(),
            account: event.account.as_deref(),
            holder: &event.holder,
            why: match &event.outcome {
                RotationOutcome::Failed(why) => Some(why),
                _ => None,
            },
        };
        self.lines.write(&line);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use dtyp::{FileTime, SystemClock};
    use pki::{Authority, Purpose, Validity};
    use serde_json::{Value, json};

    use super::*;

    fn event(client: Option<Certificate>, outcome: Outcome, second: i64) -> AuditEvent {
        AuditEvent {
            at: FileTime::from_unix(1_800_000_000 + second, 0),
            peer: ([127, 0, 0, 1], 40_000).into(),
            client,
            namespace: "gmsa".parse().unwrap(),
            secret: None,
            outcome,
            took: Duration::from_micros(1_500),
        }
    }

    fn lines(path: &Path) -> Vec<Value> {
        let text = std::fs::read_to_string(path).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn a_line_says_who_asked_for_what_and_what_came_of_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("audit.log");
        let authority = Authority::create("test", Validity::DAY, &SystemClock).unwrap();
        let client = authority.issue(&Purpose::client("ccg-plugin"), Validity::DAY, &SystemClock).unwrap();
        let client = client.facts().unwrap();
        let file = AuditFile::open(&path).unwrap();
        let mut asked = event(Some(client.clone()), Outcome::Given, 0);
        asked.secret = Some("webapp-creds".into());
        file.record(&asked);
        file.record(&event(Some(client.clone()), Outcome::Unusable("the secret has no usable \"\n".into()), 0));
        let expected = json!({
            "time": "20270115080000.0Z", "peer": "127.0.0.1:40000", "namespace": "gmsa", "secret": "webapp-creds",
            "client": { "common_name": "ccg-plugin", "sha256": client.fingerprint() },
            "outcome": "given", "took_ms": 1.5,
        });
        let lines = lines(&path);
        assert_eq!(lines[0], expected);
        assert_eq!(
            (&lines[1]["outcome"], &lines[1]["why"]),
            (&json!("unusable"), &json!("the secret has no usable \"\n"))
        );
    }

    #[test]
    fn each_step_of_a_rotation_is_a_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("audit.log");
        let file = AuditFile::open(&path).unwrap();
        let step = |account: Option<&str>, outcome| RotationEvent {
            at: FileTime::from_unix(1_800_000_000, 0),
            namespace: "gmsa".parse().unwrap(),
            secret: "webapp-creds".into(),
            account: account.map(str::to_owned),
            holder: "node-1".into(),
            outcome,
        };
        file.rotation(&step(Some("svc-guard"), RotationOutcome::Rotated));
        file.rotation(&step(None, RotationOutcome::Failed("the directory is down".into())));
        let common = |rotation: &str| {
            json!({
                "time": "20270115080000.0Z", "namespace": "gmsa", "secret": "webapp-creds", "holder": "node-1", "rotation": rotation,
            })
        };
        let (mut rotated, mut failed) = (common("rotated"), common("failed"));
        rotated["account"] = json!("svc-guard");
        failed["why"] = json!("the directory is down");
        assert_eq!(lines(&path), [rotated, failed]);
    }

    #[test]
    fn strangers_cannot_fill_it_and_are_counted() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("audit.log");
        let file = AuditFile::open(&path).unwrap();
        let stranger = |second| event(None, Outcome::Refused("TLS: no".into()), second);
        (0..1_000).for_each(|_| file.record(&stranger(0)));
        assert_eq!(lines(&path).len(), 60);
        file.record(&stranger(60));
        assert_eq!(lines(&path)[60]["strangers_not_written"], 940);
        file.record(&stranger(0));
        assert_eq!(lines(&path).len(), 62, "the clock was set back");
    }
}
