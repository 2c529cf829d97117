//! What a plugin of the Container Credential Guard does, for any host.
//!
//! A host that is not joined to the domain needs *some* account to ask the directory with. A [`Plugin`] knows where that impersonation
//! account's credentials are kept; the guard calls it by the class that the credential spec names, with the text the spec has for it. The
//! COM shell on Windows and the guard on Linux call the same code. A plugin blocks, may be called from several threads at once, and keeps
//! nothing between calls, so no caller can see another's secret and a changed one is what the next call returns.
//!
//! In reading order: [`Plugin`] and what it returns, [`PasswordCredentials`]; [`PluginError`]; [`Registry`], plugins by class;
//! [`Rkc`], the plugin of Kubernetes clusters; [`Akv`], the plugin of Azure Key Vault, with [`TrustedVault`] for vaults outside Azure's own
//! clouds; [`Aws`], that of AWS Secrets Manager; [`Vault`], that of HashiCorp Vault and OpenBao, with [`VaultAuth`], as whom it asks; [`Files`], that of a folder (Linux only); [`Process`], a program of the operator's that speaks JSON (Linux only); [`WindowsCodes`], what COM and the event log are told.
//!
//! ```no_run
//! use plugins::{Plugin, Rkc};
//! let credentials = Rkc::new("/var/lib/rancher/gmsa").get_password_credentials("gmsa:ccg-reader")?;
//! println!("{}\\{}", credentials.domain, credentials.username);
//! # Ok::<(), plugins::PluginError>(())
//! ```
//!
//! Follows Microsoft's `ICcgDomainAuthCredentials` (ccgplugins.h); class identifiers, inputs, file layout and answers
//! are those of Rancher's plugin and of Microsoft's for Azure Key Vault.

mod account;
mod account_object;
mod akv;
mod aws;
mod body;
mod declared;
mod error;
#[cfg(target_os = "linux")]
mod file;
mod http;
mod json_texts;
#[cfg(target_os = "linux")]
mod owned;
mod plugin;
#[cfg(target_os = "linux")]
mod process;
mod registry;
mod retry;
mod rkc;
mod vault;
mod windows_codes;

pub use akv::{Akv, AkvError, AkvSettingsError, BadSecret, TrustedVault};
pub use aws::{Aws, AwsEndpoint, AwsError, AwsService, AwsSettingsError, KeySource, Keys};
pub use error::PluginError;
#[cfg(target_os = "linux")]
pub use file::{FileError, Files};
#[cfg(target_os = "linux")]
pub use owned::check_owned;
pub use plugin::{Hop, PasswordCredentials, Plugin};
#[cfg(target_os = "linux")]
pub use process::{Process, ProcessError};
pub use registry::Registry;
pub use rkc::Rkc;
pub use vault::{Vault, VaultAuth, VaultError, VaultSettingsError};
pub use windows_codes::WindowsCodes;
