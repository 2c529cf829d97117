//! Why there is no lease.

use super::LeaseId;
use crate::{FolderError, GuardError};

/// Why a lease was not made, renewed or released.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LeaseError {
    /// A link of the chain broke.
    #[error(transparent)]
    Guard(#[from] GuardError),
    /// Nothing was asked for.
    #[error("the request names no credential spec")]
    NoSpecs,
    /// Too much was asked for at once.
    #[error("the request has {0} credential specs; a lease is made of at most {most}", most = super::MOST_SPECS)]
    TooManySpecs(usize),
    /// The spec's domain is not one of the guard's.
    #[error(
        "the credential spec is for the domain {domain}, and this guard serves only {served}: start it with that domain too"
    )]
    NotServed {
        /// The spec's.
        domain: String,
        /// The guard's.
        served: String,
    },
    /// One user or one pod holds too many.
    #[error("{holder} already has {most} leases, which is the most that one may have: release some, or ask for fewer")]
    FullFor {
        /// Who.
        holder: super::Holder,
        /// How many.
        most: usize,
    },
    /// Only the host's own programs know beforehand.
    #[error("only root, and the guard's own user, may choose a lease's name, its readers and what it is for")]
    Name,
    /// Two accounts would share a folder.
    #[error("two of the credential specs are for an account named {0}: ask for two leases")]
    SameAccount(String),
    /// The guard keeps no more.
    #[error("the guard already keeps {0} leases, which is its limit: release some, or raise the limit")]
    Full(usize),
    /// The caller wanted a name that is taken.
    #[error("the lease {0} exists already")]
    Exists(LeaseId),
    /// No such lease, or another user's, which is none of the caller's business.
    #[error("there is no lease {0}")]
    Unknown(LeaseId),
    /// The caller's credentials are for another domain than a spec.
    #[error("the credentials are for the domain {credentials:?}, but the credential spec is for {spec}")]
    OtherDomain {
        /// What the caller says.
        credentials: String,
        /// What the spec says.
        spec: String,
    },
    /// No lease was made with these credentials.
    #[error("no lease was made with the credentials of {username} in {domain}")]
    NothingToRenew {
        /// The account.
        username: String,
        /// Its domain.
        domain: String,
    },
    /// Only root may give files to others.
    #[error("uid {asking} cannot ask for an identity for uid {wanted}: only root, and the guard's own user, may")]
    Owner {
        /// Who asks.
        asking: u32,
        /// For whom.
        wanted: u32,
    },
    /// The guard's own files cannot be written.
    #[error("the guard cannot keep the lease: {0}")]
    Place(#[from] FolderError),
}
