//! How a command reaches a domain, and as whom it asks.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

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
