//! Asking the Kubernetes API server.
//!
//! One way to reach it for every part of this room: in a pod by its service account, elsewhere by a kubeconfig. Every phase of every request
//! has a time limit, because who waits here holds up somebody's pod, and because an API server whose machine is gone hangs up no connection.

mod credspec;
mod status;

use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::future::BoxFuture;
use kube::client::ClientBuilder;
use kube::config::{Config, KubeConfigOptions, Kubeconfig};
use kube::core::Status;
use tokio::time::timeout;
use tower::BoxError;
use tower::util::MapFutureLayer;

pub use credspec::{credspecs, resource};
pub use kube::Client;
pub use status::{GROUP, VERSION, report_resource, reports, reports_in, status_resource, statuses};

/// How long each phase of a request may take.
#[derive(Clone, Copy)]
struct Limits {
    /// For a connection, TLS included; and for a piece of a request to be taken.
    connect: Duration,
    /// For the head of an answer, the connection included. A busy API server makes requests wait for fifteen seconds before it refuses them.
    head: Duration,
    /// For the next piece of an answer. Watches are asked to last for a minute at most, and may be silent until they end.
    silence: Duration,
}

const LIMITS: Limits =
    Limits { connect: Duration::from_secs(10), head: Duration::from_secs(20), silence: Duration::from_secs(75) };

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
        move |source| Self::Request { doing, source: without_contents(source) }
    }

    /// For how long the API server wants to be left alone; it says so when it is busy.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        let Self::Request { source: kube::Error::Api(status), .. } = self else { return None };
        retry_after(status)
    }

    /// Whether the API server does not want this request, however often it is made.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        let Self::Request { source: kube::Error::Api(status), .. } = self else { return false };
        (400..500).contains(&status.code) && status.code != 429
    }
}

/// What cannot be read is quoted by its reader, and may be a Secret.
fn without_contents(error: kube::Error) -> kube::Error {
    match error {
        kube::Error::SerdeError(error) => kube::Error::Service(unreadable(&error).into()),
        other => other,
    }
}

/// Where an answer is not what was asked for, and nothing of what is in it.
pub(crate) fn unreadable(error: &serde_json::Error) -> String {
    let (kind, line, column) = (error.classify(), error.line(), error.column());
    format!("its answer is not what was asked for ({kind:?} error at line {line}, column {column})")
}

pub(crate) fn retry_after(status: &Status) -> Option<Duration> {
    let seconds = status.details.as_ref()?.retry_after_seconds;
    (seconds > 0).then(|| Duration::from_secs(u64::from(seconds)))
}

/// A client of the cluster: of this kubeconfig, or of the pod that this runs in. A request that the API server is too busy for is repeated within
/// the time that who asked has for it.
///
/// # Errors
/// When there is no usable configuration. Whether the API server answers is seen with the first request.
pub async fn connect(kubeconfig: Option<&Path>) -> Result<Client, ApiError> {
    bounded(config(kubeconfig).await?, true, LIMITS)
}

/// The same for who tries again by itself, and has to know that the API server is too busy: repeated inside the client, a request could take minutes.
///
/// # Errors
/// As [`connect`].
pub async fn connect_for_loops(kubeconfig: Option<&Path>) -> Result<Client, ApiError> {
    bounded(config(kubeconfig).await?, false, LIMITS)
}

async fn config(kubeconfig: Option<&Path>) -> Result<Config, ApiError> {
    let Some(path) = kubeconfig else { return Ok(Config::incluster()?) };
    let wrong = |source| ApiError::Kubeconfig { path: path.to_owned(), source };
    let text = Kubeconfig::read_from(path).map_err(wrong)?;
    Config::from_custom_kubeconfig(text, &KubeConfigOptions::default()).await.map_err(wrong)
}

fn bounded(mut config: Config, repeats: bool, limits: Limits) -> Result<Client, ApiError> {
    config.default_retry = repeats;
    config.connect_timeout = Some(limits.connect);
    config.write_timeout = Some(limits.connect);
    config.read_timeout = Some(limits.silence);
    // Otherwise the time that a connection has lain idle counts against the next answer on it.
    config.reset_reader_on_write = true;
    let client = ClientBuilder::try_from(config).map_err(ApiError::Client)?;
    Ok(client.with_layer(&MapFutureLayer::new(in_time(limits.head))).build())
}

/// Of a test's own API server, with the same limit to the heads of its answers.
#[cfg(test)]
pub(crate) fn of(pages: axum::Router) -> Client {
    Client::new(
        tower::Layer::layer(
            &MapFutureLayer::new(in_time(LIMITS.head)),
            tower::util::MapErr::new(pages, BoxError::from),
        ),
        "default",
    )
}

fn in_time<F, A>(limit: Duration) -> impl Fn(F) -> BoxFuture<'static, Result<A, BoxError>> + Clone
where
    F: Future<Output = Result<A, BoxError>> + Send + 'static,
    A: 'static,
{
    move |answer| {
        let answer = timeout(limit, answer);
        Box::pin(async { answer.await.unwrap_or_else(|_| Err("the API server did not answer in time".into())) })
    }
}

#[cfg(test)]
mod tests;
