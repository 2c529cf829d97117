//! An emulated Azure for one test: the instance metadata service of a virtual machine, and a Key Vault.
//!
//! It speaks as Microsoft documents both (managed identities: "acquire an access token"; Key Vault REST API: "Get Secret", "Set Secret",
//! "Authentication, requests and responses"), and is held to that by Microsoft's own clients, which must take it for the real thing. Every
//! request is kept for comparison.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use dtyp::SystemClock;
use pki::{Authority, ClientAuth, Purpose, Rotating, Validity};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::{Tool, python};

/// The managed identity that may use the vault.
pub const IDENTITY: &str = "f0f22d05-6a63-4a1e-a2d1-0fa2fa2ba1b7";
/// One that the machine has, and the vault does not let in.
pub const STRANGER: &str = "0e4c3a02-7f3d-4b0c-9f3a-5d0c1a7b9e11";
/// Whom the vault wants tokens to be for.
pub const AUDIENCE: &str = "https://vault.contoso.example";

/// The two servers, which end with the test's process.
pub struct Azure {
    imds: u16,
    vault: u16,
    ca: PathBuf,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// Values by version, the newest last.
    secrets: BTreeMap<String, Vec<String>>,
    requests: Vec<Request>,
}

/// What a client asked.
#[derive(Clone, Debug)]
pub struct Request {
    /// The server: `imds` or `vault`.
    pub server: &'static str,
    /// Such as `GET`.
    pub method: String,
    /// Without what is behind the question mark.
    pub path: String,
    /// What is behind it, in the order of its names.
    pub query: BTreeMap<String, String>,
    /// By names in lower case.
    pub headers: BTreeMap<String, String>,
    body: String,
}

struct Reply(u16, &'static str, serde_json::Value);

impl Azure {
    /// Both servers, and the vault's authority as `vault-ca.pem` in `folder`.
    pub fn start(folder: &Path) -> Self {
        let authority = Authority::create("emulated Azure", Validity::DAY, &SystemClock).expect("an authority");
        let ca = folder.join("vault-ca.pem");
        std::fs::write(&ca, authority.certificate_pem()).expect("the certificate can be written");
        let identity = authority.issue(&Purpose::server(["localhost"]), Validity::DAY, &SystemClock).expect("a leaf");
        let tls = pki::server_config(&Rotating::new(&identity).expect("a leaf"), ClientAuth::None).expect("TLS");
        let state = Arc::new(Mutex::new(State::default()));
        let imds = serve("imds", None, &state, |_, request| metadata(request));
        let vault = serve("vault", Some(tls), &state, key_vault);
        Self { imds, vault, ca, state }
    }

    /// Where the vault is.
    pub fn vault_url(&self) -> String {
        format!("https://localhost:{}", self.vault)
    }

    /// The `PluginInput` for one of its secrets.
    pub fn input(&self, object_id: &str, secret: &str) -> String {
        format!("ObjectId={object_id};SecretUri={}/secrets/{secret}", self.vault_url())
    }

    /// Where the metadata service is.
    pub fn metadata_service(&self) -> String {
        format!("http://127.0.0.1:{}", self.imds)
    }

    /// The vault's authority.
    pub fn ca(&self) -> &Path {
        &self.ca
    }

    /// What `--plugins` must say for the guard to use it.
    pub fn plugins(&self) -> String {
        format!(
            "[akv]\nmetadata-service = 'http://127.0.0.1:{}'\n[[akv.vault]]\nhost = 'localhost:{}'\naudience = '{AUDIENCE}'\nca = '{}'\n",
            self.imds,
            self.vault,
            self.ca.display()
        )
    }

    /// Microsoft's own client as a managed identity of the machine: `set NAME` or `get NAME`.
    pub fn microsofts_client(&self, verb: &str, secret: &str) -> Tool {
        let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
        Tool::new(python::environment().join("bin/python"))
            .arg(tests.join("interop/azure_key_vault.py"))
            .args([verb, secret, IDENTITY, &self.vault_url()])
            .arg(&self.ca)
            .env("AZURE_POD_IDENTITY_AUTHORITY_HOST", format!("http://127.0.0.1:{}", self.imds))
    }

    /// Has Microsoft's own client store a value, as a new version.
    pub fn store(&self, secret: &str, value: &str) {
        self.microsofts_client("set", secret).input(value).ok();
    }

    /// What was asked since the last time.
    pub fn requests(&self) -> Vec<Request> {
        std::mem::take(&mut self.state.lock().expect("no test panics in here").requests)
    }
}

/// One thread accepts and answers, one request for each connection.
fn serve(
    name: &'static str,
    tls: Option<Arc<ServerConfig>>,
    state: &Arc<Mutex<State>>,
    answer: fn(&mut State, &Request) -> Reply,
) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("a port").port();
    let state = Arc::clone(state);
    std::thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            match tls.clone().map(ServerConnection::new) {
                Some(Ok(tls)) => meet(name, StreamOwned::new(tls, socket), &state, answer),
                _ => meet(name, socket as TcpStream, &state, answer),
            }
        }
    });
    port
}

fn meet(
    name: &'static str,
    stream: impl Read + Write,
    state: &Mutex<State>,
    answer: fn(&mut State, &Request) -> Reply,
) {
    let mut stream = BufReader::new(stream);
    let Some(request) = read(name, &mut stream) else { return };
    let mut state = state.lock().expect("no test panics in here");
    let Reply(status, headers, body) = answer(&mut state, &request);
    state.requests.push(request);
    let body = body.to_string();
    let text = format!(
        "HTTP/1.1 {status} X\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n{headers}\r\n{body}",
        body.len()
    );
    let _ = stream.get_mut().write_all(text.as_bytes()).and_then(|()| stream.get_mut().flush());
}

fn read(server: &'static str, stream: &mut impl BufRead) -> Option<Request> {
    let mut lines = stream.by_ref().lines();
    let first = lines.next()?.ok()?;
    let mut words = first.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = BTreeMap::new();
    while let Some((name, value)) = lines.next()?.ok()?.split_once(": ") {
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let query = pairs.map(|(name, value)| (name.to_owned(), value.replace("%3A", ":").replace("%2F", "/"))).collect();
    let (path, body) = (path.to_owned(), String::from_utf8(body).ok()?);
    Some(Request { server, method, path, query, headers, body })
}

/// A token is for one identity and one audience; here it says so.
fn token(identity: &str, audience: &str) -> String {
    format!("{}.{}.signature", identity, audience.replace([':', '/'], "-"))
}

fn metadata(request: &Request) -> Reply {
    let asked = |name: &str| request.query.get(name).map(String::as_str);
    let wrong = |description: &str| {
        Reply(400, "", serde_json::json!({ "error": "invalid_request", "error_description": description }))
    };
    if request.path != "/metadata/identity/oauth2/token" {
        return Reply(404, "", serde_json::json!({ "error": "not_found" }));
    }
    if request.headers.get("metadata").map(String::as_str) != Some("true") {
        return wrong("Required metadata header not specified");
    }
    let (Some("2018-02-01"), Some(audience)) = (asked("api-version"), asked("resource")) else {
        return wrong("Required audience parameter not specified");
    };
    match asked("object_id").or(asked("principal_id")) {
        Some(id) if id == IDENTITY || id == STRANGER => {
            let body = serde_json::json!({
                "access_token": token(id, audience), "client_id": "a0000000-0000-0000-0000-000000000000", "expires_in": "86399",
                "expires_on": "4102444800", "ext_expires_in": "86399", "not_before": "1", "resource": audience, "token_type": "Bearer",
            });
            Reply(200, "", body)
        }
        _ => wrong("Identity not found"),
    }
}

fn key_vault(state: &mut State, request: &Request) -> Reply {
    const CHALLENGE: &str = "WWW-Authenticate: Bearer authorization=\"https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47\", resource=\"https://vault.contoso.example\"\r\n";
    let refused = |status, code: &str, inner: Option<&str>| {
        let inner = inner.map(|code| serde_json::json!({ "code": code }));
        let error = serde_json::json!({ "code": code, "message": format!("{code}."), "innererror": inner });
        Reply(status, if status == 401 { CHALLENGE } else { "" }, serde_json::json!({ "error": error }))
    };
    let bearer = request.headers.get("authorization").and_then(|value| value.strip_prefix("Bearer "));
    match bearer {
        Some(bearer) if bearer == token(IDENTITY, AUDIENCE) => {}
        Some(bearer) if bearer == token(STRANGER, AUDIENCE) => {
            return refused(403, "Forbidden", Some("ForbiddenByRbac"));
        }
        _ => return refused(401, "Unauthorized", None),
    }
    let mut parts = request.path.trim_start_matches('/').split('/');
    let (Some("secrets"), Some(name)) = (parts.next(), parts.next()) else { return refused(404, "NotFound", None) };
    let versions = state.secrets.entry(name.to_owned()).or_default();
    if request.method == "PUT" {
        let body: serde_json::Value = serde_json::from_str(&request.body).unwrap_or_default();
        versions.push(body["value"].as_str().unwrap_or_default().to_owned());
    }
    let number = match parts.next().filter(|version| !version.is_empty()) {
        None => versions.len().checked_sub(1),
        Some(version) => version.parse().ok(),
    };
    let Some((number, value)) = number.and_then(|number| Some((number, versions.get(number)?))) else {
        return refused(404, "SecretNotFound", None);
    };
    let host = request.headers.get("host").map(String::as_str).unwrap_or_default();
    let attributes = serde_json::json!({ "enabled": true, "created": 1, "updated": 1, "recoveryLevel": "Recoverable" });
    let id = format!("https://{host}/secrets/{name}/{number:032}");
    Reply(200, "", serde_json::json!({ "value": value, "id": id, "attributes": attributes, "tags": {} }))
}
