//! On whose behalf something is done.

use std::sync::Arc;

use dtyp::Token;

/// Who asks, and over what kind of connection.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The principal and its groups.
    pub token: Arc<Token>,
    /// Whether nobody on the way can read the answer (TLS, or a security layer with confidentiality). Passwords need it.
    pub sealed: bool,
    /// The directory itself: no access check, no rule that protects attributes from clients.
    pub system: bool,
}

impl Caller {
    /// The directory acting for itself.
    #[must_use]
    pub fn system() -> Self {
        Self { token: Arc::new(Token::system()), sealed: true, system: true }
    }

    /// A principal on a connection that is encrypted or not.
    #[must_use]
    pub fn new(token: Arc<Token>, sealed: bool) -> Self {
        Self { token, sealed, system: false }
    }

    /// Somebody who has not said who they are.
    #[must_use]
    pub fn anonymous() -> Self {
        Self { token: Arc::new(Token::anonymous()), sealed: false, system: false }
    }
}
