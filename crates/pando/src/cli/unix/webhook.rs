//! `pando webhook`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand};

/// Let only pods that may use a GMSACredentialSpec have its identity: the admission webhook.
#[derive(Debug, Subcommand)]
pub enum Webhook {
    /// Answer the API server until stopped.
    Run(WebhookRun),
}

const RUN: &str = "\
The API server calls /mutate when a pod is made (and when it gets ephemeral containers), which writes the contents of the
GMSACredentialSpec that it names into it, and /validate on every change. Both ask whether the pod's service account has the verb `use`
on that resource.

With --secret the webhook makes its own certificate, shares it with its replicas in that Secret, renews it while running, and writes
its authority into the webhook configurations named by --configuration. With --tls-cert and --tls-key somebody else keeps the
certificate; both files are read again every half minute.

Its service account needs: get, list and watch on gmsacredentialspecs; create on localsubjectaccessreviews; with --secret, get
and update on that Secret (and create, if there is none); with --configuration, get and patch on those two configurations.";

#[derive(Args, Debug)]
#[command(after_help = RUN, group = ArgGroup::new("certificate").required(true).args(["tls_cert", "secret"]))]
pub struct WebhookRun {
    /// Where to answer the API server, with HTTPS.
    #[arg(long, value_name = "ADDRESS", default_value = "[::]:8443")]
    pub listen: SocketAddr,
    /// Another port than that of --listen.
    #[arg(long, value_name = "PORT", env = "HTTPS_PORT")]
    pub https_port: Option<u16>,
    /// Where to answer the kubelet (/readyz, /livez) and Prometheus (/metrics), in the clear.
    #[arg(long, value_name = "ADDRESS")]
    pub probes: Option<SocketAddr>,
    /// The file with the certificate, kept by somebody else.
    #[arg(long, value_name = "FILE", env = "TLS_CRT", requires = "tls_key", conflicts_with = "secret")]
    pub tls_cert: Option<PathBuf>,
    /// The file with its key.
    #[arg(long, value_name = "FILE", env = "TLS_KEY")]
    pub tls_key: Option<PathBuf>,
    /// The Secret in which the webhook keeps a certificate of its own; made if it is not there and the service account may.
    #[arg(long, value_name = "NAME", requires = "service")]
    pub secret: Option<String>,
    /// The namespace of the Secret and of the Service.
    #[arg(long, value_name = "NAME", env = "NAMESPACE", default_value = "default")]
    pub namespace: String,
    /// The Service by which the API server reaches the webhook.
    #[arg(long, value_name = "NAME")]
    pub service: Option<String>,
    /// A further name or address that its own certificate is good for. May be repeated.
    #[arg(long, value_name = "NAME")]
    pub also_called: Vec<String>,
    /// The name of the mutating and the validating webhook configuration into which the authority of its own certificate is written.
    #[arg(long, value_name = "NAME", requires = "secret")]
    pub configuration: Option<String>,
    /// Answer only who shows a client certificate of an authority in this file (PEM), as an API server does that is told to. The file is read
    /// again every half minute.
    #[arg(long, value_name = "FILE")]
    pub client_ca: Option<PathBuf>,
    /// With --client-ca: the common name of a certificate that is let in. May be repeated; any if not given, and a cluster's authority
    /// vouches for its nodes as well.
    #[arg(long, value_name = "NAME", requires = "client_ca")]
    pub client_name: Vec<String>,
    /// Ask the API server so many questions a second at most, in the long run.
    #[arg(long, value_name = "NUMBER", env = "QPS")]
    pub qps: Option<f64>,
    /// With --qps: so many at once.
    #[arg(long, value_name = "NUMBER", env = "BURST", default_value_t = 50)]
    pub burst: u32,
    /// Give each pod that has an identity and no host name a random one.
    #[arg(long, env = "RANDOM_HOSTNAME")]
    pub random_hostname: bool,
    /// Say in Events what was refused; its service account needs create on events.
    #[arg(long)]
    pub events: bool,
    /// When told to stop, be not ready for so many seconds before that, and go on answering: the API server has to hear that it should call
    /// another replica. A second signal ends it at once.
    #[arg(long, value_name = "SECONDS", default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=600))]
    pub linger: u64,
    /// How to reach the cluster; the pod's service account if not given.
    #[arg(long, value_name = "FILE", env = "KUBECONFIG")]
    pub kubeconfig: Option<PathBuf>,
    /// Write a JSON object with the addresses in use to this file once it answers; `-` prints it.
    #[arg(long, value_name = "FILE")]
    pub ready_file: Option<PathBuf>,
}
