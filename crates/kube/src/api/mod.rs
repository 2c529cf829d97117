//! Asking the Kubernetes API server.
//!
//! One way to reach it for every part of this room: in a pod by its service account, elsewhere by a kubeconfig. Every request has a time
//! limit, because who waits here holds up somebody's pod.

mod credspec;
mod status;

use std::path::{Path, PathBuf};
use std::time::Duration;

use kube::config::{Config, KubeConfigOptions, Kubeconfig};

pub use credspec::{credspecs, resource};
pub use kube::Client;
pub use status::{GROUP, VERSION, report_resource, reports, reports_in, status_resource, statuses};

/// For one answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why the API server cannot be asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApiError {
    /// The kubeconfig cannot be used.
    #[error("the kubeconfig {path} cannot be used: {source}")]
    Kubeconfig {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: kube::config::KubeconfigError,
    },
    /// Not in a pod.
    #[error("this is no pod with a service account ({0}): say with --kubeconfig how to reach the cluster")]
    NotInCluster(#[from] kube::config::InClusterError),
    /// The client cannot be made of it.
    #[error("cannot make a client of the cluster's configuration: {0}")]
    Client(#[source] kube::Error),
    /// What was asked went wrong.
    #[error("{doing}: {source}")]
    Request {
        /// What was asked.
        doing: String,
        /// What the API server, or the way to it, said.
        source: kube::Error,
    },
}

impl ApiError {
    /// Says what was being done.
    pub fn doing(doing: impl Into<String>) -> impl FnOnce(kube::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Request { doing, source }
    }

    /// For how long the API server wants to be left alone; it says so when it is busy.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        let Self::Request { source: kube::Error::Api(status), .. } = self else { return None };
        let seconds = status.details.as_ref()?.retry_after_seconds;
        (seconds > 0).then(|| Duration::from_secs(u64::from(seconds)))
    }
}

/// A client of the cluster: of this kubeconfig, or of the pod that this runs in. A request that the API server is too busy for is repeated within
/// the time that who asked has for it.
///
/// # Errors
/// When there is no usable configuration. Whether the API server answers is seen with the first request.
pub async fn connect(kubeconfig: Option<&Path>) -> Result<Client, ApiError> {
    client(kubeconfig, true).await
}

/// The same for who tries again by itself, and has to know that the API server is too busy: repeated inside the client, a request could take minutes.
///
/// # Errors
/// As [`connect`].
pub async fn connect_for_loops(kubeconfig: Option<&Path>) -> Result<Client, ApiError> {
    client(kubeconfig, false).await
}

async fn client(kubeconfig: Option<&Path>, repeats: bool) -> Result<Client, ApiError> {
    let mut config = match kubeconfig {
        Some(path) => {
            let wrong = |source| ApiError::Kubeconfig { path: path.to_owned(), source };
            let text = Kubeconfig::read_from(path).map_err(wrong)?;
            Config::from_custom_kubeconfig(text, &KubeConfigOptions::default()).await.map_err(wrong)?
        }
        None => Config::incluster()?,
    };
    config.default_retry = repeats;
    config.connect_timeout = Some(PATIENCE);
    config.write_timeout = Some(PATIENCE);
    // Watches answer for longer than that, with pauses shorter than this.
    config.read_timeout = Some(Duration::from_secs(300));
    Client::try_from(config).map_err(ApiError::Client)
}
