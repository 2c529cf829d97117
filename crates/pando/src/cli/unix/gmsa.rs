//! `pando gmsa`.

use clap::{Args, Subcommand, ValueEnum};

use super::Administrator;

#[derive(Debug, Subcommand)]
pub enum Gmsa {
    /// Create a gMSA.
    Create(GmsaCreate),
    /// List the domain's gMSAs.
    List(GmsaList),
    /// Show one: its password's age, its service principal names, who may retrieve its password.
    Show(GmsaShow),
    /// Let users, computers or groups retrieve its password.
    Allow(GmsaReaders),
    /// Let users, computers or groups retrieve its password no longer.
    Deny(GmsaReaders),
    /// Add and remove service principal names: what clients ask tickets for.
    #[command(subcommand)]
    Spn(GmsaSpn),
    /// Change what can be changed: host name, encryption types, who may act for users towards it, whether it is enabled.
    Set(GmsaSet),
    /// Say whether a principal may retrieve its password, and why not.
    Explain(GmsaExplain),
    /// Retrieve its password as --user and throw it away, to see that it works.
    Test(GmsaName),
    /// Delete it.
    Retire(GmsaName),
}

#[derive(Args, Debug)]
pub struct GmsaCreate {
    /// Its name, with or without the `$`.
    #[arg(value_name = "NAME")]
    pub name: String,
    /// A user, computer or group that may retrieve its password: account name or distinguished name. May be repeated.
    #[arg(long, value_name = "PRINCIPAL")]
    pub allow: Vec<String>,
    /// The host name of the service; NAME.DOMAIN if not given.
    #[arg(long, value_name = "DNS NAME")]
    pub dns_host_name: Option<String>,
    /// A service principal name, such as HTTP/webapp.contoso.com. May be repeated.
    #[arg(long, value_name = "SPN")]
    pub spn: Vec<String>,
    /// How many days a password lasts. It cannot be changed later: a new interval needs a new account.
    #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=3650))]
    pub interval_days: u32,
    /// Where it is created; the container Managed Service Accounts if not given.
    #[arg(long, value_name = "DN")]
    pub container: Option<String>,
    #[command(flatten)]
    pub administrator: Administrator,
}

#[derive(Args, Debug)]
pub struct GmsaList {
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub administrator: Administrator,
}

#[derive(Args, Debug)]
pub struct GmsaName {
    /// The gMSA, with or without the `$`.
    #[arg(value_name = "NAME")]
    pub name: String,
    #[command(flatten)]
    pub administrator: Administrator,
}

#[derive(Args, Debug)]
pub struct GmsaShow {
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub gmsa: GmsaName,
}

#[derive(Args, Debug)]
pub struct GmsaReaders {
    #[command(flatten)]
    pub gmsa: GmsaName,
    /// Users, computers or groups: account names or distinguished names.
    #[arg(value_name = "PRINCIPAL", required = true)]
    pub principals: Vec<String>,
}

#[derive(Args, Debug)]
pub struct GmsaExplain {
    #[command(flatten)]
    pub gmsa: GmsaName,
    /// The user, computer or group in question.
    #[arg(value_name = "PRINCIPAL")]
    pub principal: String,
}

#[derive(Debug, Subcommand)]
pub enum GmsaSpn {
    /// Add service principal names. A name that another account has is refused.
    Add(GmsaSpnNames),
    /// Remove service principal names.
    Remove(GmsaSpnNames),
}

#[derive(Args, Debug)]
pub struct GmsaSpnNames {
    #[command(flatten)]
    pub gmsa: GmsaName,
    /// Service principal names, such as HTTP/webapp.contoso.com.
    #[arg(value_name = "SPN", required = true)]
    pub names: Vec<String>,
}

/// A kind of Kerberos key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EncryptionType {
    Aes128,
    Aes256,
}

#[derive(Args, Debug)]
#[group(id = "changes", required = true, multiple = true)]
pub struct GmsaChanges {
    /// The host name of the service.
    #[arg(long, value_name = "DNS NAME")]
    pub dns_host_name: Option<String>,
    /// The kinds of keys that tickets for it have. May be repeated, or separated by commas.
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    pub encryption_types: Vec<EncryptionType>,
    /// A text for people.
    #[arg(long, value_name = "TEXT")]
    pub description: Option<String>,
    /// An account that may act for users towards it (PrincipalsAllowedToDelegateToAccount). May be repeated; replaces those before.
    #[arg(long, value_name = "PRINCIPAL")]
    pub delegate: Vec<String>,
    /// Nobody may act for users towards it any more.
    #[arg(long, conflicts_with = "delegate")]
    pub delegate_nobody: bool,
    /// Let it log on.
    #[arg(long)]
    pub enable: bool,
    /// Let it log on no longer, and let nobody use it.
    #[arg(long, conflicts_with = "enable")]
    pub disable: bool,
}

#[derive(Args, Debug)]
pub struct GmsaSet {
    #[command(flatten)]
    pub gmsa: GmsaName,
    #[command(flatten)]
    pub changes: GmsaChanges,
}
