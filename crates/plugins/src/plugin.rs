//! What every plugin is, and what it returns.

use dtyp::Guid;
use secrecy::SecretString;

use crate::PluginError;

/// Knows where an impersonation account's credentials are kept. `ICcgDomainAuthCredentials` in Rust.
pub trait Plugin: Send + Sync {
    /// The COM class that credential specs name it by.
    fn clsid(&self) -> Guid;

    /// Its short name, for people.
    fn name(&self) -> &str;

    /// The credentials that `input` names. It blocks, so callers on a runtime call it from a thread that may wait.
    ///
    /// # Errors
    /// See [`PluginError`].
    fn get_password_credentials(&self, input: &str) -> Result<PasswordCredentials, PluginError>;
}

impl<P: Plugin + ?Sized> Plugin for Box<P> {
    fn clsid(&self) -> Guid {
        (**self).clsid()
    }

    fn name(&self) -> &str {
        (**self).name()
    }

    fn get_password_credentials(&self, input: &str) -> Result<PasswordCredentials, PluginError> {
        (**self).get_password_credentials(input)
    }
}

/// An impersonation account and its password. The password is wiped when this is dropped, and does not print.
#[derive(Debug)]
pub struct PasswordCredentials {
    /// The account's domain, by its DNS or NetBIOS name.
    pub domain: String,
    /// The account's name, without the domain.
    pub username: String,
    /// Its password.
    pub password: SecretString,
    /// How the plugin came by them, for the report of the chain.
    pub hop: Hop,
}

/// The last link that the plugin itself went through: who was asked, and why each side believed the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hop {
    /// Who was asked: `account provider of namespace gmsa at 127.0.0.1:40123`.
    pub to: String,
    /// How each side proved itself to the other.
    pub how: String,
    /// Why the other side answered.
    pub authorised_by: String,
}
