//! What the API server says now of that which a step was planned from.
//!
//! Replicas hear of the same things at different times, and who hears late must not overwrite what another has concluded from more. A write
//! names the version of the status that it replaces. What that version was concluded from was there before it; so what is asked for after
//! the version has been seen is as new or newer, and so is what is concluded from it.

use credspec::RkcInput;
use k8s_openapi::api::apps::v1::DaemonSet;
use k8s_openapi::api::core::v1::Node;
use k8s_openapi::api::storage::v1::CSINode;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::api::{Api, ListParams, ObjectList};
use tokio::sync::OnceCell;

use super::conclude::{Nodes, Spec, Status, secret_of};
use super::controller::{Installer, in_time};
use super::plan::{Step, World, plan};
use super::report::Report;
use super::seen;
use crate::api::{self, ApiError, Client};

/// So many nodes are asked for at once.
const PAGE: u32 = 500;

/// The questions of one round.
pub(super) struct Live<'a> {
    client: &'a Client,
    installer: Option<&'a Installer>,
    nodes: OnceCell<Nodes>,
}

impl<'a> Live<'a> {
    pub(super) fn new(client: &'a Client, installer: Option<&'a Installer>) -> Self {
        Self { client, installer, nodes: OnceCell::new() }
    }

    /// What this step is by what there is now; `None` if nothing is to be done any more.
    pub(super) async fn again(&self, step: &Step, heard: &World, now: &Time) -> Result<Option<Step>, ApiError> {
        let name = step.name();
        let spec = self.spec(name).await?;
        let secret = spec.as_ref().and_then(|spec| secret_of(spec.contents.as_ref()));
        let report = match &secret {
            Some(secret) => self.report(secret).await?,
            None => None,
        };
        let stored = heard.stored.iter().find(|one| one.name == name);
        let mut world = World {
            specs: spec.into_iter().collect(),
            reports: report.into_iter().collect(),
            nodes: heard.nodes.clone(),
            stored: stored.cloned().into_iter().collect(),
        };
        let planned = plan(&world, now).pop();
        let before = stored.and_then(|stored| stored.status.as_ref());
        match &planned {
            // There may be many nodes: they are asked for by who would write another number of them.
            Some(Step::Write { status, .. }) if nodes(Some(status)) != nodes(before) => {
                world.nodes = self.nodes().await?;
                Ok(plan(&world, now).pop())
            }
            _ => Ok(planned),
        }
    }

    async fn spec(&self, name: &str) -> Result<Option<Spec>, ApiError> {
        let specs = api::credspecs(self.client.clone());
        let found = asked(format!("reading the credential spec {name}"), specs.get_opt(name)).await?;
        Ok(found.as_ref().and_then(seen::spec))
    }

    async fn report(&self, of: &RkcInput) -> Result<Option<((String, String), Report)>, ApiError> {
        let (namespace, name) = (of.namespace.to_string(), of.secret.to_string());
        let reports = api::reports_in(self.client.clone(), &namespace);
        let found = asked(format!("reading the report {name} in {namespace}"), reports.get_opt(&name)).await?;
        Ok(found.as_ref().and_then(seen::contents).map(|report| ((namespace, name), report)))
    }

    async fn nodes(&self) -> Result<Nodes, ApiError> {
        self.nodes.get_or_try_init(|| self.count()).await.cloned()
    }

    async fn count(&self) -> Result<Nodes, ApiError> {
        let nodes: Api<Node> = Api::all(self.client.clone());
        let nodes = paged("listing the nodes", |page| {
            let nodes = nodes.clone();
            async move { nodes.list_metadata(&page).await }
        });
        let nodes = nodes.await?;
        let csi_nodes: Api<CSINode> = Api::all(self.client.clone());
        let csi_nodes = paged("listing the drivers of nodes", |page| {
            let csi_nodes = csi_nodes.clone();
            async move { csi_nodes.list(&page).await }
        });
        let csi_nodes = csi_nodes.await?;
        let installer = match self.installer {
            Some(Installer { namespace, name }) => {
                let sets: Api<DaemonSet> = Api::namespaced(self.client.clone(), namespace.as_str());
                asked(format!("reading the DaemonSet {name}"), sets.get_opt(name.as_str())).await?
            }
            None => None,
        };
        let nodes: Vec<ObjectMeta> = nodes.into_iter().map(|node| node.metadata).collect();
        Ok(seen::count(nodes.iter(), csi_nodes.iter(), installer.as_ref()))
    }
}

/// What a status says of nodes.
fn nodes(status: Option<&Status>) -> Option<(Option<&str>, Option<&str>)> {
    let status = status?;
    let installed = status.conditions.iter().find(|one| one.type_ == "PluginInstalled");
    Some((status.nodes.as_deref(), installed.map(|one| one.message.as_str())))
}

/// All pages of a list, each in time.
async fn paged<K: Clone, F: Future<Output = kube::Result<ObjectList<K>>>>(
    doing: &str,
    list: impl Fn(ListParams) -> F,
) -> Result<Vec<K>, ApiError> {
    let (mut all, mut page) = (Vec::new(), ListParams::default().limit(PAGE));
    loop {
        let next = asked(doing.to_owned(), list(page.clone())).await?;
        all.extend(next.items);
        match next.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => page = page.continue_token(&token),
            None => return Ok(all),
        }
    }
}

async fn asked<T>(doing: String, asked: impl Future<Output = kube::Result<T>>) -> Result<T, ApiError> {
    in_time(asked).await.map_err(ApiError::doing(doing))
}
