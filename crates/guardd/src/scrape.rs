//! Where kubelet and Prometheus ask.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::get;
use ccg::Leases;
use dtyp::Clock;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::timeout;

use crate::Metrics;

/// For one of its sockets to answer; it is asked on the spot.
const PATIENCE: Duration = Duration::from_secs(2);

/// Answers `/metrics` (OpenMetrics), `/livez`, `/readyz` and `/health`.
#[derive(Clone)]
pub struct Scrape {
    /// The figures.
    pub metrics: Arc<Metrics>,
    /// What they are about.
    pub leases: Leases,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Where others find the guard.
    pub sockets: Vec<PathBuf>,
}

impl Scrape {
    /// Serves until dropped.
    pub async fn serve<T>(self, listener: probes::Listener) -> T {
        let pages = axum::Router::new()
            .route("/metrics", get(metrics))
            .route("/livez", get(alive))
            .route("/readyz", get(alive))
            .route("/health", get(|| async { "OK\n" }))
            .with_state(self);
        listener.serve(pages).await
    }
}

/// Begins to speak HTTP/2, as gRPC does, and hears the other side begin. RFC 9113 3.4.
async fn greet(socket: &Path) -> std::io::Result<()> {
    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    const NO_SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];
    let mut stream = UnixStream::connect(socket).await?;
    stream.write_all(&[PREFACE, NO_SETTINGS].concat()).await?;
    let mut frame = [0; NO_SETTINGS.len()];
    stream.read_exact(&mut frame).await.map(drop)
}

async fn metrics(State(scrape): State<Scrape>) -> impl IntoResponse {
    probes::figures(scrape.metrics.text(&scrape.leases, scrape.clock.now()))
}

/// A guard that answers here, and that nobody can ask for a lease, is none: somebody removed its socket, or it hangs. Started anew, it makes
/// its sockets again and takes its leases up.
async fn alive(State(scrape): State<Scrape>) -> (StatusCode, String) {
    for socket in &scrape.sockets {
        let answered = timeout(PATIENCE, greet(socket)).await.unwrap_or_else(|_| Err(ErrorKind::TimedOut.into()));
        if let Err(error) = answered {
            return (StatusCode::SERVICE_UNAVAILABLE, format!("{} does not answer: {error}\n", socket.display()));
        }
    }
    (StatusCode::OK, format!("{} leases\n", scrape.leases.standings().len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_socket_that_nobody_answers_at_is_not_well() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("guard.sock");
        let greeted = || timeout(PATIENCE, greet(&socket));
        assert_eq!(greeted().await.unwrap().unwrap_err().kind(), ErrorKind::NotFound);
        // Connections are made, and nobody takes them.
        let _listener = tokio::net::UnixListener::bind(&socket).unwrap();
        assert!(greeted().await.is_err());
    }
}
