//! Bytes to and from the server: TCP, TLS, and the SASL layer above either.

use std::io;
use std::sync::Arc;

use dtyp::Random;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use zeroize::Zeroizing;

use ::kerberos::gss::sasl::{Layer, SecurityLayer};

use crate::tls::Trust;

/// How much is read from the socket at a time.
const READ: usize = 16 << 10;

enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    /// While one becomes the other; stays when that fails.
    Gone,
}

/// Why there is no next message.
pub(super) enum WireError {
    Io(io::Error),
    Closed,
    TooLarge,
    Protocol(String),
    Layer(String),
}

impl From<io::Error> for WireError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

pub(super) struct Wire {
    stream: Stream,
    layer: Option<(SecurityLayer, Arc<dyn Random>)>,
    /// What came from the socket and is not yet taken out of the layer.
    received: Vec<u8>,
    /// LDAP, ready to be taken message by message.
    opened: Vec<u8>,
    limit: usize,
}

impl Wire {
    pub(super) async fn connect(host: &str, port: u16, limit: usize) -> io::Result<Self> {
        let stream = TcpStream::connect((host, port)).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: Stream::Plain(stream), layer: None, received: Vec::new(), opened: Vec::new(), limit })
    }

    /// Whether the other end is this machine.
    pub(super) fn is_loopback(&self) -> bool {
        let peer = match &self.stream {
            Stream::Plain(stream) => stream.peer_addr(),
            Stream::Tls(stream) => stream.get_ref().0.peer_addr(),
            Stream::Gone => return false,
        };
        peer.is_ok_and(|address| address.ip().to_canonical().is_loopback())
    }

    pub(super) const fn is_tls(&self) -> bool {
        matches!(self.stream, Stream::Tls(_))
    }

    pub(super) fn is_sealed(&self) -> bool {
        self.is_tls() || self.layer.as_ref().is_some_and(|(layer, _)| layer.layer() == Layer::Confidentiality)
    }

    /// The certificate the server showed.
    pub(super) fn server_certificate(&self) -> Option<&[u8]> {
        match &self.stream {
            Stream::Tls(stream) => stream.get_ref().1.peer_certificates()?.first().map(AsRef::as_ref),
            _ => None,
        }
    }

    /// Puts TLS on the connection. What the server sent before it must not be taken for something it sent inside.
    pub(super) async fn start_tls(&mut self, trust: &Trust, host: &str) -> io::Result<()> {
        if !self.received.is_empty() || !self.opened.is_empty() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the server sent something before TLS began"));
        }
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, format!("{host} is no name for a certificate")))?;
        match std::mem::replace(&mut self.stream, Stream::Gone) {
            Stream::Plain(stream) => {
                let stream = TlsConnector::from(trust.client_config()).connect(name, stream).await?;
                self.stream = Stream::Tls(Box::new(stream));
                Ok(())
            }
            _ => Err(io::Error::new(io::ErrorKind::AlreadyExists, "the connection already has TLS")),
        }
    }

    /// From here on every message goes through this layer.
    pub(super) fn set_layer(&mut self, layer: SecurityLayer, random: Arc<dyn Random>) {
        self.layer = (layer.layer() != Layer::None).then_some((layer, random));
    }

    pub(super) async fn send(&mut self, message: &[u8]) -> io::Result<()> {
        match &mut self.layer {
            None => write(&mut self.stream, message).await,
            Some((layer, random)) => {
                let mut frames = Vec::with_capacity(message.len() + 64);
                layer.seal_into(message, &mut frames, &**random);
                write(&mut self.stream, &frames).await
            }
        }
    }

    /// The next whole LDAP message.
    pub(super) async fn receive(&mut self) -> Result<Vec<u8>, WireError> {
        loop {
            match ::ldap::frame(&self.opened, self.limit) {
                Ok(Some(length)) if length <= self.opened.len() => return Ok(take(&mut self.opened, length)),
                Ok(_) => {}
                Err(::ldap::DecodeError::Encoding(asn1::Error::LengthTooLarge)) => return Err(WireError::TooLarge),
                Err(error) => return Err(WireError::Protocol(error.to_string())),
            }
            if !self.open_frame()? {
                self.read().await?;
            }
        }
    }

    /// Moves what has come to where LDAP is read; whether there was something to move.
    fn open_frame(&mut self) -> Result<bool, WireError> {
        let Some((layer, _)) = &mut self.layer else {
            let moved = !self.received.is_empty();
            self.opened.append(&mut self.received);
            return Ok(moved);
        };
        let length = layer.frame(&self.received).map_err(|error| WireError::Layer(error.to_string()))?;
        let Some(length) = length.filter(|length| *length <= self.received.len()) else { return Ok(false) };
        let frame = take(&mut self.received, length);
        let message = Zeroizing::new(layer.open(&frame).map_err(|error| WireError::Layer(error.to_string()))?);
        self.opened.extend_from_slice(&message);
        Ok(true)
    }

    async fn read(&mut self) -> Result<(), WireError> {
        self.received.reserve(READ);
        let count = match &mut self.stream {
            Stream::Plain(stream) => stream.read_buf(&mut self.received).await?,
            Stream::Tls(stream) => stream.read_buf(&mut self.received).await?,
            Stream::Gone => 0,
        };
        if count == 0 { Err(WireError::Closed) } else { Ok(()) }
    }

    pub(super) async fn close(&mut self) {
        let _ = match &mut self.stream {
            Stream::Plain(stream) => stream.shutdown().await,
            Stream::Tls(stream) => stream.shutdown().await,
            Stream::Gone => Ok(()),
        };
    }
}

async fn write(stream: &mut Stream, bytes: &[u8]) -> io::Result<()> {
    match stream {
        Stream::Plain(stream) => stream.write_all(bytes).await,
        Stream::Tls(stream) => {
            stream.write_all(bytes).await?;
            stream.flush().await
        }
        Stream::Gone => Err(io::ErrorKind::NotConnected.into()),
    }
}

fn take(buffer: &mut Vec<u8>, length: usize) -> Vec<u8> {
    if buffer.len() == length {
        return std::mem::take(buffer);
    }
    let rest = buffer.split_off(length);
    std::mem::replace(buffer, rest)
}
