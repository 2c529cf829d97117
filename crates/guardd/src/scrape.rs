//! Where Prometheus asks.

use std::sync::Arc;

use axum::extract::State;
use axum::response::IntoResponse;
use axum::routing::get;
use ccg::Leases;
use dtyp::Clock;

use crate::Metrics;

/// Answers `/metrics` (OpenMetrics) and `/health`.
#[derive(Clone)]
pub struct Scrape {
    /// The figures.
    pub metrics: Arc<Metrics>,
    /// What they are about.
    pub leases: Leases,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
}

impl Scrape {
    /// Serves until dropped.
    pub async fn serve<T>(self, listener: probes::Listener) -> T {
        let pages = axum::Router::new()
            .route("/metrics", get(metrics))
            .route("/health", get(|| async { "OK\n" }))
            .with_state(self);
        listener.serve(pages).await
    }
}

async fn metrics(State(scrape): State<Scrape>) -> impl IntoResponse {
    probes::figures(scrape.metrics.text(&scrape.leases, scrape.clock.now()))
}
