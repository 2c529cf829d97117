//! Finding a domain's controllers by DNS. RFC 2782 (SRV), MS-ADTS 6.3.6 (the names), RFC 1035 4.2 (UDP and TCP).
//!
//! DNS is not trusted: what it says is only where to ask. That the one who answers is a controller of the domain is for Kerberos to prove.

mod answer;
mod exchange;
mod locate;
mod resolver;

use std::net::SocketAddr;

pub use exchange::Via;
pub use locate::{DomainController, Found, controllers, locate};
pub use resolver::Resolver;

/// Why a name led nowhere.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No DNS server is configured.
    #[error("this machine has no DNS server: /etc/resolv.conf names none")]
    NoServer,
    /// None answered.
    #[error("no DNS server answered the question for {name} {}: {tried}", .via.by())]
    Unreachable {
        /// What was asked.
        name: String,
        /// Over what.
        via: Via,
        /// Each server and what happened with it.
        tried: String,
    },
    /// The server says that there is nothing of this name.
    #[error("the DNS server {server} has no {kind} record of {name}")]
    NotFound {
        /// Who says so.
        server: SocketAddr,
        /// `SRV`, `A`.
        kind: &'static str,
        /// What was asked.
        name: String,
    },
    /// The server refused, or failed.
    #[error("the DNS server {server} answered the question for {name} with {code}")]
    Refused {
        /// Who.
        server: SocketAddr,
        /// What was asked.
        name: String,
        /// `SERVFAIL` or the like.
        code: String,
    },
    /// The name cannot be asked for.
    #[error("{0:?} is no name for DNS")]
    Name(String),
    /// None of the controllers answers.
    #[error("DNS names controllers of {domain}, but none answers on its LDAP port: {tried}")]
    NoneAnswers {
        /// Of which domain.
        domain: String,
        /// Each and what happened with it.
        tried: String,
    },
}
