//! The Kubernetes side of the chain: the account provider.
//!
//! One account provider runs on each node for each namespace that holds impersonation accounts. The plugin on the same node asks it for a
//! Secret's credentials over HTTPS on loopback; nobody else can, because the provider is its own certificate authority and lets in only
//! the one client certificate it has issued. It leaves the port and that certificate in a folder of the node that only the host's
//! privileged user reads. Secrets are read anew for each request: a changed password is what the next request returns.
//!
//! In reading order: [`AccountProvider`], with its [`Config`] and [`Limits`]; [`SecretSource`], where secrets come from, and
//! [`SecretFolder`], which is one; [`Rotation`], how the account's password is changed; [`Audit`], who asked for what; [`PodSpecs`], what a node's guard asks for Linux pods; [`status`], what is known of each
//! credential spec, where people look.
//!
//! HTTP interface and folders are those of Rancher's account provider, so either side can be replaced on its own.

pub mod api;
mod audit;
mod cluster_secret;
mod connections;
mod error;
#[cfg(unix)]
mod pods;
mod provider;
mod rotation;
mod secret;
#[cfg(unix)]
pub mod status;
mod watching;
pub mod webhook;
mod withdrawal;

pub use audit::{Audit, AuditEvent, AuditFile, AuditLog, Outcome};
pub use cluster_secret::ClusterSecret;
pub use error::Error;
#[cfg(unix)]
pub use pods::PodSpecs;
pub use provider::{AccountProvider, Config, Limits, Running};
pub use rotation::{
    Directory, DirectoryError, DomainDirectory, PasswordAge, Reach, Rotation, RotationConfig, RotationError,
    RotationEvent, RotationOutcome, RotationStanding, Standings, Taken,
};
pub use secret::{Secret, SecretError, SecretFolder, SecretSource, Standing};
pub use withdrawal::{WithdrawalError, withdraw};
