//! What the operator says about a server, checked once.

use credspec::StorePath;
use ureq::http::HeaderValue;

use crate::declared::{self, shown};
use crate::http::Header;

/// Why a setting of the Vault plugin is not usable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VaultSettingsError {
    /// Not a server.
    #[error("{0:?} is not a Vault's address: write `https://host` or `https://host:port`, without a path")]
    Address(String),
    /// Not a mount, a namespace or a role.
    #[error(
        "{0:?} is not a mount, a namespace or a role: write letters, digits, `-`, `_` and `.`, with `/` between names"
    )]
    Path(String),
}

/// The host and port of an address. The rules for hosts are those of a credential spec.
pub(super) fn server(address: &str) -> Result<String, VaultSettingsError> {
    let bad = || VaultSettingsError::Address(shown(address));
    let authority = address.strip_prefix("https://").ok_or_else(bad)?;
    let authority = authority.strip_suffix('/').unwrap_or(authority);
    declared::host(authority).map(|host| host.authority()).ok_or_else(bad)
}

pub(super) fn path(text: &str) -> Result<StorePath, VaultSettingsError> {
    text.parse().map_err(|_| VaultSettingsError::Path(shown(text)))
}

/// What every request has. The first shows an agent in between that this is no forged request.
pub(super) fn headers(namespace: Option<&StorePath>) -> Vec<Header> {
    let namespace = namespace.and_then(|namespace| HeaderValue::from_str(namespace.as_str()).ok());
    let namespace = namespace.map(|value| ("x-vault-namespace", value));
    [("x-vault-request", HeaderValue::from_static("true"))].into_iter().chain(namespace).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_a_host_and_a_port_and_always_encrypted() {
        assert_eq!(server("https://Vault.contoso.example:8200/").unwrap(), "vault.contoso.example:8200");
        assert_eq!(server("https://vault").unwrap(), "vault");
        for address in [
            "",
            "vault",
            "http://vault",
            "https://",
            "https://vault/v1",
            "https://u@vault",
            "https://vault?x",
            "https://vault:0",
            "https://vault#x",
            "https://vault\r\n",
            "https://a/secrets/y",
        ] {
            assert!(server(address).is_err(), "{address:?}");
        }
    }

    #[test]
    fn a_namespace_is_a_header_and_no_more() {
        assert_eq!(headers(None).len(), 1);
        assert_eq!(headers(Some(&path("team/a").unwrap()))[1].1, "team/a");
        assert!(path("a\r\nb").is_err() && path("").is_err() && path("../x").is_err());
    }
}
