//! A certificate and its private key, in memory and in files.

use std::path::Path;
use std::sync::Arc;

use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use zeroize::Zeroizing;

use crate::file::{self, Readers};
use crate::{Certificate, Error, provider};

/// The most certificates a chain may have.
const LONGEST_CHAIN: usize = 8;

/// Who somebody is on TLS: a certificate chain and the private key of its first certificate. The key does not print.
pub struct Identity {
    chain: Vec<CertificateDer<'static>>,
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
    chain_pem: String,
    key_pem: Zeroizing<String>,
}

impl Identity {
    /// Reads a chain and a key in PEM. Whether they belong together says [`check`](Self::check).
    ///
    /// # Errors
    /// [`Error::Pem`] with the name of what is missing.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, Error> {
        Self::named_pem(chain, key, "the certificate text", "the key text")
    }

    /// Reads them from two files.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::TooLarge`] or [`Error::Pem`].
    pub fn load(chain: &Path, key: &Path) -> Result<Self, Error> {
        let (chain_pem, key_pem) = (file::read(chain)?, file::read(key)?);
        Self::named_pem(&chain_pem, &key_pem, &chain.display().to_string(), &key.display().to_string())
    }

    fn named_pem(chain_pem: &[u8], key_pem: &[u8], chain_name: &str, key_name: &str) -> Result<Self, Error> {
        let no_key = || Error::Pem { what: key_name.to_owned(), expected: "private key" };
        let chain = certificates(chain_pem, chain_name)?;
        let certificate = chain
            .first()
            .cloned()
            .ok_or_else(|| Error::Pem { what: chain_name.to_owned(), expected: "certificate" })?;
        let key = PrivateKeyDer::from_pem_slice(key_pem).map_err(|_| no_key())?;
        Ok(Self {
            chain,
            certificate,
            key,
            chain_pem: String::from_utf8_lossy(chain_pem).into_owned(),
            key_pem: Zeroizing::new(std::str::from_utf8(key_pem).map_err(|_| no_key())?.to_owned()),
        })
    }

    /// Writes the chain for everybody (0644) and, before it, the key for its owner (0600), each in one step.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn store(&self, chain: &Path, key: &Path) -> Result<(), Error> {
        self.store_for(chain, key, Readers::Owner)
    }

    /// The same, with a key that these may read.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn store_for(&self, chain: &Path, key: &Path, readers: Readers) -> Result<(), Error> {
        file::write(key, self.key_pem.as_bytes(), readers)?;
        file::write(chain, self.chain_pem.as_bytes(), Readers::Everyone)
    }

    /// The certificate itself, the first of the chain.
    #[must_use]
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// The chain, the certificate itself first.
    #[must_use]
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.chain
    }

    /// The private key.
    #[must_use]
    pub fn key(&self) -> &PrivateKeyDer<'static> {
        &self.key
    }

    /// The chain in PEM.
    #[must_use]
    pub fn chain_pem(&self) -> &str {
        &self.chain_pem
    }

    /// The private key in PEM.
    #[must_use]
    pub fn key_pem(&self) -> &str {
        &self.key_pem
    }

    /// What the certificate says.
    ///
    /// # Errors
    /// [`Error::Certificate`].
    pub fn facts(&self) -> Result<Certificate, Error> {
        Certificate::read(&self.certificate)
    }

    /// Whether key and certificate belong together.
    ///
    /// # Errors
    /// [`Error::Mismatch`] when they do not.
    pub fn check(&self) -> Result<(), Error> {
        self.certified().map(|_| ())
    }

    /// In the TLS library's form, after checking that key and certificate belong together.
    pub(crate) fn certified(&self) -> Result<Arc<CertifiedKey>, Error> {
        Ok(Arc::new(CertifiedKey::from_der(self.chain.clone(), self.key.clone_key(), &provider())?))
    }
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut debug = f.debug_struct("Identity");
        if let Ok(facts) = self.facts() {
            debug.field("certificate", &facts.to_string());
        }
        debug.finish_non_exhaustive()
    }
}

/// The certificates in a PEM text, at least one and at most a handful.
pub(crate) fn certificates(pem: &[u8], name: &str) -> Result<Vec<CertificateDer<'static>>, Error> {
    let none = || Error::Pem { what: name.to_owned(), expected: "certificate" };
    let found: Vec<_> =
        CertificateDer::pem_slice_iter(pem).take(LONGEST_CHAIN + 1).collect::<Result<_, _>>().map_err(|_| none())?;
    if found.len() > LONGEST_CHAIN {
        return Err(Error::Certificate(format!("{name} holds more than {LONGEST_CHAIN} certificates")));
    }
    if found.is_empty() { Err(none()) } else { Ok(found) }
}

#[cfg(test)]
mod tests {
    use dtyp::SystemClock;

    use super::*;
    use crate::{Authority, Purpose, Validity};

    #[test]
    fn an_identity_survives_its_files_and_never_prints_its_key() {
        let dir = tempfile::tempdir().unwrap();
        let authority = Authority::create("test", Validity::DAY, &SystemClock).unwrap();
        let made = authority.issue(&Purpose::client("x"), Validity::DAY, &SystemClock).unwrap();
        let (chain, key) = (dir.path().join("tls.crt"), dir.path().join("tls.key"));
        made.store(&chain, &key).unwrap();
        let loaded = Identity::load(&chain, &key).unwrap();
        assert_eq!(loaded.certificate(), made.certificate());
        assert_eq!(loaded.key(), made.key());
        assert!(!format!("{loaded:?}").contains("PRIVATE"));
        loaded.certified().unwrap();
    }

    #[test]
    fn a_key_of_another_certificate_is_noticed() {
        let authority = Authority::create("test", Validity::DAY, &SystemClock).unwrap();
        let issue = || authority.issue(&Purpose::client("x"), Validity::DAY, &SystemClock).unwrap();
        let (one, other) = (issue(), issue());
        let mixed = Identity::from_pem(one.chain_pem().as_bytes(), other.key_pem.as_bytes()).unwrap();
        assert!(matches!(mixed.certified(), Err(Error::Mismatch(_))), "{:?}", mixed.certified());
    }

    #[test]
    fn what_is_no_pem_is_refused_with_the_name_of_what_is_missing() {
        let authority = Authority::create("test", Validity::DAY, &SystemClock).unwrap();
        let chain = authority.certificate_pem().as_bytes();
        assert!(matches!(Identity::from_pem(b"", b""), Err(Error::Pem { expected: "certificate", .. })));
        assert!(matches!(Identity::from_pem(chain, chain), Err(Error::Pem { expected: "private key", .. })));
        assert!(matches!(
            Identity::from_pem(b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n", chain),
            Err(Error::Pem { .. })
        ));
        assert!(Identity::from_pem(authority.certificate_pem().repeat(9).as_bytes(), chain).is_err());
    }
}
