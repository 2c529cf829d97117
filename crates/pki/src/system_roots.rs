//! The authorities that this computer trusts for the world at large: only for servers that are nobody's own, such as a cloud's.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use crate::{Error, Roots};

/// Where systems keep all of them in one file: Debian and its kin, Fedora and its kin, SUSE, Alpine and the BSDs.
const BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];
/// Ten times what systems have today.
const LARGEST: u64 = 4 << 20;
/// As above.
const MOST: usize = 2_000;

impl Roots {
    /// The authorities that this computer trusts, from its own bundle of them.
    ///
    /// # Errors
    /// [`Error::NoSystemRoots`] where there is no bundle that can be read.
    pub fn system() -> Result<Self, Error> {
        BUNDLES.iter().find_map(|path| bundle(Path::new(path))).ok_or(Error::NoSystemRoots { looked: &BUNDLES })
    }
}

/// What can be read of a bundle. One odd certificate among a hundred must not cost the others.
fn bundle(path: &Path) -> Option<Roots> {
    let mut pem = Vec::new();
    File::open(path).ok()?.take(LARGEST).read_to_end(&mut pem).ok()?;
    let certificates = CertificateDer::pem_slice_iter(&pem).take(MOST).flatten().filter(is_authority).collect();
    Roots::of(certificates).ok().filter(|roots| !roots.certificates().is_empty())
}

fn is_authority(certificate: &CertificateDer<'static>) -> bool {
    rustls::RootCertStore::empty().add(certificate.clone()).is_ok()
}

#[cfg(test)]
mod tests {
    use dtyp::SystemClock;

    use super::*;
    use crate::{Authority, Validity};

    #[test]
    fn a_bundle_is_read_past_what_is_no_certificate() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("bundle.pem");
        assert!(bundle(&path).is_none());
        std::fs::write(&path, "no certificates").unwrap();
        assert!(bundle(&path).is_none());
        let one = || Authority::create("test", Validity::DAY, &SystemClock).unwrap().certificate_pem().to_owned();
        let odd = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        std::fs::write(&path, format!("# first\n{}{odd}{}", one(), one())).unwrap();
        assert_eq!(bundle(&path).unwrap().certificates().len(), 2);
    }
}
