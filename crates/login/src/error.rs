//! Why a login failed: one sentence for outsiders, the cause for operators.

/// Why a login failed. Its `Display` is for operators' logs; show users [`LoginError::public`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoginError {
    /// The password is wrong, or empty.
    #[error("the password of {name} is wrong")]
    WrongPassword {
        /// What the user typed.
        name: String,
    },
    /// Nobody matches what the user typed.
    #[error("no user matches {name}")]
    NotFound {
        /// What the user typed.
        name: String,
    },
    /// More than one user matches.
    #[error("{name} matches more than one user: use the full user principal name")]
    Ambiguous {
        /// What the user typed.
        name: String,
    },
    /// The account is disabled.
    #[error("the account of {name} is disabled")]
    Disabled {
        /// What the user typed.
        name: String,
    },
    /// Too many wrong passwords.
    #[error("the account of {name} is locked out")]
    Locked {
        /// What the user typed.
        name: String,
    },
    /// The account or its password has expired.
    #[error("the account or the password of {name} has expired")]
    Expired {
        /// What the user typed.
        name: String,
    },
    /// The password must be changed first.
    #[error("{name} must change the password first")]
    MustChange {
        /// What the user typed.
        name: String,
    },
    /// Not at this hour, or not in this way.
    #[error("{name} may not log on now or in this way")]
    Restricted {
        /// What the user typed.
        name: String,
    },
    /// The service's credential cache cannot be used.
    #[error("the service's own identity cannot be used: {0}")]
    Identity(String),
    /// The directory cannot be asked, or refuses the service.
    #[error("the directory cannot be asked: {0}")]
    Directory(#[from] client::ldap::Error),
}

impl LoginError {
    /// What outsiders may see: it does not tell which names exist.
    #[must_use]
    pub const fn public(&self) -> &'static str {
        match self {
            Self::Directory(_) | Self::Identity(_) => "Logging in is not possible at the moment.",
            _ => "The user name or the password is wrong.",
        }
    }

    /// Whether it is the service that failed and not the user: an HTTP 503, not a 401.
    #[must_use]
    pub const fn is_unavailable(&self) -> bool {
        matches!(self, Self::Directory(_) | Self::Identity(_))
    }
}
