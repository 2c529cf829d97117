//! All that the service asks of the directory.

use std::pin::Pin;

use login::{Authenticator, LoginError, User};
use secrecy::SecretString;

type Asked<'a> = Pin<Box<dyn Future<Output = Result<User, LoginError>> + Send + 'a>>;

/// Knows people and their groups.
pub trait Directory: Send + Sync {
    /// Proves a password: finds the user, then binds as the user.
    fn login<'a>(&'a self, name: &'a str, password: &'a SecretString) -> Asked<'a>;

    /// What is true of somebody now who logged in earlier.
    fn look_up<'a>(&'a self, name: &'a str) -> Asked<'a>;
}

impl Directory for Authenticator {
    fn login<'a>(&'a self, name: &'a str, password: &'a SecretString) -> Asked<'a> {
        Box::pin(self.login(name, password))
    }

    fn look_up<'a>(&'a self, name: &'a str) -> Asked<'a> {
        Box::pin(self.look_up(name))
    }
}
