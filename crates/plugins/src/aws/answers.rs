//! What AWS's services answer, as bytes: access keys, a secret, a credential spec, or a refusal.
//!
//! AWS, "GetSecretValue", "GetParameter", the AWS JSON 1.1 protocol's errors, S3's "Error responses"; ECS, "Using gMSA for Linux containers"
//! (the secret's members).

use credspec::aws::SecretArn;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::Keys;
use crate::account::{PasswordFault, check_password, is_name};
use crate::json_texts::{self, NotAnObject, Text};

const NO_OBJECT: &str = "it is not a JSON object";

/// The impersonation account.
#[derive(Debug)]
pub(super) struct Account {
    pub(super) domain: String,
    pub(super) username: String,
    pub(super) password: SecretString,
}

/// `{"AccessKeyId": …, "SecretAccessKey": …, "Token": …}`.
pub(super) fn keys(body: &[u8]) -> Result<Keys, &'static str> {
    let names = ["accesskeyid", "secretaccesskey", "token"];
    let [id, secret, session] = json_texts::read(body, names).map_err(|NotAnObject| NO_OBJECT)?;
    let (Text::Given(id), Text::Given(secret)) = (id, secret) else { return Err("it holds no access key, or two") };
    let session = match session {
        Text::Given(session) => Some(session),
        Text::Absent => None,
        _ => return Err("its session token is no text, or there twice"),
    };
    Keys::new(id.expose_secret(), secret, session).ok_or("its access key has characters that none has")
}

/// `{"ARN": …, "SecretString": …, "VersionId": …}`: the text of the secret that was asked for.
pub(super) fn secret(body: &[u8], asked: &SecretArn) -> Result<SecretString, &'static str> {
    let [arn, text, binary] =
        json_texts::read(body, ["arn", "secretstring", "secretbinary"]).map_err(|NotAnObject| NO_OBJECT)?;
    match arn {
        Text::Given(arn) if asked.is(arn.expose_secret()) => {}
        _ => return Err("it holds another secret than was asked for, or does not say which"),
    }
    match (text, binary) {
        (Text::Given(text), _) => Ok(text),
        (Text::Absent, Text::Given(_)) => Err("the secret is binary: store it as a text"),
        _ => Err("it has no SecretString, or two"),
    }
}

/// What a secret holds: `{"username": …, "password": …, "domainName": …}`, as for Amazon ECS.
pub(super) fn account(secret: &SecretString) -> Result<Account, &'static str> {
    const SHAPE: &str = "it is not a JSON object of texts: {\"username\": …, \"password\": …, \"domainName\": …}";
    let names =
        ["username", "password", "domainname", "usernameofstandarduseraccount", "passwordofstandarduseraccount"];
    let body = secret.expose_secret().as_bytes();
    let [username, password, domain, other_username, other_password] =
        json_texts::read(body, names).map_err(|NotAnObject| SHAPE)?;
    let first = |one: Text, other: Text, missing: &'static str| match (one, other) {
        (Text::Given(text), _) | (Text::Absent, Text::Given(text)) => Ok(text),
        (Text::Absent, Text::Absent) => Err(missing),
        _ => Err("one of its members is no text, or there twice"),
    };
    let username = first(username, other_username, "it has no username")?;
    let password = first(password, other_password, "it has no password")?;
    let domain = first(domain, Text::Absent, "it has no domainName")?;
    let name = |text: SecretString, wrong| match is_name(text.expose_secret()) {
        true => Ok(text.expose_secret().to_owned()),
        false => Err(wrong),
    };
    let username = name(username, "its username is empty, too long, or holds control characters")?;
    let domain = name(domain, "its domainName is empty, too long, or holds control characters")?;
    match check_password(password.expose_secret()) {
        Ok(()) => Ok(Account { domain, username, password }),
        Err(PasswordFault::Malformed) => Err("its password is empty, too long, or holds a NUL"),
        Err(PasswordFault::TypeName) => Err("its password is the name of a type: store the secret again"),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answered {
    parameter: Parameter,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Parameter {
    value: String,
}

/// `{"Parameter": {"Value": …}}`. A credential spec holds no secret.
pub(super) fn parameter(body: &[u8]) -> Result<String, &'static str> {
    let answered: Answered = serde_json::from_slice(body).map_err(|_| "it holds no parameter")?;
    Ok(answered.parameter.value)
}

/// The code of a refusal, and nothing else of it, because the rest may repeat what was sent; empty when it has none that is a plain word.
///
/// JSON: `{"__type": "…#ResourceNotFoundException", …}`; XML: `<Error><Code>NoSuchKey</Code>…`.
pub(super) fn code(body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Refusal {
        #[serde(rename = "__type")]
        kind: String,
    }
    let json = serde_json::from_slice::<Refusal>(body).ok().map(|refusal| refusal.kind);
    let xml = || {
        let text = std::str::from_utf8(body).ok()?;
        let (_, rest) = text.split_once("<Error>")?.1.split_once("<Code>")?;
        Some(rest.split_once("</Code>")?.0.to_owned())
    };
    let code = json.or_else(xml).unwrap_or_default();
    let code = code.rsplit('#').next().unwrap_or_default();
    let plain = (1..=64).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.');
    if plain { code.to_owned() } else { String::new() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ARN: &str = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:reader";

    #[test]
    fn a_secret_is_the_one_that_was_asked_for() {
        let read = |body: &str| secret(body.as_bytes(), &ARN.parse().unwrap()).map(|s| s.expose_secret().to_owned());
        let good = format!(r#"{{"ARN":"{ARN}-AbC12x","Name":"reader","SecretString":"{{\"a\":1}}","VersionId":"1"}}"#);
        assert_eq!(read(&good).unwrap(), "{\"a\":1}");
        for body in [
            "".to_owned(),
            "<html>hunter2</html>".to_owned(),
            "{}".to_owned(),
            r#"{"SecretString":"hunter2"}"#.to_owned(),
            format!(r#"{{"ARN":"{ARN}s-AbC12x","SecretString":"hunter2"}}"#),
            format!(r#"{{"ARN":"{ARN}","SecretBinary":"aHVudGVyMg=="}}"#),
            format!(r#"{{"ARN":"{ARN}","SecretString":"hunter2","SecretString":"x"}}"#),
            format!(r#"{{"ARN":"{ARN}","SecretString":7}}"#),
        ] {
            assert!(!read(&body).unwrap_err().contains("hunter2"), "{body}");
        }
    }

    #[test]
    fn an_account_has_all_its_members_once() {
        let read = |text: &str| account(&text.into());
        let good = read(r#"{"username":"ccg-reader","password":"a\"b","domainName":"contoso.com","x":1}"#).unwrap();
        assert_eq!((good.username.as_str(), good.domain.as_str()), ("ccg-reader", "contoso.com"));
        assert_eq!(good.password.expose_secret(), "a\"b");
        let older = r#"{"usernameOfStandardUserAccount":"u","passwordOfStandardUserAccount":"p","domainName":"d"}"#;
        assert_eq!(read(older).unwrap().username, "u");
        for (text, why) in [
            ("hunter2", "not a JSON object"),
            (r#"["hunter2"]"#, "not a JSON object"),
            (r#"{"password":"hunter2","domainName":"d"}"#, "no username"),
            (r#"{"username":"u","domainName":"d"}"#, "no password"),
            (r#"{"username":"u","password":"hunter2"}"#, "no domainName"),
            (r#"{"username":"u","password":"","domainName":"d"}"#, "password is empty"),
            (r#"{"username":"","password":"hunter2","domainName":"d"}"#, "username is empty"),
            (r#"{"username":"u","password":"hunter2","domainName":"d\n"}"#, "domainName is empty"),
            (r#"{"username":"u","username":"v","password":"hunter2","domainName":"d"}"#, "there twice"),
            (r#"{"username":1,"password":"hunter2","domainName":"d"}"#, "no text"),
            (r#"{"username":"u","password":"System.Security.SecureString","domainName":"d"}"#, "name of a type"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(why) && !error.contains("hunter2"), "{text}: {error}");
        }
    }

    #[test]
    fn only_the_code_of_a_refusal_is_repeated() {
        for (body, expected) in [
            (r#"{"__type":"ResourceNotFoundException","Message":"hunter2"}"#, "ResourceNotFoundException"),
            (r#"{"__type":"com.amazon.coral.service#AccessDeniedException"}"#, "AccessDeniedException"),
            ("<?xml version=\"1.0\"?>\n<Error><Code>NoSuchKey</Code><Message>hunter2</Message></Error>", "NoSuchKey"),
            ("<Error><Code>\u{1b}[2J</Code></Error>", ""),
            (r#"{"__type":7}"#, ""),
            ("<html>hunter2</html>", ""),
            ("", ""),
        ] {
            assert_eq!(code(body.as_bytes()), expected, "{body}");
        }
    }

    #[test]
    fn keys_are_read_and_a_parameter_is() {
        let body = r#"{"Code":"Success","AccessKeyId":"ASIAX","SecretAccessKey":"hunter2","Token":"t","Expiration":"2030-01-01T00:00:00Z"}"#;
        assert_eq!(keys(body.as_bytes()).unwrap().id(), "ASIAX");
        for body in [
            "",
            "{}",
            "<html>",
            r#"{"AccessKeyId":"A","SecretAccessKey":""}"#,
            r#"{"AccessKeyId":"A B","SecretAccessKey":"x"}"#,
        ] {
            assert!(keys(body.as_bytes()).is_err(), "{body}");
        }
        assert_eq!(parameter(br#"{"Parameter":{"Name":"x","Value":"{}","Version":1}}"#), Ok("{}".to_owned()));
        assert!(parameter(b"{}").is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = (keys(&bytes), secret(&bytes, &ARN.parse().unwrap()), parameter(&bytes), code(&bytes));
        }
    }
}
