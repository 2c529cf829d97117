//! The plugin against servers that are not what an account provider should be, over real TLS on loopback.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use dtyp::SystemClock;
use pki::{Authority, ClientAuth, Purpose, Rotating, Validity};
use plugins::{PasswordCredentials, Plugin, PluginError, Rkc};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use tempfile::TempDir;

type Tls = StreamOwned<ServerConnection, TcpStream>;

/// A node whose provider does what a test says.
struct Node {
    dir: TempDir,
    authority: Authority,
}

impl Node {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let authority = Authority::create("test", Validity::DAY, &SystemClock).unwrap();
        let folder = dir.path().join("gmsa");
        for part in ["ssl/ca", "ssl/client"] {
            fs::create_dir_all(folder.join(part)).unwrap();
        }
        fs::write(folder.join("ssl/ca/ca.crt"), authority.certificate_pem()).unwrap();
        let client = authority.issue(&Purpose::client("ccg-plugin"), Validity::DAY, &SystemClock).unwrap();
        client.store(&folder.join("ssl/client/tls.crt"), &folder.join("ssl/client/tls.key")).unwrap();
        Self { dir, authority }
    }

    fn write(&self, file: &str, text: &str) {
        fs::write(self.dir.path().join("gmsa").join(file), text).unwrap();
    }

    fn tls(&self, names: &[&str]) -> Arc<ServerConfig> {
        let server =
            self.authority.issue(&Purpose::server(names.iter().copied()), Validity::DAY, &SystemClock).unwrap();
        pki::server_config(&Rotating::new(&server).unwrap(), ClientAuth::Required(&self.authority.roots())).unwrap()
    }

    /// Listens, publishes the port, and lets `behave` treat the first connection.
    fn serve(&self, behave: impl FnOnce(TcpStream) + Send + 'static) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        self.write("port.txt", &listener.local_addr().unwrap().port().to_string());
        std::thread::spawn(move || behave(listener.accept().unwrap().0));
    }

    /// A TLS server that reads the request and then lets `answer` speak.
    fn answer(&self, answer: impl FnOnce(&mut Tls) + Send + 'static) {
        let config = self.tls(&["localhost"]);
        self.serve(move |socket| {
            let mut tls = StreamOwned::new(ServerConnection::new(config).unwrap(), socket);
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                tls.read_exact(&mut byte).unwrap();
                request.push(byte[0]);
            }
            answer(&mut tls);
            tls.conn.send_close_notify();
            let _ = tls.flush();
        });
    }

    fn answer_text(&self, text: impl Into<Vec<u8>>) {
        let text = text.into();
        self.answer(move |tls| {
            let _ = tls.write_all(&text);
        });
    }

    fn ask(&self) -> Result<PasswordCredentials, PluginError> {
        self.ask_within(Duration::from_secs(10))
    }

    fn ask_within(&self, timeout: Duration) -> Result<PasswordCredentials, PluginError> {
        Rkc::new(self.dir.path()).with_timeout(timeout).get_password_credentials("gmsa:ccg-reader")
    }
}

fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

const GOOD: &str = r#"{"username":"u","password":"hunter2","domainName":"d"}"#;

#[test]
fn a_plain_answer_is_understood() {
    let node = Node::new();
    node.answer_text(ok(GOOD));
    assert_eq!(node.ask().unwrap().username, "u");
}

#[test]
fn what_is_no_answer_is_refused_and_never_quoted() {
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n".to_owned();
    let short = "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhunter2".to_owned();
    let header = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "hunter2".repeat(10_000));
    for text in [ok(""), ok("<html>hunter2</html>"), ok("[]"), "hunter2\r\n\r\n".into(), chunked, short, header] {
        let node = Node::new();
        node.answer_text(text.clone());
        let error = node.ask().unwrap_err();
        assert!(
            matches!(error, PluginError::BadAnswer { .. } | PluginError::Unreachable { .. }),
            "{text:.60}: {error:?}"
        );
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    }
}

#[test]
fn a_status_that_refuses_is_told_apart() {
    let node = Node::new();
    node.answer_text("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    assert!(matches!(node.ask(), Err(PluginError::NoSecret { .. })));
    for status in [204, 301, 400, 401, 500] {
        node.answer_text(format!("HTTP/1.1 {status} X\r\nLocation: https://example.com/\r\nContent-Length: 0\r\n\r\n"));
        let error = node.ask().unwrap_err();
        assert!(matches!(error, PluginError::Refused { status: s, .. } if s == status), "{error:?}");
    }
}

#[test]
fn a_body_without_end_is_cut_off() {
    let node = Node::new();
    node.answer(|tls| {
        let _ = tls.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        while tls.write_all(&[b' '; 4096]).is_ok() {}
    });
    let error = node.ask().unwrap_err();
    assert!(matches!(&error, PluginError::BadAnswer { what, .. } if what.contains("more than")), "{error:?}");
}

#[test]
fn a_server_that_says_nothing_or_too_little_is_given_up() {
    let brief = Duration::from_millis(300);
    let node = Node::new();
    node.answer(|tls| {
        let _ = tls.read(&mut [0]);
    });
    let silent = node.ask_within(brief);
    assert!(matches!(silent, Err(PluginError::Timeout { .. })), "{silent:?}");
    // It never starts TLS.
    node.serve(|mut socket| while socket.read(&mut [0; 64]).is_ok_and(|n| n > 0) {});
    let mute = node.ask_within(brief);
    assert!(matches!(mute, Err(PluginError::Timeout { .. })), "{mute:?}");
    // It drips, and would for ever.
    node.answer(|tls| {
        let _ = tls.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        while tls.write_all(b" ").and_then(|()| tls.flush()).is_ok() {
            std::thread::yield_now();
            if tls.sock.peer_addr().is_err() {
                return;
            }
        }
    });
    let dripping = node.ask_within(brief);
    assert!(matches!(dripping, Err(PluginError::Timeout { .. } | PluginError::BadAnswer { .. })), "{dripping:?}");
}

#[test]
fn another_servers_certificate_is_not_believed() {
    let (node, stranger) = (Node::new(), Node::new());
    // Of another authority, of another name, and a client's.
    let wrong_purpose = {
        let client = node.authority.issue(&Purpose::client("localhost"), Validity::DAY, &SystemClock).unwrap();
        pki::server_config(&Rotating::new(&client).unwrap(), ClientAuth::None).unwrap()
    };
    for config in [stranger.tls(&["localhost"]), node.tls(&["example.com"]), wrong_purpose] {
        node.serve(move |mut socket| {
            let mut tls = ServerConnection::new(config).unwrap();
            let _ = rustls::Stream::new(&mut tls, &mut socket).read(&mut [0; 1024]);
        });
        let error = node.ask().unwrap_err();
        assert!(matches!(error, PluginError::NotTheProvider { .. }), "{error:?}");
    }
}

#[test]
fn what_speaks_no_tls_is_not_the_provider() {
    let node = Node::new();
    node.serve(|mut socket| {
        let _ = socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        let _ = socket.read(&mut [0; 1024]);
    });
    let error = node.ask().unwrap_err();
    assert!(matches!(error, PluginError::NotTheProvider { .. }), "{error:?}");
}

#[test]
fn nobody_on_the_port_is_said_so() {
    let node = Node::new();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    node.write("port.txt", &port.to_string());
    let error = node.ask().unwrap_err();
    assert!(matches!(error, PluginError::Unreachable { .. }), "{error:?}");
}

#[test]
fn files_that_are_missing_or_damaged_are_named() {
    let node = Node::new();
    node.write("port.txt", "1");
    let break_it = |file: &str, contents: Option<&str>| {
        let path = node.dir.path().join("gmsa").join(file);
        let good = fs::read(&path).unwrap();
        match contents {
            Some(text) => fs::write(&path, text).unwrap(),
            None => fs::remove_file(&path).unwrap(),
        }
        let error = node.ask().unwrap_err();
        assert!(matches!(error, PluginError::Identity(_)), "{file}: {error:?}");
        fs::write(&path, good).unwrap();
    };
    for file in ["ssl/ca/ca.crt", "ssl/client/tls.crt", "ssl/client/tls.key"] {
        break_it(file, None);
        break_it(file, Some(""));
        break_it(file, Some("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"));
    }
    let other = node.authority.issue(&Purpose::client("x"), Validity::DAY, &SystemClock).unwrap();
    break_it("ssl/client/tls.key", Some(other.key_pem()));
}

/// A provider writes into its own folder only, but the guard serves other namespaces too and must not be held up for them.
#[cfg(unix)]
#[test]
fn what_is_no_file_holds_nobody_up() {
    for name in ["port.txt", "ssl/ca/ca.crt", "ssl/client/tls.crt", "ssl/client/tls.key"] {
        let node = Node::new();
        node.write("port.txt", "1");
        let path = node.dir.path().join("gmsa").join(name);
        fs::remove_file(&path).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        let (tell, told) = std::sync::mpsc::channel();
        std::thread::spawn(move || drop(tell.send(node.ask())));
        let error = told.recv_timeout(Duration::from_secs(30)).expect("a pipe that nobody writes to is not waited for");
        let named = matches!(&error, Err(PluginError::Identity(_) | PluginError::BadPort { .. }));
        assert!(named, "{name}: {error:?}");
    }
}

#[test]
fn an_input_that_leads_elsewhere_reaches_no_file() {
    let node = Node::new();
    fs::create_dir_all(node.dir.path().join("evil")).unwrap();
    let plugin = Rkc::new(node.dir.path().join("gmsa"));
    for input in
        ["../evil:x", "..:x", ".:x", "/etc:x", "a/../b:x", "a\\b:x", "gmsa", "gmsa:", ":x", "gmsa:x:y", "gmsa:../x", ""]
    {
        let error = plugin.get_password_credentials(input).unwrap_err();
        assert!(matches!(error, PluginError::BadInput(_)), "{input}: {error:?}");
    }
}
