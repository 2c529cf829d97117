//! The account provider: starting and stopping.

mod credentials;
mod metrics;
mod probes;
mod published;
mod request;
mod server;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use credspec::{Namespace, SecretName};
use dtyp::Clock;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::{Audit, Error, SecretSource};
use credentials::Credentials;
use metrics::Metrics;
use probes::Probes;
use server::Service;

/// How the account provider runs.
#[derive(Clone, Debug)]
pub struct Config {
    /// The namespace it answers for.
    pub namespace: Namespace,
    /// Where the plugin on this node looks: `<host_dir>/<namespace>/…`.
    pub host_dir: PathBuf,
    /// For a provider of one Secret: its name. The plugin looks in `<host_dir>/<namespace>/releases/<secret>/…` first, so that several of
    /// them serve one namespace.
    pub secret: Option<SecretName>,
    /// Whether such a provider is also the namespace's, for today's plugin, which looks there only.
    pub for_namespace: bool,
    /// Where it keeps its own authority across restarts. Without it the authority's key is never written anywhere, and each start makes
    /// a new one.
    pub state: Option<PathBuf>,
    /// Whether the plugin's certificate and key also lie in a file that opens without a password, for today's plugin.
    pub legacy: bool,
    /// Where the kubelet and Prometheus ask, in the clear.
    pub probes: Option<SocketAddr>,
    /// What one peer may cost.
    pub limits: Limits,
}

impl Config {
    /// The usual settings.
    pub fn new(namespace: Namespace, host_dir: impl Into<PathBuf>) -> Self {
        Self {
            namespace,
            host_dir: host_dir.into(),
            secret: None,
            for_namespace: true,
            state: None,
            legacy: false,
            probes: None,
            limits: Limits::default(),
        }
    }

    /// For one Secret of the namespace; `for_namespace` says whether today's plugin finds it too.
    #[must_use]
    pub fn for_secret(mut self, secret: SecretName, for_namespace: bool) -> Self {
        (self.secret, self.for_namespace) = (Some(secret), for_namespace);
        self
    }

    /// With the authority kept in this folder.
    #[must_use]
    pub fn with_state(mut self, folder: impl Into<PathBuf>) -> Self {
        self.state = Some(folder.into());
        self
    }
}

/// What one peer may cost.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections at the same time; more wait.
    pub connections: usize,
    /// For the TLS handshake.
    pub handshake: Duration,
    /// For the whole request and its answer, after the handshake.
    pub request: Duration,
    /// Bytes of a request's head. HTTP libraries need 8 KiB at least.
    pub head: usize,
    /// Header fields of a request.
    pub headers: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 128,
            handshake: Duration::from_secs(3),
            request: Duration::from_secs(5),
            head: 8 << 10,
            headers: 32,
        }
    }
}

/// Hands impersonation accounts to the plugin on its node.
pub struct AccountProvider;

impl AccountProvider {
    /// Starts answering on an ephemeral port of the loopback interface, then publishes the port and the plugin's certificate.
    ///
    /// # Errors
    /// See [`enum@Error`].
    pub async fn start(
        config: Config,
        secrets: Arc<dyn SecretSource>,
        audit: Arc<dyn Audit>,
        clock: Arc<dyn Clock>,
    ) -> Result<Running, Error> {
        let (listener, address) = listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
        let probes = match config.probes {
            Some(address) => {
                let listener = ::probes::Listener::bind(address).await;
                Some(listener.map_err(|source| Error::Listen { address, source })?)
            }
            None => None,
        };
        let metrics = Arc::new(Metrics::default());
        let credentials = {
            let (config, clock, metrics) = (config.clone(), Arc::clone(&clock), Arc::clone(&metrics));
            tokio::task::spawn_blocking(move || Credentials::prepare(config, clock, metrics)).await??
        };
        let credentials = Arc::new(credentials);
        let service = Arc::new(Service {
            namespace: config.namespace.clone(),
            limits: config.limits,
            tls: Arc::clone(&credentials.tls),
            secrets: Arc::clone(&secrets),
            audit,
            metrics: Arc::clone(&metrics),
            clock,
        });
        let (stop, stopped) = watch::channel(());
        let serving = tokio::spawn(server::serve(listener, service, stopped.clone()));
        let renewing = tokio::spawn(credentials::keep(Arc::clone(&credentials), stopped));
        let mut running = Running {
            address,
            probes: None,
            stop: Some(stop),
            credentials,
            tasks: vec![serving, renewing],
            probing: None,
        };
        // Who finds the port must find somebody there.
        let (publish, port) = (Arc::clone(&running.credentials), address.port());
        tokio::task::spawn_blocking(move || publish.write_port(port)).await??;
        if let Some(listener) = probes {
            running.probes = Some(listener.address());
            let probes = Probes { metrics, secrets, credentials: Arc::clone(&running.credentials) };
            running.probing = Some(tokio::spawn(probes.serve(listener)));
        }
        tracing::info!(namespace = %config.namespace, %address, "account provider is ready");
        Ok(running)
    }
}

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), Error> {
    let wrong = |source| Error::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(wrong)?;
    let address = listener.local_addr().map_err(wrong)?;
    Ok((listener, address))
}

/// A running account provider. Dropping it stops it at once; [`stop`](Self::stop) lets requests finish.
pub struct Running {
    address: SocketAddr,
    probes: Option<SocketAddr>,
    stop: Option<watch::Sender<()>>,
    credentials: Arc<Credentials>,
    tasks: Vec<JoinHandle<()>>,
    probing: Option<JoinHandle<()>>,
}

impl Running {
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

    /// Issues new certificates now; the next connection needs them. It happens by itself twice a day.
    ///
    /// # Errors
    /// When they cannot be written; the present ones then stay in force.
    pub async fn renew(&self) -> Result<(), Error> {
        let credentials = Arc::clone(&self.credentials);
        tokio::task::spawn_blocking(move || credentials.renew()).await?
    }

    /// Takes the port file away, lets requests finish, and stops.
    ///
    /// # Errors
    /// When the port file cannot be removed, or a task had failed.
    pub async fn stop(mut self) -> Result<(), Error> {
        let (credentials, port) = (Arc::clone(&self.credentials), self.address.port());
        tokio::task::spawn_blocking(move || credentials.remove_port(port)).await??;
        drop(self.stop.take());
        for task in std::mem::take(&mut self.tasks) {
            task.await?;
        }
        Ok(())
    }

    /// Serves until `shutdown`, then stops.
    ///
    /// # Errors
    /// As [`stop`](Self::stop).
    pub async fn until(self, shutdown: impl Future<Output = ()> + Send) -> Result<(), Error> {
        shutdown.await;
        self.stop().await
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        for task in self.tasks.iter().chain(&self.probing) {
            task.abort();
        }
    }
}
