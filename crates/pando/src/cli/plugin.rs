//! `pando plugin`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Install the plugins of Windows' Container Credential Guard on this computer, and take them away.
#[derive(Debug, Subcommand)]
pub enum Plugin {
    /// What is done on a node.
    #[command(flatten)]
    Here(installer::command::Command),
    /// Have all Windows nodes of a cluster uninstall, and wait for them: before the chart that installed is deleted.
    Withdraw(PluginWithdraw),
}

#[derive(Args, Debug)]
pub struct PluginWithdraw {
    /// The namespace of the chart's release.
    #[arg(long, value_name = "NAME", env = "NAMESPACE")]
    pub namespace: String,
    /// The DaemonSet of the chart's release.
    #[arg(long, value_name = "NAME")]
    pub daemonset: String,
    /// For how long nodes are waited for; after that, it fails and says how many are left.
    #[arg(long, value_name = "SECONDS", default_value_t = 240)]
    pub timeout: u64,
    /// How to reach the cluster; the pod's service account if not given.
    #[arg(long, value_name = "FILE", env = "KUBECONFIG")]
    pub kubeconfig: Option<PathBuf>,
}
