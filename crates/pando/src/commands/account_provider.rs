//! `pando account-provider run`.

use super::{Failed, announce, stopped};
use crate::cli::ProviderRun;
use pando_kube::{AccountProvider, AuditLog, Config, SecretFolder};
use std::process::ExitCode;
use std::sync::Arc;

pub async fn run(args: ProviderRun) -> Result<ExitCode, Failed> {
    let stop = stopped();
    let namespace = args.namespace.parse()?;
    let mut config = Config::new(namespace, &args.host_dir);
    if let Some(state) = &args.state {
        config = config.with_state(state);
    }
    let secrets = Arc::new(SecretFolder::open(&args.secrets)?);
    let running = AccountProvider::start(config, secrets, Arc::new(AuditLog), Arc::new(dtyp::SystemClock)).await?;
    announce(args.ready_file.as_deref(), &serde_json::json!({ "https": running.address().to_string() }))?;
    running.until(stop).await?;
    Ok(ExitCode::SUCCESS)
}
