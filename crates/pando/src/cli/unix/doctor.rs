//! `pando doctor`.

use std::path::PathBuf;

use clap::Args;

use super::GuardWays;

#[derive(Args, Debug)]
pub struct Doctor {
    /// The credential spec to follow to the gMSA's ticket. Nothing is written.
    #[arg(long, value_name = "FILE")]
    pub credspec: Option<PathBuf>,
    /// Without a credential spec: the domain whose controllers are looked for, and looked at.
    #[arg(long, value_name = "DNS NAME", conflicts_with = "credspec", required_unless_present = "credspec")]
    pub domain: Option<String>,
    #[command(flatten)]
    pub guard: GuardWays,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}
