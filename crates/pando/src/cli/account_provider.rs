//! `pando account-provider`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::domain_place::DomainPlace;

/// Where plugins look that know nothing else. With its drive on Windows: a path without one is on the drive that a program is started on.
const HOST_DIR: &str = if cfg!(windows) { r"C:\var\lib\rancher\gmsa" } else { "/var/lib/rancher/gmsa" };

#[derive(Debug, Subcommand)]
pub enum AccountProvider {
    /// Serve until stopped.
    Run(ProviderRun),
}

#[derive(Args, Debug)]
pub struct ProviderRun {
    /// The namespace it answers for.
    #[arg(long, value_name = "NAME", env = "NAMESPACE")]
    pub namespace: String,
    /// The folder with one folder for each secret, holding the files username, password and domainName.
    #[arg(long, value_name = "DIR", required_unless_present = "kubernetes_secret")]
    pub secrets: Option<PathBuf>,
    /// The one Secret of the cluster that this provider serves; it needs get, list and watch on that object and nothing else. The plugin
    /// finds it in HOST_DIR/NAMESPACE/releases/SECRET, so that each impersonation account can have a provider of its own.
    #[arg(long, value_name = "NAME", conflicts_with = "secrets")]
    pub kubernetes_secret: Option<String>,
    /// With --kubernetes-secret: be the namespace's provider as well, in HOST_DIR/NAMESPACE, where today's plugin looks.
    #[arg(long, requires = "kubernetes_secret")]
    pub for_namespace: bool,
    /// With --kubernetes-secret: for how many seconds the last value answers when the API server cannot be reached. It is kept in memory
    /// only.
    #[arg(long, value_name = "SECONDS", default_value_t = 3_600)]
    pub keep: u64,
    /// With --kubernetes-secret: when the account's password is older than that, the account changes it itself, in the directory and then in
    /// the Secret, which its service account must then be allowed to update. Of several providers one does it, and what one leaves
    /// unfinished another finishes. At once when the Secret has the annotation gmsa.pando.dev/rotate-password.
    #[arg(long, value_name = "SECONDS", requires = "kubernetes_secret", value_parser = clap::value_parser!(u64).range(3_600..))]
    pub rotate_after: Option<u64>,
    /// With --rotate-after: for how long the next password is in the Secret before the directory hears of it, so that whoever reads the
    /// Secret knows both by then. 25 if not given, which is enough for one whose watch hears nothing.
    #[arg(long, value_name = "SECONDS", requires = "rotate_after", value_parser = clap::value_parser!(u64).range(1..=30))]
    pub rotate_grace: Option<u64>,
    /// With --kubernetes-secret: where the account's domain is, NAME or with its servers NAME,kdc=ADDRESS,ldap=ADDRESS,dc-host=NAME. It is
    /// asked which password is in force while there are two. If not given, DNS is asked for the Secret's domainName.
    #[arg(long, value_name = "DOMAIN", requires = "kubernetes_secret")]
    pub domain: Option<DomainPlace>,
    /// Find its domain controllers with these DNS servers instead of this machine's, ADDRESS:PORT.
    #[arg(long, value_name = "ADDRESS", requires = "kubernetes_secret")]
    pub dns: Vec<SocketAddr>,
    /// With --rotate-after: what this provider calls itself in the Secret; unlike those of other nodes. This machine's name if not given.
    #[arg(long, value_name = "NAME", env = "NODE_NAME")]
    pub node: Option<String>,
    /// How to reach the cluster; the pod's service account if not given.
    #[arg(long, value_name = "FILE", env = "KUBECONFIG")]
    pub kubeconfig: Option<PathBuf>,
    /// Where the plugin on this node looks for the port and its client certificate.
    #[arg(long, value_name = "DIR", default_value = HOST_DIR)]
    pub host_dir: PathBuf,
    /// Where the provider keeps its own certificate authority across restarts; not in --host-dir, where the plugin has no business
    /// with it. Without it, the authority's key is never written and each start makes a new one.
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// Serve Rancher's own plugin too, which needs the client certificate and its key in a file without a password (ssl/client/tls.pfx),
    /// and the provider's authority among the machine's trusted roots, where you must put it: ssl/ca/ca.crt. It vouches for this machine's
    /// loopback names only.
    #[arg(long, requires = "state")]
    pub legacy: bool,
    /// Where to answer the kubelet (/healthz, /readyz) and Prometheus (/metrics), in the clear.
    #[arg(long, value_name = "ADDRESS")]
    pub probes: Option<std::net::SocketAddr>,
    /// Append a line of JSON for each request to this file: who asked for what, what came of it, how long it took. `-` prints them.
    #[arg(long, value_name = "FILE")]
    pub audit_log: Option<PathBuf>,
    /// Write a JSON object with the address in use to this file once it answers; `-` prints it.
    #[arg(long, value_name = "FILE")]
    pub ready_file: Option<PathBuf>,
}
