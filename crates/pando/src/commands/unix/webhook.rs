//! `pando webhook run`.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use dtyp::SystemClock;
use pando_kube::api;
use pando_kube::webhook::{Callers, Certificates, Own, Rate, Webhook, WebhookConfig};

use super::{Failed, announce, stopped};
use crate::cli::WebhookRun;

pub async fn run(args: WebhookRun) -> Result<ExitCode, Failed> {
    let stop = stopped();
    let client = api::connect(args.kubeconfig.as_deref()).await?;
    let config = config(&args)?;
    let running = Webhook::start(config, client, Arc::new(SystemClock)).await?;
    let (https, probes) = (running.address().to_string(), running.probes().map(|address| address.to_string()));
    announce(args.ready_file.as_deref(), &serde_json::json!({ "https": https, "probes": probes }))?;
    stop.await;
    let again = stopped();
    running.leave();
    tokio::select! {
        () = tokio::time::sleep(Duration::from_secs(args.linger)) => {}
        () = again => {}
    }
    running.stop().await?;
    Ok(ExitCode::SUCCESS)
}

fn config(args: &WebhookRun) -> Result<WebhookConfig, Failed> {
    let mut listen = args.listen;
    if let Some(port) = args.https_port {
        listen.set_port(port);
    }
    let certificates = match (&args.tls_cert, &args.tls_key, &args.secret) {
        (Some(certificate), Some(key), None) => {
            Certificates::Files { certificate: certificate.clone(), key: key.clone() }
        }
        (None, _, Some(secret)) => {
            let (service, namespace) = (args.service.as_deref().unwrap_or_default(), &args.namespace);
            let mut names =
                vec![format!("{service}.{namespace}.svc"), format!("{service}.{namespace}.svc.cluster.local")];
            names.extend(args.also_called.iter().cloned());
            let configuration = args.configuration.clone();
            Certificates::Own(Own { namespace: namespace.clone(), secret: secret.clone(), names, configuration })
        }
        _ => return Err("say where the certificate is: --tls-cert and --tls-key, or --secret and --service".into()),
    };
    // A pod's host name is the pod's name.
    let replica =
        || std::env::var("HOSTNAME").ok().filter(|name| !name.is_empty()).unwrap_or_else(|| "webhook".to_owned());
    let events = args.events.then(|| replica().chars().take(63).collect());
    let callers = args.client_ca.clone().map(|authorities| Callers { authorities, names: args.client_name.clone() });
    let rate = match args.qps {
        None => None,
        Some(qps) if qps.is_finite() && qps > 0.0 && args.burst > 0 => Some(Rate { qps, burst: args.burst }),
        Some(_) => return Err("--qps and --burst are more than nothing".into()),
    };
    let (probes, random_hostname) = (args.probes, args.random_hostname);
    Ok(WebhookConfig { listen, probes, certificates, callers, rate, random_hostname, events })
}
