//! What the service must be told.

use std::net::SocketAddr;
use std::path::PathBuf;

use client::ldap::Transport;
use client::tls::Trust;
use client::{Domain, Endpoint};
use login::{Authenticator, ServiceIdentity};

/// How the service runs.
#[derive(Clone)]
pub struct Config {
    /// Where it serves its page. Port 0 picks a free one.
    pub listen: SocketAddr,
    /// The domain whose users log in.
    pub domain: Domain,
    /// Who may change limits: the members of this group.
    pub admin_group: String,
    /// The credential cache that holds the service's own identity.
    pub ccache: PathBuf,
    /// How users' passwords reach the directory. Plain only works to this machine itself.
    pub user_transport: Transport,
    /// Whether the page is reached over HTTPS, by a proxy in front: cookies are then kept off plain HTTP.
    pub behind_tls: bool,
}

impl Config {
    /// The group of administrators, unless told otherwise.
    pub const ADMIN_GROUP: &'static str = "rate-limit-admins";

    /// The usual settings.
    pub fn new(listen: SocketAddr, domain: Domain, ccache: impl Into<PathBuf>) -> Self {
        Self {
            listen,
            domain,
            admin_group: Self::ADMIN_GROUP.to_owned(),
            ccache: ccache.into(),
            user_transport: Transport::Plain,
            behind_tls: false,
        }
    }

    pub(crate) fn authenticator(&self) -> Authenticator {
        let mut config = login::Config::new(self.domain.clone(), ServiceIdentity::ccache(&self.ccache));
        config.user_transport = self.user_transport.clone();
        Authenticator::new(config)
    }
}

/// The command line.
#[derive(Clone, Debug, clap::Parser)]
#[command(name = "rate-limiter", about = "Shows and changes rate limits; logs its users in against Active Directory")]
pub struct Args {
    /// Where to serve the login page.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// The domain's DNS name.
    #[arg(long, value_name = "DNS NAME")]
    pub dns_name: String,
    /// The domain's KDC, HOST or HOST:PORT. May be repeated.
    #[arg(long, value_name = "ADDRESS", required = true)]
    pub kdc: Vec<String>,
    /// The domain controller's LDAP address, HOST or HOST:PORT.
    #[arg(long, value_name = "ADDRESS")]
    pub ldap: String,
    /// The domain controller's host name, as its service principal names have it.
    #[arg(long, value_name = "DNS NAME")]
    pub dc_host: String,
    /// The CA of the domain controller, in PEM: users' passwords then go to it over StartTLS. Needed unless it runs on this machine.
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// Who may change limits: the members of this group.
    #[arg(long, value_name = "GROUP", default_value = Config::ADMIN_GROUP)]
    pub admin_group: String,
    /// The credential cache with the service's own identity.
    #[arg(long, value_name = "FILE", env = "KRB5CCNAME")]
    pub ccache: String,
    /// A proxy in front serves the page over HTTPS.
    #[arg(long)]
    pub behind_tls: bool,
    /// Write a JSON object with the address in use to this file once it answers.
    #[arg(long, value_name = "FILE")]
    pub ready_file: Option<PathBuf>,
}

/// What is wrong with the command line.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BadConfig {
    /// A server's address.
    #[error(transparent)]
    Endpoint(#[from] client::BadEndpoint),
    /// The CA.
    #[error(transparent)]
    Trust(#[from] client::tls::Error),
    /// MIT knows credential caches that are not files.
    #[error("{0:?} is not a credential cache in a file: set KRB5CCNAME to FILE:/path, or /path")]
    NotAFile(String),
}

impl Args {
    /// The configuration that the command line means.
    ///
    /// # Errors
    /// See [`BadConfig`].
    pub fn config(&self) -> Result<Config, BadConfig> {
        let kdcs =
            self.kdc.iter().map(|kdc| Endpoint::parse(kdc, Endpoint::KERBEROS)).collect::<Result<Vec<_>, _>>()?;
        let ldap = Endpoint::parse(&self.ldap, Endpoint::LDAP)?;
        let domain = Domain::new(&self.dns_name).with_kdcs(kdcs).with_ldap(&self.dc_host, [ldap]);
        let mut config = Config::new(self.listen, domain, ccache_file(&self.ccache)?);
        config.admin_group.clone_from(&self.admin_group);
        config.behind_tls = self.behind_tls;
        if let Some(ca) = &self.ca {
            config.user_transport = Transport::StartTls(Trust::pem_file(ca)?);
        }
        Ok(config)
    }
}

/// `FILE:/path` or `/path`, as MIT krb5 writes it.
fn ccache_file(name: &str) -> Result<PathBuf, BadConfig> {
    let not_a_file = || BadConfig::NotAFile(name.chars().take(128).collect());
    match name.split_once(':') {
        Some(("FILE", path)) if !path.is_empty() => Ok(path.into()),
        // A single letter is a drive.
        Some((kind, _)) if kind.len() > 1 && kind.bytes().all(|b| b.is_ascii_alphabetic()) => Err(not_a_file()),
        _ if name.is_empty() => Err(not_a_file()),
        _ => Ok(name.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_cache_is_named_as_mit_does() {
        assert_eq!(ccache_file("FILE:/run/cc").unwrap(), PathBuf::from("/run/cc"));
        assert_eq!(ccache_file("/run/cc:1").unwrap(), PathBuf::from("/run/cc:1"));
        assert_eq!(ccache_file("C:\\cc").unwrap(), PathBuf::from("C:\\cc"));
        for name in ["", "FILE:", "KEYRING:persistent:0", "KCM:", "MEMORY:x"] {
            assert!(ccache_file(name).is_err(), "{name}");
        }
    }
}
