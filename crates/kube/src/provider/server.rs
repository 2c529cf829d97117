//! The listener: TLS with a client certificate of our own authority, one request a connection, bounded in every direction.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use credspec::Namespace;
use dtyp::Clock;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use pki::Certificate;
use rustls::ServerConfig;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::Limits;
use super::metrics::Metrics;
use super::request::{Question, Reply, give, question, refuse};
use crate::{Audit, AuditEvent, Outcome, SecretError, SecretSource, connections};

/// What every connection needs.
pub(super) struct Service {
    pub(super) namespace: Namespace,
    pub(super) limits: Limits,
    pub(super) tls: Arc<ArcSwap<ServerConfig>>,
    pub(super) secrets: Arc<dyn SecretSource>,
    pub(super) audit: Arc<dyn Audit>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) clock: Arc<dyn Clock>,
}

/// Takes connections until stopped, then waits for those that are open.
pub(super) async fn serve(listener: TcpListener, service: Arc<Service>, stopped: watch::Receiver<()>) {
    let most = service.limits.connections;
    let connection = move |stream, peer| Arc::clone(&service).connection(stream, peer);
    connections::serve("the account provider", listener, most, stopped, connection).await;
}

/// Somebody who has connected.
struct Peer {
    address: SocketAddr,
    /// Not before the handshake is through.
    client: Option<Certificate>,
    /// When there was something to answer.
    since: Instant,
}

impl Service {
    async fn connection(self: Arc<Self>, stream: TcpStream, address: SocketAddr) {
        let acceptor = TlsAcceptor::from(self.tls.load_full());
        let stranger = Peer { address, client: None, since: Instant::now() };
        let refused = |why: String| self.record(&stranger, None, Outcome::Refused(why));
        let stream = match timeout(self.limits.handshake, acceptor.accept(stream).into_fallible()).await {
            Ok(Ok(stream)) => stream,
            Ok(Err((error, stream))) => {
                refused(format!("TLS: {error}"));
                return part(stream).await;
            }
            Err(_) => return refused("TLS: no handshake in time".into()),
        };
        let Some(client) = client(&stream) else {
            return refused("TLS: no client certificate".into());
        };
        let limits = &self.limits;
        let answer = |request: Request<Incoming>| {
            let peer = Peer { address, client: Some(client.clone()), since: Instant::now() };
            let service = Arc::clone(&self);
            async move { Ok::<_, Infallible>(service.answer(&peer, &request).await) }
        };
        let connection = http1::Builder::new()
            .keep_alive(false)
            .max_headers(limits.headers)
            .max_buf_size(limits.head.max(8 << 10))
            .timer(TokioTimer::new())
            .header_read_timeout(limits.request)
            .serve_connection(TokioIo::new(stream), service_fn(answer));
        // What a peer of ours does wrong after the handshake is its own affair: it gets no answer.
        match timeout(limits.request, connection).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, peer = %address, "a connection to the account provider broke"),
            Err(_) => tracing::debug!(peer = %address, "a connection to the account provider took too long"),
        }
    }

    async fn answer(&self, peer: &Peer, request: &Request<Incoming>) -> Response<Reply> {
        match question(request.method(), request.uri().path(), request.headers()) {
            Question::Refusal(outcome) => {
                let response = refuse(&outcome);
                self.record(peer, None, outcome);
                response
            }
            Question::Secret(name) => {
                let secrets = Arc::clone(&self.secrets);
                let asked = name.clone();
                let found = tokio::task::spawn_blocking(move || secrets.read(&asked)).await;
                let (response, outcome) = match found {
                    Ok(Ok(secret)) => {
                        self.metrics.secret(name.to_string(), secret.changed);
                        (give(&secret), Outcome::Given)
                    }
                    Ok(Err(SecretError::NotFound)) => (refuse(&Outcome::NotFound), Outcome::NotFound),
                    Ok(Err(error)) => (refuse(&Outcome::NotFound), Outcome::Unusable(error.to_string())),
                    Err(_) => (refuse(&Outcome::NotFound), Outcome::Unusable("the secret source failed".into())),
                };
                self.record(peer, Some(name.to_string()), outcome);
                response
            }
        }
    }

    fn record(&self, peer: &Peer, secret: Option<String>, outcome: Outcome) {
        let event = AuditEvent {
            at: self.clock.now(),
            peer: peer.address,
            client: peer.client.clone(),
            namespace: self.namespace.clone(),
            secret,
            outcome,
            took: peer.since.elapsed(),
        };
        self.metrics.record(&event);
        self.audit.record(&event);
    }
}

/// Lets a refused peer read why: closing while its request is still on the way would take the TLS alert back.
async fn part(mut stream: TcpStream) {
    const PATIENCE: Duration = Duration::from_millis(500);
    let drained = async {
        stream.shutdown().await?;
        tokio::io::copy(&mut stream.take(64 << 10), &mut tokio::io::sink()).await
    };
    // Whether it listened to the end is its own affair.
    let _ = timeout(PATIENCE, drained).await;
}

fn client(stream: &TlsStream<TcpStream>) -> Option<Certificate> {
    let certificate = stream.get_ref().1.peer_certificates()?.first()?;
    Certificate::read(certificate).ok()
}
