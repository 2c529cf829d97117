//! Carrying one message to a KDC and its answer back: UDP first, TCP when the answer does not fit or UDP does not get through. RFC 4120 7.2.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

use ::kerberos::messages::KrbError;

use super::{Error, Options, Step};
use crate::{Domain, Endpoint};

/// Larger requests go by TCP at once: they would not fit a datagram on the way.
const LARGEST_DATAGRAM: usize = 1400;
/// Longer answers are no Kerberos.
const LONGEST_ANSWER: u32 = 1 << 20;
/// How long UDP may keep TCP waiting.
const UDP_PATIENCE: Duration = Duration::from_secs(1);
/// KRB_ERR_RESPONSE_TOO_BIG.
const RESPONSE_TOO_BIG: i32 = 52;

/// The answer of the first KDC that gives one, and who that was.
pub(super) async fn exchange(
    domain: &Domain,
    step: Step,
    request: &[u8],
    options: &Options,
) -> Result<(String, Vec<u8>), Error> {
    if domain.kdcs.is_empty() {
        return Err(Error::NoKdc { realm: domain.realm.clone() });
    }
    let mut tried = Vec::new();
    for kdc in &domain.kdcs {
        match ask(kdc, request, options.timeout).await {
            Ok(answer) => return Ok((format!("the KDC {kdc}"), answer)),
            Err(error) => {
                tracing::debug!(%kdc, %error, "a KDC gave no answer");
                tried.push(format!("{kdc}: {error}"));
            }
        }
    }
    Err(Error::Unreachable { realm: domain.realm.clone(), step, tried: tried.join("; ") })
}

/// Asks one KDC by one of the two ways only.
pub(super) async fn ask_only(
    address: SocketAddr,
    by_datagram: bool,
    request: &[u8],
    patience: Duration,
) -> io::Result<Vec<u8>> {
    let late = |_| io::Error::new(io::ErrorKind::TimedOut, "no answer in time");
    match by_datagram {
        true => timeout(patience, by_udp(address, request)).await.map_err(late)?,
        false => timeout(patience, by_tcp(address, request)).await.map_err(late)?,
    }
}

async fn ask(kdc: &Endpoint, request: &[u8], patience: Duration) -> io::Result<Vec<u8>> {
    let addresses: Vec<SocketAddr> =
        timeout(patience, tokio::net::lookup_host((kdc.host.as_str(), kdc.port))).await??.collect();
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in addresses {
        if request.len() <= LARGEST_DATAGRAM {
            match timeout(patience.min(UDP_PATIENCE), by_udp(address, request)).await {
                Ok(Ok(answer)) if !is_too_big(&answer) => return Ok(answer),
                _ => {} // TCP says more precisely what is wrong.
            }
        }
        match timeout(patience, by_tcp(address, request)).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => last = error,
            Err(_) => last = io::Error::new(io::ErrorKind::TimedOut, "no answer in time"),
        }
    }
    Err(last)
}

fn is_too_big(answer: &[u8]) -> bool {
    KrbError::decode(answer).is_ok_and(|error| error.code == RESPONSE_TOO_BIG)
}

async fn by_udp(address: SocketAddr, request: &[u8]) -> io::Result<Vec<u8>> {
    let any: SocketAddr = if address.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0u16; 8], 0).into() };
    let socket = UdpSocket::bind(any).await?;
    // A connected socket takes datagrams from this address only.
    socket.connect(address).await?;
    socket.send(request).await?;
    let mut answer = vec![0; usize::from(u16::MAX)];
    let count = socket.recv(&mut answer).await?;
    answer.truncate(count);
    Ok(answer)
}

async fn by_tcp(address: SocketAddr, request: &[u8]) -> io::Result<Vec<u8>> {
    let too_long = || io::Error::new(io::ErrorKind::InvalidData, "the message is too long");
    let mut stream = TcpStream::connect(address).await?;
    let length = u32::try_from(request.len()).map_err(|_| too_long())?;
    stream.write_all(&[&length.to_be_bytes()[..], request].concat()).await?;
    let length = stream.read_u32().await?;
    if length > LONGEST_ANSWER {
        return Err(too_long());
    }
    let mut answer = Vec::new();
    let length = u64::from(length);
    if stream.take(length).read_to_end(&mut answer).await? as u64 != length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(answer)
}
