//! The chart `pando-gmsa-webhook` in a control plane, and the webhook itself as a plain process with the chart's service account.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::Cluster;
use super::supervised::Supervised;
use crate::{Tool, pando};

/// A running webhook.
pub struct WebhookService {
    process: Supervised,
    /// What it said when it was ready.
    pub ready: Value,
    log: PathBuf,
}

impl WebhookService {
    /// The release, and its namespace.
    pub const RELEASE: &str = "gmsa-webhook";

    /// The chart, whose API server calls its own address, and the webhook there.
    pub fn install(cluster: &Cluster) -> Self {
        Self::install_with(cluster, &[])
    }

    /// The same, with these flags as well.
    pub fn install_with(cluster: &Cluster, flags: &[&str]) -> Self {
        let address = format!("{}:8443", cluster.address());
        let chart = concat!(env!("CARGO_MANIFEST_DIR"), "/../charts/pando-gmsa-webhook");
        let name = Self::RELEASE;
        let install = cluster.helm().args(["install", name, chart, "--namespace", name, "--create-namespace"]);
        install.args(["--set", &format!("webhook.url=https://{address}"), "--set", "viewerRole=true"]).ok();
        Self::start(cluster, &address, flags)
    }

    /// One more, whom the API server does not call.
    pub fn replica(cluster: &Cluster, flags: &[&str]) -> Self {
        Self::start(cluster, &format!("{}:0", cluster.address()), flags)
    }

    fn start(cluster: &Cluster, address: &str, flags: &[&str]) -> Self {
        let name = Self::RELEASE;
        let file = |kind: &str| cluster.path(&format!("webhook-{}.{kind}", address.replace(':', "-")));
        let (ready, log) = (file("json"), file("log"));
        let _ = std::fs::remove_file(&ready);
        let program = Tool::new(pando())
            .args(["--log", "info", "webhook", "run", "--listen", address])
            .args(["--probes", "127.0.0.1:0", "--namespace", name, "--secret", "gmsa-webhook-tls", "--service", name])
            .args([
                "--events",
                "--also-called",
                &cluster.address().to_string(),
                "--configuration",
                &format!("{name}-{name}"),
                "--kubeconfig",
            ])
            .arg(cluster.kubeconfig_of(name, name))
            .args(flags)
            .arg("--ready-file")
            .arg(&ready);
        let mut process = Supervised::start(program, &log, None);
        let ready = await_ready(&mut process, &ready, &log);
        Self { process, ready, log }
    }

    /// Whether it still runs.
    pub fn is_alive(&mut self) -> bool {
        self.process.is_alive()
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).expect("the log can be read")
    }

    /// The certificate that it shows, in PEM.
    pub fn certificate(&self) -> String {
        let address = self.ready["https"].as_str().expect("it says where");
        let shown = Tool::new("openssl").args(["s_client", "-connect", address]).input("").run().stdout;
        let (begin, end) = ("-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----");
        let (_, text) = shown.split_once(begin).expect("it shows one");
        format!("{begin}{}{end}\n", text.split_once(end).expect("it is whole").0)
    }

    /// What Prometheus gets.
    pub fn metrics(&self) -> String {
        let address = self.ready["probes"].as_str().expect("it has probes");
        Tool::new("curl").args(["-sS", "--fail", &format!("http://{address}/metrics")]).ok().stdout
    }

    /// The status code and the body of its answer to a body of the API server's, or of somebody's who is not.
    pub fn post(&self, cluster: &Cluster, path: &str, kind: &str, body: impl Into<Vec<u8>>) -> (String, Value) {
        let address = self.ready["https"].as_str().expect("it says where");
        let ca = cluster.path("webhook-ca.pem");
        let secret = [
            "-n",
            Self::RELEASE,
            "get",
            "secret",
            "gmsa-webhook-tls",
            "-o",
            "go-template={{index .data \"ca.crt\" | base64decode}}",
        ];
        std::fs::write(&ca, cluster.kubectl().args(secret).ok().stdout).expect("the authority can be written");
        let curl = Tool::new("curl")
            .args(["-sS", "--http1.1", "-w", "\n%{http_code}", "--data-binary", "@-", "--cacert"])
            .arg(ca);
        let curl = curl.args(["-H", &format!("Content-Type: {kind}"), "-H", "Expect:"]);
        let said = curl.arg(format!("https://{address}{path}")).input(body).run();
        assert_eq!(said.code, Some(0), "{said}");
        let (body, code) = said.stdout.rsplit_once('\n').expect("curl writes the code last");
        (code.to_owned(), serde_json::from_str(body).unwrap_or(Value::Null))
    }
}

pub(super) fn await_ready(process: &mut Supervised, ready: &Path, log: &Path) -> Value {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(told) = std::fs::read(ready).ok().and_then(|text| serde_json::from_slice(&text).ok()) {
            return told;
        }
        let said = || std::fs::read_to_string(log).unwrap_or_default();
        assert!(process.is_alive() && Instant::now() < deadline, "the webhook is not ready:\n{}", said());
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A GMSACredentialSpec for an account.
pub fn gmsa_credential_spec(name: &str, account: &str) -> Value {
    json!({
        "apiVersion": "windows.k8s.io/v1", "kind": "GMSACredentialSpec", "metadata": { "name": name },
        "credspec": {
            "CmsPlugins": ["ActiveDirectory"],
            "DomainJoinConfig": {
                "DnsName": "contoso.com", "DnsTreeName": "contoso.com", "Guid": "244818ae-87ac-4fcd-92ec-e79e5252348a",
                "MachineAccountName": account, "NetBiosName": "CONTOSO", "Sid": "S-1-5-21-2126449477-2524075714-3094792973",
            },
            "ActiveDirectoryConfig": {
                "GroupManagedServiceAccounts": [
                    { "Name": account, "Scope": "contoso.com" }, { "Name": account, "Scope": "CONTOSO" },
                ],
                "HostAccountConfig": {
                    "PluginGUID": "{E4781092-F116-4B79-B55E-28EB6A224E26}", "PluginInput": "gmsa:<password>", "PortableCcgVersion": "1",
                },
            },
        },
    })
}
