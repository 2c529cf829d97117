//! The webhook's HTTPS server: paths, methods and codes of today's webhook, every dimension bounded.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::any;
use hyper::body::Incoming;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::callers::Entrance;
use super::decide::{Decider, Lookups};
use super::events::Events;
use super::metrics::Metrics;
use super::places::{MOST_AND_WAITING, Place, Places};
use super::review::{Addition, Review, answer};
use super::rooms::{Room, What};
use super::{Denial, body};
use crate::connections;

/// For the handshake, for the first request, and for the last ones at the end.
const PATIENCE: Duration = body::PATIENCE;
/// A connection without a request for so long is closed. No request takes as long: the API server waits for thirty seconds at most.
const IDLE: Duration = Duration::from_secs(60);

/// An answer without additions.
const LEAST_ANSWER: usize = 4 << 10;

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
    review(&service, "mutate", request, async |review| service.decider.mutate(review).await).await
}

async fn validate<L: Lookups>(State(service): State<Arc<Service<L>>>, request: Request) -> Response {
    review(&service, "validate", request, async |review| service.decider.validate(review).await.map(|()| Vec::new()))
        .await
}

async fn review<L: Lookups>(
    service: &Service<L>,
    path: &'static str,
    request: Request,
    decide: impl AsyncFnOnce(&Review) -> Result<Vec<Addition>, Denial>,
) -> Response {
    let asked = Instant::now();
    let (review, body_room, place) = match body::read(request).await {
        Ok(held) => (Review::parse(held.bytes), held.room, held.place),
        Err(refused) => return refused,
    };
    let _answering = place.answers();
    let mut answer_room = Room::none(&place, What::Answer);
    if !answer_room.hold(review.as_ref().map_or(LEAST_ANSWER, expected)).await {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let (uid, result) = match &review {
        Ok(review) => (review.uid.as_str(), decide(review).await),
        Err(denial) => ("", Err(denial.clone())),
    };
    service.say(path, asked, review.as_ref().ok(), result.as_ref().err());
    let answer = answer(uid, &result);
    drop((review, body_room));
    body::json(&answer, answer_room).await
}

/// How much memory the answer may take, before it is known: contents of a credential spec have one or two kibibytes, and are copied a few times.
fn expected(review: &Review) -> usize {
    const EACH: usize = 16 << 10;
    const MOST: usize = 1 << 20;
    review.names().saturating_mul(EACH).clamp(LEAST_ANSWER, MOST)
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
    let inside = Inside { places: Places::default(), entrance, pages, stopped };
    let stopped = inside.stopped.clone();
    let connection = move |stream, peer: SocketAddr| inside.clone().connection(stream, peer.ip());
    connections::serve("the webhook", listener, MOST_AND_WAITING, stopped, connection).await;
}

/// What every connection needs.
#[derive(Clone)]
struct Inside {
    places: Places,
    entrance: Entrance,
    pages: Router,
    stopped: watch::Receiver<()>,
}

impl Inside {
    async fn connection<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(self, stream: S, by: IpAddr) {
        let Some(place) = self.places.place(by).await else {
            return tracing::debug!("as many reviews of its address as may be, or of all, are being answered");
        };
        let place = Arc::new(place);
        tokio::select! {
            () = conversation(stream, Arc::clone(&place), self.entrance, self.pages, self.stopped) => {}
            () = place.is_lost() => tracing::debug!("a connection without a review gives way to a newcomer"),
        }
    }
}

async fn conversation<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    place: Arc<Place>,
    entrance: Entrance,
    pages: Router,
    mut stopped: watch::Receiver<()>,
) {
    let acceptor = TlsAcceptor::from(entrance.config());
    let Ok(Ok(stream)) = timeout(PATIENCE, acceptor.accept(stream)).await else { return };
    if !entrance.lets_in(stream.get_ref().1) {
        return tracing::debug!("somebody called the webhook whose certificate has another name");
    }
    let asked = Arc::new(Notify::new());
    let (tell, pages) = (Arc::clone(&asked), TowerToHyperService::new(pages.into_service::<Incoming>()));
    let service = service_fn(move |mut request| {
        tell.notify_one();
        request.extensions_mut().insert(Arc::clone(&place));
        pages.call(request)
    });
    let builder = builder();
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => Some(ended),
        () = silence(&asked) => None,
        _ = stopped.changed() => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
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

/// Of HTTP/2. A connection has as many windows as its streams: streams that wait leave the others theirs. RFC 9113 6.9.2: no connection's window
/// is smaller.
const STREAMS: u32 = 8;
const WINDOW: u32 = (64 << 10) - 1;
const WINDOW_OF_STREAM: u32 = WINDOW / STREAMS;

/// What a caller can have the webhook keep for it is bounded in either version of HTTP. What has come and is not read yet takes no room of bodies:
/// at all places together it is as much again at most.
fn builder() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(PATIENCE).max_buf_size(32 << 10).max_headers(64);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .initial_stream_window_size(WINDOW_OF_STREAM)
        .initial_connection_window_size(WINDOW)
        .max_send_buf_size(64 << 10)
        .max_header_list_size(8 << 10)
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(PATIENCE);
    builder
}

/// Ends when nothing is asked: at first, in either version of HTTP, nor later on.
async fn silence(asked: &Notify) {
    let mut patience = PATIENCE;
    while timeout(patience, asked.notified()).await.is_ok() {
        patience = IDLE;
    }
}

/// What is asked in the clear, by the kubelet and by Prometheus.
pub(super) async fn serve_probes(listener: probes::Listener, metrics: Arc<Metrics>, is_leaving: Arc<AtomicBool>) {
    let text = move || {
        let text = metrics.text();
        async move { probes::figures(text) }
    };
    let live = || async { StatusCode::OK };
    let ready = move || {
        let is_leaving = is_leaving.load(Ordering::SeqCst);
        async move { if is_leaving { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK } }
    };
    let pages = Router::new().route("/metrics", any(text)).route("/readyz", any(ready)).route("/livez", any(live));
    listener.serve(pages).await
}

#[cfg(test)]
mod tests;
