//! The admission webhook, and an API server for it that knows one credential spec and allows everybody to use it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use axum::Router;
use axum::body::Bytes;
use axum::http::{Method, Uri};
use axum::response::{IntoResponse, Json, Response};
use dtyp::SystemClock;
use pki::{Authority, Purpose, Roots, Validity};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::Running;
use super::pando::{address, json as told, pando_binary};
use crate::process::Meter;
use crate::{BenchError, while_doing};

/// A running webhook.
pub struct Webhook {
    meter: Meter,
    address: SocketAddr,
    roots: Roots,
    _process: Running,
    /// Where the API server answers; in this process, so that it is no part of what the webhook costs.
    _cluster: Runtime,
    _folder: TempDir,
}

impl Webhook {
    /// The credential spec that pods may name.
    pub const SPEC: &'static str = "webapp01";

    /// Starts both.
    pub fn start() -> Result<Self, BenchError> {
        let folder = TempDir::new().map_err(while_doing("making a temporary folder"))?;
        let path = |name: &str| folder.path().join(name);
        let cluster = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let cluster = cluster.map_err(while_doing("starting a runtime"))?;
        let listener = cluster.block_on(tokio::net::TcpListener::bind("127.0.0.1:0"));
        let listener = listener.map_err(while_doing("listening as an API server"))?;
        let api = listener.local_addr().map_err(while_doing("listening as an API server"))?;
        cluster.spawn(async move { axum::serve(listener, Router::<()>::new().fallback(answer)).await });

        let authority = Authority::create("bench", Validity::DAY, &SystemClock)?;
        let identity = authority.issue(&Purpose::server(["localhost"]), Validity::DAY, &SystemClock)?;
        let (certificate, key): (PathBuf, PathBuf) = (path("tls.crt"), path("tls.key"));
        identity.store(&certificate, &key)?;
        let kubeconfig = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: bench\nclusters: [{{name: bench, cluster: {{server: 'http://{api}'}}}}]\n\
             users: [{{name: bench, user: {{}}}}]\ncontexts: [{{name: bench, context: {{cluster: bench, user: bench}}}}]\n"
        );
        std::fs::write(path("kubeconfig"), kubeconfig).map_err(while_doing("writing a kubeconfig"))?;
        let ready = path("ready.json");
        let mut serve = Command::new(pando_binary());
        serve
            .args(["webhook", "run", "--listen", "127.0.0.1:0", "--tls-cert"])
            .arg(&certificate)
            .arg("--tls-key")
            .arg(&key);
        serve.arg("--kubeconfig").arg(path("kubeconfig")).arg("--ready-file").arg(&ready);
        let mut process = Running::spawn(&mut serve)?;
        let said = process.until("webhook", || told(&ready))?;
        Ok(Self {
            meter: Meter::new("webhook", process.id()),
            address: address(&said, "https")?,
            roots: authority.roots(),
            _process: process,
            _cluster: cluster,
            _folder: folder,
        })
    }

    /// Its process.
    pub fn meter(&self) -> &Meter {
        &self.meter
    }

    /// Where it answers.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whom its certificate hangs from.
    pub fn roots(&self) -> &Roots {
        &self.roots
    }
}

async fn answer(method: Method, uri: Uri, _: Bytes) -> Response {
    let watches = uri.query().is_some_and(|query| query.contains("watch=true"));
    match (method, uri.path()) {
        (Method::POST, _) => Json(json!({
            "kind": "LocalSubjectAccessReview", "apiVersion": "authorization.k8s.io/v1", "metadata": {}, "spec": {},
            "status": { "allowed": true },
        }))
        .into_response(),
        // Nothing ever changes.
        (Method::GET, "/apis/windows.k8s.io/v1/gmsacredentialspecs") if watches => std::future::pending().await,
        (Method::GET, "/apis/windows.k8s.io/v1/gmsacredentialspecs") => Json(json!({
            "kind": "GMSACredentialSpecList", "apiVersion": "windows.k8s.io/v1", "metadata": { "resourceVersion": "1" },
            "items": [spec()],
        }))
        .into_response(),
        _ => Json(spec()).into_response(),
    }
}

fn spec() -> Value {
    let account = |scope: &str| json!({ "Name": "WebApp01", "Scope": scope });
    json!({
        "kind": "GMSACredentialSpec", "apiVersion": "windows.k8s.io/v1",
        "metadata": { "name": Webhook::SPEC, "resourceVersion": "1" },
        "credspec": {
            "CmsPlugins": ["ActiveDirectory"],
            "DomainJoinConfig": {
                "DnsName": "bench.example", "DnsTreeName": "bench.example", "Guid": "244818ae-87ac-4fcd-92ec-e79e5252348a",
                "MachineAccountName": "WebApp01", "NetBiosName": "BENCH", "Sid": "S-1-5-21-2126449477-2524075714-3094792973",
            },
            "ActiveDirectoryConfig": {
                "GroupManagedServiceAccounts": [account("bench.example"), account("BENCH")],
                "HostAccountConfig": {
                    "PluginGUID": "{E4781092-F116-4B79-B55E-28EB6A224E26}", "PluginInput": "gmsa:creds", "PortableCcgVersion": "1",
                },
            },
        },
    })
}
