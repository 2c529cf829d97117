//! `pando guard run --csi-socket`: identities for the pods of a Kubernetes node.

use std::sync::Arc;

use ccg::Leases;
use guardd::csi::{Driver, Settings, Sockets};
use guardd::{Metrics, SocketError, Watch};
use pando_kube::{PodSpecs, api};
use tokio::sync::watch;

use super::run::identities;
use crate::cli::GuardRun;
use crate::commands::Failed;

/// The driver and its sockets, when kubelet is to be served.
pub struct Pods {
    driver: Arc<Driver>,
    sockets: Sockets,
}

impl Pods {
    pub async fn prepare(
        args: &GuardRun,
        leases: &Leases,
        watch: Arc<Watch>,
        metrics: &Arc<Metrics>,
    ) -> Result<Option<Self>, Failed> {
        let pods = &args.pods;
        let Some(socket) = &pods.csi_socket else { return Ok(None) };
        let host_name = || rustix::system::uname().nodename().to_string_lossy().into_owned();
        let settings = Settings {
            kubelet: pods.kubelet_dir.clone(),
            identities: identities(args),
            run: args.run_dir.clone(),
            node: pods.node_name.clone().unwrap_or_else(host_name),
            fs_group_required: pods.fs_group_required,
        };
        let cluster = Box::new(PodSpecs::new(api::connect(pods.kubeconfig.as_deref()).await?));
        let driver = Driver::resume(settings, leases.clone(), cluster, watch, metrics.clone()).await?;
        let sockets = Sockets::bind(socket, pods.registration_socket.as_deref(), socket).await?;
        Ok(Some(Self { driver: Arc::new(driver), sockets }))
    }

    /// Answers kubelet until it is time to stop.
    pub async fn serve(self, stop: watch::Receiver<bool>) -> Result<(), SocketError> {
        self.sockets.serve(self.driver, stop).await
    }
}
