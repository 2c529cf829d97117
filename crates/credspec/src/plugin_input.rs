//! What a plugin is told: `PluginInput`, and the grammars of the plugins that are known.
//!
//! Whoever writes a credential spec chooses this text, so it is parsed into names that cannot lead anywhere else before any path or
//! request is made of it.

use std::fmt;
use std::str::FromStr;

use dtyp::Guid;
use serde::ser::{Error as _, Serialize, Serializer};

use crate::BadName;
use crate::aws::BadArn;

/// The plugin of Rancher Kubernetes clusters, CCGRKC.
pub const RKC_CLSID: Guid = Guid::from_u128(0xE478_1092_F116_4B79_B55E_28EB_6A22_4E26);
/// The plugin of Azure Key Vault, CCGAKV.
pub const AKV_CLSID: Guid = Guid::from_u128(0xCCC2_A336_D7F3_4818_A213_272B_7924_213E);

/// What the plugin is told. People have put passwords in here, so it does not print.
#[derive(Clone, PartialEq, Eq)]
pub struct PluginInput {
    text: String,
    /// It stands in the spec as an object, and `text` is the JSON of that.
    is_object: bool,
}

impl PluginInput {
    /// This text.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), is_object: false }
    }

    /// The object in which Amazon ECS names a secret.
    #[must_use]
    pub fn of_credential_arn(arn: &str) -> Self {
        Self { text: serde_json::json!({ "CredentialArn": arn }).to_string(), is_object: true }
    }

    /// Whether it stands in the spec as an object.
    #[must_use]
    pub fn is_object(&self) -> bool {
        self.is_object
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl Serialize for PluginInput {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.is_object {
            let object: serde_json::Value = serde_json::from_str(&self.text).map_err(S::Error::custom)?;
            return object.serialize(serializer);
        }
        serializer.serialize_str(&self.text)
    }
}

impl fmt::Debug for PluginInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PluginInput({} bytes)", self.text.len())
    }
}

/// The name of a Kubernetes namespace: an RFC 1123 label. It is safe as the name of a folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Namespace(String);

/// The name of a Kubernetes Secret: an RFC 1123 subdomain. It is safe as the name of a folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SecretName(String);

macro_rules! name {
    ($name:ident, $kind:literal, $rule:path) => {
        impl $name {
            /// The name.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = BadName;

            fn from_str(text: &str) -> Result<Self, BadName> {
                $rule(text).map_err(|reason| BadName::new(text, $kind, reason))?;
                Ok(Self(text.to_owned()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(Namespace, "a namespace", namespace);
name!(SecretName, "the name of a Secret", secret_name);

/// `[a-z0-9]([-a-z0-9]*[a-z0-9])?`, at most 63.
fn namespace(text: &str) -> Result<(), &'static str> {
    if text.len() > 63 {
        return Err("it has more than 63 characters");
    }
    label(text)
}

/// Labels with dots between them, at most 253.
fn secret_name(text: &str) -> Result<(), &'static str> {
    if text.len() > 253 {
        return Err("it has more than 253 characters");
    }
    text.split('.').try_for_each(label)
}

fn label(text: &str) -> Result<(), &'static str> {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if text.is_empty() {
        Err("it is empty, or has nothing before or after a dot")
    } else if !text.bytes().all(inner) {
        Err("Kubernetes names have only lower case letters, digits and hyphens")
    } else if text.starts_with('-') || text.ends_with('-') {
        Err("it begins or ends with a hyphen")
    } else {
        Ok(())
    }
}

/// What CCGRKC is told: `namespace:secret`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RkcInput {
    /// The namespace of the account provider.
    pub namespace: Namespace,
    /// The Secret with the impersonation account's credentials.
    pub secret: SecretName,
}

/// Why a plugin cannot use its input. The input itself is not shown: it may hold what it should not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadInput {
    /// Not two parts.
    #[error("the plugin input is not `<namespace>:<secret>`: it has {} parts between colons", .parts)]
    Parts {
        /// How many there are.
        parts: usize,
    },
    /// The part before the colon.
    #[error("the namespace in the plugin input is not usable: {reason}")]
    Namespace {
        /// Why.
        reason: String,
    },
    /// The part behind the colon.
    #[error("the secret's name in the plugin input is not usable: {reason}")]
    Secret {
        /// Why.
        reason: String,
    },
    /// A key that CCGAKV needs.
    #[error(
        "the plugin input has no {key}: it is not `ObjectId=<guid>;SecretUri=https://<vault>/secrets/<name>`, without spaces around the keys"
    )]
    Missing {
        /// Which.
        key: &'static str,
    },
    /// Not the managed identity's identifier.
    #[error(
        "the ObjectId in the plugin input is not the object identifier of a managed identity, such as 00112233-4455-6677-8899-aabbccddeeff"
    )]
    ObjectId,
    /// Not a secret of AWS Secrets Manager.
    #[error("the plugin input names no secret of AWS Secrets Manager: {0}")]
    Arn(BadArn),
    /// Neither the name of one nor the object of Amazon ECS.
    #[error(
        "the plugin input is neither the name of a secret (arn:aws:secretsmanager:…) nor {{\"CredentialArn\": \"arn:…\"}}"
    )]
    ArnShape,
    /// Not a secret of HashiCorp Vault, or of a folder.
    #[error("the plugin input is not usable: {reason}")]
    Store {
        /// Why.
        reason: &'static str,
    },
    /// Not a secret of a vault.
    #[error("the SecretUri in the plugin input is not usable: {reason}")]
    SecretUri {
        /// Why.
        reason: &'static str,
    },
}

impl FromStr for RkcInput {
    type Err = BadInput;

    fn from_str(text: &str) -> Result<Self, BadInput> {
        match text.split_once(':') {
            Some((namespace, secret)) if !secret.contains(':') => Ok(Self {
                namespace: namespace.parse().map_err(|e: BadName| BadInput::Namespace { reason: e.reason })?,
                secret: secret.parse().map_err(|e: BadName| BadInput::Secret { reason: e.reason })?,
            }),
            _ => Err(BadInput::Parts { parts: text.split(':').count() }),
        }
    }
}

impl fmt::Display for RkcInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.namespace, self.secret)
    }
}

impl From<&RkcInput> for PluginInput {
    fn from(input: &RkcInput) -> Self {
        Self::new(input.to_string())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_namespace_and_a_secret() {
        let input: RkcInput = "cattle-windows-gmsa-system:ccg.reader-1".parse().unwrap();
        assert_eq!(input.namespace.as_str(), "cattle-windows-gmsa-system");
        assert_eq!(input.secret.as_str(), "ccg.reader-1");
        assert!("1team:9".parse::<RkcInput>().is_ok());
    }

    #[test]
    fn nothing_that_leads_elsewhere_is_a_name() {
        for text in [
            "", ":", "a", "a:", ":a", "a:b:c", "..:a", "a:..", "../x:a", "a:../b", "a/b:c", "a:b/c", "a\\b:c", "a:b\0",
            "a:b\n", " a:b", "a :b", "A:b", "a:B", "a:.b", "a:b.", "a:b..c", "-a:b", "a-:b", "a.b:c", "c:\\x", "ä:b",
            "a:%2e%2e", "a:b?c", "a:b#c",
        ] {
            assert!(text.parse::<RkcInput>().is_err(), "{text:?}");
        }
        assert!(format!("{}:b", "a".repeat(64)).parse::<RkcInput>().is_err());
        assert!(format!("a:{}", "b".repeat(254)).parse::<RkcInput>().is_err());
    }

    #[test]
    fn what_may_hold_a_password_is_not_shown() {
        let text = "contoso.com:gmsaccg:hunter2";
        assert!(!format!("{:?}", PluginInput::new(text)).contains("hunter2"));
        assert!(!text.parse::<RkcInput>().unwrap_err().to_string().contains("hunter2"));
    }

    #[test]
    fn the_class_identifiers_are_those_in_use() {
        assert_eq!(RKC_CLSID.braced().to_uppercase(), "{E4781092-F116-4B79-B55E-28EB6A224E26}");
        assert_eq!(AKV_CLSID.braced().to_uppercase(), "{CCC2A336-D7F3-4818-A213-272B7924213E}");
    }

    proptest! {
        #[test]
        fn every_accepted_input_is_two_plain_file_names(text in "[a-zA-Z0-9.:/\\\\-]{0,40}") {
            if let Ok(input) = text.parse::<RkcInput>() {
                for name in [input.namespace.as_str(), input.secret.as_str()] {
                    let path = std::path::Path::new(name);
                    prop_assert_eq!(path.components().count(), 1);
                    prop_assert_eq!(path.file_name(), Some(path.as_os_str()));
                }
                prop_assert_eq!(input.to_string(), text);
            }
        }
    }
}
