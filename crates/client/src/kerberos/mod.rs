//! Tickets: the AS and TGS exchanges of RFC 4120, with the KDCs of one domain.

mod answer;
mod error;
mod granting;
mod initial;
mod parameters;
mod refusal;
mod transport;

use std::sync::Arc;
use std::time::Duration;

use dtyp::{Clock, Random, SystemClock, SystemRandom};
use secrecy::SecretString;

use ::kerberos::PrincipalName;
use ::kerberos::ccache::Credential;
use ::kerberos::crypto::Key;

pub use error::{Error, Step};
pub use parameters::KeyParameters;

use crate::Domain;

/// What proves an identity to the KDC.
pub enum Secret {
    /// A password: the key is made with the salt and parameters that the KDC names.
    Password(SecretString),
    /// Long-term keys, of a keytab or of a managed password.
    Keys(Vec<Key>),
}

impl Secret {
    /// A password.
    #[must_use]
    pub fn password(text: impl Into<String>) -> Self {
        Self::Password(SecretString::from(text.into()))
    }
}

/// How the exchanges are made.
#[derive(Clone)]
pub struct Options {
    /// How long one KDC may take to answer one message.
    pub timeout: Duration,
    /// The lifetime to ask for; the KDC may give less.
    pub lifetime: Duration,
    /// The renewable lifetime to ask for.
    pub renewable: Option<Duration>,
    /// Whether the ticket may be forwarded.
    pub forwardable: bool,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Gives nonces and session keys.
    pub random: Arc<dyn Random>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(5),
            lifetime: Duration::from_secs(10 * 3600),
            renewable: Some(Duration::from_secs(7 * 24 * 3600)),
            forwardable: true,
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
        }
    }
}

/// The AS exchange: a ticket-granting ticket for `who`.
///
/// # Errors
/// See [`enum@Error`].
pub async fn initial(
    domain: &Domain,
    who: &PrincipalName,
    secret: &Secret,
    options: &Options,
) -> Result<Credential, Error> {
    initial::initial(domain, who, secret, options).await
}

/// How the KDC makes keys of `who`'s password: encryption types in its order of preference, each with its salt. Proves nothing.
///
/// # Errors
/// See [`enum@Error`].
pub async fn key_parameters(
    domain: &Domain,
    who: &PrincipalName,
    options: &Options,
) -> Result<Vec<KeyParameters>, Error> {
    initial::parameters(domain, who, options).await
}

/// The TGS exchange: a ticket for the service `spn` (`ldap/dc1.contoso.com`).
///
/// # Errors
/// See [`enum@Error`].
pub async fn service_ticket(
    domain: &Domain,
    tgt: &Credential,
    spn: &str,
    options: &Options,
) -> Result<Credential, Error> {
    granting::exchange(domain, tgt, PrincipalName::service(spn), Step::ServiceTicket, options).await
}

/// The TGS exchange that makes a renewable ticket-granting ticket live longer.
///
/// # Errors
/// See [`enum@Error`].
pub async fn renew(domain: &Domain, tgt: &Credential, options: &Options) -> Result<Credential, Error> {
    granting::exchange(domain, tgt, tgt.server.clone(), Step::Renewal, options).await
}

/// What a KDC's clock says, asked by datagram or by stream only. Any answer shows that it is there; none proves who it is.
///
/// # Errors
/// When it does not answer, or is no KDC.
pub async fn clock(
    domain: &Domain,
    kdc: std::net::SocketAddr,
    by_datagram: bool,
    options: &Options,
) -> std::io::Result<dtyp::FileTime> {
    initial::clock(domain, kdc, by_datagram, options).await
}

/// A number that ties an answer to its request: of 31 bits, since some KDCs read it as signed.
fn nonce(options: &Options) -> u32 {
    let mut bytes = [0; 4];
    options.random.fill(&mut bytes);
    u32::from_be_bytes(bytes) & 0x7fff_ffff
}
