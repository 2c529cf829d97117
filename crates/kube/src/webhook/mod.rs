//! The admission webhook: only who may use a GMSACredentialSpec gets a pod that has its identity.
//!
//! When a pod is made, what it names is looked up and written into it, if its service account has the verb `use` on that; what it brings
//! along must be the same; and nobody changes it afterwards. That holds for the pod, its containers, its init containers and the ephemeral
//! containers it gets later.
//!
//! In reading order: [`Review`], the question; [`Decider`], the answer, which needs only [`Lookups`]; [`Denial`], why not;
//! [`ClusterLookups`], the cluster; [`Certificates`]; [`Webhook`], all of it behind HTTPS.
//!
//! HTTP behaviour, texts and codes are those of the Kubernetes project's windows-gmsa webhook, so either can be replaced by the other.

mod body;
mod callers;
mod certificates;
mod decide;
mod denial;
mod events;
mod go;
mod linux;
mod lookups;
mod metrics;
mod pace;
mod places;
mod pod;
mod review;
mod rooms;
mod server;
mod specs;
mod unique;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use dtyp::{Clock, FileTime, SystemRandom};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::api::{ApiError, Client};
pub use callers::Callers;
use callers::Entrance;
pub use certificates::{Certificates, Own};
use certificates::{Keeper, ROUND};
pub use decide::{Decider, Lookups, ServiceAccount, Verdict};
pub use denial::Denial;
use events::Events;
pub use linux::{ANNOTATION, DRIVER, INSIDE};
pub use lookups::ClusterLookups;
use metrics::Metrics;
pub use pace::Rate;
pub use pod::Pod;
pub use review::{Addition, Review, answer};
use server::Service;

/// How the webhook runs.
#[derive(Clone, Debug)]
pub struct WebhookConfig {
    /// Where the API server calls.
    pub listen: SocketAddr,
    /// Where the kubelet and Prometheus ask, in the clear.
    pub probes: Option<SocketAddr>,
    /// Its certificate.
    pub certificates: Certificates,
    /// Who may call. Whoever reaches the port if not given.
    pub callers: Option<Callers>,
    /// How fast the API server is asked at most.
    pub rate: Option<Rate>,
    /// Whether pods with an identity get a host name of their own.
    pub random_hostname: bool,
    /// Who says in Events what was refused: the name of this replica. Nobody if not given.
    pub events: Option<String>,
}

/// Why the webhook does not run, or cannot look after its certificate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WebhookError {
    /// The API server.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// It takes too long.
    #[error("{0}: the API server did not answer in time")]
    Slow(String),
    /// Others write the Secret all the time.
    #[error("the Secret {0} was changed by somebody else at each try; is another program keeping it?")]
    Contended(String),
    /// There is no Secret, and none may be made.
    #[error(
        "there is no Secret {secret} in {namespace}, and this service account may not make one: make an empty one (`kubectl -n {namespace} create secret generic {secret}`, or `helm upgrade`)"
    )]
    NoSecret {
        /// Its name.
        secret: String,
        /// Its namespace.
        namespace: String,
    },
    /// What somebody else keeps has run out.
    #[error(
        "the certificate in the files is valid from {from} to {until} only, and the API server refuses it: have it renewed"
    )]
    NotValid {
        /// Its beginning.
        from: FileTime,
        /// Its end.
        until: FileTime,
    },
    /// A certificate.
    #[error("the webhook's certificate: {0}")]
    Certificate(#[from] pki::Error),
    /// The port.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// A JSON patch that cannot be written.
    #[error("cannot write the authority into the webhook configuration: {0}")]
    Patch(String),
    /// A task ended unexpectedly.
    #[error("the webhook stopped working: {0}")]
    Task(#[from] tokio::task::JoinError),
}

/// A running webhook. Dropping it stops it at once; [`stop`](Self::stop) lets requests finish.
pub struct Webhook {
    address: SocketAddr,
    probes: Option<SocketAddr>,
    is_leaving: Arc<AtomicBool>,
    stop: watch::Sender<()>,
    serving: JoinHandle<()>,
    others: Vec<JoinHandle<()>>,
}

impl Webhook {
    /// Starts answering, once there is a certificate and the API server trusts it.
    ///
    /// # Errors
    /// See [`WebhookError`].
    pub async fn start(config: WebhookConfig, client: Client, clock: Arc<dyn Clock>) -> Result<Self, WebhookError> {
        let (listener, address) = listen(config.listen).await?;
        let metrics = Arc::new(Metrics::default());
        let mut keeper = Keeper::new(config.certificates, client.clone(), Arc::clone(&clock));
        let entrance = Entrance::open(keeper.round().await?, config.callers).await?;
        looked_after(&keeper, keeper.judge(), &metrics);
        let events = config.events.map(|instance| Events::start(client.clone(), Arc::clone(&clock), instance));
        let decider = Decider {
            lookups: ClusterLookups::start(client, clock, config.rate),
            random_hostname: config.random_hostname,
            random: Arc::new(SystemRandom),
        };
        let (stop, stopped) = watch::channel(());
        let service = Arc::new(Service { decider, metrics: Arc::clone(&metrics), events });
        let serving = tokio::spawn(server::serve(listener, entrance.clone(), server::router(service), stopped));
        let mut others = vec![tokio::spawn(keep(keeper, entrance, Arc::clone(&metrics)))];
        let (mut probes, is_leaving) = (None, Arc::new(AtomicBool::new(false)));
        if let Some(address) = config.probes {
            let listener = ::probes::Listener::bind(address).await;
            let listener = listener.map_err(|source| WebhookError::Listen { address, source })?;
            probes = Some(listener.address());
            others.push(tokio::spawn(server::serve_probes(listener, metrics, Arc::clone(&is_leaving))));
        }
        tracing::info!(%address, "the webhook is ready");
        Ok(Self { address, probes, is_leaving, stop, serving, others })
    }

    /// Where it answers.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it answers probes.
    #[must_use]
    pub fn probes(&self) -> Option<SocketAddr> {
        self.probes
    }

    /// Is not ready any more, and goes on answering: who still sends reviews here has not heard yet that they should go elsewhere.
    pub fn leave(&self) {
        self.is_leaving.store(true, Ordering::SeqCst);
    }

    /// Takes no more connections, and lets requests finish.
    ///
    /// # Errors
    /// When it had failed.
    pub async fn stop(mut self) -> Result<(), WebhookError> {
        let _ = self.stop.send(());
        Ok((&mut self.serving).await?)
    }
}

impl Drop for Webhook {
    fn drop(&mut self) {
        self.serving.abort();
        self.others.iter().for_each(JoinHandle::abort);
    }
}

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), WebhookError> {
    let wrong = |source| WebhookError::Listen { address, source };
    let listener = ::probes::listen(address).await.map_err(wrong)?;
    let address = listener.local_addr().map_err(wrong)?;
    Ok((listener, address))
}

/// Looks after the certificate. When that fails, the present one stays, and there is half of its time to try again.
async fn keep(mut keeper: Keeper, entrance: Entrance, metrics: Arc<Metrics>) {
    loop {
        tokio::time::sleep(ROUND).await;
        let round = match keeper.round().await {
            Ok(_) => entrance.round().await.and(keeper.judge()),
            Err(error) => Err(error),
        };
        looked_after(&keeper, round, &metrics);
    }
}

fn looked_after(keeper: &Keeper, round: Result<(), WebhookError>, metrics: &Metrics) {
    metrics.certificates(round.is_ok(), keeper.not_after());
    if let Err(error) = round {
        tracing::warn!(%error, "the webhook's certificate could not be looked after; trying again");
    }
}
