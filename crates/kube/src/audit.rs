//! Who asked for which secret, and what came of it. Never what is in the secret.

mod file;

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use credspec::Namespace;
use dtyp::FileTime;
use pki::Certificate;

use crate::{RotationEvent, RotationOutcome};
pub use file::AuditFile;

/// Where events go.
pub trait Audit: Send + Sync {
    /// Takes one event.
    fn record(&self, event: &AuditEvent);

    /// Takes one step of the rotation of the account's own password.
    fn rotation(&self, event: &RotationEvent);
}

/// Both take each event.
impl<A: Audit, B: Audit> Audit for (A, B) {
    fn record(&self, event: &AuditEvent) {
        self.0.record(event);
        self.1.record(event);
    }

    fn rotation(&self, event: &RotationEvent) {
        self.0.rotation(event);
        self.1.rotation(event);
    }
}

/// One request to the account provider, or one attempt at one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEvent {
    /// When.
    pub at: FileTime,
    /// From where; loopback.
    pub peer: SocketAddr,
    /// Who: the client certificate. Nobody when the peer did not get as far as showing an acceptable one.
    pub client: Option<Certificate>,
    /// The provider's namespace.
    pub namespace: Namespace,
    /// The secret that was asked for, when what was asked is a name.
    pub secret: Option<String>,
    /// What came of it.
    pub outcome: Outcome,
    /// From the whole request to its answer; of who did not get as far, from the connection on.
    pub took: Duration,
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The credentials went out.
    Given,
    /// No secret was named.
    NoName,
    /// What was named cannot be a secret.
    BadName,
    /// There is no such secret.
    NotFound,
    /// The secret lacks what makes it one, or cannot be read.
    Unusable(String),
    /// Another path or method.
    NoSuchPage,
    /// The peer did not get through the TLS handshake.
    Refused(String),
}

impl Outcome {
    /// One word, by which requests are counted.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Given => "given",
            Self::NoName => "no_name",
            Self::BadName => "bad_name",
            Self::NotFound => "not_found",
            Self::Unusable(_) => "unusable",
            Self::NoSuchPage => "no_such_page",
            Self::Refused(_) => "no_certificate",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Given => f.write_str("given"),
            Self::NoName => f.write_str("refused: the request names no secret"),
            Self::BadName => f.write_str("refused: the request does not name a secret"),
            Self::NotFound => f.write_str("refused: there is no such secret"),
            Self::Unusable(why) => write!(f, "refused: {why}"),
            Self::NoSuchPage => f.write_str("refused: no such page"),
            Self::Refused(why) => write!(f, "refused: {why}"),
        }
    }
}

/// Writes events to the log, under the target `audit`.
#[derive(Clone, Copy, Debug, Default)]
pub struct AuditLog;

impl Audit for AuditLog {
    fn record(&self, event: &AuditEvent) {
        let client = event.client.as_ref().map(ToString::to_string).unwrap_or_default();
        let (peer, namespace, secret) =
            (event.peer, event.namespace.as_str(), event.secret.as_deref().unwrap_or_default());
        match event.outcome {
            Outcome::Given => {
                tracing::info!(target: "audit", %peer, client, namespace, secret, outcome = %event.outcome, "account provider")
            }
            _ => {
                tracing::warn!(target: "audit", %peer, client, namespace, secret, outcome = %event.outcome, "account provider")
            }
        }
    }

    fn rotation(&self, event: &RotationEvent) {
        let (namespace, secret, account) = (event.namespace.as_str(), &event.secret, event.account.as_deref());
        let (account, outcome) = (account.unwrap_or_default(), event.outcome.name());
        match &event.outcome {
            RotationOutcome::Failed(why) => {
                tracing::warn!(target: "audit", namespace, secret, account, outcome, why, "password rotation")
            }
            _ => tracing::info!(target: "audit", namespace, secret, account, outcome, "password rotation"),
        }
    }
}
