//! `pando account-provider run`.

use super::{Failed, announce, stopped};
use crate::cli::{ProviderRun, resolver};
use dtyp::{SystemClock, SystemRandom};
use pando_kube::api::{self, Client};
use pando_kube::{
    AccountProvider, Audit, AuditFile, AuditLog, ClusterSecret, Config, Directory, DomainDirectory, Reach, Rotation,
    RotationConfig, SecretFolder, SecretSource,
};
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
            let client = api::connect_for_loops(args.kubeconfig.as_deref()).await?;
            config = config.for_secret(name.parse()?, args.for_namespace);
            Arc::new(watched(&args, &config, client, &audit).await?)
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

/// The Secret of the cluster, and who changes its password if that is wanted.
async fn watched(
    args: &ProviderRun,
    config: &Config,
    client: Client,
    audit: &Arc<dyn Audit>,
) -> Result<ClusterSecret, Failed> {
    let name = config.secret.clone().ok_or("a Secret of the cluster has a name")?;
    let keep = Duration::from_secs(args.keep);
    let reach = Reach { resolver: resolver(&args.dns), ..Reach::default() };
    let domains = args.domain.iter().map(|place| place.0.clone()).collect();
    let directory: Arc<dyn Directory> = Arc::new(DomainDirectory::new(domains, reach));
    let secret = ClusterSecret::watch(client.clone(), &config.namespace, name.clone(), keep);
    let secret = secret.with_directory(Arc::clone(&directory));
    // Who finds the provider should find the Secret there too. Without an API server it begins all the same.
    let _ = tokio::time::timeout(Duration::from_secs(10), secret.heard()).await;
    let Some(seconds) = args.rotate_after else { return Ok(secret) };
    let rotation = RotationConfig {
        namespace: config.namespace.clone(),
        secret: name,
        every: Duration::from_secs(seconds),
        holder: holder(args.node.as_deref()),
        grace: args.rotate_grace.map_or(RotationConfig::GRACE, Duration::from_secs),
    };
    let rotation =
        Rotation::new(rotation, client, directory, Arc::clone(audit), Arc::new(SystemClock), Arc::new(SystemRandom));
    let secret = secret.with_rotation(rotation.standings());
    tokio::spawn(rotation.run(secret.changes()));
    Ok(secret)
}

/// Unlike any other provider's of that Secret: a node has one.
fn holder(node: Option<&str>) -> String {
    let machine = || ["HOSTNAME", "COMPUTERNAME"].into_iter().find_map(|name| std::env::var(name).ok());
    let name = node.map(str::to_owned).or_else(machine).filter(|name| !name.is_empty());
    let name = name.unwrap_or_else(|| format!("process-{}", std::process::id()));
    name.chars().filter(|c| c.is_ascii_graphic()).take(128).collect()
}
