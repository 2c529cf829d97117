//! A socket, with TLS around it or not.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// A connection's bytes.
pub(crate) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    /// Puts what arrives behind what is in `into`; 0 when the peer has said all.
    pub(crate) async fn receive(&mut self, into: &mut Vec<u8>) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read_buf(into).await,
            Self::Tls(stream) => stream.read_buf(into).await,
        }
    }

    /// Sends all of it.
    pub(crate) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.write_all(bytes).await,
            Self::Tls(stream) => {
                stream.write_all(bytes).await?;
                stream.flush().await
            }
        }
    }

    /// Says that no more comes.
    pub(crate) async fn close(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.shutdown().await,
            Self::Tls(stream) => stream.shutdown().await,
        }
    }

    /// Makes TLS of a plain connection.
    pub(crate) async fn start_tls(self, acceptor: Option<&TlsAcceptor>, within: Duration) -> io::Result<Self> {
        let (Self::Plain(stream), Some(acceptor)) = (self, acceptor) else {
            return Err(io::Error::other("TLS cannot be started here"));
        };
        let handshake = tokio::time::timeout(within, acceptor.accept(stream));
        Ok(Self::Tls(Box::new(handshake.await.map_err(|_| io::ErrorKind::TimedOut)??)))
    }
}
