//! `pando credspec`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

#[cfg(unix)]
use super::Administrator;

#[derive(Debug, Subcommand)]
pub enum Credspec {
    /// Write the credential spec of a gMSA from what the directory knows.
    #[cfg(unix)]
    New(CredspecNew),
    /// Check a credential spec and say what is wrong with it.
    Check(CredspecCheck),
    /// Show what a credential spec says, in words.
    Show(CredspecShow),
    /// Write a credential spec in another form: a file, an option of Docker, a resource of Kubernetes.
    Convert(CredspecConvert),
}

/// What a credential spec travels in. Every command that reads one takes any of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CredspecForm {
    /// The JSON file.
    File,
    /// What follows --security-opt of `docker run`, with the JSON in it.
    Docker,
    /// A GMSACredentialSpec of windows.k8s.io/v1, for `kubectl apply`.
    Kubernetes,
}

#[cfg(unix)]
#[derive(Args, Debug)]
pub struct CredspecNew {
    /// The gMSA, without the `$`. The first is the container's default; repeat for more.
    #[arg(long, value_name = "NAME", required = true)]
    pub account: Vec<String>,
    /// A gMSA of another domain, which is listed under that domain's names: NAME@DNS-NAME/NETBIOS-NAME. May be repeated.
    #[arg(long, value_name = "ACCOUNT")]
    pub also: Vec<String>,
    #[command(flatten)]
    pub administrator: Administrator,
    /// The CCG plugin that fetches the impersonation account's credentials: rkc (Rancher Kubernetes Cluster), akv (Azure Key Vault), aws
    /// (AWS Secrets Manager), ecs (the same, as Amazon ECS writes it), vault (HashiCorp Vault, OpenBao), file (a folder on the host), or a
    /// plugin's GUID. None for hosts joined to the domain.
    #[arg(long, value_name = "PLUGIN", requires = "plugin_input")]
    pub plugin: Option<String>,
    /// What the plugin is told: NAMESPACE:SECRET for rkc, ObjectId=GUID;SecretUri=URL for akv, a secret's ARN for aws and ecs,
    /// MOUNT:PATH for vault, a secret's name for file.
    #[arg(long, value_name = "TEXT", requires = "plugin")]
    pub plugin_input: Option<String>,
    /// The form to write.
    #[arg(long, value_enum, default_value_t = CredspecForm::File)]
    pub form: CredspecForm,
    /// The resource's name in Kubernetes; the first account's if not given.
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Where to write it; standard output if not given.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub struct CredspecCheck {
    /// The credential spec, in any form.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

#[derive(Args, Debug)]
pub struct CredspecShow {
    /// The credential spec, in any form.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Debug)]
pub struct CredspecConvert {
    /// The credential spec, in any form.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The form to write.
    #[arg(long, value_enum)]
    pub to: CredspecForm,
    /// The resource's name in Kubernetes; the one it has, or the first account's, if not given.
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Write the resource as JSON instead of YAML.
    #[arg(long)]
    pub json: bool,
    /// Where to write it; standard output if not given.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}
