//! The command line. Its help is the first documentation a person reads, so it tells the story in order.
//!
//! On Windows it has what a node needs: the account provider, the plugins' installer, and what looks at credential specs.

mod account_provider;
mod credspec;
mod domain_place;
mod plugin;
#[cfg(unix)]
mod unix;

use clap::{Parser, Subcommand, ValueEnum};
use std::net::SocketAddr;
use std::path::PathBuf;

pub use account_provider::{AccountProvider, ProviderRun};
pub use credspec::{Credspec, CredspecCheck, CredspecConvert, CredspecForm, CredspecShow};
pub use plugin::{Plugin, PluginWithdraw};
#[cfg(unix)]
pub use unix::*;

#[cfg(windows)]
const STORY: &str = "\
A container names a gMSA in its credential spec; CCG asks a plugin for the account that may fetch its password, and the plugin asks the
account provider on the node:

  credential spec -> CCG -> plugin -> account provider -> impersonation account -> domain controller -> gMSA

On the node, for the namespace with the impersonation account:    pando account-provider run --help
The plugins, installed, upgraded and removed:                     pando plugin --help
A credential spec, checked or shown:                              pando credspec --help

On Linux, pando is all of this and a domain as well. Every flag may also stand in a TOML file under its command's name, used with --config.";

#[cfg(unix)]
const STORY: &str = "\
See it all at work on this machine, without privileges:           pando demo
A domain of your own, over LDAP, LDAPS and Kerberos:              pando domain provision --help, pando dc run --help

A container names a gMSA in its credential spec; the guard turns that into the gMSA's Kerberos ticket, link by link:

  credential spec -> guard -> plugin -> account provider -> impersonation account -> domain controller -> gMSA

On the node, for the namespace with the impersonation account:    pando account-provider run --help
A gMSA, its KDS root key, and who may retrieve its password:      pando kds --help, pando gmsa --help
A credential spec, made from the directory or checked:            pando credspec --help
The plugins on Windows nodes:                                     pando plugin --help
The identity itself, as a credential cache:                       pando guard fetch --help
A program, or every container of a host, with its identity:       pando guard exec --help, pando guard run --help
Which link of the chain fails, and what to do about it:           pando doctor --help
An application that logs its users in with that identity:         pando example rate-limiter --help

The domain controller may be Microsoft's, or any that speaks as it does. Every flag may also stand in a TOML file under its
command's name:

  # pando.toml, used with --config pando.toml
  [account-provider.run]
  namespace = \"team-a\"
  secrets = \"/etc/pando/secrets\"";

/// An Active Directory-compatible directory, and the chain of trust that carries its service accounts into containers.
#[derive(Debug, Parser)]
#[command(name = "pando", version, about, after_help = STORY, args_override_self = true, propagate_version = true)]
pub struct Cli {
    /// A TOML file with the same names as the flags, in a table named after the command, such as [guard.fetch].
    #[arg(long, global = true, value_name = "FILE", env = "PANDO_CONFIG")]
    pub config: Option<PathBuf>,
    /// What to log to standard error: error, warn, info, debug, trace, or a filter such as `ccg=debug`.
    #[arg(long, global = true, default_value = "warn", value_name = "FILTER", env = "PANDO_LOG")]
    pub log: String,
    /// How log lines look.
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    #[cfg(unix)]
    #[command(flatten)]
    Domain(DomainCommand),
    /// Create the credential spec by which a container names its gMSA.
    #[command(subcommand)]
    Credspec(Credspec),
    /// Hand an impersonation account's credentials to the plugin on this node, over mutual TLS.
    #[command(subcommand)]
    AccountProvider(AccountProvider),
    /// Install the plugins of Windows' Container Credential Guard on this computer, and take them away.
    #[command(subcommand)]
    Plugin(Plugin),
    #[cfg(unix)]
    #[command(flatten)]
    Container(ContainerCommand),
}

/// The DNS servers that were named, or those of this machine.
pub fn resolver(dns: &[SocketAddr]) -> client::dns::Resolver {
    match dns {
        [] => client::dns::Resolver::system(),
        named => client::dns::Resolver::new(named.iter().copied()),
    }
}
