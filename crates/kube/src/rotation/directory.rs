//! What a rotation needs of the account's directory.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use secrecy::{ExposeSecret, SecretString};

use crate::Secret;

/// Which of two passwords the directory takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// The present one, or both.
    Present,
    /// The next one.
    Next,
    /// Somebody else has changed it.
    Neither,
}

/// How old a password is, by the directory's own clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PasswordAge {
    /// Since it was set; none when the directory does not say.
    pub age: Option<Duration>,
    /// Before that, the domain does not let it be changed (minPwdAge).
    pub youngest: Duration,
}

/// Why the directory did not do it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DirectoryError {
    /// A name with a domain in it would lead to another realm.
    #[error("the Secret's username {0:?} has to be the account's name alone, without its domain")]
    Username(String),
    /// The Secret names another domain than the one that was configured.
    #[error("the Secret is for the domain {secret}, and the provider speaks to {configured}: correct one of the two")]
    OtherDomain {
        /// What the Secret says.
        secret: String,
        /// What was configured.
        configured: String,
    },
    /// DNS names no controller.
    #[error("no domain controller is found for {domain}: {source} (say with --domain where one is)")]
    Location {
        /// The domain.
        domain: String,
        /// What DNS said.
        source: client::dns::Error,
    },
    /// The present password is not the account's.
    #[error("the directory refuses the password of {account}")]
    WrongPassword {
        /// The account.
        account: String,
    },
    /// Another answer of the KDC, or none.
    #[error("the account cannot log on: {0}")]
    Kerberos(#[source] client::kerberos::Error),
    /// Another answer of the LDAP server, or none.
    #[error(transparent)]
    Ldap(#[from] client::ldap::Error),
    /// The connection is not encrypted.
    #[error("the connection to {0} is not encrypted, so no password is sent over it")]
    NotSealed(String),
    /// The account cannot be found.
    #[error("the directory shows no account {0} to itself")]
    NoAccount(String),
    /// MS-ADTS 3.1.1.3.1.5.2, ERROR_PASSWORD_RESTRICTION.
    #[error(
        "the domain's policy does not allow the change ({diagnostic}): the present password is too young (minPwdAge), or a password filter or \
         a fine-grained policy refuses the next one. It is tried again in an hour"
    )]
    Policy {
        /// What the directory said.
        diagnostic: String,
    },
    /// ERROR_ACCESS_DENIED.
    #[error(
        "the account may not change its own password ({diagnostic}): clear \"User cannot change password\" (the right User-Change-Password \
         for SELF). It is tried again in an hour"
    )]
    NotAllowed {
        /// What the directory said.
        diagnostic: String,
    },
}

impl DirectoryError {
    /// Whether the directory has understood and said no: the same a moment later will come to the same.
    #[must_use]
    pub const fn is_refusal(&self) -> bool {
        matches!(self, Self::Policy { .. } | Self::NotAllowed { .. })
    }
}

/// The account's directory.
pub trait Directory: Send + Sync {
    /// How old the account's password is. This proves that the one in the Secret is the account's.
    fn age<'a>(&'a self, account: &'a Secret) -> BoxFuture<'a, Result<PasswordAge, DirectoryError>>;

    /// Which password the account has: the Secret's or the next one. The Secret's is shown first: when it is right nothing wrong was shown, and
    /// when it is the one before it, Active Directory does not count it against the account.
    fn taken<'a>(&'a self, account: &'a Secret, next: &'a SecretString)
    -> BoxFuture<'a, Result<Taken, DirectoryError>>;

    /// The account gives itself the next password.
    fn change<'a>(&'a self, account: &'a Secret, next: &'a SecretString) -> BoxFuture<'a, Result<(), DirectoryError>>;
}

/// What the directory has said of passwords that can have but one answer from then on: who has taken the next one never takes the present one
/// again, and passwords that are both wrong are not shown for every call, or the account would be locked out.
#[derive(Default)]
pub(crate) struct Answers(Mutex<Option<(SecretString, SecretString, Taken)>>);

impl Answers {
    /// The answer, from memory if it is there.
    pub(crate) async fn taken(
        &self,
        directory: &dyn Directory,
        secret: &Secret,
        next: &SecretString,
    ) -> Result<Taken, DirectoryError> {
        let same = |one: &SecretString, other: &SecretString| one.expose_secret() == other.expose_secret();
        if let Some((present, then, taken)) = &*self.0.lock().unwrap_or_else(PoisonError::into_inner)
            && same(present, &secret.password)
            && same(then, next)
        {
            return Ok(*taken);
        }
        let taken = directory.taken(secret, next).await?;
        if taken != Taken::Present {
            let answer = (secret.password.clone(), next.clone(), taken);
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
        }
        Ok(taken)
    }
}
