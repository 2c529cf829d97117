//! The account provider: starting, renewing, stopping.

mod published;
mod request;
mod server;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use credspec::{Namespace, SecretName};
use dtyp::Clock;
use pki::{Authority, ClientAuth, Purpose, Rotating, Validity};
use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::{Audit, Error, SecretSource};
use published::Published;
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

/// How long a leaf certificate lasts. Both are renewed when half of it is over.
const LEAF: Validity = Validity::DAY;

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
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listen = |source| Error::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let credentials = {
            let (config, clock) = (config.clone(), Arc::clone(&clock));
            tokio::task::spawn_blocking(move || Credentials::prepare(&config, clock.as_ref())).await??
        };
        let credentials = Arc::new(credentials);
        let service = Arc::new(Service {
            namespace: config.namespace.clone(),
            limits: config.limits.clone(),
            tls: Arc::clone(&credentials.tls),
            secrets,
            audit,
            clock: Arc::clone(&clock),
        });
        let (stop, stopped) = watch::channel(());
        let serving = tokio::spawn(server::serve(listener, service, stopped.clone()));
        let renewing = tokio::spawn(renew_forever(Arc::clone(&credentials), Arc::clone(&clock), stopped));
        let running = Running { address, stop: Some(stop), credentials, clock, tasks: vec![serving, renewing] };
        // Last: who finds the port must find somebody there.
        let (publish, port) = (Arc::clone(&running.credentials), address.port());
        tokio::task::spawn_blocking(move || publish.published.iter().try_for_each(|one| one.write_port(port)))
            .await??;
        tracing::info!(namespace = %config.namespace, %address, "account provider is ready");
        Ok(running)
    }
}

/// The authority, what it has issued, and where that is published.
struct Credentials {
    authority: Authority,
    published: Vec<Published>,
    tls: Arc<ArcSwap<ServerConfig>>,
}

impl Credentials {
    fn prepare(config: &Config, clock: &dyn Clock) -> Result<Self, Error> {
        let of = |secret| Published::create(&config.host_dir, &config.namespace, secret);
        let mut published: Vec<_> =
            config.secret.as_ref().map(|secret| of(Some(secret))).transpose()?.into_iter().collect();
        if config.secret.is_none() || config.for_namespace {
            published.push(of(None)?);
        }
        let purpose = format!("account provider {}", config.namespace);
        let authority = match &config.state {
            Some(state) => {
                published.iter().try_for_each(|one| one.must_not_hold(state))?;
                Authority::load_or_create(state, &purpose, Validity::YEARS_10, clock)?
            }
            None => Authority::create(&purpose, Validity::YEARS_10, clock)?,
        };
        let tls = Arc::new(ArcSwap::new(Self::issue(&authority, &published, clock)?));
        Ok(Self { authority, published, tls })
    }

    /// New certificates for both sides. The server's key stays in memory.
    fn issue(authority: &Authority, published: &[Published], clock: &dyn Clock) -> Result<Arc<ServerConfig>, Error> {
        let server = authority.issue(&Purpose::server(["localhost", "127.0.0.1", "::1"]), LEAF, clock)?;
        let client = authority.issue(&Purpose::client("ccg-plugin"), LEAF, clock)?;
        let config = pki::server_config(&Rotating::new(&server)?, ClientAuth::Required(&authority.roots()))?;
        published.iter().try_for_each(|one| one.write_certificates(authority, &server, &client))?;
        Ok(config)
    }

    fn renew(&self, clock: &dyn Clock) -> Result<(), Error> {
        self.tls.store(Self::issue(&self.authority, &self.published, clock)?);
        Ok(())
    }
}

/// Renews at half-time. When that fails there is as much time again to try, and it is tried every few minutes.
async fn renew_forever(credentials: Arc<Credentials>, clock: Arc<dyn Clock>, mut stopped: watch::Receiver<()>) {
    let mut wait = LEAF.0 / 2;
    loop {
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            _ = stopped.changed() => return,
        }
        wait = match renew(&credentials, &clock).await {
            Ok(()) => LEAF.0 / 2,
            Err(error) => {
                tracing::error!(%error, "the account provider's certificates could not be renewed; trying again");
                Duration::from_secs(300)
            }
        };
    }
}

async fn renew(credentials: &Arc<Credentials>, clock: &Arc<dyn Clock>) -> Result<(), Error> {
    let (credentials, clock) = (Arc::clone(credentials), Arc::clone(clock));
    tokio::task::spawn_blocking(move || credentials.renew(clock.as_ref())).await?
}

/// A running account provider. Dropping it stops it at once; [`stop`](Self::stop) lets requests finish.
pub struct Running {
    address: SocketAddr,
    stop: Option<watch::Sender<()>>,
    credentials: Arc<Credentials>,
    clock: Arc<dyn Clock>,
    tasks: Vec<JoinHandle<()>>,
}

impl Running {
    /// Where it answers.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Issues new certificates now; the next connection needs them. It happens by itself twice a day.
    ///
    /// # Errors
    /// When they cannot be written; the present ones then stay in force.
    pub async fn renew(&self) -> Result<(), Error> {
        renew(&self.credentials, &self.clock).await
    }

    /// Takes the port file away, lets requests finish, and stops.
    ///
    /// # Errors
    /// When the port file cannot be removed, or a task had failed.
    pub async fn stop(mut self) -> Result<(), Error> {
        let (credentials, port) = (Arc::clone(&self.credentials), self.address.port());
        let remove = move || credentials.published.iter().try_for_each(|one| one.remove_port(port));
        tokio::task::spawn_blocking(remove).await??;
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
        for task in &self.tasks {
            task.abort();
        }
    }
}
