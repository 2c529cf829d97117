//! The rules: who may do what. The pages and the JSON interface are two ways to the same.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use dtyp::{Clock, Random};
use login::User;
use secrecy::SecretString;

use crate::limits::BadLimit;
use crate::session::{self, Session, Sessions};
use crate::{Directory, Limit, Limits, Throttle};

/// The service without its web server.
pub struct App {
    pub(crate) admin_group: String,
    pub(crate) behind_tls: bool,
    directory: Arc<dyn Directory>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    sessions: Sessions,
    limits: Limits,
    /// Not by name alone: that would let anybody keep somebody else out.
    by_name: Throttle<(IpAddr, String)>,
    by_address: Throttle<IpAddr>,
}

/// Why something is not done. The texts are for outsiders.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The name or the password is wrong, or the account may not log in.
    #[error("The user name or the password is wrong.")]
    WrongCredentials,
    /// Too many attempts.
    #[error("There have been too many attempts to log in. Try again in {} minutes.", .0.as_secs().div_ceil(60))]
    TooManyAttempts(Duration),
    /// Nobody is logged in.
    #[error("You are not logged in, or no longer.")]
    NotLoggedIn,
    /// Somebody is, but may only look.
    #[error("You may see the limits, but only members of {0} may change them.")]
    NotAllowed(String),
    /// The form is not one that this service gave out.
    #[error("The form has expired. Please try again.")]
    ForgedForm,
    /// What was asked makes no sense.
    #[error("{0}")]
    BadRequest(String),
    /// The directory does not answer.
    #[error("The directory does not answer at the moment. Please try again later.")]
    Unavailable,
}

/// Longer names and passwords are not even sent to the directory.
const LONGEST: usize = 1_024;

impl App {
    /// The service with its rules for `admin_group`, at the directory's word.
    #[must_use]
    pub fn new(
        directory: Arc<dyn Directory>,
        admin_group: impl Into<String>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Self {
        Self {
            admin_group: admin_group.into(),
            behind_tls: false,
            directory,
            clock,
            random,
            sessions: Sessions::default(),
            limits: Limits::default(),
            by_name: Throttle::new(10, Duration::from_secs(5 * 60)),
            by_address: Throttle::new(60, Duration::from_secs(60)),
        }
    }

    /// Whether cookies are kept off plain HTTP.
    #[must_use]
    pub fn behind_tls(mut self, yes: bool) -> Self {
        self.behind_tls = yes;
        self
    }

    /// Logs somebody in and gives the token of the new session.
    pub(crate) async fn login(
        &self,
        from: IpAddr,
        name: &str,
        password: &SecretString,
    ) -> Result<(String, Session), Refusal> {
        use secrecy::ExposeSecret;
        let name = name.trim();
        if name.is_empty() || name.len() > LONGEST || password.expose_secret().len() > LONGEST {
            return Err(Refusal::WrongCredentials);
        }
        let (key, now) = ((from, name.to_lowercase()), self.clock.now());
        self.by_address.attempt(from, now).map_err(Refusal::TooManyAttempts)?;
        self.by_name.attempt(key.clone(), now).map_err(Refusal::TooManyAttempts)?;
        match self.directory.login(name, password).await {
            Ok(user) => {
                self.by_name.forgive(&key);
                tracing::info!(target: "audit", %from, user = %user.sam, may_change = self.may_change(&user), "login");
                Ok(self.sessions.begin(user, self.random.as_ref(), self.clock.now()))
            }
            Err(error) if error.is_unavailable() => {
                tracing::error!(target: "audit", %from, %error, "login impossible");
                Err(Refusal::Unavailable)
            }
            Err(error) => {
                tracing::warn!(target: "audit", %from, %error, "login refused");
                Err(Refusal::WrongCredentials)
            }
        }
    }

    /// The session of a token, for looking: what the directory said a moment ago is good enough.
    pub(crate) async fn session(&self, token: &str) -> Result<Session, Refusal> {
        let session = self.sessions.get(token, self.clock.now()).ok_or(Refusal::NotLoggedIn)?;
        if session.is_fresh(self.clock.now()) { Ok(session) } else { self.checked(token, session).await }
    }

    /// The session of a token, after asking the directory whether its owner still may have one.
    async fn checked(&self, token: &str, session: Session) -> Result<Session, Refusal> {
        match self.directory.look_up(&session.user.sam).await {
            // Another account may have got the name meanwhile.
            Ok(user) if user.sid == session.user.sid && (user.sid.is_some() || user.dn == session.user.dn) => {
                self.sessions.refresh(token, user.clone(), self.clock.now());
                Ok(session.with_user(user))
            }
            Err(error) if error.is_unavailable() => {
                tracing::error!(%error, "sessions cannot be checked");
                Err(Refusal::Unavailable)
            }
            _ => {
                tracing::warn!(target: "audit", user = %session.user.sam, "session ended: the directory does not let the user in any more");
                self.sessions.end(token);
                Err(Refusal::NotLoggedIn)
            }
        }
    }

    /// Ends a session.
    pub(crate) fn logout(&self, token: &str) {
        if let Some(session) = self.sessions.get(token, self.clock.now()) {
            tracing::info!(target: "audit", user = %session.user.sam, "logout");
        }
        self.sessions.end(token);
    }

    /// All limits.
    pub(crate) fn limits(&self) -> Vec<Limit> {
        self.limits.all()
    }

    /// Changes a limit, when the directory says *now* that the session's owner may.
    pub(crate) async fn change(&self, token: &str, name: &str, per_minute: u32) -> Result<(), Refusal> {
        let session = self.sessions.get(token, self.clock.now()).ok_or(Refusal::NotLoggedIn)?;
        let session = self.checked(token, session).await?;
        let user = &session.user.sam;
        if !self.may_change(&session.user) {
            tracing::warn!(target: "audit", %user, limit = name, "change refused");
            return Err(Refusal::NotAllowed(self.admin_group.clone()));
        }
        let before = self.limits.set(name, per_minute).map_err(|e: BadLimit| Refusal::BadRequest(e.to_string()))?;
        tracing::info!(target: "audit", %user, limit = name, before, after = per_minute, "limit changed");
        Ok(())
    }

    /// Whether somebody may change limits.
    pub(crate) fn may_change(&self, user: &User) -> bool {
        user.is_member_of(&self.admin_group)
    }

    /// A fresh secret for a form.
    pub(crate) fn token(&self) -> String {
        session::token(self.random.as_ref())
    }
}
