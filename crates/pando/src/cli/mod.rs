//! The command line. Its help is the first documentation a person reads, so it tells the story in order.
//!
//! On Windows it has what a node needs: the account provider, the plugins' installer, and what looks at credential specs.

#[cfg(unix)]
mod controller;
mod credspec;
mod domain_place;
#[cfg(unix)]
mod gmsa;
#[cfg(unix)]
mod guard;
mod plugin;
#[cfg(unix)]
mod webhook;

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::net::SocketAddr;
use std::path::PathBuf;

#[cfg(unix)]
pub use controller::{Controller, ControllerExamine, ControllerRun};
#[cfg(unix)]
pub use credspec::CredspecNew;
pub use credspec::{Credspec, CredspecCheck, CredspecConvert, CredspecForm, CredspecShow};
#[cfg(unix)]
pub use gmsa::{
    EncryptionType, Gmsa, GmsaCreate, GmsaExplain, GmsaList, GmsaName, GmsaReaders, GmsaSet, GmsaShow, GmsaSpn,
    GmsaSpnNames,
};
#[cfg(unix)]
pub use guard::{
    Guard, GuardAdd, GuardExec, GuardFetch, GuardHook, GuardLeases, GuardPrepare, GuardRelease, GuardRun, GuardSource,
    GuardWays, HookCreate, HookEdit, HookMount, HookRelease,
};
pub use plugin::{Plugin, PluginWithdraw};
#[cfg(unix)]
pub use webhook::{Webhook, WebhookRun};

#[cfg(windows)]
const STORY: &str = "\
A container names a gMSA in its credential spec; CCG asks a plugin for the account that may fetch its password, and the plugin asks the
account provider on the node:

  credential spec -> CCG -> plugin -> account provider -> impersonation account -> domain controller -> gMSA

On the node, for the namespace with the impersonation account:    pando account-provider run --help
The plugins, installed, upgraded and removed:                     pando plugin --help
A credential spec, checked or shown:                              pando credspec --help

On Linux, pando is all of this and a domain as well. Every flag may also stand in a TOML file under its command's name, used with --config.";

#[cfg(unix)]
const STORY: &str = "\
See it all at work on this machine, without privileges:           pando demo
A domain of your own, over LDAP, LDAPS and Kerberos:              pando domain provision --help, pando dc run --help

A container names a gMSA in its credential spec; the guard turns that into the gMSA's Kerberos ticket, link by link:

  credential spec -> guard -> plugin -> account provider -> impersonation account -> domain controller -> gMSA

On the node, for the namespace with the impersonation account:    pando account-provider run --help
A gMSA, its KDS root key, and who may retrieve its password:      pando kds --help, pando gmsa --help
A credential spec, made from the directory or checked:            pando credspec --help
The plugins on Windows nodes:                                     pando plugin --help
The identity itself, as a credential cache:                       pando guard fetch --help
A program, or every container of a host, with its identity:       pando guard exec --help, pando guard run --help
Which link of the chain fails, and what to do about it:           pando doctor --help
An application that logs its users in with that identity:         pando example rate-limiter --help

The domain controller may be Microsoft's, or any that speaks as it does. Every flag may also stand in a TOML file under its
command's name:

  # pando.toml, used with --config pando.toml
  [account-provider.run]
  namespace = \"team-a\"
  secrets = \"/etc/pando/secrets\"";

/// An Active Directory-compatible directory, and the chain of trust that carries its service accounts into containers.
#[derive(Debug, Parser)]
#[command(name = "pando", version, about, after_help = STORY, args_override_self = true, propagate_version = true)]
pub struct Cli {
    /// A TOML file with the same names as the flags, in a table named after the command, such as [guard.fetch].
    #[arg(long, global = true, value_name = "FILE", env = "PANDO_CONFIG")]
    pub config: Option<PathBuf>,
    /// What to log to standard error: error, warn, info, debug, trace, or a filter such as `ccg=debug`.
    #[arg(long, global = true, default_value = "warn", value_name = "FILTER", env = "PANDO_LOG")]
    pub log: String,
    /// How log lines look.
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    #[cfg(unix)]
    /// Show the whole chain of trust at work on this machine, link by link, then break links on purpose.
    Demo(Demo),
    #[cfg(unix)]
    /// Create a domain.
    #[command(subcommand)]
    Domain(Domain),
    #[cfg(unix)]
    /// Run a domain controller: LDAP, LDAPS and Kerberos.
    #[command(subcommand)]
    Dc(Dc),
    #[cfg(unix)]
    /// Keep the KDS root keys, from which the passwords of gMSAs are derived.
    #[command(subcommand)]
    Kds(Kds),
    #[cfg(unix)]
    /// Keep group managed service accounts, in any Active Directory domain.
    #[command(subcommand)]
    Gmsa(Gmsa),
    /// Create the credential spec by which a container names its gMSA.
    #[command(subcommand)]
    Credspec(Credspec),
    /// Hand an impersonation account's credentials to the plugin on this node, over mutual TLS.
    #[command(subcommand)]
    AccountProvider(AccountProvider),
    /// Install the plugins of Windows' Container Credential Guard on this computer, and take them away.
    #[command(subcommand)]
    Plugin(Plugin),
    #[cfg(unix)]
    /// Let only pods that may use a GMSACredentialSpec have its identity: the admission webhook of Kubernetes.
    #[command(subcommand)]
    Webhook(Webhook),
    #[cfg(unix)]
    /// Say of each GMSACredentialSpec of a Kubernetes cluster how its chain of trust stands.
    #[command(subcommand)]
    Controller(Controller),
    #[cfg(unix)]
    /// Turn a credential spec into the identity of a gMSA: the Container Credential Guard.
    #[command(subcommand)]
    Guard(Guard),
    #[cfg(unix)]
    /// Follow the whole chain from this machine, and say which link fails and what to do.
    Doctor(Doctor),
    #[cfg(unix)]
    /// Run an example application.
    #[command(subcommand)]
    Example(Example),
}

#[cfg(unix)]
/// Where the demo keeps the impersonation account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum DemoPlugin {
    /// A folder of secrets, served by an account provider.
    Rkc,
    /// An emulated Azure Key Vault.
    Akv,
}

#[cfg(unix)]
#[derive(Args, Debug)]
pub struct Demo {
    /// End after the tour; the exit code is not zero if any link failed.
    #[arg(long)]
    pub exit: bool,
    /// Print one JSON document instead of text.
    #[arg(long)]
    pub json: bool,
    /// The plugin that the credential specs name: rkc, which asks an account provider, or akv, which asks an emulated Azure Key Vault as an
    /// emulated managed identity.
    #[arg(long, value_enum, value_name = "PLUGIN", default_value_t = DemoPlugin::Rkc)]
    pub plugin: DemoPlugin,
    /// Keep everything the demo makes in this folder, which must be empty or not exist. Otherwise a temporary one is used, and removed
    /// at the end.
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
}

#[cfg(unix)]
#[derive(Debug, Subcommand)]
pub enum Domain {
    /// Create the first domain of a new forest in an empty folder.
    Provision(Provision),
    /// Make a directory of a backup again.
    Restore(DomainRestore),
    /// Restore the newest backup into a folder that is thrown away, and look through all of it.
    VerifyBackup(DomainVerify),
}

#[cfg(unix)]
#[derive(Args, Debug)]
pub struct Provision {
    /// The folder that will hold the directory.
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// The domain's DNS name, such as contoso.com.
    #[arg(long, value_name = "DNS NAME")]
    pub domain: String,
    /// The domain's NetBIOS name; the first label of the DNS name in upper case if not given.
    #[arg(long, value_name = "NAME")]
    pub netbios: Option<String>,
    /// The host name of its first domain controller.
    #[arg(long, value_name = "NAME", default_value = "dc1")]
    pub dc_name: String,
    /// A file with the password of Administrator: its first line.
    #[arg(long, value_name = "FILE")]
    pub admin_password_file: PathBuf,
    /// Give the domain controller the service principal names of `localhost` too. For development.
    #[arg(long)]
    pub loopback: bool,
    /// Create a KDS root key that is effective at once, so that gMSAs can be made. Leave it away in a forest with several domain
    /// controllers, and create the key ten hours ahead.
    #[arg(long)]
    pub kds_root_key: bool,
    /// Where the key to its secrets is, or is made; directory.key in --data if not given. A key that is there is used.
    #[arg(long, value_name = "FILE")]
    pub key_file: Option<PathBuf>,
    /// Succeed without doing anything if there is a directory in --data; and begin again where an earlier attempt was interrupted.
    #[arg(long)]
    pub if_missing: bool,
}

#[cfg(unix)]
#[derive(Args, Debug)]
pub struct DomainRestore {
    /// A backup, or a folder of them, as `pando dc run --backup-dir` makes them: the newest.
    #[arg(long, value_name = "PATH")]
    pub backup: PathBuf,
    /// The folder that will hold the directory.
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// The key of the directory, which is not in its backups; directory.key in --data if not given.
    #[arg(long, value_name = "FILE")]
    pub key_file: Option<PathBuf>,
}

#[cfg(unix)]
#[derive(Args, Debug)]
pub struct DomainVerify {
    /// A backup, or a folder of them: the newest.
    #[arg(long, value_name = "PATH")]
    pub backup: PathBuf,
    /// The key of the directory.
    #[arg(long, value_name = "FILE")]
    pub key_file: PathBuf,
    /// Fail if the backup is older than this.
    #[arg(long, value_name = "HOURS")]
    pub newer_than: Option<u64>,
    /// Where to restore it for the time being; the system's folder for temporary files if not given.
    #[arg(long, value_name = "DIR")]
    pub scratch: Option<PathBuf>,
}

#[cfg(unix)]
#[derive(Debug, Subcommand)]
pub enum Dc {
    /// Serve the directory in a folder until stopped.
    Run(DcRun),
}

#[cfg(unix)]
#[derive(Args, Debug)]
pub struct DcRun {
    /// The folder that `pando domain provision` filled.
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Where to listen for LDAP (StartTLS included). May be repeated. Port 0 picks a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:389")]
    pub ldap: Vec<SocketAddr>,
    /// Where to listen for LDAP over TLS. May be repeated.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:636")]
    pub ldaps: Vec<SocketAddr>,
    /// Where to listen for Kerberos, over UDP and TCP. May be repeated.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:88")]
    pub kerberos: Vec<SocketAddr>,
    /// The server certificate chain in PEM. Without it, the built-in certificate authority in the data folder issues one.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// The private key of --tls-cert in PEM.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// Accept simple binds without TLS from other machines too. Passwords then cross the network in the clear.
    #[arg(long)]
    pub allow_cleartext_bind: bool,
    /// Where the key to its secrets is; directory.key in --data if not given.
    #[arg(long, value_name = "FILE")]
    pub key_file: Option<PathBuf>,
    /// Where to put copies of the directory, made while it runs. They hold no key.
    #[arg(long, value_name = "DIR")]
    pub backup_dir: Option<PathBuf>,
    /// With --backup-dir: how many seconds are between two of them.
    #[arg(long, value_name = "SECONDS", default_value_t = 21_600, value_parser = clap::value_parser!(u64).range(1..))]
    pub backup_every: u64,
    /// With --backup-dir: how many of them stay.
    #[arg(long, value_name = "COUNT", default_value_t = 28)]
    pub backup_keep: usize,
    /// Where to answer the kubelet (/readyz, /livez) and Prometheus (/metrics), in the clear.
    #[arg(long, value_name = "ADDRESS")]
    pub probes: Option<SocketAddr>,
    /// Write a JSON object with the addresses in use to this file once all of them answer; `-` prints it.
    #[arg(long, value_name = "FILE")]
    pub ready_file: Option<PathBuf>,
}

#[cfg(unix)]
/// How a client command reaches a domain.
#[derive(Args, Clone, Debug)]
pub struct DomainAddress {
    /// The domain's KDC, HOST or HOST:PORT. May be repeated. Found by DNS if neither this nor --ldap is given.
    #[arg(long, value_name = "ADDRESS")]
    pub kdc: Vec<String>,
    /// The domain controller's LDAP address, HOST or HOST:PORT. Found by DNS if neither this nor --kdc is given.
    #[arg(long, value_name = "ADDRESS", requires = "dc_host")]
    pub ldap: Option<String>,
    /// The domain controller's host name, as its service principal names have it.
    #[arg(long, value_name = "DNS NAME", requires = "ldap")]
    pub dc_host: Option<String>,
    /// A DNS server to find the domain's controllers with, ADDRESS:PORT. May be repeated. Those of this machine if not given.
    #[arg(long, value_name = "ADDRESS")]
    pub dns: Vec<SocketAddr>,
}

/// The DNS servers that were named, or those of this machine.
pub fn resolver(dns: &[SocketAddr]) -> client::dns::Resolver {
    match dns {
        [] => client::dns::Resolver::system(),
        named => client::dns::Resolver::new(named.iter().copied()),
    }
}

#[cfg(unix)]
/// Who asks the directory, and where it is.
#[derive(Args, Clone, Debug)]
pub struct Administrator {
    /// The domain controller's LDAPS address, HOST or HOST:PORT. HOST must be a name in its certificate.
    #[arg(long, value_name = "ADDRESS")]
    pub ldaps: String,
    /// The certificate authority that must have issued the domain controller's certificate, in PEM.
    #[arg(long, value_name = "FILE")]
    pub ca: PathBuf,
    /// Who asks, as a user principal name or DOMAIN\user.
    #[arg(long, value_name = "NAME")]
    pub user: String,
    /// A file with that user's password: its first line.
    #[arg(long, value_name = "FILE")]
    pub password_file: PathBuf,
}

#[cfg(unix)]
#[derive(Debug, Subcommand)]
pub enum Kds {
    /// Create a root key.
    Create(KdsCreate),
    /// List the forest's root keys.
    List(KdsList),
    /// Delete a root key. The gMSAs whose password was derived from it cannot be used until their next password is due.
    Retire(KdsRetire),
}

#[cfg(unix)]
#[derive(Args, Debug)]
pub struct KdsCreate {
    /// Effective at once, instead of in ten hours, by when it has reached every domain controller. For a forest with only one.
    #[arg(long)]
    pub immediately: bool,
    #[command(flatten)]
    pub administrator: Administrator,
}

#[cfg(unix)]
#[derive(Args, Debug)]
pub struct KdsList {
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub administrator: Administrator,
}

#[cfg(unix)]
#[derive(Args, Debug)]
pub struct KdsRetire {
    /// Its name, as `pando kds list` shows it.
    #[arg(value_name = "ID")]
    pub id: String,
    /// Delete it although gMSAs have a password derived from it.
    #[arg(long)]
    pub force: bool,
    #[command(flatten)]
    pub administrator: Administrator,
}

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
    /// With --kubernetes-secret: where the account's domain is, NAME or with its servers NAME,kdc=ADDRESS,ldap=ADDRESS,dc-host=NAME. It is
    /// asked which password is in force while there are two. If not given, DNS is asked for the Secret's domainName.
    #[arg(long, value_name = "DOMAIN", requires = "kubernetes_secret")]
    pub domain: Option<domain_place::DomainPlace>,
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

#[cfg(unix)]
#[derive(Args, Debug)]
pub struct Doctor {
    /// The credential spec to follow to the gMSA's ticket. Nothing is written.
    #[arg(long, value_name = "FILE")]
    pub credspec: Option<PathBuf>,
    /// Without a credential spec: the domain whose controllers are looked for, and looked at.
    #[arg(long, value_name = "DNS NAME", conflicts_with = "credspec", required_unless_present = "credspec")]
    pub domain: Option<String>,
    #[command(flatten)]
    pub guard: GuardWays,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

#[cfg(unix)]
#[derive(Debug, Subcommand)]
pub enum Example {
    /// An internal service that shows and changes rate limits, and logs its users in against the directory.
    RateLimiter(rate_limiter::Args),
}
