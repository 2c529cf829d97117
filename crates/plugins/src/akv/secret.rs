//! The secret's current value, or that of the version that is named.
//!
//! Microsoft, Key Vault REST API, "Get Secret".

use credspec::{AkvInput, SecretUri};
use secrecy::{ExposeSecret, SecretString};
use ureq::Agent;
use ureq::http::HeaderValue;
use zeroize::Zeroizing;

use super::AkvError;
use super::http::{self, Failure};
use super::reply::code;
use super::retry::{Budget, Policy};
use crate::json_texts::{self, NotAnObject, Text};

/// What passes by itself; a name may not resolve yet while a machine starts.
const POLICY: Policy = Policy { statuses: |status| matches!(status, 408 | 429 | 500..=599), unanswered: 5 };

/// A secret's value and the version it is.
#[derive(Debug)]
pub(super) struct Value {
    pub(super) value: SecretString,
    pub(super) version: Option<String>,
}

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
    let mut bearer = HeaderValue::from_str(&bearer)
        .map_err(|_| AkvError::BadAnswer { vault: vault.clone(), what: "the token fits into no header".to_owned() })?;
    bearer.set_sensitive(true);
    let asked = budget.ask(&POLICY, |timeout| http::get(agent, &url, ("authorization", bearer.clone()), timeout));
    let reply = asked.outcome.map_err(|failure| {
        let vault = vault.clone();
        match failure {
            Failure::Tls(what) => AkvError::NotTheVault { vault, what },
            Failure::Unreachable(what) => AkvError::Unreachable { vault, what },
            Failure::Timeout => AkvError::Timeout { who: format!("the vault {vault}"), seconds },
            Failure::Unusable(what) => AkvError::BadAnswer { vault, what },
        }
    })?;
    match reply.status {
        200 => value(&reply.body, secret).map_err(|what| AkvError::BadAnswer { vault, what: what.to_owned() }),
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

/// `{"value": …, "id": "https://<vault>/secrets/<name>/<version>", …}`. What a vault says it answers with must be what was asked for.
pub(super) fn value(body: &[u8], asked: &SecretUri) -> Result<Value, &'static str> {
    let [value, id] = json_texts::read(body, ["value", "id"]).map_err(|NotAnObject| "it is not a JSON object")?;
    let version = match id {
        Text::Absent => None,
        Text::Given(id) => {
            let got: SecretUri = id.expose_secret().parse().map_err(|_| "its id is not a secret's")?;
            let same_version =
                asked.version().is_none_or(|v| got.version().is_some_and(|got| got.eq_ignore_ascii_case(v)));
            if !got.name().eq_ignore_ascii_case(asked.name()) || !same_version {
                return Err("it holds another secret, or another version, than was asked for");
            }
            got.version().map(str::to_owned)
        }
        Text::Twice | Text::Other => return Err("its id is no text, or there twice"),
    };
    match value {
        Text::Given(value) => Ok(Value { value, version }),
        Text::Absent => Err("it has no value"),
        Text::Twice => Err("it has two values"),
        Text::Other => Err("its value is not a text"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str, asked: &str) -> Result<(String, Option<String>), &'static str> {
        let asked = format!("https://v.vault.azure.net/secrets/{asked}").parse().unwrap();
        value(body.as_bytes(), &asked).map(|v| (v.value.expose_secret().to_owned(), v.version))
    }

    #[test]
    fn a_secret_is_the_one_that_was_asked_for() {
        let body =
            r#"{"value":"a\\b:c","id":"https://v.vault.azure.net/secrets/Reader/0123","attributes":{"enabled":true}}"#;
        let expected = Ok((r"a\b:c".to_owned(), Some("0123".to_owned())));
        assert_eq!(read(body, "reader"), expected);
        assert_eq!(read(body, "reader/0123"), expected);
        assert!(read(body, "reader/0124").is_err());
        assert!(read(body, "writer").is_err());
        assert_eq!(read(r#"{"value":""}"#, "reader"), Ok((String::new(), None)));
    }

    #[test]
    fn what_is_no_secret_is_refused_and_never_quoted() {
        for body in [
            "",
            "<html>hunter2</html>",
            "[]",
            "{}",
            r#"{"value":1}"#,
            r#"{"value":null}"#,
            r#"{"value":"hunter2","Value":"x"}"#,
            r#"{"value":"hunter2","id":"https://v.vault.azure.net/keys/reader/1"}"#,
            r#"{"value":"hunter2","id":7}"#,
            r#"{"value":"hunter2","id":"hunter2"}"#,
            r#"{"value":"hunter2"} x"#,
            r#"{"value":["hunter2"]}"#,
        ] {
            assert!(!read(body, "reader").unwrap_err().contains("hunter2"), "{body}");
        }
    }
}
