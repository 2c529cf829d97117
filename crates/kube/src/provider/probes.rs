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
}

/// Alive: it can be connected to. A new start is a remedy for nothing else.
async fn healthz(State(probes): State<Probes>) -> impl IntoResponse {
    match probes.credentials.are_valid() {
        true => (StatusCode::OK, "ok\n"),
        false => (StatusCode::SERVICE_UNAVAILABLE, "the certificates are not valid now\n"),
    }
}

/// Ready: the next request gets a secret.
async fn readyz(State(probes): State<Probes>) -> impl IntoResponse {
    match probes.secrets.standing().ready {
        _ if !probes.credentials.are_valid() => {
            (StatusCode::SERVICE_UNAVAILABLE, "the certificates are not valid now\n".to_owned())
        }
        Ok(()) => (StatusCode::OK, "ok\n".to_owned()),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")),
    }
}

async fn metrics(State(probes): State<Probes>) -> impl IntoResponse {
    ::probes::figures(probes.metrics.text(&probes.secrets.standing()))
}
