//! `pando guard`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::DomainAddress;
use crate::cli::domain_place::DomainPlace;

#[derive(Debug, Subcommand)]
pub enum Guard {
    /// Fetch the identity that a credential spec names, once.
    Fetch(GuardFetch),
    /// Run a program with the identity that a credential spec names, kept fresh until the program ends.
    Exec(GuardExec),
    /// Give the identities of a host a file system of their own in memory, of a bounded size: before `guard run`, as root.
    Prepare(GuardPrepare),
    /// Serve a host: make leases for whoever may use the socket, and keep them fresh until they are released.
    Run(GuardRun),
    /// Ask a running guard for a lease.
    Add(GuardAdd),
    /// List the leases of a running guard.
    Leases(GuardLeases),
    /// Release a lease of a running guard, and remove its files.
    Release(GuardRelease),
    /// What container runtimes call, so that annotated containers get an identity.
    #[command(subcommand)]
    Hook(GuardHook),
}

/// Whose identity the guard fetches, and from where.
#[derive(Args, Debug)]
pub struct GuardSource {
    /// The credential spec.
    #[arg(long, value_name = "FILE")]
    pub credspec: PathBuf,
    #[command(flatten)]
    pub ways: GuardWays,
}

/// Where a guard asks: of the domain, and of plugins.
#[derive(Args, Debug)]
pub struct GuardWays {
    #[command(flatten)]
    pub domain: DomainAddress,
    /// Where the rkc plugin finds the account providers of this node.
    #[arg(long, value_name = "DIR", default_value = "/var/lib/rancher/gmsa")]
    pub host_dir: PathBuf,
    /// The TOML file that declares further plugins (vault, file, programs of your own) and settings of the akv plugin. Only root and the
    /// guard's user may be able to write it.
    #[arg(long, value_name = "FILE")]
    pub plugins: Option<PathBuf>,
    /// The keytab of this host, a computer of the domain: for credential specs that name no plugin.
    #[arg(long, value_name = "FILE")]
    pub host_keytab: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub struct GuardFetch {
    #[command(flatten)]
    pub source: GuardSource,
    /// Where to write the gMSA's credential cache.
    #[arg(long, value_name = "FILE")]
    pub ccache: PathBuf,
    /// Also write a keytab with the gMSA's current and previous keys.
    #[arg(long, value_name = "FILE")]
    pub keytab: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Debug)]
pub struct GuardExec {
    #[command(flatten)]
    pub source: GuardSource,
    /// Where to keep the identity, in a folder of its own that is removed at the end; best in memory. $XDG_RUNTIME_DIR or /dev/shm if not
    /// given.
    #[arg(long, value_name = "DIR")]
    pub run_dir: Option<PathBuf>,
    /// The program, which finds the identity by KRB5CCNAME and KRB5_KTNAME, and its arguments.
    #[arg(value_name = "COMMAND", required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    pub command: Vec<std::ffi::OsString>,
}

const PREPARE: &str = "\
Users may write into the folders of their leases. On a file system of their own, what they write takes nothing from anybody else: when it
is full, leases in it are not made and not renewed until there is room again. It stays until the machine is started anew, and is given
another size when this is called again. The systemd unit in packaging/systemd calls it.";

#[derive(Args, Debug)]
#[command(after_help = PREPARE)]
pub struct GuardPrepare {
    /// The --run-dir of `pando guard run`.
    #[arg(long, value_name = "DIR", default_value = "/run/pando-guard")]
    pub run_dir: PathBuf,
    /// Its --krb-dir; krb in --run-dir if not given.
    #[arg(long, value_name = "DIR")]
    pub krb_dir: Option<PathBuf>,
    /// How many MiB. A lease takes 8 KiB with a keytab, more with further tickets in it.
    #[arg(long, value_name = "MIB", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..))]
    pub size: u32,
}

const RUN: &str = "\
The socket speaks gRPC: the interface of AWS's credentials-fetcher (package credentialsfetcher), so that tools made for it work
unchanged, and the guard's own (package pando.guard.v1), which `pando guard leases` and the hook for container runtimes use.

Under --krb-dir each lease has a folder LEASE/ACCOUNT with the credential cache krb5cc, which belongs to the user that the identity is
for. Bind-mount that folder into the container and set KRB5CCNAME to the file. Leases survive a restart of the guard.

With systemd, packaging/systemd has a service and a socket unit.";

#[derive(Args, Debug)]
#[command(after_help = RUN)]
pub struct GuardRun {
    /// The folder for what the guard keeps while the machine is up; best in memory. It holds no password and no key but what is in the
    /// identities.
    #[arg(long, value_name = "DIR", default_value = "/run/pando-guard")]
    pub run_dir: PathBuf,
    /// Where to listen; guard.sock in --run-dir if not given, and what systemd handed over if it did.
    #[arg(long, value_name = "FILE")]
    pub socket: Option<PathBuf>,
    /// The number of a group whose members may use the socket too. They get identities for themselves only. Otherwise only root and the
    /// guard's own user may.
    #[arg(long, value_name = "GID")]
    pub socket_group: Option<u32>,
    /// Where containers find their identities; krb in --run-dir if not given.
    #[arg(long, value_name = "DIR")]
    pub krb_dir: Option<PathBuf>,
    /// A domain to serve: NAME, or with its servers NAME,kdc=ADDRESS,ldap=ADDRESS,dc-host=NAME. May be repeated. The domains of
    /// --host-keytab are served too; specs for others are refused.
    #[arg(long, value_name = "DOMAIN")]
    pub domain: Vec<DomainPlace>,
    /// A DNS server to find the other domains' controllers with, ADDRESS:PORT. May be repeated. Those of this machine if not given.
    #[arg(long, value_name = "ADDRESS")]
    pub dns: Vec<SocketAddr>,
    /// Where the rkc plugin finds the account providers of this node.
    #[arg(long, value_name = "DIR", default_value = "/var/lib/rancher/gmsa")]
    pub host_dir: PathBuf,
    /// The TOML file that declares further plugins (vault, file, programs of your own) and settings of the akv plugin. Only root and the
    /// guard's user may be able to write it.
    #[arg(long, value_name = "FILE")]
    pub plugins: Option<PathBuf>,
    /// A keytab of this host, a computer of the domain: for credential specs that name no plugin. May be repeated; the account of the
    /// spec's domain is used.
    #[arg(long, value_name = "FILE")]
    pub host_keytab: Vec<PathBuf>,
    /// Append one JSON line for each fetch to this file: who asked, for what, by whose credentials, and what came of it.
    #[arg(long, value_name = "FILE")]
    pub audit_log: Option<PathBuf>,
    /// Where to answer the kubelet (/livez, /readyz) and Prometheus (/metrics), in the clear.
    #[arg(long, value_name = "ADDRESS")]
    pub metrics: Option<SocketAddr>,
    /// How many leases to keep at most.
    #[arg(long, value_name = "COUNT", default_value_t = 10_000)]
    pub max_leases: usize,
    #[command(flatten)]
    pub pods: GuardPods,
    /// Write a JSON object with the addresses in use to this file once all of them answer; `-` prints it.
    #[arg(long, value_name = "FILE")]
    pub ready_file: Option<PathBuf>,
}

/// Identities for the pods of a Kubernetes node.
#[derive(Args, Debug)]
#[command(next_help_heading = "Linux pods of a Kubernetes node")]
pub struct GuardPods {
    /// Serve kubelet too, as the CSI driver gmsa.pando.dev: pods with such a volume get the identity of the GMSACredentialSpec that it
    /// names. Kubelet must see this socket at the same path: /var/lib/kubelet/plugins/gmsa.pando.dev/csi.sock.
    #[arg(long, value_name = "FILE")]
    pub csi_socket: Option<PathBuf>,
    /// Where kubelet gets to know the driver: /var/lib/kubelet/plugins_registry/gmsa.pando.dev-reg.sock.
    #[arg(long, value_name = "FILE", requires = "csi_socket")]
    pub registration_socket: Option<PathBuf>,
    /// Kubelet's folder, as kubelet names it. Nothing is mounted elsewhere.
    #[arg(long, value_name = "DIR", default_value = "/var/lib/kubelet", requires = "csi_socket")]
    pub kubelet_dir: PathBuf,
    /// The name of this node; the host's name if not given.
    #[arg(long, value_name = "NAME", requires = "csi_socket")]
    pub node_name: Option<String>,
    /// How to reach the cluster; as the service account of the pod that this runs in if not given.
    #[arg(long, value_name = "FILE", requires = "csi_socket")]
    pub kubeconfig: Option<PathBuf>,
    /// Refuse pods without an fsGroup. Otherwise their identity is readable for every process that gets to the volume.
    #[arg(long, requires = "csi_socket")]
    pub fs_group_required: bool,
}

#[derive(Args, Debug)]
pub struct GuardAdd {
    /// The guard's socket.
    #[arg(long, value_name = "FILE", default_value = "/run/pando-guard/guard.sock")]
    pub socket: PathBuf,
    /// The credential spec. May be repeated.
    #[arg(long, value_name = "FILE", required = true)]
    pub credspec: Vec<PathBuf>,
    /// The user that the identity is for; yourself if not given. Only root may name another.
    #[arg(long, value_name = "UID", requires = "gid")]
    pub uid: Option<u32>,
    /// That user's group.
    #[arg(long, value_name = "GID", requires = "uid")]
    pub gid: Option<u32>,
    /// Have a keytab written too, with the current and the previous keys.
    #[arg(long)]
    pub keytab: bool,
    /// A further name for the keytab, such as HTTP/webapp01.contoso.com. May be repeated.
    #[arg(long, value_name = "SPN")]
    pub spn: Vec<String>,
    /// A process that the lease ends with, within half a minute, if the guard sees it. Otherwise it lasts until it is released.
    #[arg(long, value_name = "PID")]
    pub process: Option<i32>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Debug)]
pub struct GuardLeases {
    /// The guard's socket.
    #[arg(long, value_name = "FILE", default_value = "/run/pando-guard/guard.sock")]
    pub socket: PathBuf,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Debug)]
pub struct GuardRelease {
    /// The guard's socket.
    #[arg(long, value_name = "FILE", default_value = "/run/pando-guard/guard.sock")]
    pub socket: PathBuf,
    /// The lease, as `pando guard leases` names it.
    #[arg(value_name = "LEASE")]
    pub lease: String,
}

const HOOK: &str = "\
A container with the annotation dev.pando.credspec=NAME gets the identity of the credential spec NAME in --credspec-dir, mounted
read-only on /run/pando, with KRB5CCNAME set to its credential cache. dev.pando.keytab=true adds a keytab and KRB5_KTNAME;
dev.pando.service-principals=HTTP/webapp01.contoso.com gives the keys these names too.

  runc      pando guard hook edit < config.json > new.json && mv new.json config.json
  podman    a file in /etc/containers/oci/hooks.d with the stage \"precreate\" that calls `pando guard hook edit`";

#[derive(Debug, Subcommand)]
#[command(after_help = HOOK)]
pub enum GuardHook {
    /// Read a container's config.json on standard input, and write it with the hooks and the environment added.
    Edit(HookEdit),
    /// Make the container's lease; the hook createRuntime.
    Create(HookCreate),
    /// Mount the identity into the container; the hook createContainer.
    Mount(HookMount),
    /// Release the lease; the hook poststop.
    Release(HookRelease),
}

#[derive(Args, Debug)]
#[command(after_help = HOOK)]
pub struct HookEdit {
    #[command(flatten)]
    pub create: HookCreate,
    #[command(flatten)]
    pub mount: HookMount,
}

#[derive(Args, Debug)]
pub struct HookCreate {
    /// The guard's socket.
    #[arg(long, value_name = "FILE", default_value = "/run/pando-guard/guard.sock")]
    pub socket: PathBuf,
    /// The folder with the credential specs that annotations may name.
    #[arg(long, value_name = "DIR", default_value = "/etc/pando/credspecs")]
    pub credspec_dir: PathBuf,
}

#[derive(Args, Debug)]
pub struct HookMount {
    /// Where the guard keeps identities: its --krb-dir.
    #[arg(long, value_name = "DIR", default_value = "/run/pando-guard/krb")]
    pub krb_dir: PathBuf,
}

#[derive(Args, Debug)]
pub struct HookRelease {
    /// The guard's socket.
    #[arg(long, value_name = "FILE", default_value = "/run/pando-guard/guard.sock")]
    pub socket: PathBuf,
}
