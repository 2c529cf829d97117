//! What a domain controller is told: where to listen, and how much to bear.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Where to listen and by which rules. Port 0 picks a free port; [`Running`](crate::Running) says which.
#[derive(Clone, Default)]
pub struct Config {
    /// LDAP, StartTLS included.
    pub ldap: Vec<SocketAddr>,
    /// LDAP over TLS. Needs `tls`.
    pub ldaps: Vec<SocketAddr>,
    /// Kerberos, over UDP and TCP.
    pub kerberos: Vec<SocketAddr>,
    /// The certificate and the rest of TLS; without it there is neither StartTLS nor LDAPS.
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// Take passwords that other machines send without encryption, and Kerberos binds without a security layer.
    pub allow_cleartext_bind: bool,
    /// How much to bear.
    pub limits: Limits,
}

/// The limits of the LDAP server, under Active Directory's names and with its values. MS-ADTS 3.1.1.3.4.6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// `MaxPageSize`: the most entries in one answer.
    pub max_page_size: u32,
    /// `MaxValRange`: the most values of one attribute in one answer.
    pub max_value_range: u32,
    /// `MaxQueryDuration`.
    pub max_query_duration: Duration,
    /// `MaxConnIdleTime`.
    pub max_idle: Duration,
    /// `InitRecvTimeout`: how long a new connection may say nothing.
    pub initial_receive: Duration,
    /// `MaxConnections`.
    pub max_connections: usize,
    /// `MaxReceiveBuffer`: the largest request of somebody who has bound.
    pub max_receive: usize,
    /// The largest request before that: a bind with the largest Kerberos ticket of Windows (`MaxTokenSize`, 65,535) fits.
    pub max_receive_unbound: usize,
    /// How many updates of one connection may be under way at once.
    pub max_updates: usize,
    /// How many long searches may run at once, each on a thread of its own.
    pub max_long_searches: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_page_size: 1000,
            max_value_range: 1500,
            max_query_duration: Duration::from_secs(120),
            max_idle: Duration::from_secs(900),
            initial_receive: Duration::from_secs(120),
            max_connections: 5000,
            max_receive: 10 << 20,
            max_receive_unbound: 80 << 10,
            max_updates: 64,
            max_long_searches: 8,
        }
    }
}
