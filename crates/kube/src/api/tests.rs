//! An API server that is gone in the middle of something: by hanging up, by refusing, or without a word at any point of a request.

use std::net::SocketAddr;

use futures_util::StreamExt;
use kube::api::{ListParams, WatchParams};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::*;

/// The last thing that it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Last {
    /// Nothing; the machine is there.
    Refuses,
    /// Nothing; what is sent to it is lost.
    IsGone,
    Accepts,
    HangsUp,
    SendsHalfAHead,
    SendsAHead,
    SendsPartOfTheBody,
}

/// Where it is; and what keeps it there.
struct Server {
    address: SocketAddr,
    _serving: JoinSet<()>,
    _waiting: Vec<JoinSet<()>>,
}

impl Server {
    async fn start(last: Last) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = socket.local_addr().unwrap();
        let (mut serving, mut waiting) = (JoinSet::new(), vec![]);
        if last != Last::Refuses {
            let listener = socket.listen(1).unwrap();
            if last == Last::IsGone {
                // Nobody takes these out of the system's queue, so the system loses whatever comes after them.
                for _ in 0..8 {
                    let mut one = JoinSet::new();
                    one.spawn(async move {
                        let _open = TcpStream::connect(address).await;
                        std::future::pending::<()>().await;
                    });
                    tokio::task::yield_now().await;
                    waiting.push(one);
                }
            }
            serving.spawn(serve(listener, last));
        }
        Self { address, _serving: serving, _waiting: waiting }
    }

    fn client(&self, scheme: &str) -> Client {
        let url = format!("{scheme}://{}", self.address);
        bounded(Config::new(url.parse().unwrap()), false).unwrap()
    }
}

async fn serve(listener: TcpListener, last: Last) {
    let mut connections = JoinSet::new();
    if last == Last::IsGone {
        std::future::pending::<()>().await;
    }
    while let Ok((mut stream, _)) = listener.accept().await {
        connections.spawn(async move {
            let mut request = vec![0; 4096];
            let _ = stream.read(&mut request).await;
            let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n";
            let text = match last {
                Last::HangsUp => return,
                Last::Refuses | Last::IsGone | Last::Accepts => String::new(),
                Last::SendsHalfAHead => head.to_owned(),
                Last::SendsAHead => format!("{head}\r\n"),
                Last::SendsPartOfTheBody => format!("{head}\r\n{{\"kind\""),
            };
            let _ = stream.write_all(text.as_bytes()).await;
            std::future::pending::<()>().await;
        });
    }
}

/// How long it took to fail.
async fn fails<T>(what: impl Future<Output = kube::Result<T>>) -> Duration {
    let start = Instant::now();
    assert!(what.await.is_err());
    start.elapsed()
}

/// The clock stands still while anything happens, and jumps to the next thing that is waited for when nothing does.
#[tokio::test(start_paused = true)]
async fn whatever_an_api_server_does_last_no_request_waits_for_ever() {
    for (scheme, last, seconds) in [
        ("http", Last::Refuses, 0),
        ("http", Last::HangsUp, 0),
        ("http", Last::IsGone, CONNECT.as_secs()),
        // The handshake.
        ("https", Last::Accepts, CONNECT.as_secs()),
        ("http", Last::Accepts, HEAD.as_secs()),
        ("http", Last::SendsHalfAHead, HEAD.as_secs()),
        ("http", Last::SendsAHead, SILENCE.as_secs()),
        ("http", Last::SendsPartOfTheBody, SILENCE.as_secs()),
    ] {
        let server = Server::start(last).await;
        let specs = credspecs(server.client(scheme));
        let (one, all) = (fails(specs.get("webapp01")).await, fails(specs.list(&ListParams::default())).await);
        assert_eq!((one.as_secs(), all.as_secs()), (seconds, seconds), "{scheme} {last:?}");
        let parameters = WatchParams::default();
        let start = Instant::now();
        match specs.watch(&parameters, "1").await {
            Err(_) => assert_eq!(start.elapsed().as_secs(), seconds, "{scheme} {last:?}"),
            // It ends, however it does.
            Ok(events) => {
                let _ = std::pin::pin!(events).next().await;
                assert_eq!(start.elapsed().as_secs(), SILENCE.as_secs(), "{scheme} {last:?}");
            }
        }
    }
}
