//! An account as a JSON object, the way stores of secrets have it: `{"domain": …, "username": …, "password": …}`.

use secrecy::{ExposeSecret, SecretString};

use crate::account::{PasswordFault, check_password, is_name};
use crate::json_texts::{self, NotAnObject, Text};

/// The impersonation account.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) domain: String,
    pub(crate) username: String,
    pub(crate) password: SecretString,
}

/// The account, or what is wrong with it, which never quotes it. The domain may be `domainName`, as in a Secret of Kubernetes; names match
/// whatever their case, and what else is there is passed over.
pub(crate) fn parse(body: &[u8]) -> Result<Account, &'static str> {
    let [domain, domain_name, username, password] =
        json_texts::read(body, ["domain", "domainname", "username", "password"])
            .map_err(|NotAnObject| "it is not a JSON object")?;
    let domain = match (domain, domain_name) {
        (Text::Given(domain), Text::Absent) | (Text::Absent, Text::Given(domain)) => domain,
        _ => return Err("it does not have one text `domain`"),
    };
    let (Text::Given(username), Text::Given(password)) = (username, password) else {
        return Err("it does not have the texts `username` and `password`, each once");
    };
    account(domain.expose_secret(), username.expose_secret(), password)
}

/// The same of texts that were found in another way.
pub(crate) fn account(domain: &str, username: &str, password: SecretString) -> Result<Account, &'static str> {
    if !is_name(domain) {
        return Err("its domain is empty, too long, or holds control characters");
    }
    if !is_name(username) {
        return Err("its username is empty, too long, or holds control characters");
    }
    match check_password(password.expose_secret()) {
        Ok(()) => Ok(Account { domain: domain.to_owned(), username: username.to_owned(), password }),
        Err(PasswordFault::TypeName) => {
            Err("its password is the text System.Security.SecureString: what stored it stored the name of a type")
        }
        Err(PasswordFault::Malformed) => Err("its password is empty, too long, or holds a NUL"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<(String, String, String), &'static str> {
        parse(text.as_bytes()).map(|a| (a.domain, a.username, a.password.expose_secret().to_owned()))
    }

    #[test]
    fn an_account_by_either_name_of_the_domain() {
        let expected = Ok(("contoso.com".to_owned(), "u".to_owned(), "a\"\\ä".to_owned()));
        assert_eq!(read(r#"{"domain":"contoso.com","username":"u","password":"a\"\\\u00e4"}"#), expected);
        assert_eq!(read(r#"{"domainName":"contoso.com","Username":"u","password":"a\"\\ä","x":[1]}"#), expected);
    }

    #[test]
    fn what_is_no_account_is_refused_and_never_quoted() {
        for text in [
            "",
            "hunter2",
            "null",
            "[]",
            "{}",
            r#"{"domain":"d","username":"u"}"#,
            r#"{"domain":"d","domainName":"d","username":"u","password":"hunter2"}"#,
            r#"{"domain":"d","username":"u","password":"hunter2","Password":"hunter2"}"#,
            r#"{"domain":"d","username":7,"password":"hunter2"}"#,
            r#"{"domain":"","username":"u","password":"hunter2"}"#,
            r#"{"domain":"d","username":"u\n","password":"hunter2"}"#,
            r#"{"domain":"d","username":"u","password":""}"#,
            r#"{"domain":"d","username":"u","password":"System.Security.SecureString"}"#,
        ] {
            assert!(!read(text).unwrap_err().contains("hunter2"), "{text}");
        }
    }
}
