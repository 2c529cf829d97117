//! What is told of a rotation. Never a password.

use credspec::Namespace;
use dtyp::FileTime;

/// One step of a rotation that somebody may want to know of later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RotationEvent {
    /// When.
    pub at: FileTime,
    /// The Secret's namespace.
    pub namespace: Namespace,
    /// The Secret.
    pub secret: String,
    /// The account, when it is known.
    pub account: Option<String>,
    /// The provider that has done it.
    pub holder: String,
    /// What has happened.
    pub outcome: RotationOutcome,
}

/// What has happened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RotationOutcome {
    /// The next password is in the Secret.
    Begun,
    /// The directory has taken it.
    Changed,
    /// It has taken the place of the one before it.
    Rotated,
    /// A round failed.
    Failed(String),
}

impl RotationOutcome {
    /// One word.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Begun => "begun",
            Self::Changed => "changed",
            Self::Rotated => "rotated",
            Self::Failed(_) => "failed",
        }
    }
}
