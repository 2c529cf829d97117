//! The controller of statuses, or an examiner, as a plain process with its chart's own arguments and service account.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::Cluster;
use super::supervised::Supervised;
use super::webhook::await_ready;
use crate::{Tool, pando};

/// A running `pando controller`.
pub struct StatusService {
    process: Supervised,
    ready: Value,
    log: PathBuf,
}

impl StatusService {
    /// Starts it with these arguments, as whom this configuration is for.
    pub fn start(cluster: &Cluster, name: &str, arguments: Vec<String>, kubeconfig: &Path) -> Self {
        let (ready, log) = (cluster.path(&format!("{name}.json")), cluster.path(&format!("{name}.log")));
        let program = Tool::new(pando()).args(["--log", "info"]).args(arguments);
        let program = program.arg("--kubeconfig").arg(kubeconfig).arg("--ready-file").arg(&ready);
        let mut process = Supervised::start(program, &log, None);
        let ready = await_ready(&mut process, &ready, &log);
        Self { process, ready, log }
    }

    /// Whether it still runs.
    pub fn is_alive(&mut self) -> bool {
        self.process.is_alive()
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).expect("the log can be read")
    }

    /// What Prometheus gets.
    pub fn metrics(&self) -> String {
        let address = self.ready["probes"].as_str().expect("it has probes");
        Tool::new("curl").args(["-sS", "--fail", &format!("http://{address}/metrics")]).ok().stdout
    }

    /// How often it has written in this way.
    pub fn writes(&self, what: &str) -> u32 {
        let metrics = self.metrics();
        let line = metrics.lines().find(|line| line.starts_with("pando_controller_writes") && line.contains(what));
        line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or_default()
    }
}
