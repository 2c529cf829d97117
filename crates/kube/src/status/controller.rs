//! The controller: watches, plans, writes what has changed.
//!
//! Several replicas need not agree on a leader: each plans the same from the same world, and a write names the version it is based on, so
//! the second of two comes to nothing.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use credspec::{Namespace, SecretName};
use dtyp::Clock;
use futures_util::StreamExt;
use k8s_openapi::api::apps::v1::DaemonSet;
use k8s_openapi::api::core::v1::Node;
use k8s_openapi::api::storage::v1::CSINode;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::api::{Api, DeleteParams, DynamicObject, PartialObjectMeta, PostParams, Preconditions};
use kube::runtime::reflector::store::Writer;
use kube::runtime::reflector::{self, Lookup, Store};
use kube::runtime::{WatchStreamExt, watcher};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::conclude::{Count, Nodes, Spec, Status};
use super::metrics::Metrics;
use super::plan::{Step, Stored, World, plan};
use super::probes::Probes;
use super::report::Report;
use crate::api::{self, ApiError, Client};
use crate::webhook::DRIVER;

/// Events that come together are looked at together.
const GATHER: Duration = Duration::from_millis(200);
/// Everything is looked at this often even if nothing happens: reports get old by themselves.
const RESYNC: Duration = Duration::from_secs(60);
/// After a round that failed; doubled each time.
const RETRY: Duration = Duration::from_secs(1);
const LONGEST_RETRY: Duration = Duration::from_secs(60);
const PATIENCE: Duration = Duration::from_secs(10);

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
}

/// Keeps a `GMSAStatus` for each credential spec.
pub struct Controller {
    client: Client,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    probes: Option<Probes>,
    seen: Seen,
    changed: Arc<Notify>,
    _watches: JoinSet<()>,
}

/// What the watches have brought.
struct Seen {
    specs: Store<DynamicObject>,
    statuses: Store<DynamicObject>,
    reports: Store<DynamicObject>,
    nodes: Store<PartialObjectMeta<Node>>,
    csi_nodes: Store<CSINode>,
    installer: Option<Store<DaemonSet>>,
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
        let mut watches = Watches { tasks: JoinSet::new(), changed: Arc::clone(&changed) };
        let seen = watches.all(&client, config.installer.as_ref());
        Ok(Self { client, clock, metrics, probes, seen, changed, _watches: watches.tasks })
    }

    /// Where it answers probes.
    #[must_use]
    pub fn probes(&self) -> Option<SocketAddr> {
        self.probes.as_ref().map(|probes| probes.address)
    }

    /// Works until dropped.
    pub async fn run(self) {
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

    /// Looks at everything, and writes what is not as it should be. After a step that fails it is the API server's turn to recover.
    async fn round(&self) -> Result<(), ApiError> {
        let world = self.seen.world();
        let now = super::time(self.clock.now());
        let mut result = Ok(());
        for step in plan(&world, &now) {
            match self.perform(step).await {
                Ok(what) => self.metrics.wrote(what),
                Err(error) => {
                    result = Err(error);
                    break;
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
    let late = || kube::Error::Service("the API server did not answer in time".into());
    match timeout(PATIENCE, asked).await.unwrap_or_else(|_| Err(late())) {
        Ok(_) => Ok(what),
        Err(kube::Error::Api(answer)) if [404, 409].contains(&answer.code) => Ok("overtaken"),
        Err(error) => Err(ApiError::doing(doing)(error)),
    }
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

/// The running watches.
struct Watches {
    tasks: JoinSet<()>,
    changed: Arc<Notify>,
}

impl Watches {
    fn all(&mut self, client: &Client, installer: Option<&Installer>) -> Seen {
        let custom = |resource: kube::api::ApiResource| Writer::<DynamicObject>::new(resource);
        let config = watcher::Config::default;
        let installer = installer.map(|Installer { namespace, name }| {
            let sets: Api<DaemonSet> = Api::namespaced(client.clone(), namespace.as_str());
            let only = config().fields(&format!("metadata.name={name}"));
            self.keep("the installer", Writer::default(), watcher(sets, only))
        });
        let specs = watcher(api::credspecs(client.clone()), config());
        let statuses = watcher(api::statuses(client.clone()), config());
        let reports = watcher(api::reports(client.clone()), config());
        let nodes = watcher(Api::<PartialObjectMeta<Node>>::all(client.clone()), config());
        let csi_nodes = watcher(Api::<CSINode>::all(client.clone()), config());
        Seen {
            specs: self.keep("credential specs", custom(api::resource()), specs),
            statuses: self.keep("statuses", custom(api::status_resource()), statuses),
            reports: self.keep("reports", custom(api::report_resource()), reports),
            nodes: self.keep("nodes", Writer::default(), nodes),
            csi_nodes: self.keep("drivers of nodes", Writer::default(), csi_nodes),
            installer,
        }
    }

    fn keep<K>(
        &mut self,
        what: &'static str,
        writer: Writer<K>,
        watched: impl futures_util::Stream<Item = watcher::Result<watcher::Event<K>>> + Send + 'static,
    ) -> Store<K>
    where
        K: Lookup + Clone + Send + Sync + 'static,
        K::DynamicType: Eq + std::hash::Hash + Clone + Send + Sync,
    {
        let (store, changed) = (writer.as_reader(), Arc::clone(&self.changed));
        let events = reflector::reflector(writer, watched.default_backoff());
        self.tasks.spawn(events.for_each(move |event| {
            match event {
                Ok(_) => changed.notify_one(),
                Err(error) => tracing::warn!(%error, "{what} cannot be watched; trying again"),
            }
            std::future::ready(())
        }));
        store
    }
}

impl Seen {
    async fn ready(&self) {
        // A store's writer lives as long as its watch, which lives as long as the controller.
        let _ = self.specs.wait_until_ready().await;
        let _ = self.statuses.wait_until_ready().await;
        let _ = self.reports.wait_until_ready().await;
        let _ = self.nodes.wait_until_ready().await;
        let _ = self.csi_nodes.wait_until_ready().await;
        if let Some(installer) = &self.installer {
            let _ = installer.wait_until_ready().await;
        }
    }

    fn world(&self) -> World {
        let specs = self.specs.state().iter().filter_map(|one| spec(one)).collect();
        let stored = self.statuses.state().iter().filter_map(|one| stored(one)).collect();
        let reports = self.reports.state().iter().filter_map(|one| report(one)).collect();
        World { specs, reports, nodes: self.nodes(), stored }
    }

    fn nodes(&self) -> Nodes {
        let linux = |labels: &std::collections::BTreeMap<String, String>| {
            labels.get("kubernetes.io/os").is_some_and(|os| os == "linux")
        };
        let nodes = self.nodes.state();
        let names: std::collections::HashSet<&str> = nodes
            .iter()
            .filter(|node| node.metadata.labels.as_ref().is_some_and(linux))
            .filter_map(|node| node.metadata.name.as_deref())
            .collect();
        let has = |node: &CSINode| node.spec.drivers.iter().any(|driver| driver.name == DRIVER);
        let csi_nodes = self.csi_nodes.state();
        let with = csi_nodes.iter().filter(|node| has(node));
        let have = with.filter(|node| node.metadata.name.as_deref().is_some_and(|name| names.contains(name))).count();
        let windows = self.installer.as_ref().and_then(|installer| {
            let sets = installer.state();
            let status = sets.first()?.status.as_ref()?;
            let count = |number: i32| usize::try_from(number).unwrap_or_default();
            Some(Count { have: count(status.number_ready), of: count(status.desired_number_scheduled) })
        });
        Nodes { linux: Count { have, of: names.len() }, windows }
    }
}

fn spec(object: &DynamicObject) -> Option<Spec> {
    let metadata = &object.metadata;
    if metadata.deletion_timestamp.is_some() {
        return None;
    }
    Some(Spec {
        name: metadata.name.clone()?,
        uid: metadata.uid.clone()?,
        generation: metadata.generation.unwrap_or_default(),
        contents: object.data.get("credspec").cloned(),
    })
}

fn stored(object: &DynamicObject) -> Option<Stored> {
    let metadata = &object.metadata;
    if metadata.deletion_timestamp.is_some() {
        return None;
    }
    let owner = metadata.owner_references.iter().flatten().find(|owner| owner.kind == api::resource().kind);
    let status: Option<Status> =
        object.data.get("status").and_then(|status| serde_json::from_value(status.clone()).ok());
    Some(Stored {
        name: metadata.name.clone()?,
        uid: metadata.uid.clone()?,
        version: metadata.resource_version.clone()?,
        owner: owner.map(|owner| owner.uid.clone()),
        status,
    })
}

fn report(object: &DynamicObject) -> Option<((String, String), Report)> {
    let report = serde_json::from_value(object.data.get("status")?.clone()).ok()?;
    Some(((object.metadata.namespace.clone()?, object.metadata.name.clone()?), report))
}

#[cfg(test)]
mod tests;
