//! `vault`: a server of HashiCorp Vault or OpenBao, and as whom it is asked.

use std::path::PathBuf;

use ccg::plugins::{Plugin, Vault, VaultAuth, VaultSettingsError};
use credspec::VAULT_CLSID;
use serde::Deserialize;

use super::PluginsError;
use super::declaration::Declared;

/// The server. Exactly one of `kubernetes`, `approle` and `token-file` says as whom.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct VaultSettings {
    address: String,
    ca: Option<PathBuf>,
    namespace: Option<String>,
    mounts: Option<Vec<String>>,
    kubernetes: Option<Kubernetes>,
    approle: Option<AppRole>,
    token_file: Option<PathBuf>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kubernetes {
    role: String,
    mount: Option<String>,
    token: Option<PathBuf>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct AppRole {
    role_id: String,
    secret_id_file: PathBuf,
    mount: Option<String>,
}

impl VaultSettings {
    pub fn build(self, declared: &Declared<'_>) -> Result<Box<dyn Plugin>, PluginsError> {
        let wrong = |error: VaultSettingsError| declared.wrong(error);
        let auth = match (self.kubernetes, self.approle, self.token_file) {
            (Some(Kubernetes { role, mount, token }), None, None) => {
                let token = token.unwrap_or_else(|| VaultAuth::SERVICE_ACCOUNT_TOKEN.into());
                VaultAuth::kubernetes(mount.as_deref().unwrap_or("kubernetes"), &role, token).map_err(wrong)?
            }
            (None, Some(AppRole { role_id, secret_id_file, mount }), None) => {
                VaultAuth::app_role(mount.as_deref().unwrap_or("approle"), &role_id, secret_id_file).map_err(wrong)?
            }
            (None, None, Some(token)) => VaultAuth::token_file(token),
            _ => return Err(declared.wrong("it does not have exactly one of kubernetes, approle and token-file")),
        };
        let mut vault = Vault::new(&self.address, auth).map_err(wrong)?;
        if let Some(namespace) = self.namespace {
            vault = vault.with_namespace(&namespace).map_err(wrong)?;
        }
        if let Some(mounts) = self.mounts {
            vault = vault.with_mounts(&mounts).map_err(wrong)?;
        }
        if let Some(ca) = self.ca {
            vault = vault.with_roots(declared.roots(&ca)?);
        }
        if let Some(timeout) = declared.timeout {
            vault = vault.with_timeout(timeout);
        }
        Ok(Box::new(vault.with_class(&declared.name, declared.clsid.unwrap_or(VAULT_CLSID))))
    }
}
