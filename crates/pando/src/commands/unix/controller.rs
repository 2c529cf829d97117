//! `pando controller`.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use dtyp::SystemClock;
use pando_kube::api;
use pando_kube::status::{Controller, ControllerConfig, Examiner, ExaminerConfig, Installer};

use super::{Failed, announce, stopped};
use crate::cli::{ControllerExamine, ControllerRun, resolver};

pub async fn run(args: ControllerRun) -> Result<ExitCode, Failed> {
    let stop = stopped();
    let client = api::connect_for_loops(args.kubeconfig.as_deref()).await?;
    let installer = args.installer.as_deref().map(installer).transpose()?;
    let config = ControllerConfig { installer, probes: args.probes };
    let controller = Controller::start(config, client, Arc::new(SystemClock)).await?;
    let probes = controller.probes().map(|address| address.to_string());
    announce(args.ready_file.as_deref(), &serde_json::json!({ "probes": probes }))?;
    tokio::select! {
        error = controller.run() => Err(error.into()),
        () = stop => Ok(ExitCode::SUCCESS),
    }
}

pub async fn examine(args: ControllerExamine) -> Result<ExitCode, Failed> {
    let stop = stopped();
    let client = api::connect_for_loops(args.kubeconfig.as_deref()).await?;
    let config = ExaminerConfig {
        namespace: args.namespace.parse()?,
        secret: args.secret.parse()?,
        domains: args.domain.into_iter().map(|place| place.0).collect(),
        interval: Duration::from_secs(args.interval),
        options: ccg::Options { resolver: resolver(&args.dns), ..ccg::Options::default() },
        probes: args.probes,
    };
    let examiner = Examiner::start(config, client, Arc::new(SystemClock)).await?;
    let probes = examiner.probes().map(|address| address.to_string());
    announce(args.ready_file.as_deref(), &serde_json::json!({ "probes": probes }))?;
    tokio::select! {
        error = examiner.run() => Err(error.into()),
        () = stop => Ok(ExitCode::SUCCESS),
    }
}

fn installer(text: &str) -> Result<Installer, Failed> {
    let (namespace, name) = text.split_once('/').ok_or("--installer is NAMESPACE/NAME")?;
    Ok(Installer { namespace: namespace.parse()?, name: name.parse()? })
}
