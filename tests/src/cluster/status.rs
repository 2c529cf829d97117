//! The controller of statuses, or an examiner, as a plain process with its chart's own arguments and service account.

use std::ops::{Deref, DerefMut};
use std::path::Path;

use super::{Cluster, Service};
use crate::{Tool, pando};

/// A running `pando controller`.
pub struct StatusService(Service);

impl Deref for StatusService {
    type Target = Service;

    fn deref(&self) -> &Service {
        &self.0
    }
}

impl DerefMut for StatusService {
    fn deref_mut(&mut self) -> &mut Service {
        &mut self.0
    }
}

impl StatusService {
    /// Starts it with these arguments, as whom this configuration is for.
    pub fn start(cluster: &Cluster, name: &str, arguments: Vec<String>, kubeconfig: &Path) -> Self {
        let (ready, log) = (cluster.path(&format!("{name}.json")), cluster.path(&format!("{name}.log")));
        let program = Tool::new(pando()).args(["--log", "info"]).args(arguments);
        Self(Service::start(program.arg("--kubeconfig").arg(kubeconfig), &ready, &log))
    }

    /// How often it has written in this way.
    pub fn writes(&self, what: &str) -> u32 {
        let metrics = self.metrics();
        let line = metrics.lines().find(|line| line.starts_with("pando_controller_writes") && line.contains(what));
        line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or_default()
    }
}
