//! CCGAKV: the plugin that asks Azure Key Vault, as a managed identity of the machine.
//!
//! Two questions: an access token from the instance metadata service, which only answers on the machine itself, and with it the secret
//! from the vault. The token is sent to Key Vaults and to nobody else.

mod answers;
mod error;
mod secret;
mod secret_text;
mod token;
mod vaults;

use std::sync::Arc;
use std::time::Duration;

use credspec::{AKV_CLSID, AkvInput, SecretUri};
use dtyp::Guid;

use crate::retry::Budget;
use crate::{Hop, PasswordCredentials, Plugin, PluginError, http};

pub use error::AkvError;
pub use secret_text::BadSecret;
pub use vaults::{AkvSettingsError, TrustedVault};

/// The plugin of Azure Key Vault.
#[derive(Clone)]
pub struct Akv {
    service: String,
    vaults: Vec<TrustedVault>,
    timeout: Duration,
    pause: Arc<dyn Fn(Duration) + Send + Sync>,
}

impl Akv {
    /// Where every machine of Azure finds its metadata service.
    pub const METADATA_SERVICE: &'static str = "http://169.254.169.254";

    /// The plugin for machines of Azure's clouds, with less time for a call than a guard gives a plugin.
    #[must_use]
    pub fn new() -> Self {
        Self {
            service: Self::METADATA_SERVICE.to_owned(),
            vaults: Vec::new(),
            timeout: Duration::from_secs(25),
            pause: Arc::new(std::thread::sleep),
        }
    }

    /// With the instance metadata service at another address: `http://host` or `http://host:port`.
    ///
    /// # Errors
    /// [`AkvSettingsError::MetadataService`].
    pub fn with_metadata_service(mut self, url: &str) -> Result<Self, AkvSettingsError> {
        let bad = || AkvSettingsError::MetadataService(url.chars().take(200).collect());
        // The rules for hosts are those of a credential spec.
        let authority = url.strip_prefix("http://").ok_or_else(bad)?;
        format!("https://{authority}/secrets/x").parse::<SecretUri>().map_err(|_| bad())?;
        self.service = url.to_owned();
        Ok(self)
    }

    /// With a further vault, or domain of vaults, that access tokens may be sent to.
    #[must_use]
    pub fn with_vault(mut self, vault: TrustedVault) -> Self {
        self.vaults.push(vault);
        self
    }

    /// With this much time for a whole call, its waits between tries included.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// With another way to wait between tries, which tests need.
    #[must_use]
    pub fn with_pause(mut self, pause: impl Fn(Duration) + Send + Sync + 'static) -> Self {
        self.pause = Arc::new(pause);
        self
    }
}

impl Default for Akv {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Akv {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { service, vaults, timeout, pause: _ } = self;
        f.debug_struct("Akv").field("service", service).field("vaults", vaults).field("timeout", timeout).finish()
    }
}

impl Plugin for Akv {
    fn clsid(&self) -> Guid {
        AKV_CLSID
    }

    fn name(&self) -> &str {
        "akv"
    }

    fn get_password_credentials(&self, input: &str) -> Result<PasswordCredentials, PluginError> {
        let input: AkvInput = input.parse()?;
        Ok(self.ask(&input)?)
    }
}

impl Akv {
    fn ask(&self, input: &AkvInput) -> Result<PasswordCredentials, AkvError> {
        let vault = input.secret.authority();
        let trust = vaults::find(&self.vaults, &input.secret)
            .map_err(|known| AkvError::UnknownVault { host: vault.clone(), known })?;
        let unchecked = |source| AkvError::Roots { vault: vault.clone(), source };
        let agent = match trust.roots {
            Some(roots) => http::https(roots),
            None => http::https_as_this_computer_trusts(),
        };
        let agent = agent.map_err(unchecked)?;
        let (mut budget, seconds) = (Budget::new(self.timeout, &*self.pause), self.timeout.as_secs());
        let token = token::fetch(&self.service, input, &trust.audience, &mut budget, seconds)?;
        let secret = secret::fetch(&agent, input, &token, &mut budget, seconds)?;
        let account = secret_text::parse(&secret.value).map_err(|what| AkvError::BadSecret {
            vault: vault.clone(),
            secret: input.secret.name().to_owned(),
            what,
        })?;
        let version = secret.version.map_or_else(String::new, |version| format!(" (version {version})"));
        let by = if trust.roots.is_some() { "the operator named for it" } else { "this computer trusts" };
        Ok(PasswordCredentials {
            domain: account.domain,
            username: account.username,
            password: account.password,
            hop: Hop {
                to: format!("Key Vault {vault}, secret {}{version}", input.secret.name()),
                how: format!(
                    "HTTPS: the vault by a certificate of an authority that {by}, the plugin by an access token for {} of managed identity {}, from the metadata service at {}",
                    trust.audience, input.object_id, self.service
                ),
                authorised_by: format!("the vault lets managed identity {} get that secret", input.object_id),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metadata_service_is_a_host_and_a_port() {
        for url in ["http://169.254.169.254", "http://localhost:8080", "http://imds.example"] {
            assert!(Akv::new().with_metadata_service(url).is_ok(), "{url}");
        }
        for url in [
            "",
            "169.254.169.254",
            "https://x",
            "http://",
            "http://x/",
            "http://x?y",
            "http://u@x",
            "http://x/a",
            "http://x:0",
        ] {
            assert!(Akv::new().with_metadata_service(url).is_err(), "{url}");
        }
    }
}
