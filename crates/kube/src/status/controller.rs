//! The controller: watches, plans, writes what has changed.
//!
//! Several replicas need not agree on a leader: each plans the same from the same world, and a write names the version it is based on, so
//! the second of two comes to nothing. Who hears late learns from [`Live`] that others have concluded from more.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use credspec::{Namespace, SecretName};
use dtyp::Clock;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::api::{DeleteParams, DynamicObject, PostParams, Preconditions};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::live::Live;
use super::metrics::Metrics;
use super::plan::{Step, plan};
use super::probes::Probes;
use super::seen::{Seen, Watches};
use crate::api::{self, ApiError, Client};

/// Events that come together are looked at together.
const GATHER: Duration = Duration::from_millis(200);
/// Everything is looked at this often even if nothing happens: reports get old by themselves.
const RESYNC: Duration = Duration::from_secs(60);
/// After a round that failed; doubled each time.
const RETRY: Duration = Duration::from_secs(1);
const LONGEST_RETRY: Duration = Duration::from_secs(60);
/// For one answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// What has come of a write that another was quicker with, or knew more for.
const OVERTAKEN: &str = "overtaken";

/// The DaemonSet that brings the plugin to Windows nodes.
#[derive(Clone, Debug)]
pub struct Installer {
    /// Its namespace.
    pub namespace: Namespace,
    /// Its name.
    pub name: SecretName,
}

/// How the controller runs.
#[derive(Clone, Debug)]
pub struct ControllerConfig {
    /// The installer of Windows nodes, if there is one.
    pub installer: Option<Installer>,
    /// Where the kubelet and Prometheus ask, in the clear.
    pub probes: Option<SocketAddr>,
}

/// Why the controller, or an examiner, does not run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ControllerError {
    /// The port of the probes.
    #[error("cannot answer probes on {address}: {source}")]
    Probes {
        /// Where.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// Without it, what has been seen would be taken for what is.
    #[error("a watch of the cluster ended unexpectedly: this is a fault of the program, which has to be started again")]
    Watch,
}

/// Keeps a `GMSAStatus` for each credential spec.
pub struct Controller {
    client: Client,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    probes: Option<Probes>,
    installer: Option<Installer>,
    seen: Seen,
    changed: Arc<Notify>,
    watches: JoinSet<()>,
}

impl Controller {
    /// Starts watching, and answering probes.
    ///
    /// # Errors
    /// See [`ControllerError`].
    pub async fn start(
        config: ControllerConfig,
        client: Client,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ControllerError> {
        let metrics = Arc::new(Metrics::new("pando_controller"));
        let probes = match config.probes {
            Some(address) => {
                let started = Probes::start(address, Arc::clone(&metrics)).await;
                Some(started.map_err(|source| ControllerError::Probes { address, source })?)
            }
            None => None,
        };
        let changed = Arc::new(Notify::new());
        let mut watches =
            Watches { tasks: JoinSet::new(), changed: Arc::clone(&changed), metrics: Arc::clone(&metrics) };
        let seen = watches.all(&client, config.installer.as_ref());
        let (installer, watches) = (config.installer, watches.tasks);
        Ok(Self { client, clock, metrics, probes, installer, seen, changed, watches })
    }

    /// Where it answers probes.
    #[must_use]
    pub fn probes(&self) -> Option<SocketAddr> {
        self.probes.as_ref().map(|probes| probes.address)
    }

    /// Works until dropped, or until a watch has ended.
    pub async fn run(mut self) -> ControllerError {
        let mut watches = std::mem::take(&mut self.watches);
        tokio::select! {
            _ = watches.join_next() => ControllerError::Watch,
            never = self.work() => match never {},
        }
    }

    async fn work(self) -> Infallible {
        // Before everything has been seen, what is missing would be taken for deleted.
        self.seen.ready().await;
        self.metrics.ready();
        tracing::info!("the controller is ready");
        let mut wait = Duration::ZERO;
        loop {
            tokio::time::sleep(wait.max(GATHER)).await;
            wait = match self.round().await {
                Ok(()) => {
                    let _ = timeout(RESYNC, self.changed.notified()).await;
                    Duration::ZERO
                }
                Err(error) => {
                    let asked = error.retry_after().unwrap_or_default();
                    let next = wait.saturating_mul(2).max(asked).clamp(RETRY, LONGEST_RETRY);
                    tracing::warn!(%error, seconds = next.as_secs(), "statuses could not be written; trying again");
                    next
                }
            };
        }
    }

    /// Looks at everything, and writes what is not as it should be. After a step that fails it is the API server's turn to recover, unless it
    /// refuses that one step: it would do so each time, and the others are still to be done.
    async fn round(&self) -> Result<(), ApiError> {
        let world = self.seen.world();
        let now = super::time(self.clock.now());
        let live = Live::new(&self.client, self.installer.as_ref());
        let mut result = Ok(());
        for step in plan(&world, &now) {
            let performed = match live.again(&step, &world, &now).await {
                Ok(Some(step)) => self.perform(step).await,
                Ok(None) => Ok(OVERTAKEN),
                Err(error) => Err(error),
            };
            match performed {
                Ok(what) => self.metrics.wrote(what),
                Err(error) => {
                    let goes_on = error.is_refusal();
                    result = Err(error);
                    if !goes_on {
                        break;
                    }
                }
            }
        }
        self.metrics.round(world.specs.len(), result.is_ok());
        result
    }

    async fn perform(&self, step: Step) -> Result<&'static str, ApiError> {
        let statuses = api::statuses(self.client.clone());
        match step {
            Step::Create { name, owner } => {
                let doing = format!("making the status of {name}");
                let (parameters, object) = (PostParams::default(), object(&name, &owner));
                settled(doing, statuses.create(&parameters, &object), "create").await
            }
            Step::Write { name, version, status } => {
                let doing = format!("writing the status of {name}");
                let mut object = DynamicObject::new(&name, &api::status_resource());
                object.metadata.resource_version = Some(version);
                object.data = serde_json::json!({ "status": status });
                let parameters = PostParams::default();
                settled(doing, statuses.replace_status(&name, &parameters, &object), "update").await
            }
            Step::Delete { name, uid } => {
                let doing = format!("removing the status of {name}, which has no spec");
                let only = Preconditions { uid: Some(uid), resource_version: None };
                let parameters = DeleteParams::background().preconditions(only);
                settled(doing, statuses.delete(&name, &parameters), "delete").await
            }
        }
    }
}

/// Waits for an answer. Who was faster, or whose object has gone, is heard of by the watches.
async fn settled<T>(
    doing: String,
    asked: impl Future<Output = Result<T, kube::Error>>,
    what: &'static str,
) -> Result<&'static str, ApiError> {
    match in_time(asked).await {
        Ok(_) => Ok(what),
        Err(kube::Error::Api(answer)) if [404, 409].contains(&answer.code) => Ok(OVERTAKEN),
        Err(error) => Err(ApiError::doing(doing)(error)),
    }
}

/// Waits for one answer.
pub(super) async fn in_time<T>(asked: impl Future<Output = kube::Result<T>>) -> kube::Result<T> {
    let late = || kube::Error::Service("the API server did not answer in time".into());
    timeout(PATIENCE, asked).await.unwrap_or_else(|_| Err(late()))
}

fn object(name: &str, owner: &str) -> DynamicObject {
    let mut object = DynamicObject::new(name, &api::status_resource());
    let spec = api::resource();
    object.metadata.owner_references = Some(vec![OwnerReference {
        api_version: spec.api_version,
        kind: spec.kind,
        name: name.to_owned(),
        uid: owner.to_owned(),
        ..OwnerReference::default()
    }]);
    object
}

#[cfg(test)]
mod tests;
