//! The names in a credential spec, each with its own rules.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

/// Why a text is not the name it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not {kind}: {reason}")]
pub struct BadName {
    pub(crate) text: String,
    pub(crate) kind: &'static str,
    pub(crate) reason: String,
}

impl BadName {
    pub(crate) fn new(text: &str, kind: &'static str, reason: impl Into<String>) -> Self {
        // What does not fit on a line does not help to find it.
        Self { text: text.chars().take(80).collect(), kind, reason: reason.into() }
    }

    /// Why not.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $rule:path) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// As it was written.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Whether `text` is this name; case does not matter.
            #[must_use]
            pub fn is(&self, text: &str) -> bool {
                self.0.eq_ignore_ascii_case(text)
            }
        }

        impl FromStr for $name {
            type Err = BadName;

            fn from_str(text: &str) -> Result<Self, BadName> {
                $rule(text).map_err(|reason| BadName::new(text, $kind, reason))?;
                Ok(Self(text.to_owned()))
            }
        }

        /// Case does not matter.
        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                self.is(&other.0)
            }
        }

        impl Eq for $name {}

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name! {
    /// The name of a gMSA: its `sAMAccountName` without the `$`.
    AccountName, "the name of a gMSA", account
}
name! {
    /// The DNS name of a domain.
    DnsName, "the DNS name of a domain", dns
}
name! {
    /// The NetBIOS name of a domain.
    NetBiosName, "the NetBIOS name of a domain", net_bios
}

impl AccountName {
    /// The account's `sAMAccountName`: `webapp01$`.
    #[must_use]
    pub fn sam_account_name(&self) -> String {
        format!("{}$", self.0)
    }
}

/// MS-ADTS 3.1.1.6 and the 15 characters that a computer-like account has without its `$`.
fn account(text: &str) -> Result<(), String> {
    if text.ends_with('$') {
        return Err("leave the $ at its end away".into());
    }
    match text.chars().find(|c| c.is_control() || "\"/\\[]:;|=,+*?<>@$ ".contains(*c)) {
        Some('\\') => return Err("give the account only, without the domain".into()),
        Some(c) => return Err(format!("no account name has the character {c:?}")),
        None => {}
    }
    match text.chars().count() {
        0 => Err("it is empty".into()),
        1..=15 => Ok(()),
        n => Err(format!("it has {n} characters and no gMSA has more than 15")),
    }
}

/// RFC 1123 2.1, with the underscore that Active Directory tolerates.
fn dns(text: &str) -> Result<(), String> {
    if text.is_empty() || text.len() > 253 {
        return Err("it has between 1 and 253 characters".into());
    }
    for label in text.split('.') {
        let inner = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        if label.is_empty()
            || label.len() > 63
            || !label.bytes().all(inner)
            || label.starts_with('-')
            || label.ends_with('-')
        {
            return Err(format!("{:?} cannot stand between its dots", label.chars().take(64).collect::<String>()));
        }
    }
    Ok(())
}

/// Naming conventions for NetBIOS domain names: KB 909264.
fn net_bios(text: &str) -> Result<(), String> {
    if text.contains('.') {
        return Err("it has a dot: that is the DNS name".into());
    }
    match text.chars().count() {
        0 => return Err("it is empty".into()),
        1..=15 => {}
        n => return Err(format!("it has {n} characters and no NetBIOS name has more than 15")),
    }
    match text.chars().find(|c| c.is_control() || "\"/\\*:|<>? ,".contains(*c)) {
        Some(c) => Err(format!("no NetBIOS name has the character {c:?}")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn real_names_are_taken_and_compared_without_case() {
        assert_eq!("webapp01".parse::<AccountName>().unwrap().sam_account_name(), "webapp01$");
        assert_eq!("WebApp01".parse::<AccountName>(), "webapp01".parse());
        assert_eq!("eu.contoso.com".parse::<DnsName>().unwrap().to_string(), "eu.contoso.com");
        assert!("CONTOSO".parse::<NetBiosName>().unwrap().is("contoso"));
    }

    #[test]
    fn what_people_mix_up_is_named() {
        let reason = |r: Result<AccountName, BadName>| r.unwrap_err().reason;
        assert!(reason("webapp01$".parse()).contains("leave the $"));
        assert!(reason("CONTOSO\\webapp01".parse()).contains("without the domain"));
        assert!(reason("a-very-long-account".parse()).contains("15"));
        assert!("contoso.com".parse::<NetBiosName>().unwrap_err().reason.contains("DNS name"));
        for text in ["", ".", "contoso..com", "-a.b", "contoso.com.", "a b", "ä.com", "http://contoso.com"] {
            assert!(text.parse::<DnsName>().is_err(), "{text}");
        }
        for text in ["", "a*b", "$", "a b", "a\n"] {
            assert!(text.parse::<AccountName>().is_err(), "{text}");
        }
    }
}
