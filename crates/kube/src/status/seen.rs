//! What the watches of the controller have brought: the world as this replica has heard of it.

use std::collections::HashSet;
use std::fmt::Debug;
use std::sync::Arc;

use k8s_openapi::api::apps::v1::DaemonSet;
use k8s_openapi::api::core::v1::Node;
use k8s_openapi::api::storage::v1::CSINode;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{Api, DynamicObject, PartialObjectMeta};
use kube::runtime::reflector::store::Writer;
use kube::runtime::reflector::{Lookup, Store};
use kube::runtime::watcher::{Config, Event};
use serde::de::DeserializeOwned;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::conclude::{Count, Nodes, Spec, Status};
use super::controller::Installer;
use super::metrics::Metrics;
use super::plan::{Stored, World};
use super::report::Report;
use crate::api::{self, Client};
use crate::watching::follow;
use crate::webhook::DRIVER;

/// What the watches have brought.
pub(super) struct Seen {
    specs: Store<DynamicObject>,
    statuses: Store<DynamicObject>,
    reports: Store<DynamicObject>,
    nodes: Store<PartialObjectMeta<Node>>,
    csi_nodes: Store<CSINode>,
    installer: Option<Store<DaemonSet>>,
}

/// The running watches.
pub(super) struct Watches {
    pub(super) tasks: JoinSet<()>,
    pub(super) changed: Arc<Notify>,
    pub(super) metrics: Arc<Metrics>,
}

impl Watches {
    pub(super) fn all(&mut self, client: &Client, installer: Option<&Installer>) -> Seen {
        let custom = |resource: kube::api::ApiResource| Writer::<DynamicObject>::new(resource);
        let everything = Config::default;
        let installer = installer.map(|Installer { namespace, name }| {
            let sets: Api<DaemonSet> = Api::namespaced(client.clone(), namespace.as_str());
            let only = everything().fields(&format!("metadata.name={name}"));
            self.keep("the installer", Writer::default(), sets, only)
        });
        let (specs, statuses) = (custom(api::resource()), custom(api::status_resource()));
        let reports = custom(api::report_resource());
        let (nodes, csi_nodes) = (Writer::default(), Writer::default());
        Seen {
            specs: self.keep("credential specs", specs, api::credspecs(client.clone()), everything()),
            statuses: self.keep("statuses", statuses, api::statuses(client.clone()), everything()),
            reports: self.keep("reports", reports, api::reports(client.clone()), everything()),
            nodes: self.keep("nodes", nodes, Api::all(client.clone()), everything()),
            csi_nodes: self.keep("drivers of nodes", csi_nodes, Api::all(client.clone()), everything()),
            installer,
        }
    }

    fn keep<K>(&mut self, what: &'static str, mut writer: Writer<K>, api: Api<K>, only: Config) -> Store<K>
    where
        K: kube::Resource + Lookup + Clone + DeserializeOwned + Debug + Send + Sync + 'static,
        <K as Lookup>::DynamicType: Eq + std::hash::Hash + Clone + Send + Sync,
    {
        let (store, changed, metrics) = (writer.as_reader(), Arc::clone(&self.changed), Arc::clone(&self.metrics));
        self.tasks.spawn(follow(what, api, only, move |event: Option<Event<K>>| {
            metrics.heard(what, event.as_ref());
            if let Some(event) = event {
                writer.apply_watcher_event(&event);
                changed.notify_one();
            }
        }));
        store
    }
}

impl Seen {
    pub(super) async fn ready(&self) {
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

    pub(super) fn world(&self) -> World {
        let specs = self.specs.state().iter().filter_map(|one| spec(one)).collect();
        let stored = self.statuses.state().iter().filter_map(|one| stored(one)).collect();
        let reports = self.reports.state().iter().filter_map(|one| report(one)).collect();
        World { specs, reports, nodes: self.nodes(), stored }
    }

    fn nodes(&self) -> Nodes {
        let (nodes, csi_nodes) = (self.nodes.state(), self.csi_nodes.state());
        let installer = self.installer.as_ref().and_then(|installer| installer.state().first().cloned());
        count(nodes.iter().map(|node| &node.metadata), csi_nodes.iter().map(AsRef::as_ref), installer.as_deref())
    }
}

/// On how many nodes the guard and the installer's plugin are.
pub(super) fn count<'a>(
    nodes: impl Iterator<Item = &'a ObjectMeta>,
    csi_nodes: impl Iterator<Item = &'a CSINode>,
    installer: Option<&DaemonSet>,
) -> Nodes {
    let is_linux = |node: &&ObjectMeta| {
        node.labels.as_ref().and_then(|labels| labels.get("kubernetes.io/os")).is_some_and(|os| os == "linux")
    };
    let names: HashSet<&str> = nodes.filter(is_linux).filter_map(|node| node.name.as_deref()).collect();
    let has = |node: &&CSINode| node.spec.drivers.iter().any(|driver| driver.name == DRIVER);
    let with = csi_nodes.filter(has).filter_map(|node| node.metadata.name.as_deref());
    let have = with.filter(|name| names.contains(name)).count();
    let windows = installer.and_then(|installer| {
        let status = installer.status.as_ref()?;
        let count = |number: i32| usize::try_from(number).unwrap_or_default();
        Some(Count { have: count(status.number_ready), of: count(status.desired_number_scheduled) })
    });
    Nodes { linux: Count { have, of: names.len() }, windows }
}

pub(super) fn spec(object: &DynamicObject) -> Option<Spec> {
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
    Some(((object.metadata.namespace.clone()?, object.metadata.name.clone()?), contents(object)?))
}

/// What a report says.
pub(super) fn contents(report: &DynamicObject) -> Option<Report> {
    serde_json::from_value(report.data.get("status")?.clone()).ok()
}
