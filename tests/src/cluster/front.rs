//! What stands between a client and the API server when the API server is busy, broken, silent or gone; and who holds a request back, so that a
//! client can be killed at exactly that moment.
//!
//! One request for each connection, in the clear on loopback; behind it TLS, as the kubeconfig would have had it.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::{Cluster, PORT};

/// How it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// As the API server does.
    Passes,
    /// With this code, and to come again in a second.
    Says(u16),
    /// Not at all.
    Silent,
    /// By hanging up.
    Gone,
    /// As one whose machine has lost its power: connections are open for ever and silent, also when there is another in its place.
    Lost,
    /// As the API server does to that many requests that change something; those after them it holds.
    HoldsWritesAfter(usize),
}

struct State {
    mood: Mood,
    requests: usize,
    /// How many of them had come when the mood began.
    before: usize,
    writes: usize,
    held: usize,
    open: Vec<TcpStream>,
    /// How often it has been lost, and what was open then.
    losses: usize,
    lost: Vec<TcpStream>,
    /// Whose news are told later.
    late: Option<&'static str>,
}

type Shared = Arc<(Mutex<State>, Condvar)>;

/// The front. It lives as long as the test's process.
pub struct Front {
    state: Shared,
    port: u16,
}

impl Front {
    /// Begins by passing everything on.
    pub fn start(cluster: &Cluster) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let port = listener.local_addr().expect("it has an address").port();
        let (open, lost) = (vec![], vec![]);
        let state =
            State { mood: Mood::Passes, requests: 0, before: 0, writes: 0, held: 0, open, losses: 0, lost, late: None };
        let state: Shared = Arc::new((Mutex::new(state), Condvar::new()));
        let mut roots = RootCertStore::empty();
        let authority = CertificateDer::from_pem_file(cluster.ca()).expect("the cluster's authority can be read");
        roots.add(authority).expect("it is an authority");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.expect("TLS can be used").with_root_certificates(roots).with_no_client_auth();
        let (shared, config, address) = (Arc::clone(&state), Arc::new(config), cluster.address());
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (shared, config) = (Arc::clone(&shared), Arc::clone(&config));
                std::thread::spawn(move || {
                    let server = TcpStream::connect((address, PORT));
                    let name = ServerName::from(std::net::IpAddr::from(address));
                    let tls = ClientConnection::new(config, name).expect("a name is a name");
                    serve(&shared, client, || server.map(|server| StreamOwned::new(tls, server)));
                });
            }
        });
        Self { state, port }
    }

    /// This configuration, but through the front.
    pub fn kubeconfig(&self, cluster: &Cluster, kubeconfig: &Path) -> PathBuf {
        let text = std::fs::read_to_string(kubeconfig).expect("the kubeconfig can be read");
        let text = text.replace(&cluster.url(), &format!("http://127.0.0.1:{}", self.port));
        let path = kubeconfig.with_extension("front");
        std::fs::write(&path, text).expect("a kubeconfig can be written");
        path
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on; connections that are open end, if they are not lost.
    pub fn becomes(&self, mood: Mood) {
        let mut state = self.state();
        (state.mood, state.writes, state.held) = (mood, 0, 0);
        state.before = state.requests;
        let open = std::mem::take(&mut state.open);
        if mood == Mood::Lost {
            state.losses += 1;
            state.lost.extend(open);
        } else {
            open.iter().for_each(|stream| drop(stream.shutdown(Shutdown::Both)));
        }
    }

    /// From now on who watches these hears nothing, until it is others, or none.
    pub fn is_late_with(&self, resources: Option<&'static str>) {
        self.state().late = resources;
        self.state.1.notify_all();
    }

    /// How many requests have come.
    pub fn requests(&self) -> usize {
        self.state().requests
    }

    /// Waits until that many have come since it became what it is.
    #[track_caller]
    pub fn await_requests(&self, many: usize) {
        self.wait(|state| state.requests >= state.before + many, "no request comes");
    }

    /// Waits until a request is held.
    #[track_caller]
    pub fn await_held(&self) {
        self.wait(|state| state.held > 0, "nothing is held");
    }

    #[track_caller]
    fn wait(&self, is_so: impl Fn(&State) -> bool, otherwise: &str) {
        let deadline = Instant::now() + Duration::from_secs(120);
        let mut state = self.state();
        while !is_so(&state) {
            let State { mood, requests, .. } = *state;
            assert!(Instant::now() < deadline, "{otherwise}: {mood:?}, {requests} requests");
            let waited = self.state.1.wait_timeout(state, Duration::from_secs(1));
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

fn serve<S: Read + Write>(shared: &Shared, mut client: TcpStream, server: impl FnOnce() -> std::io::Result<S>) {
    let Some(request) = request(&mut client) else { return };
    let changes = !request.starts_with(b"GET ");
    let (mood, losses) = {
        let mut state = shared.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.requests += 1;
        let mut mood = state.mood;
        if let Mood::HoldsWritesAfter(most) = mood {
            state.writes += usize::from(changes);
            mood = if changes && state.writes > most { Mood::Silent } else { Mood::Passes };
            state.held += usize::from(mood == Mood::Silent);
        }
        let streams = if mood == Mood::Lost { &mut state.lost } else { &mut state.open };
        streams.extend(client.try_clone());
        (mood, state.losses)
    };
    shared.1.notify_all();
    match mood {
        Mood::Gone => {}
        Mood::Says(code) => refuse(&mut client, code),
        // Until the client, or the front's next mood, ends it.
        Mood::Silent | Mood::Lost => drop(client.read(&mut [0])),
        Mood::Passes | Mood::HoldsWritesAfter(_) => {
            if let Ok(server) = server() {
                pass_on(shared, losses, &mut client, server, &request);
            }
        }
    }
    // The list of open ones has it too, so that it does not end by itself.
    let _ = client.shutdown(Shutdown::Both);
}

fn refuse(client: &mut TcpStream, code: u16) {
    let body = format!(
        r#"{{"kind":"Status","apiVersion":"v1","metadata":{{}},"status":"Failure","message":"too busy just now","reason":"TooManyRequests","details":{{"retryAfterSeconds":1}},"code":{code}}}"#
    );
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {code} No\r\nContent-Type: application/json\r\nRetry-After: 1\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
    );
    let _ = client.write_all((head + &body).as_bytes());
}

/// The whole of it, asking for one answer.
fn request(client: &mut TcpStream) -> Option<Vec<u8>> {
    let (mut bytes, mut piece) = (Vec::new(), [0; 16 << 10]);
    let end = loop {
        let got = client.read(&mut piece).ok().filter(|got| *got > 0)?;
        bytes.extend_from_slice(piece.get(..got)?);
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
    };
    let head = String::from_utf8_lossy(bytes.get(..end)?).into_owned();
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    let whole = end + 4 + length.unwrap_or(0);
    while bytes.len() < whole {
        let got = client.read(&mut piece).ok().filter(|got| *got > 0)?;
        bytes.extend_from_slice(piece.get(..got)?);
    }
    let close = format!("{head}\r\nConnection: close\r\n\r\n").into_bytes();
    Some([&close, bytes.get(end + 4..)?].concat())
}

fn pass_on(shared: &Shared, losses: usize, client: &mut TcpStream, mut server: impl Read + Write, request: &[u8]) {
    if server.write_all(request).is_err() {
        return;
    }
    let mut piece = [0; 16 << 10];
    let head = String::from_utf8_lossy(request.get(..request.len().min(512)).unwrap_or_default()).into_owned();
    let is_late = |state: &mut State| head.contains("watch=true") && state.late.is_some_and(|late| head.contains(late));
    // Waits for as long as it is late.
    let is_lost = || {
        let state = shared.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = shared.1.wait_while(state, is_late);
        waited.unwrap_or_else(PoisonError::into_inner).losses > losses
    };
    loop {
        let got = server.read(&mut piece);
        if is_lost() {
            drop(client.read(&mut [0]));
            return;
        }
        let Ok(got @ 1..) = got else { return };
        if client.write_all(piece.get(..got).unwrap_or_default()).is_err() {
            return;
        }
    }
}
