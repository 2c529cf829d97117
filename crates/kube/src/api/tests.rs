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

    fn client(&self, scheme: &str, limits: Limits) -> Client {
        let url = format!("{scheme}://{}", self.address);
        bounded(Config::new(url.parse().unwrap()), false, limits).unwrap()
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

/// Longer than any test: what ends has not waited for this.
const FOR_EVER: Duration = Duration::from_secs(86_400);
const SHORT: Duration = Duration::from_millis(300);
const NONE: Limits = Limits { connect: FOR_EVER, head: FOR_EVER, silence: FOR_EVER };

/// That it fails, and after no less than that.
async fn fails<T>(what: impl Future<Output = kube::Result<T>>, least: Duration) {
    let start = Instant::now();
    assert!(what.await.is_err() && start.elapsed() >= least);
}

/// One limit is short, and ends what nothing else would.
#[tokio::test]
async fn whatever_an_api_server_does_last_no_request_waits_for_ever() {
    let (connect, head) = (Limits { connect: SHORT, ..NONE }, Limits { head: SHORT, ..NONE });
    let silence = Limits { silence: SHORT, ..NONE };
    for (scheme, last, limits, least) in [
        ("http", Last::Refuses, NONE, Duration::ZERO),
        ("http", Last::HangsUp, NONE, Duration::ZERO),
        ("http", Last::IsGone, connect, SHORT),
        // The handshake.
        ("https", Last::Accepts, connect, SHORT),
        ("http", Last::Accepts, head, SHORT),
        ("http", Last::SendsHalfAHead, head, SHORT),
        ("http", Last::SendsAHead, silence, SHORT),
        ("http", Last::SendsPartOfTheBody, silence, SHORT),
    ] {
        let all = async {
            let server = Server::start(last).await;
            let specs = credspecs(server.client(scheme, limits));
            fails(specs.get("webapp01"), least).await;
            fails(specs.list(&ListParams::default()), least).await;
            let start = Instant::now();
            // It ends, however it does.
            if let Ok(events) = specs.watch(&WatchParams::default(), "1").await {
                let _ = std::pin::pin!(events).next().await;
            }
            assert!(start.elapsed() >= least, "{scheme} {last:?}");
        };
        assert!(timeout(Duration::from_secs(60), all).await.is_ok(), "{scheme} {last:?} is waited for");
    }
}

/// A watch that may be silent for a minute is not taken for one whose API server is gone, nor a busy API server's answer for none.
#[test]
fn each_limit_leaves_the_api_server_its_time() {
    assert!(LIMITS.silence > Duration::from_secs(60) && LIMITS.head > Duration::from_secs(15));
    assert!(LIMITS.connect < LIMITS.head && LIMITS.silence < Duration::from_secs(120));
}

/// The reader of JSON quotes what it did not expect.
#[test]
fn an_answer_that_cannot_be_read_is_not_quoted() {
    use k8s_openapi::api::core::v1;
    for odd in [
        r#"{"data":"Typed-by-somebody-1"}"#,
        r#"{"stringData":{"password":["Typed-by-somebody-1"]},"data":"Typed-by-somebody-1"}"#,
    ] {
        let error = serde_json::from_str::<v1::Secret>(odd).unwrap_err();
        let said = ApiError::doing("reading the Secret")(kube::Error::SerdeError(error));
        let all = format!("{said} {said:?}");
        assert!(all.contains("reading the Secret") && all.contains("column") && !all.contains("somebody"), "{all}");
    }
}
