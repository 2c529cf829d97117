//! `pando plugin`: what is done on a node is the installer's; a cluster's nodes are told by their DaemonSet.

use std::process::ExitCode;
use std::time::Duration;

use pando_kube::{api, withdraw};

use super::Failed;
use crate::cli::PluginWithdraw;
use crate::terminal;

pub async fn withdraw_all(args: PluginWithdraw) -> Result<ExitCode, Failed> {
    let client = api::connect(args.kubeconfig.as_deref()).await?;
    let patience = Duration::from_secs(args.timeout);
    let nodes = withdraw(client, &args.namespace, &args.daemonset, patience).await?;
    terminal::say(format_args!("the plugins are gone from all {nodes} Windows nodes"));
    Ok(ExitCode::SUCCESS)
}
