//! `pando credspec`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

#[derive(Debug, Subcommand)]
pub enum Credspec {
    /// Write the credential spec of a gMSA from what the directory knows.
    #[cfg(unix)]
    New(super::CredspecNew),
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
