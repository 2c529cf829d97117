//! What the metadata service and the vault answer, as bytes: a token, a secret, or a refusal.
//!
//! Microsoft, "How to use managed identities for Azure resources on an Azure VM to acquire an access token"; Key Vault REST API, "Get
//! Secret". RFC 6750 2.1 (tokens).

use credspec::SecretUri;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use crate::json_texts::{self, NotAnObject, Text};

/// Azure's tokens have about two thousand characters; those of identities in many groups have more.
const LONGEST: usize = 16 << 10;

/// What is wrong with an answer. It never quotes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It is an answer, but what was asked for is not in it, or there twice.
    Absent(&'static str),
    /// It is none, or what it holds is not usable.
    Unusable(&'static str),
}

/// A secret's value and the version it is.
#[derive(Debug)]
pub(super) struct Value {
    pub(super) value: SecretString,
    pub(super) version: Option<String>,
}

/// `{"access_token": …, "token_type": "Bearer", …}`.
pub(super) fn token(body: &[u8]) -> Result<SecretString, Fault> {
    let unusable = Fault::Unusable;
    let [token, kind] = json_texts::read(body, ["access_token", "token_type"])
        .map_err(|NotAnObject| unusable("it is not a JSON object"))?;
    match kind {
        Text::Absent => {}
        Text::Given(kind) if kind.expose_secret().eq_ignore_ascii_case("bearer") => {}
        _ => return Err(unusable("its token_type is not Bearer")),
    }
    let Text::Given(token) = token else { return Err(Fault::Absent("it has no access_token, or two")) };
    let text = token.expose_secret();
    // RFC 6750 2.1: nothing that could end the header that it is sent in.
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~+/=".contains(&b);
    if text.is_empty() || text.len() > LONGEST || !text.bytes().all(plain) {
        return Err(unusable("its access_token is empty, too long, or has characters that no token has"));
    }
    Ok(token)
}

/// `{"value": …, "id": "https://<vault>/secrets/<name>/<version>", …}`. What a vault says it answers with must be what was asked for.
pub(super) fn value(body: &[u8], asked: &SecretUri) -> Result<Value, Fault> {
    let unusable = Fault::Unusable;
    let [value, id] =
        json_texts::read(body, ["value", "id"]).map_err(|NotAnObject| unusable("it is not a JSON object"))?;
    let version = match id {
        Text::Absent => None,
        Text::Given(id) => {
            let got: SecretUri = id.expose_secret().parse().map_err(|_| unusable("its id is not a secret's"))?;
            let same_version =
                asked.version().is_none_or(|v| got.version().is_some_and(|got| got.eq_ignore_ascii_case(v)));
            if !got.name().eq_ignore_ascii_case(asked.name()) || !same_version {
                return Err(unusable("it holds another secret, or another version, than was asked for"));
            }
            got.version().map(str::to_owned)
        }
        Text::Twice | Text::Other => return Err(unusable("its id is no text, or there twice")),
    };
    match value {
        Text::Given(value) => Ok(Value { value, version }),
        Text::Absent => Err(Fault::Absent("it has no value")),
        Text::Twice => Err(Fault::Absent("it has two values")),
        Text::Other => Err(Fault::Absent("its value is not a text")),
    }
}

/// Key Vault: `{"error": {"code": "Forbidden", "innererror": {"code": "AccessDenied"}, …}}`. Metadata service: `{"error": "invalid_request", …}`.
#[derive(Deserialize)]
struct Refusal {
    error: Code,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Code {
    Text(String),
    Object { code: Option<String>, innererror: Option<Inner> },
}

#[derive(Deserialize)]
struct Inner {
    code: Option<String>,
}

/// The error code in a refusal, the inner one where there is one, and nothing else of it, because the rest may repeat what was sent;
/// empty when it has none that is a plain word.
pub(super) fn code(body: &[u8]) -> String {
    let Ok(Refusal { error }) = serde_json::from_slice(body) else { return String::new() };
    let code = match error {
        Code::Text(code) => Some(code),
        Code::Object { code, innererror } => innererror.and_then(|inner| inner.code).or(code),
    };
    let plain =
        |code: &String| (1..=64).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    code.filter(plain).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_what_fits_into_its_header() {
        let read_token = |body: &str| token(body.as_bytes()).map(|token| token.expose_secret().to_owned());
        let good = r#"{"access_token":"eyJ0.eyJh-_~+/=","expires_in":"3599","resource":"https://vault.azure.net","token_type":"Bearer"}"#;
        assert_eq!(read_token(good).unwrap(), "eyJ0.eyJh-_~+/=");
        assert_eq!(read_token(r#"{"Access_Token":"x"}"#).unwrap(), "x");
        for body in [
            "",
            "[]",
            "<html>",
            "{}",
            r#"{"access_token":""}"#,
            r#"{"access_token":1}"#,
            r#"{"access_token":"a b"}"#,
            r#"{"access_token":"a\r\nHost: evil"}"#,
            r#"{"access_token":"ä"}"#,
            r#"{"access_token":"x","token_type":"pop"}"#,
            r#"{"access_token":"x","token_type":1}"#,
            r#"{"access_token":"x","access_token":"y"}"#,
            r#"{"access_token":"x","token_type":"Bearer","token_type":"Bearer"}"#,
        ] {
            assert!(read_token(body).is_err(), "{body}");
        }
        assert!(read_token(&format!(r#"{{"access_token":"{}"}}"#, "x".repeat(LONGEST + 1))).is_err());
    }

    fn read_value(body: &str, asked: &str) -> Result<(String, Option<String>), Fault> {
        let asked = format!("https://v.vault.azure.net/secrets/{asked}").parse().unwrap();
        value(body.as_bytes(), &asked).map(|v| (v.value.expose_secret().to_owned(), v.version))
    }

    #[test]
    fn a_secret_is_the_one_that_was_asked_for() {
        let body =
            r#"{"value":"a\\b:c","id":"https://v.vault.azure.net/secrets/Reader/0123","attributes":{"enabled":true}}"#;
        let expected = Ok((r"a\b:c".to_owned(), Some("0123".to_owned())));
        assert_eq!(read_value(body, "reader"), expected);
        assert_eq!(read_value(body, "reader/0123"), expected);
        assert!(read_value(body, "reader/0124").is_err());
        assert!(read_value(body, "writer").is_err());
        assert_eq!(read_value(r#"{"value":""}"#, "reader"), Ok((String::new(), None)));
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
            assert!(!format!("{:?}", read_value(body, "reader").unwrap_err()).contains("hunter2"), "{body}");
        }
    }

    #[test]
    fn only_the_code_of_a_refusal_is_repeated() {
        for (body, expected) in [
            (r#"{"error":"invalid_request","error_description":"Identity not found"}"#, "invalid_request"),
            (r#"{"error":{"code":"SecretNotFound","message":"A secret with … hunter2"}}"#, "SecretNotFound"),
            (
                r#"{"error":{"code":"Forbidden","message":"x","innererror":{"code":"ForbiddenByFirewall"}}}"#,
                "ForbiddenByFirewall",
            ),
            (r#"{"error":{"code":"Forbidden","innererror":null}}"#, "Forbidden"),
            (r#"{"error":{"code":"hunter2\r\n\u001b[2J"}}"#, ""),
            (r#"{"error":{"code":"","innererror":{}}}"#, ""),
            (r#"{"error":["hunter2"]}"#, ""),
            ("<html>hunter2</html>", ""),
            ("", ""),
        ] {
            assert_eq!(code(body.as_bytes()), expected, "{body}");
        }
        assert_eq!(code(format!(r#"{{"error":"{}"}}"#, "x".repeat(65)).as_bytes()), "");
    }
}
