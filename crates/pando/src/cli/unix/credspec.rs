//! `pando credspec new`, which asks a directory.

use std::path::PathBuf;

use clap::Args;

use super::Administrator;
use crate::cli::CredspecForm;

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
