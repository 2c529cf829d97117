//! Which link broke, why, and what to do.

use std::fmt;
use std::path::PathBuf;

use client::{gmsa, kerberos, ldap};
use credspec::SpecError;
use dtyp::Guid;
use plugins::PluginError;

use crate::{FactsError, Link, Step};

/// The chain ended before the container had its identity.
#[derive(Debug)]
pub struct GuardError {
    /// The link that broke.
    pub step: Step,
    /// The links before it, which hold.
    pub links: Vec<Link>,
    /// Why it broke.
    pub cause: Box<Cause>,
}

impl fmt::Display for GuardError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the chain breaks at {}: {}", self.step, self.cause)
    }
}

impl std::error::Error for GuardError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(self.cause.as_ref())
    }
}

impl GuardError {
    /// The likely remedy, where the cause itself does not already name one.
    #[must_use]
    pub fn fix(&self) -> Option<&'static str> {
        match (self.step, self.cause.as_ref()) {
            (Step::ImpersonationLogon, Cause::Logon(kerberos::Error::WrongSecret { .. })) => {
                Some("the secret holds another password than the directory: store the present one in the secret")
            }
            (Step::ImpersonationLogon, Cause::Logon(kerberos::Error::UnknownClient { .. })) => {
                Some("correct username in the secret, or create that account")
            }
            (Step::ImpersonationLogon, Cause::Logon(kerberos::Error::Revoked { .. })) => {
                Some("enable and unlock the impersonation account, or name another one in the secret")
            }
            (Step::Directory, Cause::Directory(ldap::Error::Kerberos(kerberos::Error::UnknownService { .. }))) => {
                Some("the configured host name of the domain controller is not the one in its service principal names")
            }
            (Step::GmsaLogon, Cause::Gmsa(gmsa::Error::Kerberos(kerberos::Error::WrongSecret { .. }))) => Some(
                "the domain controllers do not agree on the gMSA's password: check their replication and their clocks",
            ),
            (Step::GmsaLogon, Cause::Gmsa(gmsa::Error::Kerberos(kerberos::Error::Revoked { .. }))) => {
                Some("enable the gMSA")
            }
            (_, Cause::WrongDomain { .. }) => Some(
                "make the spec anew from this domain with `pando credspec new`, or point the guard at the spec's domain",
            ),
            _ => None,
        }
    }
}

/// Why a link broke.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// The document is no usable credential spec.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// The guard is set up for another domain than the spec's.
    #[error("the spec is for the domain {spec}, but the guard is configured for {configured}")]
    OtherDomain {
        /// What the spec says.
        spec: String,
        /// What the guard's configuration says.
        configured: String,
    },
    /// DNS does not lead to the domain.
    #[error("{source}: say where its controllers are, or have this machine ask the domain's DNS servers")]
    Location {
        /// Why not.
        source: client::dns::Error,
    },
    /// The spec names no plugin, which leaves the host's own identity.
    #[error(
        "the spec has no HostAccountConfig, and this host has no identity of its own in the domain: add HostAccountConfig to the spec, or give the guard the host's keytab"
    )]
    NoHostIdentity,
    /// The host's keytab cannot be used.
    #[error("the host's keytab {path} cannot be used: {what}")]
    HostKeytab {
        /// The file.
        path: PathBuf,
        /// Why not.
        what: String,
    },
    /// The host has joined other domains, but not the spec's.
    #[error(
        "the spec has no HostAccountConfig, and the host's keytabs ({keytabs:?}) have no key of a computer account (NAME$) of the realm {realm}: join the host to that domain, or add HostAccountConfig to the spec"
    )]
    NoHostAccount {
        /// Of which realm.
        realm: String,
        /// Where it was looked for.
        keytabs: Vec<PathBuf>,
    },
    /// The spec names a plugin that is not there.
    #[error("the spec asks for the plugin {}, and this guard has {known}: correct PluginGUID, or declare that plugin in the file of --plugins", .clsid.braced())]
    NoPlugin {
        /// The class in the spec.
        clsid: Guid,
        /// The plugins there are.
        known: String,
    },
    /// The plugin gave no credentials.
    #[error("{plugin}: {source}")]
    Plugin {
        /// Its name.
        plugin: String,
        /// Why.
        source: PluginError,
    },
    /// The plugin did not come back.
    #[error("{plugin} did not return within {seconds} s")]
    PluginTimeout {
        /// Its name.
        plugin: String,
        /// How long it had.
        seconds: u64,
    },
    /// The plugin failed without an error.
    #[error("{plugin} crashed")]
    PluginCrashed {
        /// Its name.
        plugin: String,
    },
    /// The secret holds an account of another domain.
    #[error(
        "the secret holds an account of the domain {credentials:?}, but the spec is for {spec}: correct domainName in the secret, or the secret's name in PluginInput"
    )]
    CredentialsOfOtherDomain {
        /// What the secret says.
        credentials: String,
        /// What the spec says.
        spec: String,
    },
    /// The secret's user name has a domain in it.
    #[error("the user name {0:?} in the secret must be the account's name only: put the domain in domainName")]
    Username(String),
    /// The KDC refused the logon, or no KDC answered.
    #[error(transparent)]
    Logon(#[from] kerberos::Error),
    /// The directory could not be reached, or refused.
    #[error(transparent)]
    Directory(#[from] ldap::Error),
    /// The connection is not encrypted, so no password may go over it.
    #[error("the connection to {server} is not encrypted: no gMSA password is asked for over it")]
    NotSealed {
        /// The server.
        server: String,
    },
    /// The directory does not say which domain it holds.
    #[error(transparent)]
    Facts(#[from] FactsError),
    /// The directory holds another domain than the spec means.
    #[error(
        "the spec is for another domain than the one that answered: {field} in the spec is {spec}, in the directory {directory}"
    )]
    WrongDomain {
        /// The field of the spec.
        field: &'static str,
        /// What the spec says.
        spec: String,
        /// What the directory says.
        directory: String,
    },
    /// The password was not released, or the gMSA could not log on.
    #[error(transparent)]
    Gmsa(#[from] gmsa::Error),
    /// The directory gave another account than the one that was asked for.
    #[error("asked for {asked}, the directory answered with {got}")]
    OtherAccount {
        /// Whom the spec names, and of which domain.
        asked: String,
        /// Whom the directory gave.
        got: String,
    },
    /// The files for the container cannot be written.
    #[error("cannot write {path}: {what}")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        what: String,
    },
}
