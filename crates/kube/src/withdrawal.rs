//! Withdrawing the plugins from all Windows nodes, before what keeps them there is deleted.
//!
//! The DaemonSet of the installer's chart is told that the plugins are to be absent: its pods are exchanged for ones that uninstall, and
//! those are ready when nothing of them is left. So the DaemonSet's own status says when every node has answered.

use std::time::Duration;

use k8s_openapi::api::apps::v1::DaemonSet;
use kube::api::{Api, Patch, PatchParams};
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::api::{ApiError, Client};

/// The variable by which a pod of the DaemonSet knows what to keep.
const STATE: &str = "PANDO_PLUGIN_STATE";
const CONTAINER: &str = "installer";
const EVERY: Duration = Duration::from_secs(1);

/// Why the plugins may still be on nodes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WithdrawalError {
    /// The API server did not do it.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// Not all nodes answered in time.
    #[error(
        "the plugins are gone from {done} of {all} Windows nodes; the others have not answered in {waited:?}. Look at the pods of the \
         DaemonSet {daemonset} that are not ready. To give up, delete the release without its hooks: the plugins then stay on those nodes"
    )]
    Unfinished {
        /// Nodes without plugins.
        done: i32,
        /// Nodes.
        all: i32,
        /// How long they were waited for.
        waited: Duration,
        /// Whose pods they are.
        daemonset: String,
    },
}

/// Tells the DaemonSet, waits until each of its nodes has uninstalled, and says how many those are.
///
/// # Errors
/// See [`WithdrawalError`].
pub async fn withdraw(
    client: Client,
    namespace: &str,
    daemonset: &str,
    patience: Duration,
) -> Result<i32, WithdrawalError> {
    let all: Api<DaemonSet> = Api::namespaced(client, namespace);
    let absent = json!({"spec": {"template": {"spec": {"containers": [
        {"name": CONTAINER, "env": [{"name": STATE, "value": "absent"}]}
    ]}}}});
    let told = all.patch(daemonset, &PatchParams::default(), &Patch::Strategic(absent)).await;
    told.map_err(|source| ApiError::Request { doing: format!("telling the DaemonSet {daemonset}"), source })?;
    let until = Instant::now() + patience;
    loop {
        let seen = all.get(daemonset).await;
        // While the API server is away, nodes go on.
        let progress = seen.as_ref().ok().map_or((0, 0, false), progress);
        match (progress, seen) {
            ((_, nodes, true), _) => return Ok(nodes),
            (_, Err(source)) if Instant::now() >= until => {
                return Err(ApiError::Request { doing: format!("looking at the DaemonSet {daemonset}"), source }.into());
            }
            ((done, all, false), _) if Instant::now() >= until => {
                let daemonset = daemonset.to_owned();
                return Err(WithdrawalError::Unfinished { done, all, waited: patience, daemonset });
            }
            _ => sleep(EVERY).await,
        }
    }
}

/// How many nodes have uninstalled, how many there are, and whether that is all of them. A status that is older than what was told counts
/// for nothing.
fn progress(daemonset: &DaemonSet) -> (i32, i32, bool) {
    let Some(status) = &daemonset.status else { return (0, 0, false) };
    let nodes = status.desired_number_scheduled;
    if status.observed_generation != daemonset.metadata.generation {
        return (0, nodes, false);
    }
    let done = status.updated_number_scheduled.unwrap_or(0).min(status.number_ready);
    (done, nodes, done >= nodes)
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::apps::v1::DaemonSetStatus;

    use super::*;

    fn seen(observed: i64, nodes: i32, updated: Option<i32>, ready: i32) -> DaemonSet {
        let status = DaemonSetStatus {
            observed_generation: Some(observed),
            desired_number_scheduled: nodes,
            updated_number_scheduled: updated,
            number_ready: ready,
            ..DaemonSetStatus::default()
        };
        let mut daemonset = DaemonSet { status: Some(status), ..DaemonSet::default() };
        daemonset.metadata.generation = Some(2);
        daemonset
    }

    #[test]
    fn it_is_done_when_every_node_has_a_new_pod_that_is_ready() {
        assert_eq!(progress(&DaemonSet::default()), (0, 0, false));
        // Ready are the old ones.
        assert_eq!(progress(&seen(1, 3, Some(3), 3)), (0, 3, false));
        assert_eq!(progress(&seen(2, 3, None, 3)), (0, 3, false));
        assert_eq!(progress(&seen(2, 3, Some(3), 2)), (2, 3, false));
        assert_eq!(progress(&seen(2, 3, Some(3), 3)), (3, 3, true));
        assert_eq!(progress(&seen(2, 0, None, 0)), (0, 0, true));
    }
}
