//! Where kubelet and Prometheus ask.

use std::path::PathBuf;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::get;
use ccg::Leases;
use dtyp::Clock;
use tokio::net::UnixStream;

use crate::Metrics;

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

async fn metrics(State(scrape): State<Scrape>) -> impl IntoResponse {
    probes::figures(scrape.metrics.text(&scrape.leases, scrape.clock.now()))
}

/// A guard that answers here, and that nobody can ask for a lease, is none: somebody removed its socket, or it hangs. Started anew, it makes
/// its sockets again and takes its leases up.
async fn alive(State(scrape): State<Scrape>) -> (StatusCode, String) {
    for socket in &scrape.sockets {
        if let Err(error) = UnixStream::connect(socket).await {
            return (StatusCode::SERVICE_UNAVAILABLE, format!("{} does not answer: {error}\n", socket.display()));
        }
    }
    (StatusCode::OK, format!("{} leases\n", scrape.leases.standings().len()))
}
