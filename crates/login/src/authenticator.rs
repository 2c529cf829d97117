//! The way of one login: find, bind, groups.

use client::ldap::{Connection, Error, LogonCause, Scope, Search};
use dtyp::{FileTime, Sid};
use secrecy::{ExposeSecret, SecretString};

use crate::pool::{Pool, Pooled};
use crate::{Config, Group, LoginError, User, groups, service};

/// Names that are longer are nobody's (the schema allows 256).
const LONGEST_NAME: usize = 256;
/// LDAP's `sizeLimitExceeded`.
const SIZE_LIMIT_EXCEEDED: u32 = 4;

/// Logs users in. Share one per application.
pub struct Authenticator {
    config: Config,
    service: Pool,
    users: Pool,
}

impl Authenticator {
    /// Connects to nothing yet.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self { service: Pool::new(config.pool), users: Pool::new(config.pool), config }
    }

    /// Finds the user and proves the password. The password goes to the directory only.
    ///
    /// # Errors
    /// See [`LoginError`]; show users only [`LoginError::public`].
    pub async fn login(&self, username: &str, password: &SecretString) -> Result<User, LoginError> {
        let result = self.attempt(username, password).await;
        match &result {
            Ok(user) => tracing::info!(user = %user.sam, dn = %user.dn, groups = user.groups.len(), "logged in"),
            Err(error) if error.is_unavailable() => tracing::error!(%error, "nobody can log in"),
            Err(error) => tracing::warn!(%error, "login refused"),
        }
        result
    }

    async fn attempt(&self, username: &str, password: &SecretString) -> Result<User, LoginError> {
        let name = username.trim();
        // A simple bind without a password succeeds on most servers and proves nothing (RFC 4513 5.1.2).
        if password.expose_secret().is_empty() {
            return Err(LoginError::WrongPassword { name: clipped(name) });
        }
        if name.is_empty() || name.len() > LONGEST_NAME || name.chars().any(char::is_control) {
            return Err(LoginError::NotFound { name: clipped(name) });
        }
        let found = match self.find(name).await {
            Err(error @ (LoginError::NotFound { .. } | LoginError::Ambiguous { .. })) => {
                // The same steps for names that do not exist, so that the time taken does not tell which ones do.
                let _ = self.prove(&format!("CN=nobody,{}", self.config.base), name, password).await;
                return Err(error);
            }
            other => other?,
        };
        self.prove(&found.dn, name, password).await?;
        let groups = self.groups(&found).await?;
        Ok(found.with_groups(groups))
    }

    /// What is true now of a user who proved the password earlier, for sessions that are checked while they last. It proves nothing
    /// itself: whoever calls it must know by other means whose session it is.
    ///
    /// # Errors
    /// [`LoginError::NotFound`] when the user is gone, [`LoginError::Disabled`] when the account is disabled.
    pub async fn look_up(&self, username: &str) -> Result<User, LoginError> {
        let name = username.trim();
        if name.is_empty() || name.len() > LONGEST_NAME || name.chars().any(char::is_control) {
            return Err(LoginError::NotFound { name: clipped(name) });
        }
        let found = self.find(name).await?;
        if found.disabled {
            return Err(LoginError::Disabled { name: clipped(name) });
        }
        let groups = self.groups(&found).await?;
        Ok(found.with_groups(groups))
    }

    /// Whether the service connection works: for a readiness probe.
    ///
    /// # Errors
    /// What keeps it from working.
    pub async fn check(&self) -> Result<(), LoginError> {
        let search =
            Search { base: String::new(), scope: Scope::Base, filter: "(objectClass=*)".into(), ..Search::default() };
        self.ask(&search).await.map(drop)
    }

    async fn find(&self, name: &str) -> Result<Found, LoginError> {
        let filter = self.config.filter.replace("{name}", &Search::escape(name.as_bytes()));
        let mut search = Search::subtree(&self.config.base, &filter, &Found::ATTRIBUTES);
        search.size_limit = 2;
        let mut entries = match self.ask(&search).await {
            Err(LoginError::Directory(error)) if error.code() == Some(SIZE_LIMIT_EXCEEDED) => {
                return Err(LoginError::Ambiguous { name: clipped(name) });
            }
            other => other?,
        };
        match (entries.pop(), entries.is_empty()) {
            (Some(entry), true) => Ok(Found::of(&entry)),
            (Some(_), false) => Err(LoginError::Ambiguous { name: clipped(name) }),
            (None, _) => Err(LoginError::NotFound { name: clipped(name) }),
        }
    }

    async fn groups(&self, found: &Found) -> Result<Vec<Group>, LoginError> {
        let mut groups = Vec::new();
        let searches = match self.config.groups.first_step(&self.config.base, found) {
            groups::FirstStep::Nothing => Vec::new(),
            groups::FirstStep::Groups(search) => vec![search],
            groups::FirstStep::Token(search) => {
                let entries = self.ask(&search).await?;
                groups::of_token(&self.config.base, &entries)
            }
        };
        for search in searches {
            groups.extend(self.ask(&search).await?.iter().map(groups::group));
        }
        groups.sort_by(|a: &Group, b: &Group| a.dn.cmp(&b.dn));
        groups.dedup_by(|a, b| a.dn == b.dn);
        Ok(groups)
    }

    /// Searches on a service connection; once more on a new one when an idle one turns out to be dead.
    async fn ask(&self, search: &Search) -> Result<Vec<client::ldap::Entry>, LoginError> {
        let _turn = self.service.turn().await;
        if let Some(mut pooled) = self.service.take(self.config.kerberos.clock.now()) {
            match pooled.connection.search(search).await {
                Err(error) if is_worth_a_new_connection(&error) => {
                    tracing::info!(%error, "the service connection died: making a new one");
                    self.service.clear();
                }
                other => {
                    self.service.give_back(pooled);
                    return Ok(other?);
                }
            }
        }
        let mut pooled = service::connect(&self.config).await?;
        let result = pooled.connection.search(search).await;
        self.service.give_back(pooled);
        Ok(result?)
    }

    /// Binds as the user. Nothing else is ever done on these connections.
    async fn prove(&self, dn: &str, name: &str, password: &SecretString) -> Result<(), LoginError> {
        let _turn = self.users.turn().await;
        if let Some(mut pooled) = self.users.take(self.config.kerberos.clock.now()) {
            match pooled.connection.bind_simple(dn, password).await {
                // The server has closed it while it was idle.
                Err(Error::Closed { .. } | Error::Broken { .. }) => self.users.clear(),
                other => {
                    self.users.give_back(pooled);
                    return other.map_err(|error| refused(name, error));
                }
            }
        }
        let connection =
            Connection::connect_any(&self.config.domain.ldap, &self.config.user_transport, &self.config.limits).await?;
        let mut pooled = Pooled { connection, until: FileTime::NEVER };
        let result = pooled.connection.bind_simple(dn, password).await;
        self.users.give_back(pooled);
        result.map_err(|error| refused(name, error))
    }
}

/// Whether the server might answer on another connection: this one broke, or its logon does not count any more.
fn is_worth_a_new_connection(error: &Error) -> bool {
    const OPERATIONS_ERROR: u32 = 1;
    const STRONGER_AUTH_REQUIRED: u32 = 8;
    const INVALID_CREDENTIALS: u32 = 49;
    error.is_connection_lost()
        || matches!(error.code(), Some(OPERATIONS_ERROR | STRONGER_AUTH_REQUIRED | INVALID_CREDENTIALS))
}

fn refused(name: &str, error: Error) -> LoginError {
    let name = clipped(name);
    match error {
        Error::Logon { cause, .. } => match cause {
            LogonCause::Disabled => LoginError::Disabled { name },
            LogonCause::LockedOut => LoginError::Locked { name },
            LogonCause::PasswordExpired | LogonCause::AccountExpired => LoginError::Expired { name },
            LogonCause::MustChange => LoginError::MustChange { name },
            LogonCause::Restricted | LogonCause::NotAtThisTime => LoginError::Restricted { name },
            _ => LoginError::WrongPassword { name },
        },
        Error::EmptyPassword { .. } => LoginError::WrongPassword { name },
        other => LoginError::Directory(other),
    }
}

/// What was typed, short enough for a log line.
fn clipped(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(64).collect()
}

/// ADS_UF_ACCOUNTDISABLE, MS-ADTS 2.2.16.
const fn is_disabled(user_account_control: i32) -> bool {
    user_account_control & 2 != 0
}

/// A user that was found and has yet to prove the password.
pub(crate) struct Found {
    pub(crate) dn: String,
    pub(crate) sid: Option<Sid>,
    pub(crate) primary_group: Option<Sid>,
    sam: String,
    display_name: String,
    upn: Option<String>,
    disabled: bool,
}

impl Found {
    const ATTRIBUTES: [&'static str; 8] = [
        "sAMAccountName",
        "displayName",
        "userPrincipalName",
        "objectSid",
        "primaryGroupID",
        "userAccountControl",
        "uid",
        "cn",
    ];

    pub(crate) fn of(entry: &client::ldap::Entry) -> Self {
        let text = |name| entry.text(name).map(str::to_owned);
        let sid = entry.first("objectSid").and_then(|bytes| Sid::from_bytes(bytes).ok());
        let rid = entry.text("primaryGroupID").and_then(|rid| rid.parse().ok());
        let sam =
            text("sAMAccountName").or_else(|| text("uid")).or_else(|| text("cn")).unwrap_or_else(|| entry.dn.clone());
        Self {
            dn: entry.dn.clone(),
            sid,
            primary_group: sid.and_then(|sid| sid.domain()?.with_rid(rid?).ok()),
            display_name: text("displayName").unwrap_or_else(|| sam.clone()),
            sam,
            upn: text("userPrincipalName"),
            disabled: entry.text("userAccountControl").and_then(|uac| uac.parse::<i32>().ok()).is_some_and(is_disabled),
        }
    }

    fn with_groups(self, groups: Vec<Group>) -> User {
        User { dn: self.dn, sam: self.sam, display_name: self.display_name, upn: self.upn, sid: self.sid, groups }
    }
}
