//! The web server around the rules.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::{get, post};
use clap::Parser;
use dtyp::{SystemClock, SystemRandom};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::{App, Args, BadConfig, Config, api, site};

/// Forms and JSON bodies are a few hundred bytes.
const MOST_BYTES: usize = 16 << 10;
/// For one request, the directory's part included.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why the service does not run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The port cannot be opened.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The server ended.
    #[error("the web server stopped: {0}")]
    Serve(#[source] std::io::Error),
    /// The server's task failed.
    #[error("the web server failed: {0}")]
    Task(#[from] tokio::task::JoinError),
    /// The command line.
    #[error(transparent)]
    Config(#[from] BadConfig),
    /// The ready file cannot be written.
    #[error("cannot write {path}: {source}")]
    ReadyFile {
        /// The file.
        path: std::path::PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// A running service. Dropping it ends it at once.
pub struct Running {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<std::io::Result<()>>,
}

impl Running {
    /// Where it answers.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Lets requests finish, and stops.
    ///
    /// # Errors
    /// When the server had failed before.
    pub async fn stop(mut self) -> Result<(), Error> {
        drop(self.stop.take());
        (&mut self.task).await?.map_err(Error::Serve)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Starts the service for a domain.
///
/// # Errors
/// [`Error::Listen`].
pub async fn start(config: &Config) -> Result<Running, Error> {
    let directory = Arc::new(config.authenticator());
    let app = App::new(directory, &config.admin_group, Arc::new(SystemClock), Arc::new(SystemRandom));
    start_with(config.listen, app.behind_tls(config.behind_tls)).await
}

/// Starts the service with rules that were put together elsewhere.
///
/// # Errors
/// [`Error::Listen`].
pub async fn start_with(listen: SocketAddr, app: App) -> Result<Running, Error> {
    let failed = |source| Error::Listen { address: listen, source };
    let listener = TcpListener::bind(listen).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let service = router(Arc::new(app)).into_make_service_with_connect_info::<SocketAddr>();
    let (stop, stopped) = oneshot::channel::<()>();
    let served = axum::serve(listener, service).with_graceful_shutdown(async {
        // An error says that the sender is gone, which means the same.
        let _ = stopped.await;
    });
    tracing::info!(%address, "the rate limiter is ready");
    Ok(Running { address, stop: Some(stop), task: tokio::spawn(served.into_future()) })
}

/// Runs the service until `shutdown`; `ready` is told where it answers.
///
/// # Errors
/// See [`enum@Error`].
pub async fn run(
    config: &Config,
    ready: impl FnOnce(SocketAddr) -> Result<(), Error>,
    shutdown: impl Future<Output = ()>,
) -> Result<(), Error> {
    let mut running = start(config).await?;
    ready(running.address())?;
    tokio::select! {
        () = shutdown => running.stop().await,
        ended = &mut running.task => ended?.map_err(Error::Serve),
    }
}

/// The program: reads the command line, serves until Ctrl-C or a signal to end.
#[must_use]
pub fn main_from_args(args: impl IntoIterator<Item = impl Into<std::ffi::OsString> + Clone>) -> ExitCode {
    let args = match Args::try_parse_from(args) {
        Ok(args) => args,
        Err(usage) => {
            // That even this cannot be written has no one to be told.
            let _ = usage.print();
            return ExitCode::from(u8::try_from(usage.exit_code()).unwrap_or(2));
        }
    };
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into());
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).try_init();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "no runtime");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(serve(&args)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "the rate limiter cannot run");
            ExitCode::FAILURE
        }
    }
}

async fn serve(args: &Args) -> Result<(), Error> {
    let config = args.config()?;
    let ready = |address: SocketAddr| match &args.ready_file {
        Some(path) => write_ready(path, address).map_err(|source| Error::ReadyFile { path: path.clone(), source }),
        None => Ok(()),
    };
    run(&config, ready, ended()).await
}

/// In one step: whoever waits for the file never reads half of it.
fn write_ready(path: &std::path::Path, address: SocketAddr) -> std::io::Result<()> {
    let beside = path.with_extension("new");
    std::fs::write(&beside, format!("{{\"http\":\"{address}\"}}\n"))?;
    std::fs::rename(&beside, path)
}

#[cfg(unix)]
async fn ended() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => tokio::select! {
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        },
        Err(_) => {
            let _ = tokio::signal::ctrl_c().await;
        }
    }
}

#[cfg(not(unix))]
async fn ended() {
    let _ = tokio::signal::ctrl_c().await;
}

fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/", get(site::home))
        .route("/login", get(site::login_form).post(site::login))
        .route("/logout", post(site::logout))
        .route("/limits", post(site::change))
        .route("/style.css", get(site::style))
        .route("/api/login", post(api::login))
        .route("/api/limits", get(api::limits).put(api::change))
        .route("/api/logout", post(api::logout))
        .layer(DefaultBodyLimit::max(MOST_BYTES))
        .layer(from_fn(patiently))
        .layer(from_fn(safe_headers))
        .with_state(app)
}

/// Gives up on requests that take too long.
async fn patiently(request: Request, next: Next) -> Result<Response, StatusCode> {
    tokio::time::timeout(PATIENCE, next.run(request)).await.map_err(|_| StatusCode::GATEWAY_TIMEOUT)
}

/// No scripts, no frames, nothing from elsewhere, nothing kept.
async fn safe_headers(request: Request, next: Next) -> Response {
    const POLICY: &str =
        "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
