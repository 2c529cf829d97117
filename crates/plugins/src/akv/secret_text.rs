//! What the secret holds: `domain\user:password`.

use secrecy::{ExposeSecret, SecretString};

use crate::account::{PasswordFault, check_password, is_name};

/// The impersonation account.
#[derive(Debug)]
pub(super) struct Account {
    pub(super) domain: String,
    pub(super) username: String,
    pub(super) password: SecretString,
}

/// What is wrong with a secret. It never quotes it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadSecret {
    /// Nothing that could be an account.
    #[error("it is not `domain\\user:password`: {0}")]
    Format(&'static str),
    /// One of the names.
    #[error("its {0} is empty, too long, or holds control characters: it must be `domain\\user:password`")]
    Name(&'static str),
    /// The password.
    #[error("its password is empty, too long, or holds a NUL: it must be `domain\\user:password`")]
    Password,
    /// The secret was stored with the line break of the file or command it came from.
    #[error(
        "its password ends with a line break: store the secret again without one (a file of `printf`, not of `echo`)"
    )]
    LineBreak,
    /// No password at all.
    #[error(
        "it holds the text System.Security.SecureString: the tool that stored it stored the name of a type in place of the password; store the secret again"
    )]
    SecureString,
}

/// The first backslash ends the domain, the first colon the user; the password may hold both.
pub(super) fn parse(secret: &SecretString) -> Result<Account, BadSecret> {
    let text = secret.expose_secret();
    // Some tools stored nothing else.
    if check_password(text) == Err(PasswordFault::TypeName) {
        return Err(BadSecret::SecureString);
    }
    let (names, password) = text.split_once(':').ok_or(BadSecret::Format("it has no colon"))?;
    let no_backslash = BadSecret::Format("it has no backslash before its first colon");
    let (domain, username) = names.split_once('\\').ok_or(no_backslash)?;
    let domain = name(domain, "domain")?;
    let username = name(username, "user")?;
    match check_password(password) {
        Err(PasswordFault::TypeName) => return Err(BadSecret::SecureString),
        Err(PasswordFault::Malformed) => return Err(BadSecret::Password),
        Ok(()) if password.ends_with(['\r', '\n']) => return Err(BadSecret::LineBreak),
        Ok(()) => {}
    }
    Ok(Account { domain, username, password: SecretString::from(password) })
}

fn name(text: &str, what: &'static str) -> Result<String, BadSecret> {
    if is_name(text) { Ok(text.to_owned()) } else { Err(BadSecret::Name(what)) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Result<Account, BadSecret> {
        parse(&SecretString::from(text))
    }

    #[test]
    fn a_password_may_hold_what_ends_the_names() {
        let account = read("contoso.com\\ccg-reader:a:b\\c d ").unwrap();
        assert_eq!((account.domain.as_str(), account.username.as_str()), ("contoso.com", "ccg-reader"));
        assert_eq!(account.password.expose_secret(), "a:b\\c d ");
        assert!(!format!("{account:?}").contains("a:b"));
    }

    #[test]
    fn what_is_not_an_account_is_refused_and_never_quoted() {
        let long = |n: usize| "x".repeat(n);
        for (text, expected) in [
            (String::new(), BadSecret::Format("it has no colon")),
            ("hunter2".into(), BadSecret::Format("it has no colon")),
            ("contoso.com\\u".into(), BadSecret::Format("it has no colon")),
            ("u:hunter2".into(), BadSecret::Format("it has no backslash before its first colon")),
            ("red:mond\\x:hunter2".into(), BadSecret::Format("it has no backslash before its first colon")),
            ("\\u:hunter2".into(), BadSecret::Name("domain")),
            ("d\\:hunter2".into(), BadSecret::Name("user")),
            ("\\:".into(), BadSecret::Name("domain")),
            ("d\n\\u:hunter2".into(), BadSecret::Name("domain")),
            ("d\\u\0:hunter2".into(), BadSecret::Name("user")),
            ("d\\u\u{2028}:hunter2".into(), BadSecret::Name("user")),
            (format!("{}\\u:hunter2", long(257)), BadSecret::Name("domain")),
            (format!("d\\{}:hunter2", long(257)), BadSecret::Name("user")),
            ("d\\u:".into(), BadSecret::Password),
            ("d\\u:hunter2\0".into(), BadSecret::Password),
            (format!("d\\u:{}", long(4_097)), BadSecret::Password),
            ("d\\u:hunter2\n".into(), BadSecret::LineBreak),
            ("d\\u:hunter2\r\n".into(), BadSecret::LineBreak),
            ("System.Security.SecureString".into(), BadSecret::SecureString),
            ("d\\u:System.Security.SecureString".into(), BadSecret::SecureString),
            ("d\\u:System.Security.SecureString\n".into(), BadSecret::SecureString),
        ] {
            let error = read(&text).unwrap_err();
            assert_eq!(error, expected, "{text:.60}");
            assert!(!format!("{error} {error:?}").contains("hunter2"));
        }
    }

    proptest! {
        #[test]
        fn any_account_survives(domain in "[a-z.]{1,20}", user in "[^\\p{C}\\p{Zl}\\p{Zp}:\\\\]{1,20}", password in "[^\0]{0,40}[^\0\r\n]") {
            let account = read(&format!("{domain}\\{user}:{password}")).unwrap();
            prop_assert_eq!((account.domain, account.username), (domain, user));
            prop_assert_eq!(account.password.expose_secret(), password);
        }

        #[test]
        fn any_text_is_read_or_refused(text in any::<String>()) {
            let _ = read(&text);
        }
    }
}
