//! Which certificate authorities a server's certificate must come from.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore, crypto};

/// Where distributions keep the certificates that they trust.
const SYSTEM_BUNDLES: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
];

/// Whom to trust for LDAPS and StartTLS.
#[derive(Clone)]
pub struct Trust {
    config: Arc<ClientConfig>,
}

/// Why the trusted certificates could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file is not there or not readable.
    #[error("cannot read the trusted certificates in {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The text holds no certificate.
    #[error("{source_name} holds no usable PEM certificate")]
    Empty {
        /// The file, or what else the text is.
        source_name: String,
    },
    /// None of the system's usual files is there.
    #[error("the system has no bundle of trusted certificates: install ca-certificates, or name the CA's file")]
    NoSystemBundle,
    /// A certificate is malformed.
    #[error("a trusted certificate cannot be used: {0}")]
    Certificate(#[source] rustls::Error),
}

impl Trust {
    /// The authorities in this PEM file and no other.
    ///
    /// # Errors
    /// When the file cannot be read or holds no usable certificate.
    pub fn pem_file(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let text = std::fs::read(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
        Self::of(&text, &path.display().to_string(), false)
    }

    /// The authorities in this PEM text and no other.
    ///
    /// # Errors
    /// When it holds no usable certificate.
    pub fn pem(text: &[u8]) -> Result<Self, Error> {
        Self::of(text, "the text of trusted certificates", false)
    }

    /// The authorities that the operating system trusts: the file in `SSL_CERT_FILE`, or the distribution's bundle.
    ///
    /// # Errors
    /// When the system keeps no bundle.
    pub fn system() -> Result<Self, Error> {
        let named = std::env::var_os("SSL_CERT_FILE").map(PathBuf::from);
        let path = named
            .into_iter()
            .chain(SYSTEM_BUNDLES.iter().map(PathBuf::from))
            .find(|path| path.is_file())
            .ok_or(Error::NoSystemBundle)?;
        let text = std::fs::read(&path).map_err(|source| Error::Read { path: path.clone(), source })?;
        // Bundles hold the occasional certificate that rustls refuses: the others still count.
        Self::of(&text, &path.display().to_string(), true)
    }

    /// A configuration made elsewhere: a client certificate, other rules.
    #[must_use]
    pub fn config(config: Arc<ClientConfig>) -> Self {
        Self { config }
    }

    fn of(pem: &[u8], source_name: &str, tolerant: bool) -> Result<Self, Error> {
        let empty = || Error::Empty { source_name: source_name.to_owned() };
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            match certificate.map_err(|_| empty()).and_then(|der| roots.add(der).map_err(Error::Certificate)) {
                Err(error) if !tolerant => return Err(error),
                _ => {}
            }
        }
        if roots.is_empty() {
            return Err(empty());
        }
        let config = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(Error::Certificate)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { config: Arc::new(config) })
    }

    pub(crate) fn client_config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.config)
    }
}

impl std::fmt::Debug for Trust {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Trust")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_certificates_is_no_authority() {
        assert!(matches!(Trust::pem(b"hello"), Err(Error::Empty { .. })));
        assert!(matches!(Trust::pem_file("/nonexistent/ca.pem"), Err(Error::Read { .. })));
    }
}
