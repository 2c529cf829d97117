//! An API server that answers what it should not, or nothing: no Secret gets into a log, and nobody waits longer than they were told to.
#![allow(clippy::expect_used, clippy::panic, reason = "only tests here; failing is their job")]

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use pando_tests::{Tool, pando};

/// `Keeps-the-door-5`, as a Secret has it.
const PASSWORD: &str = "S2VlcHMtdGhlLWRvb3ItNQ==";

/// Answers each request with that, or not at all. Each request's first line is sent.
fn serve(answer: Option<&'static str>) -> (u16, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("it has one").port();
    let (told, lines) = mpsc::channel();
    std::thread::spawn(move || {
        let mut held = vec![];
        for stream in listener.incoming() {
            let stream = stream.expect("a connection");
            let line = request(&stream);
            match answer {
                Some(answer) => respond(&stream, answer),
                None => held.push(stream),
            }
            if told.send(line).is_err() {
                return;
            }
        }
    });
    (port, lines)
}

fn request(stream: &TcpStream) -> String {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let first = lines.next().unwrap_or_default();
    let _ = lines.find(String::is_empty);
    first
}

fn respond(mut stream: &TcpStream, body: &str) {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    // Who has heard enough hangs up.
    let _ = stream.write_all(format!("{head}{body}").as_bytes());
}

fn kubeconfig(folder: &Path, port: u16) -> std::path::PathBuf {
    let path = folder.join("kubeconfig");
    let text = format!(
        "{{apiVersion: v1, kind: Config, current-context: c, contexts: [{{name: c, context: {{cluster: c, user: u}}}}], \
         clusters: [{{name: c, cluster: {{server: 'http://127.0.0.1:{port}'}}}}], users: [{{name: u, user: {{token: t}}}}]}}"
    );
    std::fs::write(&path, text).expect("it can be written");
    path
}

/// A proxy, an aggregator or a later version may change a type.
#[test]
fn a_secret_that_does_not_parse_is_in_no_log_at_any_level() {
    const SECRETS: [&str; 2] = [
        r#"{"apiVersion":"v1","kind":"Secret","metadata":{"name":"ccg-creds","namespace":"gmsa","resourceVersion":"10"},"immutable":"no","data":{"username":"c3Zj","password":"S2VlcHMtdGhlLWRvb3ItNQ==","domainName":"Y29udG9zby5jb20="}}"#,
        r#"{"apiVersion":"v1","kind":"SecretList","metadata":{"resourceVersion":"10"},"items":[{"metadata":{"name":"ccg-creds","namespace":"gmsa","resourceVersion":"10"},"immutable":"no","data":{"username":"c3Zj","password":"S2VlcHMtdGhlLWRvb3ItNQ==","domainName":"Y29udG9zby5jb20="}}]}"#,
    ];
    for answer in SECRETS {
        for filter in ["warn", "trace", "kube_client::client=trace"] {
            let (port, lines) = serve(Some(answer));
            let folder = tempfile::tempdir().expect("a folder");
            let log = folder.path().join("log");
            let output = std::fs::File::create(&log).expect("a log");
            let mut provider = Command::new(pando())
                .args(["--log", filter, "account-provider", "run", "--namespace", "gmsa"])
                .args(["--kubernetes-secret", "ccg-creds", "--kubeconfig"])
                .arg(kubeconfig(folder.path(), port))
                .arg("--host-dir")
                .arg(folder.path().join("host"))
                .stdin(Stdio::null())
                .stdout(output.try_clone().expect("it can be shared"))
                .stderr(output)
                .spawn()
                .expect("pando can be started");
            // What it makes of one answer it has said before it asks again.
            let mut asked = vec![];
            while asked.len() < 4 {
                asked.push(lines.recv_timeout(Duration::from_secs(60)).expect("it asks again"));
            }
            let _ = provider.kill();
            let _ = provider.wait();
            let log = std::fs::read_to_string(&log).expect("the log can be read");
            assert!(asked.iter().all(|line| line.contains("/secrets")), "{asked:?}");
            assert!(!log.contains(PASSWORD) && !log.contains("Keeps-the-door-5"), "{filter}: {log}");
        }
    }
}

/// Helm runs it before a release is deleted, and has a time of its own.
#[test]
fn who_withdraws_plugins_waits_for_a_silent_api_server_no_longer_than_told() {
    let (port, _lines) = serve(None);
    let folder = tempfile::tempdir().expect("a folder");
    let words = ["plugin", "withdraw", "--namespace", "gmsa", "--daemonset", "gmsa-plugin", "--timeout", "1"];
    let withdraw = Tool::new(pando()).args(words).arg("--kubeconfig").arg(kubeconfig(folder.path(), port));
    withdraw.fails(1).says("the API server has not answered in 10s");
}
