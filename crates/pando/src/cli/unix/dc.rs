//! `pando dc`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub enum Dc {
    /// Serve the directory in a folder until stopped.
    Run(DcRun),
}

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
