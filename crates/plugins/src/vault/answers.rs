//! What a Vault answers, as bytes: a token, an account, or a refusal.

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::account_object::{self, Account};
use crate::json_texts::{self, NotAnObject, Text};

/// Vault's own tokens have about a hundred characters; batch tokens have more.
const LONGEST_TOKEN: usize = 8 << 10;

/// The account in a secret, and which version of the secret it is.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) account: Account,
    pub(super) version: u64,
}

/// What is wrong with an answer. It never quotes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It is not what a Vault answers.
    Answer(&'static str),
    /// It is, but the secret is no account.
    Secret(&'static str),
}

#[derive(Deserialize)]
struct Login<'a> {
    #[serde(borrow)]
    auth: Option<&'a RawValue>,
}

/// `{"auth": {"client_token": …, …}, …}`.
pub(super) fn login(body: &[u8]) -> Result<SecretString, &'static str> {
    let login: Login<'_> = serde_json::from_slice(body).map_err(|_| "it is not a JSON object")?;
    let auth = login.auth.ok_or("it has no auth")?;
    let [token] =
        json_texts::read(auth.get().as_bytes(), ["client_token"]).map_err(|NotAnObject| "its auth is no object")?;
    match token {
        Text::Given(token) if is_token(token.expose_secret()) => Ok(token),
        _ => Err("it has no client_token, or two, or one that is not usable"),
    }
}

/// Nothing that could end the header that it is sent in.
pub(super) fn is_token(text: &str) -> bool {
    (1..=LONGEST_TOKEN).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    data: Secret<'a>,
}

#[derive(Deserialize)]
struct Secret<'a> {
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    metadata: Metadata,
}

#[derive(Deserialize)]
struct Metadata {
    version: u64,
}

/// `{"data": {"data": {"domain": …, "username": …, "password": …}, "metadata": {"version": …, …}}, …}`.
pub(super) fn read(body: &[u8], asked: Option<u32>) -> Result<Read, Fault> {
    let answer: Answer<'_> = serde_json::from_slice(body).map_err(|_| {
        Fault::Answer("it is not that of a version 2 key-value engine (`vault secrets enable -version=2 kv`)")
    })?;
    let Secret { data, metadata: Metadata { version } } = answer.data;
    if asked.is_some_and(|asked| u64::from(asked) != version) {
        return Err(Fault::Answer("it holds another version than was asked for"));
    }
    let data = data.ok_or(Fault::Answer("it holds no data"))?.get().as_bytes();
    let account = account_object::parse(data).map_err(Fault::Secret)?;
    Ok(Read { account, version })
}

/// Phrases of Vault's errors that may be repeated: what stands around them may hold what was sent.
const PHRASES: [&str; 14] = [
    "service account name not authorized",
    "namespace not authorized",
    "invalid role name",
    "invalid role or secret ID",
    "invalid role ID",
    "invalid secret id",
    "invalid audience (aud) claim",
    "lookup failed",
    "token is expired",
    "permission denied",
    "is sealed",
    "invalid token",
    "no handler for route",
    "rate limit quota exceeded",
];

/// What a refusal says, if that is one of the known phrases; else nothing.
pub(super) fn phrase(body: &[u8]) -> &'static str {
    #[derive(Deserialize)]
    struct Refusal {
        errors: Vec<String>,
    }
    let Ok(Refusal { errors }) = serde_json::from_slice(body) else { return "" };
    PHRASES.into_iter().find(|phrase| errors.iter().any(|error| error.contains(phrase))).unwrap_or_default()
}

/// Whether what was not found is a version that somebody deleted: it then still has metadata.
pub(super) fn is_deleted(body: &[u8]) -> bool {
    serde_json::from_slice::<Answer<'_>>(body)
        .is_ok_and(|answer| answer.data.data.is_none_or(|data| data.get() == "null"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_answer_and_what_is_no_account_are_told_apart() {
        for data in ["[]", "{}", "null", r#"{"domain":"d","username":"u"}"#] {
            let body = format!(r#"{{"data":{{"data":{data},"metadata":{{"version":3}}}}}}"#);
            assert!(matches!(read(body.as_bytes(), None), Err(Fault::Secret(_) | Fault::Answer(_))), "{data}");
        }
        for body in [
            "",
            "[]",
            "<html>",
            r#"{"data":{"username":"u","password":"hunter2"}}"#,
            r#"{"data":null}"#,
            r#"{"data":{"data":{}}}"#,
        ] {
            assert!(matches!(read(body.as_bytes(), None), Err(Fault::Answer(_))), "{body}");
        }
    }

    #[test]
    fn a_version_is_the_one_that_was_asked_for() {
        let body = br#"{"data":{"data":{"domain":"d","username":"u","password":"p"},"metadata":{"version":3}}}"#;
        assert_eq!(read(body, Some(3)).unwrap().version, 3);
        assert!(matches!(read(body, Some(4)), Err(Fault::Answer(_))));
    }

    #[test]
    fn a_token_is_what_fits_into_its_header() {
        let token = |body: &str| login(body.as_bytes()).map(|token| token.expose_secret().to_owned());
        assert_eq!(token(r#"{"auth":{"client_token":"hvs.CAES-_x","accessor":"y"}}"#).unwrap(), "hvs.CAES-_x");
        for body in [
            "",
            "[]",
            "{}",
            r#"{"auth":null}"#,
            r#"{"auth":{}}"#,
            r#"{"auth":{"client_token":""}}"#,
            r#"{"auth":{"client_token":"a b"}}"#,
            r#"{"auth":{"client_token":"a\r\nb"}}"#,
            r#"{"auth":{"client_token":"a","client_token":"b"}}"#,
            r#"{"auth":{"client_token":1}}"#,
            r#"{"auth":"x"}"#,
            r#"{"auth":{"client_token":"a"},"auth":{"client_token":"b"}}"#,
        ] {
            assert!(token(body).is_err(), "{body}");
        }
    }

    #[test]
    fn only_known_words_of_a_refusal_are_repeated() {
        assert_eq!(phrase(br#"{"errors":["1 error occurred:\n\t* permission denied\n\n"]}"#), "permission denied");
        assert_eq!(phrase(br#"{"errors":["Vault is sealed"]}"#), "is sealed");
        for body in
            [&br#"{"errors":["hunter2"]}"#[..], br#"{"errors":[]}"#, br#"{"errors":"hunter2"}"#, b"hunter2", b""]
        {
            assert_eq!(phrase(body), "");
        }
        assert!(is_deleted(br#"{"data":{"data":null,"metadata":{"version":2,"deletion_time":"2026"}}}"#));
        assert!(!is_deleted(br#"{"errors":[]}"#));
    }
}
