//! The provider's answer: `{"username": …, "password": …, "domainName": …}`, with keys in any case.

use secrecy::{ExposeSecret, SecretString};

use crate::account::{PasswordFault, check_password, is_name};
use crate::json_texts::{self, NotAnObject, Text};

#[derive(Debug)]
pub(super) struct Answer {
    pub(super) username: String,
    pub(super) password: SecretString,
    pub(super) domain: String,
}

/// What is wrong with an answer. It never quotes it: the answer may hold the password all the same.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum AnswerError {
    #[error("it is empty")]
    Empty,
    #[error("it is not a JSON object of texts (is another program listening on the provider's port?)")]
    NotJson,
    #[error("it has no {0}")]
    Missing(&'static str),
    #[error("it has {0} twice")]
    Twice(&'static str),
    #[error("its {0} is empty, too long, or holds control characters")]
    Malformed(&'static str),
    #[error(
        "its password is the text System.Security.SecureString: the tool that stored it stored the name of a type in place of the password"
    )]
    SecureString,
}

pub(super) fn parse(body: &[u8]) -> Result<Answer, AnswerError> {
    if body.trim_ascii().is_empty() {
        return Err(AnswerError::Empty);
    }
    let texts =
        json_texts::read(body, ["username", "domainname", "password"]).map_err(|NotAnObject| AnswerError::NotJson)?;
    let [username, domain, password] = texts;
    let (username, domain) = (name(username, "username")?, name(domain, "domainName")?);
    let password = given(password, "password")?;
    match check_password(password.expose_secret()) {
        Ok(()) => Ok(Answer { username, password, domain }),
        Err(PasswordFault::TypeName) => Err(AnswerError::SecureString),
        Err(PasswordFault::Malformed) => Err(AnswerError::Malformed("password")),
    }
}

fn given(text: Text, what: &'static str) -> Result<SecretString, AnswerError> {
    match text {
        Text::Absent => Err(AnswerError::Missing(what)),
        Text::Twice => Err(AnswerError::Twice(what)),
        Text::Other => Err(AnswerError::NotJson),
        Text::Given(text) => Ok(text),
    }
}

fn name(text: Text, what: &'static str) -> Result<String, AnswerError> {
    let text = given(text, what)?;
    let text = text.expose_secret();
    if is_name(text) { Ok(text.to_owned()) } else { Err(AnswerError::Malformed(what)) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_three_fields_are_read_whatever_their_case() {
        for body in [
            r#"{"username":"ccg-reader","password":"pä\"ss","domainName":"contoso.com"}"#,
            r#" {"Password":"pä\"ss","DOMAINNAME":"contoso.com","more":[{}],"Username":"ccg-reader"} "#,
        ] {
            let answer = parse(body.as_bytes()).unwrap();
            assert_eq!((answer.username.as_str(), answer.domain.as_str()), ("ccg-reader", "contoso.com"));
            assert_eq!(answer.password.expose_secret(), "pä\"ss");
            assert!(!format!("{answer:?}").contains("ss\""));
        }
    }

    #[test]
    fn what_is_wrong_is_named_and_the_answer_never_quoted() {
        for (body, expected) in [
            ("", AnswerError::Empty),
            (" \n", AnswerError::Empty),
            ("<html>hunter2</html>", AnswerError::NotJson),
            (r#"["hunter2"]"#, AnswerError::NotJson),
            (r#"{"username":"u","password":7,"domainName":"d"}"#, AnswerError::NotJson),
            (r#"{"username":"u","password":"hunter2","domainName":"d"} x"#, AnswerError::NotJson),
            (r#"{"username":"u","password":"hunter2"}"#, AnswerError::Missing("domainName")),
            (r#"{"username":"u","domainName":"d"}"#, AnswerError::Missing("password")),
            (
                r#"{"username":"u","password":"hunter2","domainName":"d","Password":"x"}"#,
                AnswerError::Twice("password"),
            ),
            (r#"{"username":"","password":"hunter2","domainName":"d"}"#, AnswerError::Malformed("username")),
            (r#"{"username":"u\n","password":"hunter2","domainName":"d"}"#, AnswerError::Malformed("username")),
            (r#"{"username":"u","password":"","domainName":"d"}"#, AnswerError::Malformed("password")),
            (
                r#"{"username":"u","password":"System.Security.SecureString","domainName":"d"}"#,
                AnswerError::SecureString,
            ),
        ] {
            let error = parse(body.as_bytes()).unwrap_err();
            assert_eq!(error, expected, "{body}");
            assert!(!error.to_string().contains("hunter2"));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&bytes);
        }

        #[test]
        fn any_credentials_survive(username in "[^\\p{C}\\p{Zl}\\p{Zp}]{1,20}", password in "[^\0]{1,40}", domain in "[a-z.]{1,20}") {
            let body = serde_json::json!({"username": username, "password": password, "domainName": domain}).to_string();
            if password != "System.Security.SecureString" {
                let answer = parse(body.as_bytes()).unwrap();
                prop_assert_eq!(answer.username, username);
                prop_assert_eq!(answer.password.expose_secret(), password);
                prop_assert_eq!(answer.domain, domain);
            }
        }
    }
}
