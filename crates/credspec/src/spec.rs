//! The credential spec as a type: what is in it is what it claims to be.

use dtyp::{Guid, Sid};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::akv_input::AkvInput;
use crate::check::check;
use crate::plugin_input::{AKV_CLSID, RKC_CLSID, RkcInput};
use crate::{AccountName, DnsName, NetBiosName, PluginInput, Report, SpecError};

/// Which gMSAs a container runs as, of which domain, and how the host comes by the right to fetch them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct CredentialSpec {
    /// Always holds `ActiveDirectory`.
    pub cms_plugins: Vec<String>,
    /// The domain.
    pub domain_join_config: DomainJoinConfig,
    /// The accounts.
    pub active_directory_config: ActiveDirectoryConfig,
}

/// The domain, by all its names, and the container's default account in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct DomainJoinConfig {
    /// The SID of the domain (not of the gMSA).
    #[serde(serialize_with = "as_text")]
    pub sid: Sid,
    /// The account the container is, without the `$`.
    pub machine_account_name: AccountName,
    /// The objectGUID of the domain.
    #[serde(serialize_with = "as_text")]
    pub guid: Guid,
    /// The DNS name of the forest's root.
    pub dns_tree_name: DnsName,
    /// The DNS name of the domain.
    pub dns_name: DnsName,
    /// The NetBIOS name of the domain.
    pub net_bios_name: NetBiosName,
}

/// The accounts, and who may fetch them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ActiveDirectoryConfig {
    /// Each account once for each name of its domain.
    pub group_managed_service_accounts: Vec<GroupManagedServiceAccount>,
    /// How a host that is not joined to the domain gets the impersonation account; none on hosts that are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_account_config: Option<HostAccountConfig>,
}

/// A gMSA under one name of its domain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct GroupManagedServiceAccount {
    /// The account, without the `$`.
    pub name: AccountName,
    /// The DNS or NetBIOS name of its domain.
    pub scope: String,
}

/// Which plugin gives the impersonation account's credentials, and what it is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct HostAccountConfig {
    /// `1`.
    pub portable_ccg_version: String,
    /// The COM class of the plugin.
    #[serde(rename = "PluginGUID", serialize_with = "as_braced")]
    pub plugin_guid: Guid,
    /// What it is told.
    pub plugin_input: PluginInput,
}

impl HostAccountConfig {
    /// The only version there is.
    pub const VERSION: &'static str = "1";

    /// This plugin with this input.
    #[must_use]
    pub fn new(plugin: Guid, input: PluginInput) -> Self {
        Self { portable_ccg_version: Self::VERSION.to_owned(), plugin_guid: plugin, plugin_input: input }
    }

    /// The plugin of Kubernetes clusters.
    #[must_use]
    pub fn rkc(input: &RkcInput) -> Self {
        Self::new(RKC_CLSID, input.into())
    }

    /// For the plugin of Azure Key Vault.
    #[must_use]
    pub fn akv(input: &AkvInput) -> Self {
        Self::new(AKV_CLSID, input.into())
    }
}

impl CredentialSpec {
    /// The one entry that [`cms_plugins`](Self::cms_plugins) must have.
    pub const ACTIVE_DIRECTORY: &'static str = "ActiveDirectory";

    /// Reads a credential spec, which may have warnings but no errors.
    ///
    /// # Errors
    /// All that is wrong with it, in [`SpecError::Invalid`], or why it is no JSON.
    pub fn parse(bytes: &[u8]) -> Result<Self, SpecError> {
        check(bytes)?.into_spec()
    }

    /// The text, as the PowerShell command `New-CredentialSpec` lays it out.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Nothing in these types can fail to be written: all keys are text.
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }

    /// The accounts of the spec's own domain, the container's default account first, each once.
    #[must_use]
    pub fn accounts(&self) -> Vec<&AccountName> {
        let domain = &self.domain_join_config;
        let mut accounts = vec![&domain.machine_account_name];
        for account in &self.active_directory_config.group_managed_service_accounts {
            if domain.is_named(&account.scope) && !accounts.contains(&&account.name) {
                accounts.push(&account.name);
            }
        }
        accounts
    }
}

impl CredentialSpec {
    /// With an account of another domain too, listed under both of that domain's names.
    #[must_use]
    pub fn with_foreign(mut self, name: &AccountName, dns_name: &DnsName, net_bios_name: &NetBiosName) -> Self {
        let scopes = [dns_name.as_str(), net_bios_name.as_str()];
        let listed = scopes.map(|scope| GroupManagedServiceAccount { name: name.clone(), scope: scope.to_owned() });
        self.active_directory_config.group_managed_service_accounts.extend(listed);
        self
    }

    /// The accounts of other domains, as they are listed.
    pub fn foreign_accounts(&self) -> impl Iterator<Item = &GroupManagedServiceAccount> {
        let listed = self.active_directory_config.group_managed_service_accounts.iter();
        listed.filter(|account| !self.domain_join_config.is_named(&account.scope))
    }
}

impl DomainJoinConfig {
    /// Whether `name` is the domain's DNS or NetBIOS name.
    #[must_use]
    pub fn is_named(&self, name: &str) -> bool {
        self.dns_name.is(name) || self.net_bios_name.is(name)
    }
}

impl<'de> Deserialize<'de> for CredentialSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Report::deserialize(deserializer)?.into_spec().map_err(D::Error::custom)
    }
}

fn as_text<T: ToString, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&value.to_string())
}

/// CCG does not call a plugin whose GUID lacks its braces.
fn as_braced<S: Serializer>(value: &Guid, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&value.braced().to_uppercase())
}
