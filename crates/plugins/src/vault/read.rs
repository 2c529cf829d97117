//! The secret's current version, or the one that is named.

use credspec::VaultInput;
use secrecy::SecretString;

use super::answers::{Fault, Read, is_deleted, phrase, read};
use super::auth::POLICY;
use super::{Call, VaultError};
use crate::http;

/// The plugin's question, with a token for it.
pub(super) fn fetch(call: &mut Call<'_>, token: &SecretString, input: &VaultInput) -> Result<Read, VaultError> {
    let (whom, secret) = (call.server, format!("{}:{}", input.mount, input.path));
    let server = whom.to_owned();
    let bad = |what: &str| VaultError::BadAnswer { server: whom.to_owned(), what: what.to_owned() };
    let version = input.version.map_or_else(String::new, |version| format!("?version={version}"));
    let url = call.url(&format!("{}/data/{}{version}", input.mount, input.path));
    let headers = call.headers_with(token).ok_or_else(|| bad("the token fits into no header"))?;
    let asked = call.budget.ask(&POLICY, |timeout| http::get(&call.agent, &url, &headers, timeout));
    let reply = asked.outcome.map_err(|failure| VaultError::unanswered(failure, whom, call.seconds))?;
    let phrase = phrase(&reply.body);
    match reply.status {
        200 => read(&reply.body, input.version.map(Into::into)).map_err(|fault| match fault {
            Fault::Answer(what) => bad(what),
            Fault::Secret(what) => VaultError::BadSecret { server, secret, what },
        }),
        404 => Err(VaultError::NoSecret { server, secret, is_deleted: is_deleted(&reply.body) }),
        status @ (401 | 403) => Err(VaultError::Denied {
            server,
            status,
            phrase,
            policy: format!("path \"{}/data/{}\" {{ capabilities = [\"read\"] }}", input.mount, input.path),
            secret,
        }),
        status => Err(VaultError::refused(server, status, phrase, asked.tries)),
    }
}
