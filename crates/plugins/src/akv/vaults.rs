//! Which hosts are Key Vaults: nobody else is shown an access token.

use std::fmt;

use credspec::SecretUri;
use pki::Roots;

use crate::declared::{self, shown};

/// The clouds of Azure that anybody can be a customer of, and the name under which each has its vaults. Further ones are configured.
const CLOUDS: [&str; 3] = ["vault.azure.net", "vault.azure.cn", "vault.usgovcloudapi.net"];

/// A host, or all hosts of a domain, as operators write them.
#[derive(Clone, Debug)]
pub(super) struct VaultHost {
    host: String,
    any_name_under_it: bool,
    port: u16,
}

/// A host, or all hosts of a domain, that the operator says are Key Vaults: a private cloud's, such as Azure Stack's, or a test's.
#[derive(Clone, Debug)]
pub struct TrustedVault {
    host: VaultHost,
    audience: String,
    roots: Option<Roots>,
}

/// Why a setting of the Key Vault plugin is not usable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AkvSettingsError {
    /// Not a host.
    #[error(
        "{0:?} is not a Key Vault's host: write `vault.example.com`, `vault.example.com:8443`, or `*.vault.example.com` for all that are named directly under it"
    )]
    Host(String),
    /// Not an audience.
    #[error("{0:?} is not an audience of access tokens: write a URI such as https://vault.example.com")]
    Audience(String),
    /// Not an identity.
    #[error(
        "{0:?} is not a managed identity's object (principal) id: write a GUID such as f0f22d05-6a63-4a1e-a2d1-0fa2fa2ba1b7"
    )]
    Identity(String),
    /// Not the metadata service.
    #[error(
        "{0:?} is not the address of an instance metadata service: write `http://host` or `http://host:port`, without a path"
    )]
    MetadataService(String),
}

impl VaultHost {
    /// `vault.example.com`, `vault.example.com:8443`, or `*.vault.example.com` for every name directly under it.
    pub(super) fn new(host: &str) -> Result<Self, AkvSettingsError> {
        let bad = || AkvSettingsError::Host(shown(host));
        let (any_name_under_it, name) = host.strip_prefix("*.").map_or((false, host), |name| (true, name));
        // A credential spec's rules for hosts are the rules here too.
        let uri = declared::host(name).ok_or_else(bad)?;
        // `*.com` would be everybody.
        if any_name_under_it && uri.host().split('.').count() < 3 {
            return Err(bad());
        }
        Ok(Self { host: uri.host().to_owned(), any_name_under_it, port: uri.port() })
    }

    pub(super) fn admits(&self, secret: &SecretUri) -> bool {
        let host = secret.host();
        let named = if self.any_name_under_it {
            host.split_once('.').is_some_and(|(_, domain)| domain == self.host)
        } else {
            host == self.host
        };
        named && secret.port() == self.port
    }
}

impl fmt::Display for VaultHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (stars, port) = (if self.any_name_under_it { "*." } else { "" }, self.port);
        write!(f, "{stars}{}", self.host)?;
        if port == 443 { Ok(()) } else { write!(f, ":{port}") }
    }
}

impl TrustedVault {
    /// `vault.example.com`, `vault.example.com:8443`, or `*.vault.example.com` for every name directly under it. Tokens for it are asked for
    /// with the audience `https://vault.example.com`.
    ///
    /// # Errors
    /// [`AkvSettingsError::Host`].
    pub fn new(host: &str) -> Result<Self, AkvSettingsError> {
        let host = VaultHost::new(host)?;
        let audience = format!("https://{}", host.host);
        Ok(Self { host, audience, roots: None })
    }

    /// Whom tokens for it are for, if that is not its own name: the resource that the metadata service is asked for.
    ///
    /// # Errors
    /// [`AkvSettingsError::Audience`].
    pub fn with_audience(mut self, audience: &str) -> Result<Self, AkvSettingsError> {
        let plain = audience.bytes().all(|b| b.is_ascii_graphic()) && (9..=512).contains(&audience.len());
        if !plain || !(audience.starts_with("https://") || audience.starts_with("api://")) {
            return Err(AkvSettingsError::Audience(shown(audience)));
        }
        self.audience = audience.to_owned();
        Ok(self)
    }

    /// With the authorities that its certificate must come from, in place of those that this computer trusts.
    #[must_use]
    pub fn with_roots(mut self, roots: Roots) -> Self {
        self.roots = Some(roots);
        self
    }
}

impl fmt::Display for TrustedVault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.host.fmt(f)
    }
}

/// Whom a token for a vault is asked for, and whose certificate the vault must have.
#[derive(Debug)]
pub(super) struct Trust<'a> {
    pub(super) audience: String,
    pub(super) roots: Option<&'a Roots>,
}

/// How a secret's vault is trusted, or everybody who would be.
pub(super) fn find<'a>(extra: &'a [TrustedVault], secret: &SecretUri) -> Result<Trust<'a>, String> {
    if let Some(vault) = extra.iter().find(|vault| vault.host.admits(secret)) {
        return Ok(Trust { audience: vault.audience.clone(), roots: vault.roots.as_ref() });
    }
    let cloud = secret.host().split_once('.').and_then(|(_, domain)| CLOUDS.into_iter().find(|cloud| *cloud == domain));
    match cloud {
        Some(cloud) if secret.port() == 443 => Ok(Trust { audience: format!("https://{cloud}"), roots: None }),
        _ => {
            let clouds = CLOUDS.iter().map(|cloud| format!("*.{cloud}"));
            Err(clouds.chain(extra.iter().map(ToString::to_string)).collect::<Vec<_>>().join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn audience(extra: &[TrustedVault], authority: &str) -> Option<String> {
        let secret = format!("https://{authority}/secrets/x").parse().unwrap();
        find(extra, &secret).ok().map(|trust| trust.audience)
    }

    #[test]
    fn the_clouds_vaults_are_known_with_their_audiences() {
        for (host, expected) in [
            ("contoso.vault.azure.net", "https://vault.azure.net"),
            ("CONTOSO.VAULT.AZURE.CN", "https://vault.azure.cn"),
            ("contoso.vault.usgovcloudapi.net:443", "https://vault.usgovcloudapi.net"),
        ] {
            assert_eq!(audience(&[], host).as_deref(), Some(expected), "{host}");
        }
    }

    #[test]
    fn nobody_else_is_shown_a_token() {
        for host in [
            "vault.azure.net",
            "evilvault.azure.net",
            "contoso.vault.azure.net.evil.example",
            "evil.example",
            "localhost",
            "contoso.vault.azure.net:8443",
            "a.b.vault.azure.net",
            "contosovault.azure.net",
            "contoso.vault.azure.com",
            "169.254.169.254",
            "contoso.managedhsm.azure.net",
            "contoso.vault.microsoftazure.de",
            "azure.net",
        ] {
            assert_eq!(audience(&[], host), None, "{host}");
        }
    }

    #[test]
    fn an_operator_can_name_further_vaults_exactly() {
        let extra = [
            TrustedVault::new("*.vault.local.azurestack.example")
                .unwrap()
                .with_audience("https://vault.adfs.example/0a1b")
                .unwrap(),
            TrustedVault::new("localhost:8443").unwrap(),
        ];
        assert_eq!(
            audience(&extra, "a.vault.local.azurestack.example").as_deref(),
            Some("https://vault.adfs.example/0a1b")
        );
        assert_eq!(audience(&extra, "localhost:8443").as_deref(), Some("https://localhost"));
        assert_eq!(audience(&extra, "contoso.vault.azure.net").as_deref(), Some("https://vault.azure.net"));
        for host in [
            "localhost",
            "localhost:8444",
            "x.localhost:8443",
            "vault.local.azurestack.example",
            "a.b.vault.local.azurestack.example",
        ] {
            assert_eq!(audience(&extra, host), None, "{host}");
        }
        let secret = "https://evil.example/secrets/x".parse().unwrap();
        let known = find(&extra, &secret).unwrap_err();
        assert!(known.contains("*.vault.azure.net") && known.contains("localhost:8443"), "{known}");
    }

    #[test]
    fn settings_that_would_trust_too_many_are_refused() {
        for host in [
            "",
            "*",
            "*.com",
            "*.",
            "*.*.example.com",
            "*.example.com",
            "https://x",
            "a/b",
            "a/secrets",
            "a/secrets/b",
            "a@b",
            "a b",
            "a:0",
            "[::1]",
            "a\n",
        ] {
            assert!(TrustedVault::new(host).is_err(), "{host:?}");
        }
        for audience in ["", "https://", "http://vault.example.com", "https://a b", "https://a\r\nb", "x"] {
            assert!(TrustedVault::new("a.example").unwrap().with_audience(audience).is_err(), "{audience:?}");
        }
    }
}
