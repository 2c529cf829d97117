//! The KDC's sockets: one UDP and one TCP socket on the same port. RFC 4120 7.2.
//!
//! Datagrams are the common case and are served by threads of their own with nothing between them and the kernel: receive, answer, send.
//! Connections are few and are tasks of the runtime.

use std::net::{SocketAddr, UdpSocket};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use directory::Environment;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::{Kdc, MOST_REQUEST};
use crate::Error;
use crate::net::Shutdown;

/// The largest datagram there is.
const DATAGRAM: usize = 64 << 10;
/// What the kernel keeps of a burst.
const RECEIVE_BUFFER: usize = 4 << 20;
/// The largest answer in a datagram over the loopback interface, which has no frames to fit into.
const LOOPBACK_REPLY: usize = 16 << 10;
/// The largest answer in a datagram elsewhere: one that fits into an Ethernet frame, as Active Directory has it.
const DATAGRAM_REPLY: usize = 1465;
/// How often a thread looks up even if nobody asks anything.
const LOOK_UP: Duration = Duration::from_secs(5);
/// How many connections there may be at once.
const CONNECTIONS: usize = 1024;
/// How many may wait to be accepted.
const BACKLOG: i32 = 1024;
/// How long a client may take to say what it wants, and to take the answer.
const WITHIN: Duration = Duration::from_secs(10);
/// How many times a port is looked for that is free for both.
const ATTEMPTS: usize = 64;

/// Sockets that do not answer yet.
pub(crate) struct Bound {
    udp: UdpSocket,
    tcp: TcpListener,
    pub(crate) address: SocketAddr,
}

impl Bound {
    /// Takes a port for both; port 0 finds one that both can have.
    pub(crate) fn bind(address: SocketAddr) -> Result<Self, Error> {
        let mut last = None;
        for _ in 0..if address.port() == 0 { ATTEMPTS } else { 1 } {
            match Self::attempt(address) {
                Ok(bound) => return Ok(bound),
                Err(error) => last = Some(error),
            }
        }
        let source = last.unwrap_or_else(|| std::io::ErrorKind::AddrInUse.into());
        Err(Error::Listen { what: "Kerberos", address, source })
    }

    fn attempt(address: SocketAddr) -> std::io::Result<Self> {
        let open = |kind, protocol| {
            let socket = Socket::new(Domain::for_address(address), kind, Some(protocol))?;
            if address.is_ipv6() {
                socket.set_only_v6(true)?;
            }
            Ok::<_, std::io::Error>(socket)
        };
        let tcp = open(Type::STREAM, Protocol::TCP)?;
        tcp.set_reuse_address(true)?;
        tcp.set_nonblocking(true)?;
        tcp.bind(&address.into())?;
        tcp.listen(BACKLOG)?;
        let tcp = TcpListener::from_std(tcp.into())?;
        let address = tcp.local_addr()?;
        let udp = open(Type::DGRAM, Protocol::UDP)?;
        // As much as the system gives.
        let _ = udp.set_recv_buffer_size(RECEIVE_BUFFER);
        udp.set_read_timeout(Some(LOOK_UP))?;
        udp.bind(&address.into())?;
        Ok(Self { udp: udp.into(), tcp, address })
    }

    /// Answers until told to stop.
    pub(crate) fn serve(self, kdc: &Arc<Kdc>, environment: &Environment, shutdown: &Shutdown) -> Result<(), Error> {
        let address = self.address;
        let failed = |source| Error::Listen { what: "Kerberos", address, source };
        let udp = Arc::new(self.udp);
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        for _ in 0..threads {
            let datagrams = Datagrams {
                socket: Arc::clone(&udp),
                kdc: Arc::clone(kdc),
                environment: environment.clone(),
                shutdown: shutdown.clone(),
            };
            let thread = std::thread::Builder::new().name("kdc".to_owned());
            thread.spawn(move || datagrams.serve()).map_err(failed)?;
        }
        tokio::spawn(wake(shutdown.clone(), udp));
        let connections = Connections {
            kdc: Arc::clone(kdc),
            environment: environment.clone(),
            permits: Arc::new(Semaphore::new(CONNECTIONS)),
            shutdown: shutdown.clone(),
        };
        tokio::spawn(connections.serve(self.tcp));
        Ok(())
    }
}

/// Whether to stop.
fn is_over(shutdown: &Shutdown) -> bool {
    *shutdown.borrow() || shutdown.has_changed().is_err()
}

/// Ends the threads' waiting when it is time to stop. Lets go of the socket first: who waits for the end may want the port.
async fn wake(mut shutdown: Shutdown, socket: Arc<UdpSocket>) {
    while !is_over(&shutdown) && shutdown.changed().await.is_ok() {}
    // "Not connected", says Linux, and wakes whoever waits; others wake by themselves.
    let _ = SockRef::from(&*socket).shutdown(std::net::Shutdown::Both);
}

/// What a thread that serves datagrams needs.
struct Datagrams {
    socket: Arc<UdpSocket>,
    kdc: Arc<Kdc>,
    environment: Environment,
    shutdown: Shutdown,
}

impl Datagrams {
    fn serve(&self) {
        let mut buffer = vec![0; DATAGRAM];
        while !is_over(&self.shutdown) {
            match self.socket.recv_from(&mut buffer) {
                Ok((length, peer)) => {
                    let request = buffer.get(..length).unwrap_or_default();
                    // Whatever goes wrong with one request, the next is answered.
                    if catch_unwind(AssertUnwindSafe(|| self.answer(request, peer))).is_err() {
                        tracing::error!(%peer, "a request could not be answered: this is an error of the program");
                    }
                }
                Err(error) => self.failed(&error),
            }
        }
    }

    fn answer(&self, request: &[u8], peer: SocketAddr) {
        let loopback = peer.ip().to_canonical().is_loopback();
        let most = if loopback { LOOPBACK_REPLY } else { DATAGRAM_REPLY };
        let now = self.environment.clock.now();
        let Some(reply) = self.kdc.answer(request, most, now, &*self.environment.random) else {
            tracing::debug!(%peer, length = request.len(), "a datagram that is no request");
            return;
        };
        if let Err(error) = self.socket.send_to(&reply, peer) {
            tracing::debug!(%peer, %error, "an answer could not be sent");
        }
    }

    fn failed(&self, error: &std::io::Error) {
        use std::io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
        if matches!(error.kind(), Interrupted | TimedOut | WouldBlock) || is_over(&self.shutdown) {
            return;
        }
        tracing::warn!(%error, "a datagram could not be received");
        // Not in a circle at full speed, should the socket be broken.
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// What connections need.
#[derive(Clone)]
struct Connections {
    kdc: Arc<Kdc>,
    environment: Environment,
    permits: Arc<Semaphore>,
    shutdown: Shutdown,
}

impl Connections {
    async fn serve(mut self, socket: TcpListener) {
        loop {
            tokio::select! {
                accepted = socket.accept() => match accepted {
                    Ok((stream, peer)) => self.accepted(stream, peer),
                    Err(error) => {
                        tracing::warn!(%error, "a connection cannot be accepted");
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                },
                _ = self.shutdown.changed() => return,
            }
        }
    }

    fn accepted(&self, stream: TcpStream, peer: SocketAddr) {
        let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() else {
            tracing::warn!(%peer, "a connection is refused: there are as many as there may be");
            return;
        };
        let mut this = self.clone();
        tokio::spawn(async move {
            let _permit = permit;
            let mut shutdown = this.shutdown.clone();
            tokio::select! {
                ended = this.connection(stream) => if let Err(error) = ended {
                    tracing::debug!(%peer, %error, "a connection ended");
                },
                _ = shutdown.changed() => {}
            }
        });
    }

    /// Each request has its length before it, and so has each answer.
    async fn connection(&mut self, mut stream: TcpStream) -> std::io::Result<()> {
        stream.set_nodelay(true)?;
        let mut request = Vec::new();
        loop {
            let mut length = [0; 4];
            match within(stream.read_exact(&mut length)).await {
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(()),
                Err(error) => return Err(error),
            }
            let length = u32::from_be_bytes(length);
            let now = self.environment.clock.now();
            if usize::try_from(length).is_ok_and(|length| length > MOST_REQUEST) {
                within(stream.write_all(&framed(&self.kdc.too_long(now)))).await?;
                return within(stream.shutdown()).await;
            }
            request.clear();
            // Grows with what comes, not with what is announced.
            let came = within((&mut stream).take(u64::from(length)).read_to_end(&mut request)).await?;
            if u32::try_from(came) != Ok(length) {
                return Ok(());
            }
            let now = self.environment.clock.now();
            let Some(reply) = self.kdc.answer(&request, usize::MAX, now, &*self.environment.random) else {
                return Ok(());
            };
            within(stream.write_all(&framed(&reply))).await?;
        }
    }
}

async fn within<T>(io: impl Future<Output = std::io::Result<T>>) -> std::io::Result<T> {
    timeout(WITHIN, io).await.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()))
}

fn framed(reply: &[u8]) -> Vec<u8> {
    let length = u32::try_from(reply.len()).unwrap_or(u32::MAX);
    [&length.to_be_bytes()[..], reply].concat()
}
