//! CCGAKV: the plugin that asks Azure Key Vault, as a managed identity of the machine.
//!
//! Two questions: an access token from the instance metadata service, which only answers on the machine itself, and with it the secret
//! from the vault. The token is sent to Key Vaults and to nobody else.

mod answers;
mod error;
mod limits;
mod secret;
mod secret_text;
mod token;
mod vaults;

use credspec::{AKV_CLSID, AkvInput};
use dtyp::Guid;

use limits::Limits;

use crate::retry::{Patience, patient};
use crate::{Hop, PasswordCredentials, Plugin, PluginError, declared, http};

pub use error::AkvError;
pub use secret_text::BadSecret;
pub use vaults::{AkvSettingsError, TrustedVault};

/// The plugin of Azure Key Vault.
#[derive(Clone, Debug)]
pub struct Akv {
    service: String,
    vaults: Vec<TrustedVault>,
    limits: Limits,
    patience: Patience,
    /// Who hears of it when a vault is about to be asked.
    asking: Option<fn(&str)>,
}

patient!(Akv);

impl Akv {
    /// Where every machine of Azure finds its metadata service.
    pub const METADATA_SERVICE: &'static str = "http://169.254.169.254";

    /// The plugin for machines of Azure's clouds, with less time for a call than a guard gives a plugin.
    #[must_use]
    pub fn new() -> Self {
        Self {
            service: Self::METADATA_SERVICE.to_owned(),
            vaults: Vec::new(),
            limits: Limits::default(),
            patience: Patience::of_seconds(25),
            asking: None,
        }
    }

    /// With the instance metadata service at another address: `http://host` or `http://host:port`.
    ///
    /// # Errors
    /// [`AkvSettingsError::MetadataService`].
    pub fn with_metadata_service(mut self, url: &str) -> Result<Self, AkvSettingsError> {
        self.service = declared::metadata_service(url).map_err(AkvSettingsError::MetadataService)?;
        Ok(self)
    }

    /// With somebody who hears, before a vault is asked, which one it is, and for which secret.
    #[must_use]
    pub fn when_asking(mut self, tell: fn(&str)) -> Self {
        self.asking = Some(tell);
        self
    }

    /// With a further vault, or domain of vaults, that access tokens may be sent to.
    #[must_use]
    pub fn with_vault(mut self, vault: TrustedVault) -> Self {
        self.vaults.push(vault);
        self
    }

    /// With these vaults only, written as [`TrustedVault::new`] takes them: of those that access tokens may be sent to, no others are asked.
    ///
    /// # Errors
    /// [`AkvSettingsError::Host`].
    pub fn only_vaults<'a>(mut self, hosts: impl IntoIterator<Item = &'a str>) -> Result<Self, AkvSettingsError> {
        self.limits.set_vaults(hosts)?;
        Ok(self)
    }

    /// As these of the machine's identities only, by their object ids.
    ///
    /// # Errors
    /// [`AkvSettingsError::Identity`].
    pub fn only_identities<'a>(
        mut self,
        object_ids: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, AkvSettingsError> {
        self.limits.set_identities(object_ids)?;
        Ok(self)
    }
}

impl Default for Akv {
    fn default() -> Self {
        Self::new()
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
        self.limits.check(input)?;
        let agent = http::https_trusting(trust.roots);
        let agent = agent.map_err(|source| AkvError::Roots { vault: vault.clone(), source })?;
        let (mut budget, seconds) = (self.patience.budget(), self.patience.seconds());
        let token = token::fetch(&self.service, input, &trust.audience, &mut budget, seconds)?;
        if let Some(tell) = self.asking {
            tell(&format!("{vault}, for the secret {}", input.secret.name()));
        }
        let secret = secret::fetch(&agent, input, &token, &mut budget, seconds)?;
        let account = secret_text::parse(&secret.value).map_err(|what| AkvError::BadSecret {
            vault: vault.clone(),
            secret: input.secret.name().to_owned(),
            what,
        })?;
        let version = secret.version.map_or_else(String::new, |version| format!(" (version {version})"));
        let by = http::trusted(trust.roots);
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
