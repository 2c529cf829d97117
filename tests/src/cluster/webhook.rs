//! The chart `pando-gmsa-webhook` in a control plane, and the webhook itself as a plain process with the chart's service account.

use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use super::{Cluster, Front, Service};
use crate::address;
use crate::clock::Clock;
use crate::{Tool, pando};

/// A running webhook.
pub struct WebhookService(Service);

impl Deref for WebhookService {
    type Target = Service;

    fn deref(&self) -> &Service {
        &self.0
    }
}

impl DerefMut for WebhookService {
    fn deref_mut(&mut self) -> &mut Service {
        &mut self.0
    }
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
        Self::start(cluster, &address, &Self::kubeconfig(cluster), &Clock::default(), flags)
    }

    /// One more, whom the API server does not call.
    pub fn replica(cluster: &Cluster, flags: &[&str]) -> Self {
        let address = format!("{}:0", cluster.address());
        Self::start(cluster, &address, &Self::kubeconfig(cluster), &Clock::default(), flags)
    }

    /// One more, on a machine whose clock is ahead by that: `+60d`. It asks through the front, because it would not take the API server's
    /// certificate, which lasts for a day here.
    pub fn replica_ahead(cluster: &Cluster, front: &Front, by: &str) -> Self {
        let kubeconfig = front.kubeconfig(cluster, &Self::kubeconfig(cluster));
        let address = format!("{}:0", address::own());
        Self::start(cluster, &address, &kubeconfig, &Clock::ahead(by), &[])
    }

    fn kubeconfig(cluster: &Cluster) -> PathBuf {
        cluster.kubeconfig_of(Self::RELEASE, Self::RELEASE)
    }

    fn start(cluster: &Cluster, address: &str, kubeconfig: &Path, clock: &Clock, flags: &[&str]) -> Self {
        let name = Self::RELEASE;
        // Several may be told the same address, with a port that is free.
        static STARTED: AtomicUsize = AtomicUsize::new(0);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let file = |kind: &str| cluster.path(&format!("webhook-{}-{number}.{kind}", address.replace(':', "-")));
        let (ready, log) = (file("json"), file("log"));
        let program = Tool::new(pando())
            .args(["--log", "info", "webhook", "run", "--listen", address])
            .args(["--probes", "127.0.0.1:0", "--namespace", name, "--secret", "gmsa-webhook-tls", "--service", name])
            .args([
                "--events",
                "--also-called",
                &cluster.address().to_string(),
                "--configuration",
                &format!("{name}.{name}"),
                "--kubeconfig",
            ])
            .arg(kubeconfig)
            .args(flags);
        let program = clock.environment.iter().fold(program, |program, (name, value)| program.env(name, value));
        Self(Service::start(program, &ready, &log))
    }

    /// The certificate that it shows, in PEM.
    pub fn certificate(&self) -> String {
        let address = self.ready["https"].as_str().expect("it says where");
        let shown = Tool::new("openssl").args(["s_client", "-connect", address]).input("").run().stdout;
        let (begin, end) = ("-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----");
        let (_, text) = shown.split_once(begin).expect("it shows one");
        format!("{begin}{}{end}\n", text.split_once(end).expect("it is whole").0)
    }

    /// The authority of its certificate, in a file.
    pub fn authority(&self, cluster: &Cluster) -> PathBuf {
        let path = self.ready_file().with_extension("ca.pem");
        let format = "go-template={{index .data \"ca.crt\" | base64decode}}";
        let secret = ["-n", Self::RELEASE, "get", "secret", "gmsa-webhook-tls", "-o", format];
        std::fs::write(&path, cluster.kubectl().args(secret).ok().stdout).expect("the authority can be written");
        path
    }

    /// The status code and the body of its answer to a body of the API server's, or of somebody's who is not.
    pub fn post(&self, authority: &Path, path: &str, kind: &str, body: impl Into<Vec<u8>>) -> (String, Value) {
        let address = self.ready["https"].as_str().expect("it says where");
        let curl = Tool::new("curl")
            .args(["-sS", "--http1.1", "-w", "\n%{http_code}", "--data-binary", "@-", "--cacert"])
            .arg(authority);
        let curl = curl.args(["-H", &format!("Content-Type: {kind}"), "-H", "Expect:"]);
        let said = curl.arg(format!("https://{address}{path}")).input(body).run();
        assert_eq!(said.code, Some(0), "{said}");
        let (body, code) = said.stdout.rsplit_once('\n').expect("curl writes the code last");
        (code.to_owned(), serde_json::from_str(body).unwrap_or(Value::Null))
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
