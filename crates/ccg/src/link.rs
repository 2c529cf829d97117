//! The links of the chain, as they are reported: who proved what to whom, and how long it took.

use std::fmt;
use std::time::{Duration, Instant};

use serde::{Serialize, Serializer};

/// Which link of the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// The container's credential spec is read.
    CredentialSpec,
    /// The domain's controllers are found.
    Location,
    /// The plugin gives the impersonation account's credentials.
    Plugin,
    /// The impersonation account logs on.
    ImpersonationLogon,
    /// It opens an encrypted connection to the directory.
    Directory,
    /// The directory is that of the domain that the spec means.
    Domain,
    /// The directory releases a gMSA's password.
    Password,
    /// The gMSA logs on.
    GmsaLogon,
    /// The tickets or keys are put where the container finds them.
    Handover,
}

impl Step {
    /// All of them, in the order of the chain.
    pub const ALL: [Self; 9] = [
        Self::CredentialSpec,
        Self::Location,
        Self::Plugin,
        Self::ImpersonationLogon,
        Self::Directory,
        Self::Domain,
        Self::Password,
        Self::GmsaLogon,
        Self::Handover,
    ];

    /// For machines, as it is serialized.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CredentialSpec => "credential-spec",
            Self::Location => "location",
            Self::Plugin => "plugin",
            Self::ImpersonationLogon => "impersonation-logon",
            Self::Directory => "directory",
            Self::Domain => "domain",
            Self::Password => "password",
            Self::GmsaLogon => "gmsa-logon",
            Self::Handover => "handover",
        }
    }

    /// In words.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::CredentialSpec => "the credential spec",
            Self::Location => "the domain's controllers",
            Self::Plugin => "the plugin and its secret source",
            Self::ImpersonationLogon => "the impersonation account's logon",
            Self::Directory => "the encrypted connection to the directory",
            Self::Domain => "the domain that the spec means",
            Self::Password => "the release of the gMSA's password",
            Self::GmsaLogon => "the gMSA's logon",
            Self::Handover => "the hand-over to the container",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.title())
    }
}

/// A link that holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Link {
    /// Which one.
    pub step: Step,
    /// Who authenticated.
    pub who: String,
    /// To whom.
    pub to: String,
    /// How each side proved itself.
    pub how: String,
    /// Why it was let through.
    pub authorised_by: String,
    /// How long it took.
    #[serde(rename = "took_ms", serialize_with = "milliseconds")]
    pub took: Duration,
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let took = self.took.as_secs_f64() * 1e3;
        write!(f, "{} -> {}: {}; authorised by {} ({took:.1} ms)", self.who, self.to, self.how, self.authorised_by)
    }
}

fn milliseconds<S: Serializer>(took: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((took.as_secs_f64() * 1e6).round() / 1e3)
}

/// The chain so far, and the link that is being made.
pub(crate) struct Chain {
    links: Vec<Link>,
    step: Step,
    since: Instant,
}

impl Chain {
    pub(crate) fn new() -> Self {
        Self { links: Vec::new(), step: Step::CredentialSpec, since: Instant::now() }
    }

    /// From now on it is this link that holds or breaks.
    pub(crate) fn begin(&mut self, step: Step) {
        (self.step, self.since) = (step, Instant::now());
    }

    /// The link that was begun holds.
    pub(crate) fn holds(
        &mut self,
        who: impl Into<String>,
        to: impl Into<String>,
        how: impl Into<String>,
        authorised_by: impl Into<String>,
    ) {
        let link = Link {
            step: self.step,
            who: who.into(),
            to: to.into(),
            how: how.into(),
            authorised_by: authorised_by.into(),
            took: self.since.elapsed(),
        };
        tracing::info!(step = ?link.step, who = link.who, to = link.to, took_us = link.took.as_micros(), "link holds");
        self.links.push(link);
    }

    pub(crate) fn step(&self) -> Step {
        self.step
    }

    pub(crate) fn into_links(self) -> Vec<Link> {
        self.links
    }
}
