//! The secret's current value, or that of the version that is named.
//!
//! Microsoft, Key Vault REST API, "Get Secret".

use credspec::AkvInput;
use secrecy::{ExposeSecret, SecretString};
use ureq::Agent;
use zeroize::Zeroizing;

use super::AkvError;
use super::answers::{Fault, Value, code, value};
use crate::http::{self, Failure};
use crate::retry::{Budget, Policy};

/// What passes by itself; a name may not resolve yet while a machine starts.
const POLICY: Policy = Policy { statuses: |status| matches!(status, 408 | 429 | 500..=599), unanswered: 5 };

/// The plugin's question to the vault, with a token for it.
pub(super) fn fetch(
    agent: &Agent,
    input: &AkvInput,
    token: &SecretString,
    budget: &mut Budget<'_>,
    seconds: u64,
) -> Result<Value, AkvError> {
    let (secret, vault) = (&input.secret, input.secret.authority());
    let version = secret.version().unwrap_or_default();
    let url = format!("https://{vault}/secrets/{}/{version}?api-version=7.4", secret.name());
    let bearer = Zeroizing::new(format!("Bearer {}", token.expose_secret()));
    let bearer = http::secret_header(&bearer).ok_or_else(|| AkvError::BadAnswer {
        vault: vault.clone(),
        what: "the token fits into no header".to_owned(),
    })?;
    let headers = [("authorization", bearer)];
    let asked = budget.ask(&POLICY, |timeout| http::get(agent, &url, &headers, timeout));
    let reply = asked.outcome.map_err(|failure| {
        let vault = vault.clone();
        match failure {
            Failure::Untrusted(what) => AkvError::NotTheVault { vault, what },
            Failure::Unreachable(what) | Failure::Tls(what) => AkvError::Unreachable { vault, what },
            Failure::Timeout => AkvError::Timeout { vault, seconds },
            Failure::Unusable(what) => AkvError::BadAnswer { vault, what },
        }
    })?;
    match reply.status {
        200 => value(&reply.body, secret).map_err(|fault| match fault {
            Fault::Absent(what) => AkvError::NoValue { vault, what },
            Fault::Unusable(what) => AkvError::BadAnswer { vault, what: what.to_owned() },
        }),
        404 => Err(AkvError::NoSecret { vault, secret: secret.name().to_owned() }),
        status => Err(refused(input, vault, status, code(&reply.body), asked.tries)),
    }
}

fn refused(input: &AkvInput, vault: String, status: u16, code: String, tries: usize) -> AkvError {
    let advice = match (status, code.as_str()) {
        (403, "ForbiddenByFirewall" | "ForbiddenByConnection") => {
            "let this machine's network through the vault's firewall, or give it a private endpoint"
        }
        (403, "SecretDisabled") => "enable the secret, or correct SecretUri",
        (401, _) => "the vault belongs to another tenant than the identity, or does not know the token's audience",
        (403, _) => "give it the role Key Vault Secrets User on that secret, or `get` in the vault's access policy",
        (300..=399, _) => " (it redirects, and an access token is not taken along)",
        (429, _) => " (it is asked too often)",
        (500..=599, _) => " (try again)",
        _ => "",
    };
    if matches!(status, 401 | 403) {
        let (object_id, secret) = (input.object_id, input.secret.name().to_owned());
        return AkvError::Denied { vault, secret, object_id, status, code, advice };
    }
    AkvError::Refused { vault, status, code, tries, advice }
}
