//! A domain controller: LDAP, LDAPS and Kerberos served from a directory.
//!
//! [`run`] listens where its [`Config`] says and answers until it is told to stop; [`Running`] says which addresses it got. What a
//! connection says is decided by state machines that know no socket (`ldap`'s sessions, [`kdc`]); `net` is the thin shell of
//! sockets, TLS and time around them. Rules about objects, accounts and access are the `directory` room's.
//!
//! ```no_run
//! # async fn example(directory: directory::Directory) -> Result<(), dc::Error> {
//! let config = dc::Config { ldap: vec![([127, 0, 0, 1], 0).into()], ..dc::Config::default() };
//! let running = dc::run(directory, config, async { tokio::signal::ctrl_c().await.unwrap_or(()) }).await?;
//! println!("LDAP on {}", running.ldap[0]);
//! running.finished().await;
//! # Ok(()) }
//! ```
//!
//! Specifications: RFC 4511 and 4513 (LDAP), 4752 (SASL GSSAPI), MS-ADTS 3.1.1.3 and 5.1.1, RFC 4120 and MS-KILE (Kerberos).
#![forbid(unsafe_code)]

mod config;
mod error;
pub mod kdc;
mod ldap;
mod net;
mod outside;

use std::net::SocketAddr;

use directory::Directory;

pub use config::{Config, Limits};
pub use error::Error;

/// A domain controller that answers. Dropping it does not stop it: the shutdown given to [`run`] does.
#[derive(Debug)]
pub struct Running {
    /// Where LDAP answers.
    pub ldap: Vec<SocketAddr>,
    /// Where LDAP over TLS answers.
    pub ldaps: Vec<SocketAddr>,
    /// Where Kerberos answers, over UDP and TCP.
    pub kerberos: Vec<SocketAddr>,
    stopped: net::Stopped,
}

impl Running {
    /// Waits until the shutdown has been asked for and every connection has ended.
    pub async fn finished(self) {
        self.stopped.wait().await;
    }
}

/// Listens and answers until `shutdown` completes. When this returns, every port answers.
///
/// # Errors
/// When an address cannot be listened on, LDAPS is wanted without a certificate, or the directory has no domain in it.
pub async fn run(
    directory: Directory,
    config: Config,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<Running, Error> {
    net::start(directory, config, shutdown).await
}
