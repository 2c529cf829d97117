//! `pando controller`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::cli::domain_place::DomainPlace;

/// Say of each GMSACredentialSpec of a cluster how its chain of trust stands.
#[derive(Debug, Subcommand)]
pub enum Controller {
    /// Write a GMSAStatus for each credential spec, until stopped.
    Run(ControllerRun),
    /// Look after one impersonation account, and report: its Secret, the directory, the passwords of its gMSAs. Until stopped.
    Examine(ControllerExamine),
}

const RUN: &str = "\
Nodes are counted by what kubelets say: the CSINode objects on which the guard's driver is registered, and the ready pods of the
DaemonSet named by --installer. The rest is in the reports of `pando controller examine`.

Its service account needs: get, list and watch on gmsacredentialspecs.windows.k8s.io, and on gmsaaccountreports and gmsastatuses of
gmsa.pando.dev; create and delete on gmsastatuses, update on gmsastatuses/status; list and watch on nodes and csinodes.storage.k8s.io;
with --installer, get, list and watch on that DaemonSet. It needs no Secret. Several may run at once.";

#[derive(Args, Debug)]
#[command(after_help = RUN)]
pub struct ControllerRun {
    /// The DaemonSet that brings the plugin to Windows nodes, NAMESPACE/NAME.
    #[arg(long, value_name = "NAMESPACE/NAME")]
    pub installer: Option<String>,
    /// Where to answer the kubelet (/readyz, /livez) and Prometheus (/metrics), in the clear.
    #[arg(long, value_name = "ADDRESS")]
    pub probes: Option<SocketAddr>,
    /// How to reach the cluster; the pod's service account if not given.
    #[arg(long, value_name = "FILE", env = "KUBECONFIG")]
    pub kubeconfig: Option<PathBuf>,
    /// Write a JSON object with the addresses in use to this file once it has started; `-` prints it.
    #[arg(long, value_name = "FILE")]
    pub ready_file: Option<PathBuf>,
}

const EXAMINE: &str = "\
It goes the guard's own way for each credential spec whose plugin input is NAMESPACE:SECRET, from the account's logon to the gMSA's
ticket, keeps nothing of what it gets, and writes what it saw as the status of the GMSAAccountReport of the Secret's name, which must be
there. It speaks to the domains named by --domain and to no others, whatever specs say.

Its service account needs: get, list and watch on that Secret and on gmsacredentialspecs.windows.k8s.io; patch on the status of that
GMSAAccountReport.";

#[derive(Args, Debug)]
#[command(after_help = EXAMINE)]
pub struct ControllerExamine {
    /// The namespace of the Secret and of the report.
    #[arg(long, value_name = "NAME", env = "NAMESPACE")]
    pub namespace: String,
    /// The Secret with the impersonation account's credentials, username, password and domainName. The report has the same name.
    #[arg(long, value_name = "NAME")]
    pub secret: String,
    /// A domain to speak to: NAME, or with its servers NAME,kdc=ADDRESS,ldap=ADDRESS,dc-host=NAME. May be repeated.
    #[arg(long, value_name = "DOMAIN", required = true)]
    pub domain: Vec<DomainPlace>,
    /// A DNS server to find the domains' controllers with, ADDRESS:PORT. May be repeated. Those of this machine if not given.
    #[arg(long, value_name = "ADDRESS")]
    pub dns: Vec<SocketAddr>,
    /// After how many seconds everything is looked at again. A changed Secret or spec is looked at once.
    #[arg(long, value_name = "SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u64).range(60..=86_400))]
    pub interval: u64,
    /// Where to answer the kubelet (/readyz, /livez) and Prometheus (/metrics), in the clear.
    #[arg(long, value_name = "ADDRESS")]
    pub probes: Option<SocketAddr>,
    /// How to reach the cluster; the pod's service account if not given.
    #[arg(long, value_name = "FILE", env = "KUBECONFIG")]
    pub kubeconfig: Option<PathBuf>,
    /// Write a JSON object with the addresses in use to this file once it has started; `-` prints it.
    #[arg(long, value_name = "FILE")]
    pub ready_file: Option<PathBuf>,
}
