//! An emulated corner of Azure for the tour with the `akv` plugin: a machine's metadata service, and a Key Vault with its own authority.
//!
//! It speaks as Microsoft documents both, as far as the plugin asks: a token for one managed identity and one audience, and a secret for who
//! shows that token. Whatever the demo says about it calls it emulated.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dtyp::{Guid, Random, SystemClock, SystemRandom};
use pki::{Authority, ClientAuth, Purpose, Rotating, Validity};
use rustls::{ServerConnection, StreamOwned};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use crate::commands::Failed;

/// A request's first line and headers are short.
const LONGEST: u64 = 32 * 1024;
const PATIENCE: Duration = Duration::from_secs(5);

/// Both servers, which end with this process.
pub struct Azure {
    metadata: u16,
    vault: u16,
    identity: Guid,
    authority: String,
    inside: Arc<Mutex<Inside>>,
}

struct Inside {
    identity: Guid,
    token: SecretString,
    secrets: BTreeMap<String, SecretString>,
}

/// What both do with a request: its path with the query, and its headers by names in lower case.
type Answer = fn(&Inside, &str, &BTreeMap<String, String>) -> (u16, Value);

impl Azure {
    /// Starts both.
    pub fn start() -> Result<Self, Failed> {
        let mut random = [0; 32];
        SystemRandom.fill(&mut random);
        let token: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        let identity =
            Guid::from_u128(u128::from_le_bytes(*random.first_chunk().ok_or("no randomness")?).rotate_left(9));
        let inside = Inside { identity, token: token.into(), secrets: BTreeMap::new() };
        let inside = Arc::new(Mutex::new(inside));
        let authority = Authority::create("the demo's emulated Azure", Validity::DAY, &SystemClock)?;
        let leaf = authority.issue(&Purpose::server(["localhost"]), Validity::DAY, &SystemClock)?;
        let tls = pki::server_config(&Rotating::new(&leaf)?, ClientAuth::None)?;
        let metadata = serve(&inside, metadata, |socket| Some(Box::new(socket) as Box<dyn Stream>))?;
        let vault = serve(&inside, vault, move |socket| {
            let connection = ServerConnection::new(Arc::clone(&tls)).ok()?;
            Some(Box::new(StreamOwned::new(connection, socket)))
        })?;
        Ok(Self { metadata, vault, identity, authority: authority.certificate_pem().to_owned(), inside })
    }

    /// Stores a secret in the vault.
    pub fn store(&self, name: &str, value: String) {
        if let Ok(mut inside) = self.inside.lock() {
            inside.secrets.insert(name.to_owned(), value.into());
        }
    }

    /// What a credential spec tells the plugin to get a secret.
    pub fn input(&self, secret: &str) -> String {
        format!("ObjectId={};SecretUri=https://localhost:{}/secrets/{secret}", self.identity, self.vault)
    }

    /// The certificate that the vault's own comes from.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// What `--plugins` must say for a guard to use it, if the vault's authority is in the file `ca`.
    pub fn plugins(&self, ca: &str) -> String {
        format!(
            "[akv]\nmetadata-service = 'http://127.0.0.1:{}'\n[[akv.vault]]\nhost = 'localhost:{}'\nca = '{ca}'\n",
            self.metadata, self.vault
        )
    }

    /// Where they answer, for people.
    pub fn addresses(&self) -> String {
        format!("metadata service on http://127.0.0.1:{}, Key Vault on https://localhost:{}", self.metadata, self.vault)
    }
}

trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

/// One thread accepts; each connection, with its one request, has its own.
fn serve(
    inside: &Arc<Mutex<Inside>>,
    answer: Answer,
    open: impl Fn(TcpStream) -> Option<Box<dyn Stream>> + Send + 'static,
) -> Result<u16, Failed> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    let inside = Arc::clone(inside);
    std::thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            let (_, _) = (socket.set_read_timeout(Some(PATIENCE)), socket.set_write_timeout(Some(PATIENCE)));
            let (Some(stream), inside) = (open(socket), Arc::clone(&inside)) else { continue };
            // Who hangs up early has only itself to blame.
            std::thread::spawn(move || meet(stream, &inside, answer));
        }
    });
    Ok(port)
}

fn meet(stream: Box<dyn Stream>, inside: &Mutex<Inside>, answer: Answer) -> Option<()> {
    let mut stream = BufReader::new(stream);
    let mut lines = stream.by_ref().take(LONGEST).lines();
    let first = lines.next()?.ok()?;
    let target = first.strip_prefix("GET ")?.split(' ').next()?.to_owned();
    let mut headers = BTreeMap::new();
    while let Some((name, value)) = lines.next()?.ok()?.split_once(": ") {
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let (status, body) = answer(&*inside.lock().ok()?, &target, &headers);
    let body = body.to_string();
    let head = format!("HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\n", body.len());
    let answer = format!("{head}Connection: close\r\n\r\n{body}");
    stream.get_mut().write_all(answer.as_bytes()).and_then(|()| stream.get_mut().flush()).ok()
}

fn metadata(inside: &Inside, target: &str, headers: &BTreeMap<String, String>) -> (u16, Value) {
    let refuse = |why: &str| (400, json!({ "error": "invalid_request", "error_description": why }));
    let Some(query) = target.strip_prefix("/metadata/identity/oauth2/token?") else {
        return (404, json!({ "error": "not_found" }));
    };
    let is_asked = |name: &str, wanted: &str| query.split('&').any(|pair| pair.split_once('=') == Some((name, wanted)));
    if headers.get("metadata").map(String::as_str) != Some("true") {
        return refuse("Required metadata header not specified");
    }
    if !is_asked("resource", "https%3A%2F%2Flocalhost") {
        return refuse("Required audience parameter not specified");
    }
    if !is_asked("object_id", &inside.identity.to_string()) {
        return refuse("Identity not found");
    }
    (200, json!({ "access_token": inside.token.expose_secret(), "token_type": "Bearer", "expires_in": "3600" }))
}

fn vault(inside: &Inside, target: &str, headers: &BTreeMap<String, String>) -> (u16, Value) {
    let refuse = |status, code: &str| (status, json!({ "error": { "code": code, "message": code } }));
    let bearer = headers.get("authorization").and_then(|value| value.strip_prefix("Bearer "));
    if bearer != Some(inside.token.expose_secret()) {
        return refuse(401, "Unauthorized");
    }
    let path = target.split('?').next().unwrap_or_default();
    let name = path.strip_prefix("/secrets/").unwrap_or_default().trim_end_matches('/');
    match inside.secrets.get(name) {
        Some(value) => {
            let id = format!("https://localhost/secrets/{name}/1");
            (200, json!({ "value": value.expose_secret(), "id": id, "attributes": { "enabled": true } }))
        }
        None => refuse(404, "SecretNotFound"),
    }
}
