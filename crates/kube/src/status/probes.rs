//! What kubelet and Prometheus ask, in the clear.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use tokio::task::JoinHandle;

use super::metrics::Metrics;

/// Answers until dropped.
pub(super) struct Probes {
    pub(super) address: SocketAddr,
    serving: JoinHandle<()>,
}

impl Probes {
    pub(super) async fn start(address: SocketAddr, metrics: Arc<Metrics>) -> std::io::Result<Self> {
        let listener = probes::Listener::bind(address).await?;
        let address = listener.address();
        let ready = Arc::clone(&metrics);
        let ready =
            move || async move { if ready.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE } };
        let text = move || {
            let text = metrics.text();
            async move { probes::figures(text) }
        };
        let pages = Router::new()
            .route("/readyz", get(ready))
            .route("/livez", get(|| async { StatusCode::OK }))
            .route("/metrics", get(text));
        Ok(Self { address, serving: tokio::spawn(listener.serve(pages)) })
    }
}

impl Drop for Probes {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
