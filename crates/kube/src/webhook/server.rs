//! The webhook's HTTPS server: paths, methods and codes of today's webhook, every dimension bounded.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::any;
use futures_util::StreamExt;
use hyper::body::Body as _;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::Denial;
use super::callers::Entrance;
use super::decide::{Decider, Lookups};
use super::events::Events;
use super::metrics::Metrics;
use super::review::{Review, answer};
use crate::connections;

/// A review holds an object at most twice, and etcd stores none larger than 1.5 MiB.
const LONGEST_BODY: usize = 4 << 20;
/// For a whole request to arrive.
const PATIENCE: Duration = Duration::from_secs(10);
const MOST_CONNECTIONS: usize = 1_024;
/// Of a body that is refused for its size, so much is read and thrown away: who is still sending would not hear why.
const DRAINED: usize = 16 << 20;

/// What every request needs.
pub(super) struct Service<L> {
    pub(super) decider: Decider<L>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) events: Option<Events>,
}

pub(super) fn router<L: Lookups + 'static>(service: Arc<Service<L>>) -> Router {
    Router::new()
        .route("/health", any(|| async { StatusCode::NO_CONTENT }))
        .route("/info", any(|| async { Json(json!({ "version": env!("CARGO_PKG_VERSION") })) }))
        .route("/mutate", any(mutate::<L>))
        .route("/validate", any(validate::<L>))
        .with_state(service)
}

async fn mutate<L: Lookups>(State(service): State<Arc<Service<L>>>, request: Request) -> Response {
    let asked = Instant::now();
    let review = match body(request).await {
        Ok(body) => Review::parse(body),
        Err(refused) => return refused,
    };
    let (uid, result) = match &review {
        Ok(review) => (review.uid.as_str(), service.decider.mutate(review).await),
        Err(denial) => ("", Err(denial.clone())),
    };
    service.say("mutate", asked, review.as_ref().ok(), result.as_ref().err());
    Json(answer(uid, &result)).into_response()
}

async fn validate<L: Lookups>(State(service): State<Arc<Service<L>>>, request: Request) -> Response {
    let asked = Instant::now();
    let review = match body(request).await {
        Ok(body) => Review::parse(body),
        Err(refused) => return refused,
    };
    let (uid, result) = match &review {
        Ok(review) => (review.uid.as_str(), service.decider.validate(review).await.map(|()| Vec::new())),
        Err(denial) => ("", Err(denial.clone())),
    };
    service.say("validate", asked, review.as_ref().ok(), result.as_ref().err());
    Json(answer(uid, &result)).into_response()
}

/// The body of what may be a review. Anything else is refused before it is read.
async fn body(request: Request) -> Result<axum::body::Bytes, Response> {
    if request.method() != Method::POST {
        return Err(StatusCode::METHOD_NOT_ALLOWED.into_response());
    }
    if request.headers().get(CONTENT_TYPE).is_none_or(|kind| kind != "application/json") {
        return Err(StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response());
    }
    if request.body().size_hint().lower() > LONGEST_BODY as u64 {
        let _ = timeout(PATIENCE, drain(request.into_body())).await;
        return Err(StatusCode::PAYLOAD_TOO_LARGE.into_response());
    }
    match timeout(PATIENCE, to_bytes(request.into_body(), LONGEST_BODY)).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(_)) => Err(StatusCode::PAYLOAD_TOO_LARGE.into_response()),
        Err(_) => Err(StatusCode::REQUEST_TIMEOUT.into_response()),
    }
}

async fn drain(body: axum::body::Body) {
    let (mut parts, mut read) = (body.into_data_stream(), 0_usize);
    while let Some(Ok(part)) = parts.next().await {
        read = read.saturating_add(part.len());
        if read > DRAINED {
            break;
        }
    }
}

impl<L> Service<L> {
    /// One line and one Event for each refusal, and figures for each answer. Of the pod there is only where it would be, never what is in it.
    fn say(&self, path: &'static str, asked: Instant, review: Option<&Review>, denial: Option<&Denial>) {
        self.metrics.answered(path, denial.map(Denial::code), asked.elapsed());
        if let (Some(events), Some(review), Some(denial)) = (&self.events, review, denial) {
            events.refused(review, denial);
        }
        if let Some(denial) = denial {
            let namespace = review.map(|review| review.namespace.as_str()).unwrap_or_default();
            tracing::info!(path, namespace, code = denial.code(), reason = %denial, "a pod is not admitted");
        }
    }
}

/// Takes connections until stopped, then lets those that are open finish what they are at.
pub(super) async fn serve(listener: TcpListener, entrance: Entrance, pages: Router, stopped: watch::Receiver<()>) {
    let stop = stopped.clone();
    let connection = move |stream, _| connection(stream, entrance.clone(), pages.clone(), stop.clone());
    connections::serve("the webhook", listener, MOST_CONNECTIONS, stopped, connection).await;
}

async fn connection<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    entrance: Entrance,
    pages: Router,
    mut stopped: watch::Receiver<()>,
) {
    let acceptor = TlsAcceptor::from(entrance.config());
    let Ok(Ok(stream)) = timeout(PATIENCE, acceptor.accept(stream)).await else { return };
    if !entrance.lets_in(stream.get_ref().1) {
        return tracing::debug!("somebody called the webhook whose certificate has another name");
    }
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(PATIENCE).max_buf_size(64 << 10).max_headers(64);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(256)
        .max_header_list_size(16 << 10)
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(PATIENCE);
    let service = TowerToHyperService::new(pages.into_service::<hyper::body::Incoming>());
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        _ = stopped.changed() => {
            connection.as_mut().graceful_shutdown();
            match timeout(PATIENCE, connection).await {
                Ok(ended) => ended,
                Err(_) => return,
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection to the webhook broke");
    }
}

/// What is asked in the clear, by the kubelet and by Prometheus.
pub(super) async fn serve_probes(listener: probes::Listener, metrics: Arc<Metrics>) {
    let text = move || {
        let text = metrics.text();
        async move { probes::figures(text) }
    };
    let ready = || async { StatusCode::OK };
    let pages = Router::new().route("/metrics", any(text)).route("/readyz", any(ready)).route("/livez", any(ready));
    listener.serve(pages).await
}

#[cfg(test)]
mod tests;
