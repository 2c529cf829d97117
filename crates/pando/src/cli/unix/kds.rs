//! `pando kds`.

use clap::{Args, Subcommand};

use super::Administrator;

#[derive(Debug, Subcommand)]
pub enum Kds {
    /// Create a root key.
    Create(KdsCreate),
    /// List the forest's root keys.
    List(KdsList),
    /// Delete a root key. The gMSAs whose password was derived from it cannot be used until their next password is due.
    Retire(KdsRetire),
}

#[derive(Args, Debug)]
pub struct KdsCreate {
    /// Effective at once, instead of in ten hours, by when it has reached every domain controller. For a forest with only one.
    #[arg(long)]
    pub immediately: bool,
    #[command(flatten)]
    pub administrator: Administrator,
}

#[derive(Args, Debug)]
pub struct KdsList {
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub administrator: Administrator,
}

#[derive(Args, Debug)]
pub struct KdsRetire {
    /// Its name, as `pando kds list` shows it.
    #[arg(value_name = "ID")]
    pub id: String,
    /// Delete it although gMSAs have a password derived from it.
    #[arg(long)]
    pub force: bool,
    #[command(flatten)]
    pub administrator: Administrator,
}
