//! As whom the plugin asks: a token that a login gives and that is given back after use, or one that lies in a file.

use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use ureq::http::HeaderValue;
use zeroize::Zeroizing;

use super::answers::{is_token, login, phrase};
use super::settings::path;
use super::{Call, VaultError, VaultSettingsError};
use crate::http;
use crate::retry::Policy;

/// A token of a service account, a secret identifier or a token; none is longer.
const LONGEST: usize = 16 << 10;

/// Kept of a call's time, so that a token can be given back however long the rest took.
pub(super) const GIVING_BACK: Duration = Duration::from_secs(2);

/// What passes by itself. 412: a standby that has not heard of the token yet. 472 and 473: standbys.
pub(super) const POLICY: Policy =
    Policy { statuses: |status| matches!(status, 412 | 429 | 472 | 473 | 500..=599), unanswered: 2 };

/// How the plugin proves to a Vault who it is.
#[derive(Clone, Debug)]
pub struct VaultAuth(Method);

#[derive(Clone, Debug)]
enum Method {
    Kubernetes { mount: String, role: String, token: PathBuf },
    AppRole { mount: String, role_id: String, secret_id: PathBuf },
    Token(PathBuf),
}

impl VaultAuth {
    /// Where Kubernetes leaves the token of a pod's service account.
    pub const SERVICE_ACCOUNT_TOKEN: &'static str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

    /// As a service account of Kubernetes, by its token in a file, in a role of the auth method at `mount` (`kubernetes`).
    ///
    /// # Errors
    /// [`VaultSettingsError::Path`].
    pub fn kubernetes(mount: &str, role: &str, token: impl Into<PathBuf>) -> Result<Self, VaultSettingsError> {
        let (mount, role) = (path(mount)?.to_string(), path(role)?.to_string());
        Ok(Self(Method::Kubernetes { mount, role, token: token.into() }))
    }

    /// As an AppRole, by its secret identifier in a file, of the auth method at `mount` (`approle`).
    ///
    /// # Errors
    /// [`VaultSettingsError::Path`].
    pub fn app_role(mount: &str, role_id: &str, secret_id: impl Into<PathBuf>) -> Result<Self, VaultSettingsError> {
        let (mount, role_id) = (path(mount)?.to_string(), path(role_id)?.to_string());
        Ok(Self(Method::AppRole { mount, role_id, secret_id: secret_id.into() }))
    }

    /// By a token in a file, which somebody else (Vault's agent) keeps fresh.
    pub fn token_file(token: impl Into<PathBuf>) -> Self {
        Self(Method::Token(token.into()))
    }

    pub(super) fn describe(&self) -> String {
        match &self.0 {
            Method::Kubernetes { role, token, .. } => {
                format!("the service account's token in {}, as the role {role}", token.display())
            }
            Method::AppRole { role_id, secret_id, .. } => {
                format!("the AppRole {role_id} and its secret identifier in {}", secret_id.display())
            }
            Method::Token(token) => format!("the token in {}", token.display()),
        }
    }

    pub(super) fn whose(&self) -> String {
        match &self.0 {
            Method::Kubernetes { role, .. } => format!("the role {role}"),
            Method::AppRole { role_id, .. } => format!("the AppRole {role_id}"),
            Method::Token(_) => "that token".to_owned(),
        }
    }
}

/// A token to ask with.
pub(super) fn token(call: &mut Call<'_>, auth: &VaultAuth) -> Result<SecretString, VaultError> {
    #[derive(Serialize)]
    struct Kubernetes<'a> {
        role: &'a str,
        jwt: &'a str,
    }
    #[derive(Serialize)]
    struct AppRole<'a> {
        role_id: &'a str,
        secret_id: &'a str,
    }
    match &auth.0 {
        Method::Token(path) => secret(path),
        Method::Kubernetes { mount, role, token } => {
            let jwt = secret(token)?;
            log_in(call, auth, mount, &Kubernetes { role, jwt: jwt.expose_secret() })
        }
        Method::AppRole { mount, role_id, secret_id } => {
            let secret_id = secret(secret_id)?;
            log_in(call, auth, mount, &AppRole { role_id, secret_id: secret_id.expose_secret() })
        }
    }
}

/// The one line of a file.
fn secret(path: &Path) -> Result<SecretString, VaultError> {
    let unusable = |what: String| VaultError::Credential { path: path.to_owned(), what };
    let bytes = pki::file::read(path).map_err(|error| unusable(error.to_string()))?;
    let text = std::str::from_utf8(bytes.trim_ascii()).ok().filter(|text| text.len() <= LONGEST && is_token_like(text));
    text.map(SecretString::from).ok_or_else(|| unusable("it does not hold one line of visible characters".to_owned()))
}

fn is_token_like(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic())
}

fn log_in(
    call: &mut Call<'_>,
    auth: &VaultAuth,
    mount: &str,
    body: &impl Serialize,
) -> Result<SecretString, VaultError> {
    let whom = call.server;
    let server = whom.to_owned();
    let bad = |what: String| VaultError::BadAnswer { server: whom.to_owned(), what };
    // Every byte of a visible character may become two; this does not move.
    let mut json = Zeroizing::new(Vec::with_capacity(2 * LONGEST + 1024));
    serde_json::to_writer(&mut *json, body).map_err(|_| bad("the login cannot be written".to_owned()))?;
    let url = call.url(&format!("auth/{mount}/login"));
    let mut headers = call.headers.clone();
    headers.push(("content-type", HeaderValue::from_static("application/json")));
    let asked = call.budget.ask(&POLICY, |timeout| http::post(&call.agent, &url, &headers, &json, timeout));
    let reply = asked.outcome.map_err(|failure| VaultError::unanswered(failure, whom, call.seconds))?;
    match reply.status {
        200 => login(&reply.body).map_err(|what| bad(what.to_owned())),
        status @ (400 | 401 | 403 | 404) => Err(VaultError::LoginRefused {
            server,
            whose: auth.whose(),
            mount: mount.to_owned(),
            status,
            phrase: phrase(&reply.body),
        }),
        status => Err(VaultError::refused(server, status, phrase(&reply.body), asked.tries)),
    }
}

/// Ends a token that a login gave, so that none is left until it expires. Whether that works changes nothing: it is a matter of tidiness.
pub(super) fn give_back(call: &Call<'_>, auth: &VaultAuth, token: &SecretString) {
    if matches!(auth.0, Method::Token(_)) || !is_token(token.expose_secret()) {
        return;
    }
    let Some(headers) = call.headers_with(token) else { return };
    let url = call.url("auth/token/revoke-self");
    let answer = http::post(&call.agent, &url, &headers, b"", call.for_giving_back);
    if !answer.is_ok_and(|reply| matches!(reply.status, 200..=299)) {
        tracing::debug!(server = call.server, "the token that was used could not be revoked: it ends by itself");
    }
}
