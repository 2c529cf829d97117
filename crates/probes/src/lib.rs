//! What kubelet and Prometheus ask of a service, in the clear: whether it lives, whether it answers, and its figures.
//!
//! Whoever reaches the port may ask, so nobody may be able to use it up. There are [`MOST`] connections at most, and one more takes the place
//! of the oldest: callers that connect and say nothing only keep each other out, and who asks at once is answered. Each connection carries one
//! request with a small head, and is over after some seconds, whatever its caller does.
//!
//! Every service of Pando's that is asked in the clear is asked here. There is no secret near it.
//!
//! In reading order: [`Listener`], and [`figures`], the answer that Prometheus gets.
//!
//! ```no_run
//! use axum::routing::get;
//! # async fn example() -> std::io::Result<()> {
//! let listener = probes::Listener::bind("127.0.0.1:9095".parse().expect("an address")).await?;
//! listener.serve(axum::Router::new().route("/livez", get(|| async { "ok\n" }))).await
//! # }
//! ```
//!
//! Follows RFC 9112 (HTTP/1.1); OpenMetrics 1.0.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::timeout;

/// The most connections at the same time.
pub const MOST: usize = 64;
/// For a request and its answer.
pub const PATIENCE: Duration = Duration::from_secs(5);
/// Neither has a prober more to say. It is the least that hyper reads at once.
const LONGEST_HEAD: usize = 8 << 10;
const MOST_HEADERS: usize = 32;
/// How long to wait when there is no room for one more open file.
const PAUSE: Duration = Duration::from_millis(100);

/// A port that is listened on.
#[derive(Debug)]
pub struct Listener {
    listener: TcpListener,
    address: SocketAddr,
}

impl Listener {
    /// Listens there, as [`listen`] does.
    ///
    /// # Errors
    /// When the system refuses.
    pub async fn bind(address: SocketAddr) -> std::io::Result<Self> {
        let listener = listen(address).await?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    /// Where.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers with these pages until it is dropped, and every connection with it.
    pub async fn serve<T>(self, pages: Router) -> T {
        let (mut connections, mut oldest_first) = (JoinSet::new(), VecDeque::<AbortHandle>::with_capacity(MOST));
        loop {
            let accepted = tokio::select! {
                Some(_) = connections.join_next() => continue,
                accepted = self.listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, _)) => {
                    oldest_first.retain(|connection| !connection.is_finished());
                    if oldest_first.len() >= MOST {
                        oldest_first.pop_front().iter().for_each(AbortHandle::abort);
                    }
                    oldest_first.push_back(connections.spawn(answer(stream, pages.clone())));
                }
                Err(error) => {
                    tracing::warn!(%error, "a probe could not be taken");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }
}

/// Listens there; port 0 is one that is free. `[::]` is every address of both kinds, and where there is no IPv6, every other.
///
/// # Errors
/// When the system refuses.
pub async fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    match TcpListener::bind(address).await {
        Err(error) => match instead(address, &error) {
            Some(other) => TcpListener::bind(other).await.map_err(|_| error),
            None => Err(error),
        },
        listener => listener,
    }
}

fn instead(address: SocketAddr, error: &std::io::Error) -> Option<SocketAddr> {
    let has_none = error.kind() == ErrorKind::AddrNotAvailable || error.raw_os_error() == Some(NO_SUCH_FAMILY);
    let every = address.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED);
    (every && has_none).then(|| (Ipv4Addr::UNSPECIFIED, address.port()).into())
}

/// `EAFNOSUPPORT`, and `WSAEAFNOSUPPORT`.
const NO_SUCH_FAMILY: i32 = if cfg!(windows) {
    10_047
} else if cfg!(target_os = "linux") {
    97
} else {
    47
};

async fn answer(stream: TcpStream, pages: Router) {
    let connection = http1::Builder::new()
        .keep_alive(false)
        .max_headers(MOST_HEADERS)
        .max_buf_size(LONGEST_HEAD)
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .serve_connection(
            TokioIo::new(stream),
            TowerToHyperService::new(pages.into_service::<hyper::body::Incoming>()),
        );
    // Who is too slow, or goes away, gets no answer.
    match timeout(PATIENCE, connection).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "a probe broke"),
        Err(_) => tracing::debug!("a probe took too long"),
    }
}

/// Figures in OpenMetrics' text, as a page.
pub fn figures(text: String) -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text)
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    async fn serve() -> SocketAddr {
        let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = listener.address();
        let pages = Router::new().route("/metrics", get(|| async { figures("leases 7\n".into()) }));
        tokio::spawn(async move { listener.serve::<()>(pages).await });
        address
    }

    async fn said(stream: &mut TcpStream, request: &[u8]) -> String {
        // Who is cut off in the middle of a request hears what was said before, if anything was.
        let _ = stream.write_all(request).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8(answer).unwrap()
    }

    async fn scrape(address: SocketAddr) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        said(&mut stream, b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").await
    }

    #[tokio::test]
    async fn figures_are_open_metrics_and_other_pages_are_none() {
        let address = serve().await;
        let answer = scrape(address).await;
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("leases 7\n"), "{answer}");
        assert!(answer.contains("content-type: application/openmetrics-text; version=1.0.0"), "{answer}");
        let mut stream = TcpStream::connect(address).await.unwrap();
        let answer = said(&mut stream, b"GET /secrets HTTP/1.1\r\nHost: x\r\n\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
    }

    #[tokio::test]
    async fn every_address_is_those_of_both_kinds_or_those_that_there_are() {
        let listener = listen("[::]:0".parse().unwrap()).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
        assert_eq!(listen((Ipv6Addr::UNSPECIFIED, port).into()).await.unwrap_err().kind(), ErrorKind::AddrInUse);
        // As Linux says it without IPv6: EAFNOSUPPORT, EADDRNOTAVAIL.
        for code in [97, 99] {
            let error = std::io::Error::from_raw_os_error(code);
            assert_eq!(instead("[::]:7".parse().unwrap(), &error), Some("0.0.0.0:7".parse().unwrap()));
            assert_eq!(instead("[fd00::7]:7".parse().unwrap(), &error), None);
        }
        // EACCES, EADDRINUSE; ENOMEM, EMFILE, ENOBUFS: that is no lack of IPv6.
        for code in [13, 98, 12, 24, 105] {
            let error = std::io::Error::from_raw_os_error(code);
            assert_eq!(instead("[::]:7".parse().unwrap(), &error), None, "{code}");
        }
    }

    #[tokio::test]
    async fn callers_who_say_nothing_keep_only_each_other_out() {
        let address = serve().await;
        let mut idle = Vec::new();
        for turn in 0..5 * MOST {
            let mut stream = TcpStream::connect(address).await.unwrap();
            if turn % 2 == 0 {
                stream.write_all(b"GET /metrics HTTP/1.1\r\nHost:").await.unwrap();
            }
            idle.push(stream);
        }
        assert!(scrape(address).await.ends_with("leases 7\n"));
        // The earlier ones gave way, long before their time was over: nothing here waits for it.
        for stream in idle.iter_mut().take(4 * MOST) {
            assert_eq!(said(stream, b"").await, "");
        }
    }

    #[tokio::test]
    async fn callers_who_were_answered_take_nobodys_place() {
        let address = serve().await;
        let mut slow = TcpStream::connect(address).await.unwrap();
        slow.write_all(b"GET /metrics HTTP/1.1\r\n").await.unwrap();
        for _ in 0..2 * MOST {
            assert!(scrape(address).await.ends_with("leases 7\n"));
        }
        assert!(said(&mut slow, b"Host: x\r\n\r\n").await.ends_with("leases 7\n"));
    }

    #[tokio::test(start_paused = true)]
    async fn who_sends_slowly_is_not_waited_for() {
        let address = serve().await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET /metrics HTTP/1.1\r\n").await.unwrap();
        let begun = tokio::time::Instant::now();
        let (mut reading, mut writing) = stream.split();
        let drip = async {
            loop {
                // Nobody may be there any more.
                let _ = writing.write_all(b"X: y\r\n").await;
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        };
        let mut answer = Vec::new();
        tokio::select! {
            () = drip => {}
            _ = reading.read_to_end(&mut answer) => {}
        }
        assert!(begun.elapsed() <= PATIENCE + Duration::from_secs(1), "{:?}", begun.elapsed());
        assert!(!String::from_utf8_lossy(&answer).contains("200 OK"), "{answer:?}");
    }

    #[tokio::test]
    async fn a_head_that_goes_on_and_on_is_refused() {
        let address = serve().await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        let long = format!("GET /metrics HTTP/1.1\r\nX: {}\r\n\r\n", "y".repeat(10 * LONGEST_HEAD));
        let answer = said(&mut stream, long.as_bytes()).await;
        assert!(!answer.contains("200 OK"), "{answer}");
        let mut stream = TcpStream::connect(address).await.unwrap();
        let many = format!("GET /metrics HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(2 * MOST_HEADERS));
        let answer = said(&mut stream, many.as_bytes()).await;
        assert!(!answer.contains("200 OK"), "{answer}");
        assert!(scrape(address).await.ends_with("leases 7\n"));
    }
}
