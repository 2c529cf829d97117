//! The shell over real sockets.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ldap::client::{self, Request, Response};
use pki::{Authority, ClientAuth, Purpose, Roots, Rotating, Validity};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio_rustls::TlsConnector;

use crate::ldap::testing::{PEOPLE, TestServer};
use crate::{Config, Error, Limits, Running};

struct Served {
    running: Running,
    roots: Roots,
    stop: oneshot::Sender<()>,
    _server: TestServer,
    _folder: tempfile::TempDir,
}

async fn serve(limits: Limits) -> Served {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::load_or_create(folder.path(), "test", Validity::YEARS_10, &dtyp::SystemClock).unwrap();
    let identity = authority.issue(&Purpose::server(["localhost"]), Validity::DAY, &dtyp::SystemClock).unwrap();
    let tls = pki::server_config(&Rotating::new(&identity).unwrap(), ClientAuth::None).unwrap();
    let server = TestServer::new();
    server.account("alice", "user", "Wonder-1and");
    let any = || vec![SocketAddr::from(([127, 0, 0, 1], 0))];
    let config = Config { ldap: any(), ldaps: any(), tls: Some(tls), limits, ..Config::default() };
    let (stop, stopped) = oneshot::channel();
    let shutdown = async {
        let _ = stopped.await;
    };
    let running = crate::run(server.server.directory.clone(), config, shutdown).await.unwrap();
    Served { running, roots: authority.roots(), stop, _server: server, _folder: folder }
}

async fn connect(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).await.unwrap()
}

impl Served {
    async fn over_tls(&self, stream: TcpStream) -> tokio_rustls::client::TlsStream<TcpStream> {
        let config = pki::client_config(&self.roots, None).unwrap();
        TlsConnector::from(config).connect("localhost".try_into().unwrap(), stream).await.unwrap()
    }
}

/// Sends a request and gives the code of its result, with the value when it is an extended one.
async fn ask(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), request: &Request<'_>) -> (u32, String) {
    stream.write_all(&client::encode(7, request, &[])).await.unwrap();
    stream.flush().await.unwrap();
    result(stream).await
}

async fn result(stream: &mut (impl AsyncRead + Unpin)) -> (u32, String) {
    let mut received = Vec::new();
    loop {
        if let Some(length) = ldap::frame(&received, 1 << 20).unwrap().filter(|length| *length <= received.len()) {
            let message = client::Message::decode(&received[..length]).unwrap();
            return match message.response {
                Response::Bind(outcome, _) | Response::Done(outcome) => (outcome.code.0, String::new()),
                Response::Extended(outcome, _, value) => {
                    (outcome.code.0, String::from_utf8(value.unwrap_or_default().to_vec()).unwrap())
                }
                other => panic!("{other:?}"),
            };
        }
        assert_ne!(stream.read_buf(&mut received).await.unwrap(), 0, "closed");
    }
}

const ALICE: Request<'_> = Request::BindSimple { name: "alice@contoso.com", password: b"Wonder-1and" };
const WHO: Request<'_> = Request::Extended(ldap::oid::WHO_AM_I, None);

#[tokio::test]
async fn a_client_binds_over_plain_loopback_start_tls_and_ldaps() {
    let served = serve(Limits::default()).await;
    let mut plain = connect(served.running.ldap[0]).await;
    assert_eq!(ask(&mut plain, &ALICE).await.0, 0);
    assert_eq!(ask(&mut plain, &WHO).await.1, r"u:CONTOSO\alice");

    let mut started = connect(served.running.ldap[0]).await;
    assert_eq!(ask(&mut started, &Request::Extended(ldap::oid::START_TLS, None)).await.0, 0);
    let mut started = served.over_tls(started).await;
    assert_eq!(ask(&mut started, &ALICE).await.0, 0);

    let mut tls = served.over_tls(connect(served.running.ldaps[0]).await).await;
    assert_eq!(ask(&mut tls, &ALICE).await.0, 0);
    assert_eq!(ask(&mut tls, &WHO).await.1, r"u:CONTOSO\alice");
    let own = format!("CN=alice,{PEOPLE}");
    assert_eq!(ask(&mut tls, &Request::Delete(&own)).await.0, 50);
}

#[tokio::test]
async fn stopping_says_goodbye_to_every_connection() {
    let served = serve(Limits::default()).await;
    let mut peer = connect(served.running.ldap[0]).await;
    assert_eq!(ask(&mut peer, &ALICE).await.0, 0);
    served.stop.send(()).unwrap();
    assert_eq!(result(&mut peer).await.0, 52);
    assert_eq!(peer.read(&mut [0; 1]).await.unwrap(), 0);
    served.running.finished().await;
}

#[tokio::test]
async fn who_says_nothing_is_let_go() {
    let limits = Limits { initial_receive: Duration::from_millis(20), ..Limits::default() };
    let served = serve(limits).await;
    let mut silent = connect(served.running.ldap[0]).await;
    assert_eq!(result(&mut silent).await.0, 52);
    let mut silent = connect(served.running.ldaps[0]).await;
    assert_eq!(silent.read(&mut [0; 1]).await.unwrap(), 0, "a TLS handshake that does not begin");
}

#[tokio::test]
async fn who_sends_a_first_request_byte_by_byte_is_let_go() {
    let limits = Limits { initial_receive: Duration::from_millis(100), ..Limits::default() };
    let served = serve(limits).await;
    let mut slow = connect(served.running.ldap[0]).await;
    let whole = client::encode(7, &Request::BindSimple { name: &"x".repeat(1000), password: b"x" }, &[]);
    for byte in &whole[..whole.len() - 1] {
        let wait = Duration::from_millis(5);
        match tokio::time::timeout(wait, slow.read(&mut [0; 200])).await {
            Ok(_) => return,
            Err(_) => slow.write_all(&[*byte]).await.unwrap(),
        }
    }
    panic!("the server waits for as long as somebody likes");
}

#[tokio::test]
async fn there_are_no_more_connections_than_there_may_be() {
    let served = serve(Limits { max_connections: 1, ..Limits::default() }).await;
    let mut first = connect(served.running.ldap[0]).await;
    assert_eq!(ask(&mut first, &ALICE).await.0, 0);
    let mut second = connect(served.running.ldap[0]).await;
    assert!(matches!(second.read(&mut [0; 1]).await, Ok(0) | Err(_)));
    assert_eq!(ask(&mut first, &WHO).await.0, 0);
}

#[tokio::test]
async fn an_address_in_use_and_a_missing_certificate_are_said() {
    let served = serve(Limits::default()).await;
    let directory = served._server.server.directory.clone();
    let taken = Config { ldap: vec![served.running.ldap[0]], ..Config::default() };
    let error = crate::run(directory.clone(), taken, std::future::pending()).await.unwrap_err();
    assert!(matches!(error, Error::Listen { what: "LDAP", .. }), "{error}");
    let bare = Config { ldaps: vec![([127, 0, 0, 1], 0).into()], ..Config::default() };
    let error = crate::run(directory, bare, std::future::pending()).await.unwrap_err();
    assert!(matches!(error, Error::NoCertificate), "{error}");
}

#[tokio::test]
async fn many_connections_write_and_read_at_once() {
    let served = Arc::new(serve(Limits::default()).await);
    served._server.account("boss", "user", "Wonder-1and");
    let tasks: Vec<_> = (0..16)
        .map(|_| {
            let served = Arc::clone(&served);
            tokio::spawn(async move {
                let mut peer = connect(served.running.ldap[0]).await;
                assert_eq!(ask(&mut peer, &ALICE).await.0, 0);
                for _ in 0..20 {
                    assert_eq!(ask(&mut peer, &Request::Delete("CN=nobody,DC=contoso,DC=com")).await.0, 32);
                    assert_eq!(ask(&mut peer, &WHO).await.1, r"u:CONTOSO\alice");
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

#[tokio::test]
async fn who_reads_slowly_gets_everything_and_who_goes_away_stops_the_search() {
    let served = serve(Limits { max_page_size: 20_000, ..Limits::default() }).await;
    served._server.users(3000);
    let mut peer = connect(served.running.ldap[0]).await;
    assert_eq!(ask(&mut peer, &ALICE).await.0, 0);
    let filter: ldap::FilterBuf = "(sAMAccountName=u*)".parse().unwrap();
    let filter = filter.as_filter();
    let scope = ldap::message::Scope::Subtree;
    let search =
        client::Search { base: PEOPLE, scope, size_limit: 0, time_limit: 0, filter: &filter, attributes: &["*"] };
    let request = client::encode(7, &Request::Search(search), &[]);
    peer.write_all(&request).await.unwrap();
    let (mut received, mut entries) = (Vec::new(), 0);
    'all: loop {
        assert_ne!(peer.read_buf(&mut received).await.unwrap(), 0, "closed");
        while let Some(length) = ldap::frame(&received, 1 << 20).unwrap().filter(|length| *length <= received.len()) {
            match client::Message::decode(&received[..length]).unwrap().response {
                Response::Entry { .. } => entries += 1,
                Response::Done(outcome) => {
                    assert_eq!(outcome.code.0, 0);
                    break 'all;
                }
                other => panic!("{other:?}"),
            }
            received.drain(..length);
        }
    }
    assert_eq!(entries, 3000);
    peer.write_all(&request).await.unwrap();
    drop(peer);
    served.stop.send(()).unwrap();
    served.running.finished().await;
}

#[tokio::test]
async fn addresses_of_both_kinds_can_be_had_on_one_port_and_each_answers() {
    let first = super::listener::bind("0.0.0.0:0".parse().unwrap()).unwrap();
    let port = first.local_addr().unwrap().port();
    let second = super::listener::bind(SocketAddr::from((Ipv6Addr::UNSPECIFIED, port))).unwrap();
    for (listener, address) in [(&first, IpAddr::from(Ipv4Addr::LOCALHOST)), (&second, Ipv6Addr::LOCALHOST.into())] {
        let stream = connect((address, port).into()).await;
        assert_eq!(listener.accept().await.unwrap().1, stream.local_addr().unwrap());
    }
}

/// As Linux says it without IPv6: EAFNOSUPPORT, EADDRNOTAVAIL.
#[test]
fn where_there_is_no_ipv6_every_address_is_those_of_the_other_kind() {
    let [four, every, one]: [SocketAddr; 3] = ["0.0.0.0:7", "[::]:7", "[fd00::7]:7"].map(|text| text.parse().unwrap());
    let bound = |addresses: &[SocketAddr], code| {
        super::bind_all(addresses, |address| match address {
            SocketAddr::V4(_) => Ok(address),
            SocketAddr::V6(_) => {
                let source = std::io::Error::from_raw_os_error(code);
                Err(Error::Listen { what: "LDAP", address, source })
            }
        })
    };
    for code in [97, 99] {
        assert_eq!(bound(&[four, every], code).unwrap(), [four]);
        assert!(bound(&[every], code).is_err() && bound(&[four, one], code).is_err());
    }
    // EACCES, EADDRINUSE; ENOMEM, EMFILE, ENOBUFS: that is no lack of IPv6.
    for code in [13, 98, 12, 24, 105] {
        assert!(bound(&[four, every], code).is_err(), "{code}");
    }
}
