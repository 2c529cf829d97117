//! `pando account-provider run`.

use super::{Failed, announce, stopped};
use crate::cli::ProviderRun;
use dtyp::SystemClock;
use pando_kube::{AccountProvider, Audit, AuditFile, AuditLog, ClusterSecret, Config, SecretFolder, SecretSource, api};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

pub async fn run(args: ProviderRun) -> Result<ExitCode, Failed> {
    let stop = stopped();
    let mut config = Config::new(args.namespace.parse()?, &args.host_dir);
    if let Some(state) = &args.state {
        config = config.with_state(state);
    }
    (config.legacy, config.probes) = (args.legacy, args.probes);
    let audit: Arc<dyn Audit> = match &args.audit_log {
        None => Arc::new(AuditLog),
        Some(path) => {
            let file = AuditFile::open(path)
                .map_err(|error| format!("cannot open the audit log {}: {error}", path.display()))?;
            Arc::new((AuditLog, file))
        }
    };
    let secrets: Arc<dyn SecretSource> = match (&args.kubernetes_secret, &args.secrets) {
        (Some(name), _) => {
            let client = api::connect(args.kubeconfig.as_deref()).await?;
            config = config.for_secret(name.parse()?, args.for_namespace);
            let keep = Duration::from_secs(args.keep);
            let secret = ClusterSecret::watch(client, &config.namespace, name.parse()?, keep, Arc::new(SystemClock));
            // Who finds the provider should find the Secret there too. Without an API server it begins all the same.
            let _ = tokio::time::timeout(Duration::from_secs(10), secret.heard()).await;
            Arc::new(secret)
        }
        (None, Some(folder)) => Arc::new(SecretFolder::open(folder)?),
        (None, None) => return Err("say where the credentials are: --secrets or --kubernetes-secret".into()),
    };
    let running = AccountProvider::start(config, secrets, audit, Arc::new(SystemClock)).await?;
    let (https, probes) = (running.address().to_string(), running.probes().map(|address| address.to_string()));
    announce(args.ready_file.as_deref(), &serde_json::json!({ "https": https, "probes": probes }))?;
    running.until(stop).await?;
    Ok(ExitCode::SUCCESS)
}
