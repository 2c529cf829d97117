//! Withdrawing the plugins from all Windows nodes, before what keeps them there is deleted.
//!
//! The DaemonSet of the installer's chart is told that the plugins are to be absent: its pods are exchanged for ones that uninstall, and
//! those are ready when nothing of them is left. So the DaemonSet's own status says when every node has answered.

use std::time::Duration;

use k8s_openapi::api::apps::v1::DaemonSet;
use kube::api::{Api, Patch, PatchParams};
use serde_json::json;
use tokio::time::{Instant, sleep, timeout_at};

use crate::api::{ApiError, Client};

/// The variable by which a pod of the DaemonSet knows what to keep.
const STATE: &str = "PANDO_PLUGIN_STATE";
const CONTAINER: &str = "installer";
const EVERY: Duration = Duration::from_secs(1);
/// For the API server, however little time the nodes are given.
const ANSWER: Duration = Duration::from_secs(10);

/// Nobody waits longer.
const LONGEST: Duration = Duration::from_secs(86_400);

/// Why the plugins may still be on nodes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WithdrawalError {
    /// The API server did not do it.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The API server did not answer.
    #[error(
        "{doing}: the API server has not answered in {waited:?}, so the plugins may still be on nodes. Try again when it does"
    )]
    Silent {
        /// What was asked.
        doing: String,
        /// How long it was waited for.
        waited: Duration,
    },
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
    let patience = patience.min(LONGEST);
    let (until, waited) = (Instant::now() + patience, patience.max(ANSWER));
    let last = Instant::now() + waited;
    let silent = |doing: &str| WithdrawalError::Silent { doing: doing.to_owned(), waited };
    let wrong = |doing: &str, source| ApiError::Request { doing: doing.to_owned(), source };
    let telling = format!("telling the DaemonSet {daemonset}");
    let told = timeout_at(last, all.patch(daemonset, &PatchParams::default(), &Patch::Strategic(absent))).await;
    told.map_err(|_| silent(&telling))?.map_err(|source| wrong(&telling, source))?;
    let looking = format!("looking at the DaemonSet {daemonset}");
    loop {
        let seen = timeout_at(last, all.get(daemonset)).await.map_err(|_| silent(&looking))?;
        // While the API server is away, nodes go on.
        let progress = seen.as_ref().ok().map_or((0, 0, false), progress);
        match (progress, seen) {
            ((_, nodes, true), _) => return Ok(nodes),
            (_, Err(source)) if Instant::now() >= until => return Err(wrong(&looking, source).into()),
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

    /// Whatever is silent: the first request, or one after it.
    #[tokio::test(start_paused = true)]
    async fn an_api_server_that_says_nothing_is_waited_for_no_longer_than_the_nodes() {
        use axum::extract::Request;
        use axum::response::{IntoResponse, Json};

        for answers in [0, 1, 5] {
            let asked = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
            let answer = move |_: Request| {
                let number = asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                async move {
                    if number >= answers {
                        std::future::pending::<()>().await;
                    }
                    Json(seen(2, 3, Some(3), 2)).into_response()
                }
            };
            let client = Client::new(axum::Router::<()>::new().fallback(answer), "default");
            let begun = Instant::now();
            let error = withdraw(client, "gmsa", "plugin", Duration::from_secs(60)).await.unwrap_err();
            assert_eq!(begun.elapsed(), Duration::from_secs(60));
            assert!(matches!(error, WithdrawalError::Silent { .. }), "{error}");
        }
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
