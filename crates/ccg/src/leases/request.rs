//! What somebody asks for, what he brings, and what he gets.

use std::path::PathBuf;

use client::{PrincipalName, kerberos};
use secrecy::SecretString;

use super::record::Brought;
use super::{LeaseId, Peer, Process, Workload};
use crate::{Asker, Keytabs, Means, Owner, Plugins, Readers};

/// What somebody asks for.
pub struct Request {
    /// Who.
    pub peer: Peer,
    /// A name for the lease, when the caller must know it beforehand.
    pub id: Option<LeaseId>,
    /// Credential specs.
    pub specs: Vec<String>,
    /// Whose processes may use the identities.
    pub owner: Owner,
    /// Who else. Only the trusted may say.
    pub readers: Readers,
    /// What it is for, as an orchestrator names it. Only the trusted may say.
    pub workload: Option<Workload>,
    /// The process that it ends with, if it is for one.
    pub process: Option<Process>,
    /// Whether keytabs are wanted.
    pub keytabs: Keytabs,
    /// What to ask with, instead of what the guard has. It is used once and not kept.
    pub brought: Option<Bring>,
}

/// What a caller brings, and brings again for each renewal.
pub enum Bring {
    /// An account, in place of the specs' plugins and of the host's own.
    Account(Credentials),
    /// Plugins that ask with the caller's own keys, in place of the guard's.
    Plugins {
        /// The plugins.
        plugins: Plugins,
        /// The name of the caller's key, which is no secret.
        key_id: String,
    },
}

impl Bring {
    pub(super) fn split(self) -> (Means, Brought) {
        match self {
            Self::Account(it) => {
                let brought = Brought::Account { username: it.username.clone(), domain: it.domain.clone() };
                (Means::Account(it.asker()), brought)
            }
            Self::Plugins { plugins, key_id } => (Means::Plugins(plugins), Brought::Keys { key_id }),
        }
    }
}

/// An account that may retrieve the passwords of the gMSAs.
pub struct Credentials {
    /// Its name.
    pub username: String,
    /// Its password.
    pub password: SecretString,
    /// Its domain, by its DNS or NetBIOS name.
    pub domain: String,
}

impl Credentials {
    pub(super) fn asker(self) -> Asker {
        Asker { name: PrincipalName::user(&self.username), secret: kerberos::Secret::Password(self.password) }
    }

    pub(super) fn is_for(&self, brought: &Brought) -> bool {
        let Brought::Account { username, domain } = brought else { return false };
        self.username.eq_ignore_ascii_case(username) && self.domain.eq_ignore_ascii_case(domain)
    }
}

/// A lease that was made.
#[derive(Clone, Debug)]
pub struct Added {
    /// Its name.
    pub id: LeaseId,
    /// The folder of each spec's default account, in the order of the specs.
    pub folders: Vec<PathBuf>,
}
