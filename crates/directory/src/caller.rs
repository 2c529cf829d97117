//! On whose behalf something is done.

use std::sync::Arc;

use dtyp::Token;

use crate::access::Decisions;

/// Who asks, and over what kind of connection. Keep it as long as the connection: it remembers what the principal was found to be
/// allowed, which makes every further read cheaper.
#[derive(Clone)]
pub struct Caller {
    /// The principal and its groups.
    pub token: Arc<Token>,
    /// Whether nobody on the way can read the answer (TLS, or a security layer with confidentiality). Passwords need it.
    pub sealed: bool,
    /// The directory itself: no access check, no rule that protects attributes from clients.
    pub system: bool,
    /// What the token was found to be allowed. It belongs to the token: a caller with another token is made by [`Caller::new`].
    pub(crate) decisions: Arc<Decisions>,
}

impl Caller {
    /// The directory acting for itself.
    #[must_use]
    pub fn system() -> Self {
        Self { system: true, ..Self::new(Arc::new(Token::system()), true) }
    }

    /// A principal on a connection that is encrypted or not.
    #[must_use]
    pub fn new(token: Arc<Token>, sealed: bool) -> Self {
        Self { token, sealed, system: false, decisions: Arc::default() }
    }

    /// Somebody who has not said who they are.
    #[must_use]
    pub fn anonymous() -> Self {
        Self::new(Arc::new(Token::anonymous()), false)
    }
}

impl std::fmt::Debug for Caller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { token, sealed, system, .. } = self;
        write!(f, "{} (sealed: {sealed}, system: {system})", token.user())
    }
}
