//! The two ends of a TLS connection, each trusting exactly one set of authorities.

use std::sync::Arc;
use std::time::Duration;

use dtyp::FileTime;
use rustls::client::verify_server_name;
use rustls::crypto::CryptoProvider;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use crate::{Error, Identity, Purpose, Rotating};

/// The cryptography of every TLS connection of Pando: `ring`.
#[must_use]
pub fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: std::sync::OnceLock<Arc<CryptoProvider>> = std::sync::OnceLock::new();
    Arc::clone(PROVIDER.get_or_init(|| Arc::new(rustls::crypto::ring::default_provider())))
}

/// The authorities a peer trusts: these and no other.
#[derive(Clone, Debug)]
pub struct Roots {
    certificates: Vec<CertificateDer<'static>>,
    store: Arc<RootCertStore>,
}

impl Roots {
    pub(crate) fn of(certificates: Vec<CertificateDer<'static>>) -> Result<Self, Error> {
        let mut store = RootCertStore::empty();
        for certificate in &certificates {
            store.add(certificate.clone())?;
        }
        Ok(Self { certificates, store: Arc::new(store) })
    }

    /// An authority of our own making; should it not be one after all, nothing is trusted.
    pub(crate) fn one(certificate: CertificateDer<'static>) -> Self {
        Self::of(vec![certificate])
            .unwrap_or_else(|_| Self { certificates: vec![], store: Arc::new(RootCertStore::empty()) })
    }

    /// Their certificates.
    #[must_use]
    pub fn certificates(&self) -> &[CertificateDer<'static>] {
        &self.certificates
    }

    fn client_verifier(&self) -> Result<Arc<dyn ClientCertVerifier>, Error> {
        // An empty set is an error here, so nobody is let in by mistake.
        WebPkiClientVerifier::builder_with_provider(Arc::clone(&self.store), provider())
            .build()
            .map_err(|e| Error::Tls(e.to_string()))
    }

    /// Whether a peer that trusts these would accept `identity` for `purpose` at `at`.
    #[must_use]
    pub fn accept(&self, identity: &Identity, purpose: &Purpose, at: FileTime) -> bool {
        let now = UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(at.unix_seconds()).unwrap_or(0)));
        let Some((certificate, rest)) = identity.chain().split_first() else { return false };
        match purpose {
            Purpose::Client(name) => {
                let same = identity.facts().is_ok_and(|facts| facts.common_name.as_deref() == Some(name));
                same && self.client_verifier().is_ok_and(|v| v.verify_client_cert(certificate, rest, now).is_ok())
            }
            Purpose::Server(names) => {
                let Ok(parsed) = ParsedCertificate::try_from(certificate) else { return false };
                let algorithms = provider().signature_verification_algorithms.all;
                let chained = rustls::client::verify_server_cert_signed_by_trust_anchor(
                    &parsed,
                    &self.store,
                    rest,
                    now,
                    algorithms,
                );
                let named = |name: &String| {
                    ServerName::try_from(name.as_str()).is_ok_and(|n| verify_server_name(&parsed, &n).is_ok())
                };
                chained.is_ok() && names.iter().all(named)
            }
        }
    }
}

/// Whether a server asks its clients for certificates.
#[derive(Clone, Copy, Debug)]
pub enum ClientAuth<'a> {
    /// It does not.
    None,
    /// It lets in whoever has a client certificate of one of these authorities, and nobody else.
    Required(&'a Roots),
}

/// A server's side: TLS 1.2 and 1.3, the certificate that `identity` holds at the time of each connection.
///
/// # Errors
/// [`Error::Tls`] when clients are required to have a certificate of nobody.
pub fn server_config(identity: &Rotating, clients: ClientAuth<'_>) -> Result<Arc<ServerConfig>, Error> {
    let builder = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
    let builder = match clients {
        ClientAuth::None => builder.with_no_client_auth(),
        ClientAuth::Required(roots) => builder.with_client_cert_verifier(roots.client_verifier()?),
    };
    let mut config = builder.with_cert_resolver(Arc::new(identity.clone()));
    if matches!(clients, ClientAuth::Required(_)) {
        // A resumed session would skip the check of a client certificate that may have expired meanwhile.
        config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
    }
    Ok(Arc::new(config))
}

/// A client's side: TLS 1.2 and 1.3, trusting `roots` and nobody else, showing `identity` to servers that ask.
///
/// # Errors
/// [`Error::Mismatch`] when the identity's key and certificate do not belong together.
pub fn client_config(roots: &Roots, identity: Option<&Identity>) -> Result<Arc<ClientConfig>, Error> {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(Arc::clone(&roots.store));
    let config = match identity {
        Some(identity) => builder.with_client_auth_cert(identity.chain().to_vec(), identity.key().clone_key())?,
        None => builder.with_no_client_auth(),
    };
    Ok(Arc::new(config))
}
