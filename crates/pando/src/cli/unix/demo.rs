//! `pando demo`.

use std::path::PathBuf;

use clap::Args;

/// Where the demo keeps the impersonation account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum DemoPlugin {
    /// A folder of secrets, served by an account provider.
    Rkc,
    /// An emulated Azure Key Vault.
    Akv,
}

#[derive(Args, Debug)]
pub struct Demo {
    /// End after the tour; the exit code is not zero if any link failed.
    #[arg(long)]
    pub exit: bool,
    /// Print one JSON document instead of text.
    #[arg(long)]
    pub json: bool,
    /// The plugin that the credential specs name: rkc, which asks an account provider, or akv, which asks an emulated Azure Key Vault as an
    /// emulated managed identity.
    #[arg(long, value_enum, value_name = "PLUGIN", default_value_t = DemoPlugin::Rkc)]
    pub plugin: DemoPlugin,
    /// Keep everything the demo makes in this folder, which must be empty or not exist. Otherwise a temporary one is used, and removed
    /// at the end.
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
}
