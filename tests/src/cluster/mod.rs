//! A Kubernetes control plane of one's own: etcd and kube-apiserver as plain processes on loopback, with kubectl and helm.
//!
//! No node, no scheduler and no controller run, unless a test starts one: objects are admitted and stored, and nobody acts on them. So a
//! namespace gets its service account `default` from [`Cluster::namespace`].

mod front;
mod manifest;
mod service;
mod status;
mod supervised;
mod webhook;

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use dtyp::SystemClock;
use pki::{Authority, Purpose, Validity};
use tempfile::TempDir;

use crate::{Finished, Tool, address, cache};
pub use front::{Front, Mood};
pub use manifest::Workload;
pub use service::Service;
pub use status::StatusService;
use supervised::Supervised;
pub use webhook::{WebhookService, gmsa_credential_spec};

/// What the programs were built from: `xtask/src/cluster.rs` has the same list.
const SOURCES: &str = concat!(
    include_str!("../../cluster/go/go.mod"),
    include_str!("../../cluster/go/go.sum"),
    include_str!("../../cluster/go/etcd/main.go")
);
/// On an address of the cluster's own.
const PORT: u16 = 6443;
const ETCD_PORT: u16 = 2379;
/// The token of the cluster's administrator.
const ADMIN_TOKEN: &str = "the-administrator-of-this-test";

/// A running control plane. It ends with this value.
pub struct Cluster {
    api: Option<Supervised>,
    etcd: Supervised,
    address: Ipv4Addr,
    folder: PathBuf,
    /// Removes the folder; the shared one's is removed by who watches over its etcd.
    _folder: Option<TempDir>,
}

impl Cluster {
    /// A fresh one.
    pub fn start() -> Self {
        let folder = TempDir::new().expect("a temporary folder can be made");
        let path = folder.path().to_owned();
        Self::start_in(path, Some(folder))
    }

    /// One for all tests of this executable, which must not stop it, and keep to namespaces of their own. It ends with the executable.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Cluster> = OnceLock::new();
        SHARED.get_or_init(|| Self::start_in(TempDir::new().expect("a temporary folder can be made").keep(), None))
    }

    fn start_in(folder: PathBuf, removing: Option<TempDir>) -> Self {
        let address = address::own();
        write_credentials(&folder, address);
        write_kubeconfig(&folder.join("admin.kubeconfig"), &folder, address, ADMIN_TOKEN);
        let forget = removing.is_none().then_some(folder.as_path());
        let client = format!("http://{address}:{ETCD_PORT}");
        let peer = format!("http://{address}:{}", ETCD_PORT + 1);
        let etcd = Supervised::start(
            program("etcd").arg("--data-dir").arg(folder.join("etcd")).args([
                "--unsafe-no-fsync",
                "--log-level=error",
                &format!("--listen-client-urls={client}"),
                &format!("--advertise-client-urls={client}"),
                &format!("--listen-peer-urls={peer}"),
                &format!("--initial-advertise-peer-urls={peer}"),
                &format!("--initial-cluster=default={peer}"),
            ]),
            &folder.join("etcd.log"),
            forget,
        );
        let mut cluster = Self { api: None, etcd, address, folder, _folder: removing };
        cluster.start_api();
        cluster
    }

    /// Starts the API server, which has been stopped, where it was.
    pub fn start_api(&mut self) {
        let file = |name: &str| self.folder.join(name).display().to_string();
        let arguments = [
            format!("--bind-address={}", self.address),
            format!("--secure-port={PORT}"),
            format!("--etcd-servers=http://{}:{ETCD_PORT}", self.address),
            format!("--tls-cert-file={}", file("api.pem")),
            format!("--tls-private-key-file={}", file("api.key")),
            format!("--token-auth-file={}", file("tokens.csv")),
            "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
            format!("--service-account-key-file={}", file("accounts.pem")),
            format!("--service-account-signing-key-file={}", file("accounts.key")),
            "--service-cluster-ip-range=10.96.0.0/24".to_owned(),
            "--authorization-mode=RBAC".to_owned(),
            format!("--admission-control-config-file={}", file("admission.yaml")),
            "--allow-privileged=true".to_owned(),
            // No node is there to reach it by another address.
            "--endpoint-reconciler-type=none".to_owned(),
            "--v=0".to_owned(),
        ];
        let log = self.folder.join("api.log");
        self.api = Some(Supervised::start(program("kube-apiserver").args(arguments), &log, None));
        self.await_ready();
    }

    /// Ends the API server, as a crash would (SIGKILL).
    pub fn stop_api(&mut self) {
        self.api = None;
    }

    fn await_ready(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(120);
        while self.kubectl().args(["get", "--raw", "/readyz"]).run().code != Some(0) {
            let alive = self.etcd.is_alive() && self.api.as_mut().is_some_and(Supervised::is_alive);
            let log = || std::fs::read_to_string(self.folder.join("api.log")).unwrap_or_default();
            assert!(alive && Instant::now() < deadline, "the control plane is not ready:\n{}", log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// A path in its temporary folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The loopback address that nobody else has.
    pub fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// Where the API server answers.
    pub fn url(&self) -> String {
        format!("https://{}:{PORT}", self.address)
    }

    /// The certificate of the authority that the API server's hangs from.
    pub fn ca(&self) -> PathBuf {
        self.path("ca.pem")
    }

    /// How the administrator reaches it.
    pub fn kubeconfig(&self) -> PathBuf {
        self.path("admin.kubeconfig")
    }

    /// `kubectl` as the administrator.
    pub fn kubectl(&self) -> Tool {
        self.kubectl_with(&self.kubeconfig())
    }

    /// `kubectl` as whoever this configuration is for.
    pub fn kubectl_with(&self, kubeconfig: &Path) -> Tool {
        program("kubectl").env("HOME", &self.folder).env("KUBECONFIG", kubeconfig)
    }

    /// `helm` as the administrator.
    pub fn helm(&self) -> Tool {
        program("helm").env("HOME", &self.folder).env("KUBECONFIG", self.kubeconfig())
    }

    /// Applies manifests, YAML or JSON; they must be taken.
    #[track_caller]
    pub fn apply(&self, manifests: impl Into<Vec<u8>>) -> Finished {
        self.kubectl().args(["apply", "-f", "-"]).input(manifests).ok()
    }

    /// Makes a namespace, and in it the service account that a controller would make.
    #[track_caller]
    pub fn namespace(&self, name: &str) {
        self.kubectl().args(["create", "namespace", name]).ok();
        self.service_account(name, "default");
    }

    /// Makes a service account, which may do nothing yet.
    #[track_caller]
    pub fn service_account(&self, namespace: &str, name: &str) {
        self.kubectl().args(["-n", namespace, "create", "serviceaccount", name]).ok();
    }

    /// A configuration to reach it as a service account, with a token such as its pods get.
    #[track_caller]
    pub fn kubeconfig_of(&self, namespace: &str, account: &str) -> PathBuf {
        let token = self.kubectl().args(["-n", namespace, "create", "token", account]).ok();
        let path = self.path(&format!("{namespace}-{account}.kubeconfig"));
        write_kubeconfig(&path, &self.folder, self.address, token.stdout.trim());
        path
    }
}

/// One of the programs that `cargo xtask test` builds.
fn program(name: &str) -> Tool {
    Tool::new(cache::folder("cluster", "made-from", SOURCES).join(name))
}

fn write_credentials(folder: &Path, address: Ipv4Addr) {
    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).expect("a file can be written");
    let authority = Authority::create("Kubernetes", Validity::DAY, &SystemClock).expect("an authority");
    let names = [address.to_string(), "kubernetes.default.svc".to_owned()];
    let api = authority.issue(&Purpose::server(names), Validity::DAY, &SystemClock).expect("a certificate");
    // Any key will do: service accounts' tokens are signed with it and nothing else.
    let accounts = authority.issue(&Purpose::client("tokens"), Validity::DAY, &SystemClock).expect("a key");
    write("ca.pem", authority.certificate_pem());
    write("api.pem", api.chain_pem());
    write("api.key", api.key_pem());
    write("accounts.pem", accounts.chain_pem());
    write("accounts.key", accounts.key_pem());
    // By which the API server proves to webhooks who it is, and a node's, which the same authority vouches for.
    for (file, name) in [("api-client", "kube-apiserver"), ("node-client", "system:node:node-1")] {
        let client = authority.issue(&Purpose::client(name), Validity::DAY, &SystemClock).expect("a certificate");
        write(&format!("{file}.pem"), client.chain_pem());
        write(&format!("{file}.key"), client.key_pem());
    }
    let path = |name: &str| folder.join(name).display().to_string();
    let (pem, key, kubeconfig) = (path("api-client.pem"), path("api-client.key"), path("webhooks.kubeconfig"));
    let user = format!("{{name: '*', user: {{client-certificate: '{pem}', client-key: '{key}'}}}}");
    write("webhooks.kubeconfig", &format!("apiVersion: v1\nkind: Config\nusers: [{user}]\n"));
    let plugin = |name: &str| {
        format!(
            "- name: {name}\n  configuration: {{apiVersion: apiserver.config.k8s.io/v1, kind: WebhookAdmissionConfiguration, \
             kubeConfigFile: '{kubeconfig}'}}\n"
        )
    };
    let plugins = plugin("MutatingAdmissionWebhook") + &plugin("ValidatingAdmissionWebhook");
    let head = "apiVersion: apiserver.config.k8s.io/v1\nkind: AdmissionConfiguration\nplugins:\n";
    write("admission.yaml", &format!("{head}{plugins}"));
    write("tokens.csv", &format!("{ADMIN_TOKEN},admin,admin,\"system:masters\"\n"));
}

fn write_kubeconfig(path: &Path, folder: &Path, address: Ipv4Addr, token: &str) {
    let ca = folder.join("ca.pem").display().to_string();
    let text = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: test\n\
         clusters: [{{name: test, cluster: {{server: 'https://{address}:{PORT}', certificate-authority: '{ca}'}}}}]\n\
         users: [{{name: test, user: {{token: '{token}'}}}}]\n\
         contexts: [{{name: test, context: {{cluster: test, user: test}}}}]\n"
    );
    std::fs::write(path, text).expect("a kubeconfig can be written");
}
