//! What an application says about its domain.

use std::path::PathBuf;

use client::Domain;
use client::ldap::{Limits, Transport};
use secrecy::SecretString;

use crate::GroupSource;

/// Which identity looks users up.
#[derive(Clone)]
pub enum ServiceIdentity {
    /// The tickets in this credential cache, read again whenever a connection is made: GSSAPI with a sealed layer.
    Ccache(PathBuf),
    /// A name (DN, UPN or `DOMAIN\user`) and its password: a simple bind.
    Simple {
        /// The name.
        name: String,
        /// Its password.
        password: SecretString,
    },
}

impl ServiceIdentity {
    /// The tickets in this credential cache.
    #[must_use]
    pub fn ccache(path: impl Into<PathBuf>) -> Self {
        Self::Ccache(path.into())
    }
}

/// How an application logs its users in.
#[derive(Clone)]
pub struct Config {
    /// The domain and its servers.
    pub domain: Domain,
    /// Who looks users up.
    pub service: ServiceIdentity,
    /// The transport of the service connection. Plain is right with a ccache, whose GSSAPI layer seals.
    pub transport: Transport,
    /// The transport over which users' passwords go. Plain only works to this machine itself.
    pub user_transport: Transport,
    /// Where users are looked for; the domain itself if nothing else is said.
    pub base: String,
    /// Which objects are users. `{name}` stands for what the user typed, escaped.
    pub filter: String,
    /// How a user's groups are found.
    pub groups: GroupSource,
    /// Limits of each connection.
    pub limits: Limits,
    /// How many idle connections for users' binds are kept.
    pub pool: usize,
    /// How Kerberos exchanges are made.
    pub kerberos: client::kerberos::Options,
}

impl Config {
    /// The account name and the principal name both log a user in; computers do not match.
    pub const USERS: &'static str =
        "(&(objectCategory=person)(objectClass=user)(|(sAMAccountName={name})(userPrincipalName={name})))";

    /// The usual settings.
    #[must_use]
    pub fn new(domain: Domain, service: ServiceIdentity) -> Self {
        Self {
            base: domain.base_dn(),
            domain,
            service,
            transport: Transport::Plain,
            user_transport: Transport::Plain,
            filter: Self::USERS.to_owned(),
            groups: GroupSource::default(),
            limits: Limits::default(),
            pool: 4,
            kerberos: client::kerberos::Options::default(),
        }
    }
}
