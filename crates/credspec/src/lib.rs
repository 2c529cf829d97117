//! The credential spec: parse, validate, generate.
//!
//! A credential spec is the JSON document by which a container says which gMSA it runs as, and how the host comes by the right to fetch
//! it. It holds no secret. People write it by hand, copy it between clusters and mix up its identifiers, so reading one ends either in a
//! [`CredentialSpec`] whose every field is what it claims to be, or in [`Problem`]s that name the place, the fault and the fix. Whether the
//! identifiers are those of the domain that answers is for the guard to find out; nothing here does I/O.
//!
//! In reading order: [`CredentialSpec`] and its parts; [`check()`], what `pando credspec check` prints; [`CredentialSpec::generate`];
//! [`RkcInput`], what the Kubernetes plugin is told, with the [`Namespace`] and [`SecretName`] it is made of; [`AkvInput`] and
//! [`SecretUri`], what the plugin of Azure Key Vault is told; [`VaultInput`] and [`FileInput`], what those of our own are told; [`mod@aws`] for those that ask AWS; [`KnownPlugin`], all of them.
//!
//! ```
//! use credspec::{CredentialSpec, DomainFacts, HostAccountConfig, RkcInput};
//! let facts = DomainFacts {
//!     sid: "S-1-5-21-702590844-1001920913-2680819671".parse()?,
//!     guid: "56d9b66c-d746-4f87-bd26-26760cfdca2e".parse()?,
//!     dns_name: "contoso.com".parse()?,
//!     dns_tree_name: "contoso.com".parse()?,
//!     net_bios_name: "CONTOSO".parse()?,
//! };
//! let plugin = HostAccountConfig::rkc(&"gmsa:ccg-reader".parse::<RkcInput>()?);
//! let spec = CredentialSpec::generate(&facts, &["webapp01".parse()?], Some(plugin))?;
//! assert_eq!(CredentialSpec::parse(spec.to_json().as_bytes())?, spec);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Source of the format: Microsoft, "Create gMSAs for Windows containers" and the PowerShell module CredentialSpec; the
//! GMSACredentialSpec resource (windows.k8s.io) has the same fields.

mod akv_input;
pub mod aws;
mod check;
mod error;
mod form;
mod generate;
mod known_plugin;
mod name;
mod plugin_input;
mod spec;
mod store_input;
mod tree;

pub use akv_input::{AkvInput, SecretUri};
pub use aws::{AWS_CLSID, AwsInput, ECS_CLSID};
pub use check::{Report, check};
pub use error::{Problem, Severity, SpecError};
pub use form::{Document, Form, is_resource_name, read};
pub use generate::DomainFacts;
pub use known_plugin::KnownPlugin;
pub use name::{AccountName, BadName, DnsName, NetBiosName};
pub use plugin_input::{AKV_CLSID, BadInput, Namespace, PluginInput, RKC_CLSID, RkcInput, SecretName};
pub use spec::{
    ActiveDirectoryConfig, CredentialSpec, DomainJoinConfig, GroupManagedServiceAccount, HostAccountConfig,
};
pub use store_input::{FILE_CLSID, FileInput, StorePath, VAULT_CLSID, VaultInput};
