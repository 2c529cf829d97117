//! What goes over the program's standard input and output: one JSON object each way.
//!
//! `{"version":1,"input":"…"}`, and back `{"domain":…,"username":…,"password":…}` or `{"error":{"message":…}}`.

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::account::{PasswordFault, check_password, is_name, misleads};
use crate::json_texts::{self, NotAnObject, Text};

/// The version of all this.
const VERSION: u32 = 1;
/// A credential spec's input has at most 4,096 bytes.
const LONGEST_INPUT: usize = 16 << 10;
/// A sentence or two.
const LONGEST_MESSAGE: usize = 500;

/// The question. The input may hold what it should not, so it is wiped like a secret.
pub(super) fn request(input: &str) -> Option<Zeroizing<Vec<u8>>> {
    #[derive(Serialize)]
    struct Request<'a> {
        version: u32,
        input: &'a str,
    }
    if input.len() > LONGEST_INPUT {
        return None;
    }
    // Every byte may become six; this does not move.
    let mut bytes = Zeroizing::new(Vec::with_capacity(input.len() * 6 + 64));
    serde_json::to_writer(&mut *bytes, &Request { version: VERSION, input }).ok()?;
    bytes.push(b'\n');
    Some(bytes)
}

/// What a program answers.
#[derive(Debug)]
pub(super) enum Answer {
    Credentials { domain: String, username: String, password: SecretString },
    Error(String),
}

/// The answer, or what is wrong with it, which never quotes it.
pub(super) fn answer(body: &[u8]) -> Result<Answer, &'static str> {
    if body.trim_ascii().is_empty() {
        return Err("it is empty");
    }
    let not_json = "it is not one JSON object";
    let [domain, username, password] =
        json_texts::read(body, ["domain", "username", "password"]).map_err(|NotAnObject| not_json)?;
    let refusal: Refusal =
        serde_json::from_slice(body).map_err(|_| "its error is not {\"message\": …}, or there twice")?;
    match (domain, username, password, refusal.error) {
        (Text::Absent, Text::Absent, Text::Absent, Some(error)) => Ok(Answer::Error(one_line(&error.message))),
        (_, _, _, Some(_)) => Err("it holds both an error and credentials"),
        (Text::Given(domain), Text::Given(username), Text::Given(password), None) => {
            credentials(&domain, &username, password)
        }
        _ => Err("it does not have each of domain, username and password once, as texts"),
    }
}

fn credentials(domain: &SecretString, username: &SecretString, password: SecretString) -> Result<Answer, &'static str> {
    let name = |text: &SecretString, wrong| {
        let text = text.expose_secret();
        if is_name(text) { Ok(text.to_owned()) } else { Err(wrong) }
    };
    let domain = name(domain, "its domain is empty, too long, or holds control characters")?;
    let username = name(username, "its username is empty, too long, or holds control characters")?;
    match check_password(password.expose_secret()) {
        Ok(()) => Ok(Answer::Credentials { domain, username, password }),
        Err(PasswordFault::Malformed) => Err("its password is empty, too long, or holds a NUL"),
        Err(PasswordFault::TypeName) => Err(
            "its password is the text System.Security.SecureString: the tool that stored it stored the name of a type in place of the password",
        ),
    }
}

#[derive(Deserialize)]
struct Refusal {
    #[serde(default)]
    error: Option<Message>,
}

#[derive(Deserialize)]
struct Message {
    message: String,
}

/// What a program says, as it may stand in a message or a log: on one line, without a terminal's controls, cut where it is long.
pub(super) fn one_line(text: &str) -> String {
    let mut line = String::new();
    for c in text.trim().chars() {
        if line.len() >= LONGEST_MESSAGE {
            line.push('…');
            break;
        }
        let odd = c.is_control() || misleads(c);
        line.push(if odd { '\u{fffd}' } else { c });
    }
    line
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_question_is_one_line_of_json() {
        let bytes = request("a\"\n\u{1}ä").unwrap();
        assert_eq!(std::str::from_utf8(&bytes).unwrap(), "{\"version\":1,\"input\":\"a\\\"\\n\\u0001ä\"}\n");
        assert!(request(&"\u{1}".repeat(LONGEST_INPUT)).is_some());
        assert!(request(&"x".repeat(LONGEST_INPUT + 1)).is_none());
    }

    #[test]
    fn credentials_or_an_error_are_answers() {
        let body = br#"{"domain":"contoso.com","username":"ccg-reader","password":"a\"b","more":1}"#;
        let Ok(Answer::Credentials { domain, username, password }) = answer(body) else { panic!() };
        assert_eq!(
            (domain.as_str(), username.as_str(), password.expose_secret()),
            ("contoso.com", "ccg-reader", "a\"b")
        );
        let body = "{\"error\":{\"message\":\"the vault\\n is \\u001b[2Jsealed\\u202e\",\"more\":1}}\n";
        let Ok(Answer::Error(message)) = answer(body.as_bytes()) else { panic!() };
        assert_eq!(message, "the vault\u{fffd} is \u{fffd}[2Jsealed\u{fffd}");
        let long = format!(r#"{{"error":{{"message":"{}"}}}}"#, "x".repeat(10_000));
        let Ok(Answer::Error(message)) = answer(long.as_bytes()) else { panic!() };
        assert_eq!(message.chars().count(), LONGEST_MESSAGE + 1);
    }

    #[test]
    fn everything_else_is_refused_and_never_quoted() {
        for body in [
            "",
            "\n",
            "hunter2",
            "[]",
            "null",
            "{}",
            r#"{"domain":"d","username":"u","password":"hunter2"} {}"#,
            r#"{"domain":"d","username":"u"}"#,
            r#"{"domain":"d","password":"hunter2"}"#,
            r#"{"domain":"d","username":"u","password":""}"#,
            r#"{"domain":"","username":"u","password":"hunter2"}"#,
            r#"{"domain":"d","username":"u\n","password":"hunter2"}"#,
            r#"{"domain":"d","username":"u","password":7}"#,
            r#"{"domain":"d","username":"u","password":"hunter2","password":"x"}"#,
            r#"{"domain":"d","username":"u","password":"hunter2\u0000"}"#,
            r#"{"domain":"d","username":"u","password":"hunter2","error":{"message":"x"}}"#,
            r#"{"password":"hunter2","error":{"message":"x"}}"#,
            r#"{"error":"hunter2"}"#,
            r#"{"error":{}}"#,
            r#"{"error":{"message":"x"},"error":{"message":"y"}}"#,
            r#"{"domain":"d","username":"u","password":"System.Security.SecureString"}"#,
        ] {
            let error = answer(body.as_bytes()).unwrap_err();
            assert!(!error.contains("hunter2"), "{body}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = answer(&bytes);
        }

        #[test]
        fn any_message_is_one_short_line(text in any::<String>()) {
            let line = one_line(&text);
            prop_assert!(!line.chars().any(char::is_control) && line.len() <= LONGEST_MESSAGE + 7);
        }
    }
}
