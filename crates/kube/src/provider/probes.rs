//! What is asked in the clear: by the kubelet, whether the provider is alive and can answer, and by Prometheus. No secret is near it.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::get;

use super::Credentials;
use super::metrics::Metrics;
use crate::SecretSource;

/// What is looked at.
#[derive(Clone)]
pub(super) struct Probes {
    pub(super) metrics: Arc<Metrics>,
    pub(super) secrets: Arc<dyn SecretSource>,
    pub(super) credentials: Arc<Credentials>,
}

impl Probes {
    pub(super) async fn serve<T>(self, listener: ::probes::Listener) -> T {
        let pages = Router::new()
            .route("/healthz", get(healthz))
            .route("/livez", get(healthz))
            .route("/readyz", get(readyz))
            .route("/metrics", get(metrics));
        listener.serve(pages.with_state(self)).await
    }

    /// Why no plugin can connect.
    fn unreachable(&self) -> Option<&'static str> {
        if !self.credentials.are_valid() {
            return Some("the certificates are not valid now\n");
        }
        let is_found = self.credentials.are_found();
        (!is_found).then_some("the plugins' files are not in the node's folder, and cannot be written there\n")
    }
}

/// Alive: it can be connected to. A new start is a remedy for nothing else; also when the folder that a container was given is not the node's
/// any more.
async fn healthz(State(probes): State<Probes>) -> impl IntoResponse {
    match probes.unreachable() {
        None => (StatusCode::OK, "ok\n"),
        Some(why) => (StatusCode::SERVICE_UNAVAILABLE, why),
    }
}

/// Ready: the next request gets a secret.
async fn readyz(State(probes): State<Probes>) -> impl IntoResponse {
    if let Some(why) = probes.unreachable() {
        return (StatusCode::SERVICE_UNAVAILABLE, why.to_owned());
    }
    match probes.secrets.standing().ready {
        Ok(()) => (StatusCode::OK, "ok\n".to_owned()),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")),
    }
}

async fn metrics(State(probes): State<Probes>) -> impl IntoResponse {
    ::probes::figures(probes.metrics.text(&probes.secrets.standing()))
}
