//! One question to one server, and its answer. RFC 1035 4.2, RFC 5452 (what an answer must match).

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use simple_dns::{Packet, PacketFlag, Question};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

use super::answer;

/// Over what a question goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// Datagrams, and a stream when the answer does not fit.
    Udp,
    /// A stream at once.
    Tcp,
}

impl Via {
    /// In words.
    #[must_use]
    pub const fn by(self) -> &'static str {
        match self {
            Self::Udp => "by UDP",
            Self::Tcp => "by TCP",
        }
    }
}

/// Asks, and returns the answer's bytes, which parse and answer this question.
pub(super) async fn ask(
    server: SocketAddr,
    id: u16,
    question: &Question<'_>,
    via: Via,
    patience: Duration,
) -> io::Result<Vec<u8>> {
    let mut query = Packet::new_query(id);
    query.set_flags(PacketFlag::RECURSION_DESIRED);
    query.questions.push(question.clone());
    let query = query.build_bytes_vec().map_err(io::Error::other)?;
    let in_time = |error| io::Error::new(io::ErrorKind::TimedOut, error);
    if via == Via::Udp {
        let answer =
            timeout(patience, by_udp(server, &query, id, question)).await.map_err(|_| in_time("no answer"))??;
        if !answer::is_cut(&answer) {
            return Ok(answer);
        }
    }
    let answer = timeout(patience, by_tcp(server, &query)).await.map_err(|_| in_time("no answer"))??;
    match answer::is_for(&answer, id, question) {
        true => Ok(answer),
        false => Err(io::Error::new(io::ErrorKind::InvalidData, "what came back is no answer to the question")),
    }
}

async fn by_udp(server: SocketAddr, query: &[u8], id: u16, question: &Question<'_>) -> io::Result<Vec<u8>> {
    let any: SocketAddr = if server.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0u16; 8], 0).into() };
    let socket = UdpSocket::bind(any).await?;
    // A connected socket takes datagrams from this address only.
    socket.connect(server).await?;
    socket.send(query).await?;
    let mut answer = vec![0; 4096];
    loop {
        let count = socket.recv(&mut answer).await?;
        // Something else may be a late answer, or somebody guessing: the right one may still come.
        if let Some(answer) = answer.get(..count).filter(|answer| answer::is_for(answer, id, question)) {
            return Ok(answer.to_vec());
        }
    }
}

async fn by_tcp(server: SocketAddr, query: &[u8]) -> io::Result<Vec<u8>> {
    let length = u16::try_from(query.len()).map_err(io::Error::other)?;
    let mut stream = TcpStream::connect(server).await?;
    stream.write_all(&[&length.to_be_bytes()[..], query].concat()).await?;
    let length = stream.read_u16().await?;
    let mut answer = vec![0; usize::from(length)];
    stream.read_exact(&mut answer).await?;
    Ok(answer)
}
