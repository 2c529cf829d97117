//! What kubelet and Prometheus ask, in the clear.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::metrics::Metrics;

/// Answers until dropped.
pub(super) struct Probes {
    pub(super) address: SocketAddr,
    serving: JoinHandle<()>,
}

impl Probes {
    pub(super) async fn start(address: SocketAddr, metrics: Arc<Metrics>) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let ready = Arc::clone(&metrics);
        let ready =
            move || async move { if ready.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE } };
        let text = move || {
            let text = metrics.text();
            async move { ([(CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text) }
        };
        let pages = Router::new()
            .route("/readyz", get(ready))
            .route("/livez", get(|| async { StatusCode::OK }))
            .route("/metrics", get(text));
        let serving = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, pages).await {
                tracing::error!(%error, "probes are not answered any more");
            }
        });
        Ok(Self { address, serving })
    }
}

impl Drop for Probes {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
