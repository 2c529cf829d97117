//! Accepting connections.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;

use super::connection::Connection;
use super::{Shutdown, stream::Stream};
use crate::Limits;
use crate::ldap::Server;

/// How many connections may wait to be accepted.
const BACKLOG: i32 = 1024;

/// A listening socket. IPv6 addresses take IPv6 only, so that both can be had.
pub(crate) fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    use socket2::{Domain, Protocol, Socket, Type};
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // A restarted server gets its ports back at once.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// What all listening sockets share.
#[derive(Clone)]
pub(crate) struct Listeners {
    server: Arc<Server>,
    tls: Option<TlsAcceptor>,
    limits: Limits,
    /// `MaxConnections`.
    connections: Arc<Semaphore>,
    /// Long searches, over all connections.
    long_searches: Arc<Semaphore>,
}

impl Listeners {
    pub(crate) fn new(server: Arc<Server>, tls: Option<Arc<rustls::ServerConfig>>, limits: Limits) -> Self {
        Self {
            server,
            tls: tls.map(TlsAcceptor::from),
            limits,
            connections: Arc::new(Semaphore::new(limits.max_connections)),
            long_searches: Arc::new(Semaphore::new(limits.max_long_searches)),
        }
    }

    /// Accepts on one socket until told to stop.
    pub(crate) fn serve(&self, socket: TcpListener, tls_at_once: bool, mut shutdown: Shutdown) {
        let this = self.clone();
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    accepted = socket.accept() => match accepted {
                        Ok((stream, peer)) => this.accepted(stream, peer, tls_at_once, &shutdown),
                        Err(error) => {
                            // Out of file descriptors, most likely: some will be given back.
                            tracing::warn!(%error, "a connection cannot be accepted");
                            tokio::time::sleep(Duration::from_millis(50)).await;
                        }
                    },
                    _ = shutdown.changed() => return,
                }
            }
        });
    }

    fn accepted(&self, stream: TcpStream, peer: SocketAddr, tls_at_once: bool, shutdown: &Shutdown) {
        let Ok(permit) = Arc::clone(&self.connections).try_acquire_owned() else {
            tracing::warn!(%peer, "a connection is refused: there are as many as there may be (MaxConnections)");
            return;
        };
        let this = self.clone();
        let shutdown = shutdown.clone();
        tokio::spawn(async move {
            let _permit = permit;
            if let Err(error) = this.connection(stream, peer, tls_at_once, shutdown).await {
                tracing::debug!(%peer, %error, "a connection ended");
            }
        });
    }

    async fn connection(
        self,
        stream: TcpStream,
        peer: SocketAddr,
        tls_at_once: bool,
        shutdown: Shutdown,
    ) -> std::io::Result<()> {
        stream.set_nodelay(true)?;
        let loopback = peer.ip().to_canonical().is_loopback();
        let mut stream = Stream::Plain(stream);
        if tls_at_once {
            stream = stream.start_tls(self.tls.as_ref(), self.limits.initial_receive).await?;
        }
        let channel = crate::ldap::Channel { tls: tls_at_once, loopback };
        Connection::new(stream, channel, self.server, self.tls, self.limits, self.long_searches, shutdown).serve().await
    }
}
