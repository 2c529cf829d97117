//! Where Prometheus asks.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use ccg::Leases;
use dtyp::Clock;
use tokio::net::TcpListener;

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
    ///
    /// # Errors
    /// When listening fails.
    pub async fn serve(self, listener: TcpListener) -> std::io::Result<()> {
        let pages = axum::Router::new()
            .route("/metrics", get(metrics))
            .route("/health", get(|| async { "OK\n" }))
            .with_state(self);
        axum::serve(listener, pages).await
    }
}

async fn metrics(State(scrape): State<Scrape>) -> impl IntoResponse {
    let text = scrape.metrics.text(&scrape.leases, scrape.clock.now());
    ([(CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text)
}
