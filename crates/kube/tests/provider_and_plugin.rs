//! The account provider and the plugin, over real TLS on loopback.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dtyp::SystemClock;
use pando_kube::{AccountProvider, Audit, AuditEvent, Config, Error, Outcome, RotationEvent, Running, SecretFolder};
use pki::{Authority, Identity, Purpose, Roots, Validity};
use plugins::{PasswordCredentials, Plugin, PluginError, Rkc};
use tempfile::TempDir;

const PASSWORD: &str = "correct horse \"battery\" staple";

#[derive(Default)]
struct Collected(Mutex<Vec<AuditEvent>>);

impl Audit for Collected {
    fn record(&self, event: &AuditEvent) {
        self.0.lock().unwrap().push(event.clone());
    }

    fn rotation(&self, _: &RotationEvent) {}
}

impl Collected {
    fn outcomes(&self) -> Vec<Outcome> {
        self.0.lock().unwrap().iter().map(|event| event.outcome.clone()).collect()
    }
}

/// A node with one account provider on it, which has one secret.
struct Node {
    dir: TempDir,
    provider: Running,
    audit: Arc<Collected>,
}

async fn node() -> Node {
    let dir = tempfile::tempdir().unwrap();
    put_secret(dir.path(), "ccg-reader", PASSWORD);
    let (provider, audit) = start(dir.path(), "gmsa").await;
    Node { dir, provider, audit }
}

async fn start(dir: &Path, namespace: &str) -> (Running, Arc<Collected>) {
    start_with(dir, namespace, |_| {}).await
}

async fn start_with(dir: &Path, namespace: &str, change: impl FnOnce(&mut Config)) -> (Running, Arc<Collected>) {
    let audit = Arc::new(Collected::default());
    let mut config =
        Config::new(namespace.parse().unwrap(), dir.join("host")).with_state(dir.join(format!("state-{namespace}")));
    change(&mut config);
    let secrets = Arc::new(SecretFolder::open(dir.join("secrets")).unwrap());
    let provider = AccountProvider::start(config, secrets, audit.clone(), Arc::new(SystemClock)).await.unwrap();
    (provider, audit)
}

fn put_secret(dir: &Path, name: &str, password: &str) {
    let folder = dir.join("secrets").join(name);
    fs::create_dir_all(&folder).unwrap();
    for (key, value) in [("username", "ccg-reader"), ("password", password), ("domainName", "contoso.com")] {
        fs::write(folder.join(key), value).unwrap();
    }
}

impl Node {
    fn ssl(&self, file: &str) -> std::path::PathBuf {
        self.dir.path().join("host/gmsa/ssl").join(file)
    }

    async fn ask(&self, input: &str) -> Result<PasswordCredentials, PluginError> {
        let (plugin, input) = (Rkc::new(self.dir.path().join("host")), input.to_owned());
        tokio::task::spawn_blocking(move || plugin.get_password_credentials(&input)).await.unwrap()
    }

    fn identity(&self) -> Identity {
        Identity::load(&self.ssl("client/tls.crt"), &self.ssl("client/tls.key")).unwrap()
    }

    /// Sends bytes over TLS with the plugin's own certificate and returns all that comes back.
    async fn raw(&self, request: &str) -> String {
        let config = pki::client_config(&Roots::load(&self.ssl("ca/ca.crt")).unwrap(), Some(&self.identity())).unwrap();
        let (address, request) = (self.provider.address(), request.to_owned());
        tokio::task::spawn_blocking(move || exchange(address, config, &request)).await.unwrap()
    }
}

fn exchange(address: SocketAddr, config: Arc<rustls::ClientConfig>, request: &str) -> String {
    let mut socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut tls = rustls::ClientConnection::new(config, "localhost".try_into().unwrap()).unwrap();
    let mut stream = rustls::Stream::new(&mut tls, &mut socket);
    // A peer that is refused may be cut off while it writes.
    let _ = stream.write_all(request.as_bytes());
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

/// Today's plugin finds one port for a namespace.
#[tokio::test]
async fn of_two_releases_one_is_the_namespaces_provider_and_the_other_leaves_it_alone() {
    let dir = tempfile::tempdir().unwrap();
    put_secret(dir.path(), "one", PASSWORD);
    put_secret(dir.path(), "two", PASSWORD);
    let release = |name: &'static str| {
        start_with(dir.path(), "gmsa", move |config| {
            (config.secret, config.for_namespace, config.state) = (Some(name.parse().unwrap()), true, None);
        })
    };
    let port = |folder: &str| fs::read_to_string(dir.path().join("host/gmsa").join(folder).join("port.txt")).unwrap();
    let (one, _) = release("one").await;
    let (two, _) = release("two").await;
    assert_eq!(port(""), one.address().port().to_string());
    assert_eq!(port("releases/two"), two.address().port().to_string(), "Pando's plugin finds it there");
    two.stop().await.unwrap();
    assert_eq!(port(""), one.address().port().to_string());
    // Its own successor takes over before it ends.
    let (next, _) = release("one").await;
    one.stop().await.unwrap();
    assert_eq!(port(""), next.address().port().to_string());
    next.stop().await.unwrap();
    let (two, _) = release("two").await;
    assert_eq!(port(""), two.address().port().to_string());
}

#[tokio::test]
async fn the_plugin_gets_the_credentials_and_the_audit_says_who_asked_for_what() {
    use secrecy::ExposeSecret;
    let node = node().await;
    let credentials = node.ask("gmsa:ccg-reader").await.unwrap();
    assert_eq!((credentials.username.as_str(), credentials.domain.as_str()), ("ccg-reader", "contoso.com"));
    assert_eq!(credentials.password.expose_secret(), PASSWORD);
    assert!(credentials.hop.how.contains("CN=ccg-plugin"));
    let events = node.audit.0.lock().unwrap().clone();
    let [event] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!(event.outcome, Outcome::Given);
    assert_eq!(event.secret.as_deref(), Some("ccg-reader"));
    assert_eq!(event.client.as_ref().unwrap(), &node.identity().facts().unwrap());
    assert!(!format!("{event:?} {credentials:?}").contains("horse"));
    node.provider.stop().await.unwrap();
}

#[tokio::test]
async fn a_changed_secret_is_what_the_next_call_returns() {
    use secrecy::ExposeSecret;
    let node = node().await;
    node.ask("gmsa:ccg-reader").await.unwrap();
    put_secret(node.dir.path(), "ccg-reader", "new");
    assert_eq!(node.ask("gmsa:ccg-reader").await.unwrap().password.expose_secret(), "new");
    fs::remove_dir_all(node.dir.path().join("secrets/ccg-reader")).unwrap();
    assert!(matches!(node.ask("gmsa:ccg-reader").await, Err(PluginError::NoSecret { .. })));
}

#[tokio::test]
async fn the_http_interface_is_the_originals() {
    let node = node().await;
    let get = |head: &str| format!("{head}\r\nHost: localhost\r\n\r\n");
    let ok = node.raw(&get("GET /provider HTTP/1.1\r\nobject: ccg-reader")).await;
    assert!(ok.starts_with("HTTP/1.1 200 OK\r\n"), "{ok}");
    assert!(ok.contains("content-type: application/json"));
    assert!(ok.ends_with(
        r#"{"username":"ccg-reader","password":"correct horse \"battery\" staple","domainName":"contoso.com"}"#
    ));
    for (head, status, body) in [
        ("GET /provider HTTP/1.1", 400, ""),
        ("GET /provider HTTP/1.1\r\nobject:", 400, ""),
        ("GET /provider HTTP/1.1\r\nsubject: ccg-reader", 400, ""),
        ("GET /provider HTTP/1.1\r\nobject: nobody", 404, ""),
        ("GET /provider HTTP/1.1\r\nobject: ../secrets/ccg-reader", 404, ""),
        ("GET /provider HTTP/1.1\r\nobject: /etc", 404, ""),
        ("POST /provider HTTP/1.1\r\nobject: ccg-reader", 404, "404 page not found"),
        ("GET /other HTTP/1.1\r\nobject: ccg-reader", 404, "404 page not found"),
        ("GET /../provider HTTP/1.1\r\nobject: ccg-reader", 404, "404 page not found"),
    ] {
        let answer = node.raw(&get(head)).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{head}: {answer}");
        assert_eq!(answer.split_once("\r\n\r\n").unwrap().1, body, "{head}");
    }
}

#[tokio::test]
async fn an_oversized_or_malformed_request_ends_that_connection_only() {
    let node = node().await;
    let huge = format!("GET /provider HTTP/1.1\r\nobject: {}\r\n\r\n", "a".repeat(100_000));
    let many = format!("GET /provider HTTP/1.1\r\n{}\r\n", "x: y\r\n".repeat(1_000));
    for request in [huge.as_str(), many.as_str(), "\0\0\0\0\r\n\r\n", "GET\r\n\r\n", "GET /provider HTTP/9.9\r\n\r\n"] {
        let answer = node.raw(request).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    }
    // A body is not waited for.
    let body = "GET /provider HTTP/1.1\r\nHost: x\r\nobject: ccg-reader\r\nContent-Length: 1000000000\r\n\r\n";
    assert!(node.raw(body).await.starts_with("HTTP/1.1 200"));
    node.ask("gmsa:ccg-reader").await.unwrap();
}

#[tokio::test]
async fn who_has_no_certificate_of_this_provider_gets_nothing() {
    let node = node().await;
    let roots = Roots::load(&node.ssl("ca/ca.crt")).unwrap();
    let stranger = Authority::create("stranger", Validity::DAY, &SystemClock).unwrap();
    let forged = stranger.issue(&Purpose::client("ccg-plugin"), Validity::DAY, &SystemClock).unwrap();
    for identity in [None, Some(&forged)] {
        let config = pki::client_config(&roots, identity).unwrap();
        let address = node.provider.address();
        let request = "GET /provider HTTP/1.1\r\nHost: localhost\r\nobject: ccg-reader\r\n\r\n";
        let answer = tokio::task::spawn_blocking(move || exchange(address, config, request)).await.unwrap();
        assert_eq!(answer, "");
    }
    let outcomes = node.audit.outcomes();
    assert_eq!(outcomes.len(), 2);
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Refused(_))), "{outcomes:?}");
}

#[tokio::test]
async fn the_certificate_of_one_namespace_opens_no_other() {
    let node = node().await;
    let (_other, audit) = start(node.dir.path(), "other").await;
    for file in ["tls.crt", "tls.key"] {
        fs::copy(node.ssl("client").join(file), node.dir.path().join("host/other/ssl/client").join(file)).unwrap();
    }
    let refused = node.ask("other:ccg-reader").await;
    assert!(matches!(refused, Err(PluginError::CertificateRefused { .. })), "{refused:?}");
    assert!(matches!(audit.outcomes().as_slice(), [Outcome::Refused(_)]));
    node.ask("gmsa:ccg-reader").await.unwrap();
}

#[tokio::test]
async fn a_server_that_is_not_of_the_pinned_authority_is_told_nothing() {
    let node = node().await;
    let stranger = Authority::create("stranger", Validity::DAY, &SystemClock).unwrap();
    fs::write(node.ssl("ca/ca.crt"), stranger.certificate_pem()).unwrap();
    let refused = node.ask("gmsa:ccg-reader").await;
    assert!(matches!(refused, Err(PluginError::NotTheProvider { .. })), "{refused:?}");
    assert!(!node.audit.outcomes().contains(&Outcome::Given));
}

#[tokio::test]
async fn renewed_certificates_need_no_restart() {
    let node = node().await;
    let before = node.identity();
    node.provider.renew().await.unwrap();
    assert_ne!(node.identity().certificate(), before.certificate());
    node.ask("gmsa:ccg-reader").await.unwrap();
}

#[tokio::test]
async fn a_restarted_provider_is_the_same_authority_on_another_port() {
    let node = node().await;
    let ca = fs::read(node.ssl("ca/ca.crt")).unwrap();
    node.provider.stop().await.unwrap();
    assert!(!node.dir.path().join("host/gmsa/port.txt").exists());
    let (again, _) = start(node.dir.path(), "gmsa").await;
    let port = fs::read_to_string(node.dir.path().join("host/gmsa/port.txt")).unwrap();
    assert_eq!(port, again.address().port().to_string());
    assert_eq!(fs::read(node.dir.path().join("host/gmsa/ssl/ca/ca.crt")).unwrap(), ca);
}

#[tokio::test]
async fn after_it_stopped_the_plugin_says_that_nobody_serves_the_namespace() {
    let Node { dir, provider, .. } = node().await;
    provider.stop().await.unwrap();
    let plugin = Rkc::new(dir.path().join("host"));
    let result = tokio::task::spawn_blocking(move || plugin.get_password_credentials("gmsa:ccg-reader")).await.unwrap();
    assert!(matches!(result, Err(PluginError::NoProvider { .. })), "{result:?}");
}

#[tokio::test]
async fn an_idle_peer_does_not_keep_others_out() {
    let node = node().await;
    let idle: Vec<_> = (0..100).map(|_| TcpStream::connect(node.provider.address()).unwrap()).collect();
    node.ask("gmsa:ccg-reader").await.unwrap();
    drop(idle);
}

/// What a page of the probes' port answers: its status and its text.
async fn page(provider: &Running, path: &str) -> (String, String) {
    let (address, request) = (provider.probes().unwrap(), format!("GET {path} HTTP/1.0\r\n\r\n"));
    let answer = tokio::task::spawn_blocking(move || {
        let mut socket = TcpStream::connect(address).unwrap();
        socket.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        answer
    });
    let answer = answer.await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().to_owned(), body.to_owned())
}

#[tokio::test]
async fn prometheus_learns_what_came_of_calls_and_when_things_end_and_no_secret() {
    let dir = tempfile::tempdir().unwrap();
    put_secret(dir.path(), "ccg-reader", PASSWORD);
    let (provider, audit) =
        start_with(dir.path(), "gmsa", |config| config.probes = Some(([127, 0, 0, 1], 0).into())).await;
    let node = Node { dir, provider, audit };
    node.ask("gmsa:ccg-reader").await.unwrap();
    node.ask("gmsa:ccg-reader").await.unwrap();
    node.ask("gmsa:nobody").await.unwrap_err();
    drop(TcpStream::connect(node.provider.address()).unwrap());
    while node.audit.outcomes().len() < 4 {
        tokio::task::yield_now().await;
    }
    let (status, text) = page(&node.provider, "/metrics").await;
    assert_eq!(status, "200");
    let has = |line: &str| assert!(text.lines().any(|one| one == line), "{line}\n{text}");
    has("pando_account_provider_requests_total{outcome=\"given\"} 2");
    has("pando_account_provider_requests_total{outcome=\"not_found\"} 1");
    has("pando_account_provider_requests_total{outcome=\"no_certificate\"} 1");
    has("pando_account_provider_request_seconds_count 3");
    has("pando_account_provider_renewals_failing 0");
    has("pando_account_provider_secret_usable 1");
    let ends = node.identity().facts().unwrap().not_after.unix_seconds();
    has(&format!("pando_account_provider_certificate_expiry_timestamp_seconds{{certificate=\"client\"}} {ends}"));
    let written = fs::metadata(node.dir.path().join("secrets/ccg-reader/password")).unwrap().modified().unwrap();
    let written = written.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    has(&format!("pando_account_provider_secret_changed_timestamp_seconds{{secret=\"ccg-reader\"}} {written}"));
    assert!(!text.contains("horse"));
}

#[tokio::test]
async fn it_is_ready_while_it_has_something_to_give() {
    let dir = tempfile::tempdir().unwrap();
    put_secret(dir.path(), "ccg-reader", PASSWORD);
    let (provider, _) = start_with(dir.path(), "gmsa", |config| config.probes = Some(([127, 0, 0, 1], 0).into())).await;
    for path in ["/healthz", "/livez", "/readyz"] {
        assert_eq!(page(&provider, path).await, ("200".into(), "ok\n".into()), "{path}");
    }
    fs::remove_dir_all(dir.path().join("secrets")).unwrap();
    let (status, why) = page(&provider, "/readyz").await;
    assert!(status == "503" && why.contains("cannot be read"), "{why}");
    assert_eq!(page(&provider, "/healthz").await.0, "200", "a new start would not help");
    // The secret itself is not to be had here.
    assert_eq!(page(&provider, "/provider").await.0, "404");
}

#[tokio::test]
async fn what_todays_plugin_reads_is_there_in_legacy_mode_only() {
    let dir = tempfile::tempdir().unwrap();
    put_secret(dir.path(), "ccg-reader", PASSWORD);
    let pfx = dir.path().join("host/gmsa/ssl/client/tls.pfx");
    let (legacy, _) = start_with(dir.path(), "gmsa", |config| config.legacy = true).await;
    let first = fs::read(&pfx).unwrap();
    legacy.renew().await.unwrap();
    assert_ne!(fs::read(&pfx).unwrap(), first, "it is renewed with the rest");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&pfx).unwrap().permissions().mode() & 0o777, 0o600);
    }
    legacy.stop().await.unwrap();
    let _modern = start(dir.path(), "gmsa").await;
    assert!(!pfx.exists());
}

#[cfg(unix)]
#[tokio::test]
async fn on_the_node_only_the_owner_reads_the_key_and_no_authoritys_key_is_there() {
    use std::os::unix::fs::PermissionsExt;
    fn walk(path: &Path, found: &mut Vec<(String, u32)>) {
        let metadata = fs::metadata(path).unwrap();
        found.push((path.display().to_string(), metadata.permissions().mode() & 0o777));
        if metadata.is_dir() {
            fs::read_dir(path).unwrap().for_each(|entry| walk(&entry.unwrap().path(), found));
        }
    }
    let node = node().await;
    let root = node.dir.path().join("host/gmsa");
    let mut found = Vec::new();
    walk(&root, &mut found);
    let mut files = Vec::new();
    for (path, mode) in &found {
        let name = path.strip_prefix(&root.display().to_string()).unwrap().trim_start_matches('/').to_owned();
        match Path::new(path) {
            p if p.is_dir() => assert_eq!(*mode, 0o700, "{path}"),
            p if p.extension().is_some_and(|e| e == "key") => assert_eq!(*mode, 0o600, "{path}"),
            _ => assert_eq!(*mode, 0o644, "{path}"),
        }
        if Path::new(path).is_file() {
            files.push(name);
        }
    }
    files.sort();
    assert_eq!(
        files,
        [
            "port.txt",
            "ssl/ca/ca.crt",
            "ssl/ca/tls.crt",
            "ssl/client/ca.crt",
            "ssl/client/tls.crt",
            "ssl/client/tls.key",
            "ssl/server/ca.crt",
            "ssl/server/tls.crt",
        ]
    );
    let key = fs::read(node.dir.path().join("state-gmsa/ca.key")).unwrap();
    assert_ne!(fs::read(node.ssl("client/tls.key")).unwrap(), key);
}

#[tokio::test]
async fn the_authoritys_folder_may_not_lie_where_the_plugin_reads() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("secrets")).unwrap();
    let host = dir.path().join("host");
    let config = Config::new("gmsa".parse().unwrap(), &host).with_state(host.join("gmsa/../gmsa/ssl/ca"));
    let secrets = Arc::new(SecretFolder::open(dir.path().join("secrets")).unwrap());
    let result = AccountProvider::start(config, secrets, Arc::new(Collected::default()), Arc::new(SystemClock)).await;
    assert!(matches!(result, Err(Error::StateIsPublished { .. })));
}
