use std::path::PathBuf;

/// Why a certificate, a key or a TLS configuration is not to be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file is not there, or its rights keep us out.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file or folder cannot be written.
    #[error("cannot write {path}: {source}")]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// No certificate or key is that large.
    #[error("{path} is larger than {limit} bytes: that is no certificate or key")]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The most that is read.
        limit: u64,
    },
    /// The text is not the PEM that was due (RFC 7468).
    #[error("{what} holds no {expected} in PEM")]
    Pem {
        /// Which file or text.
        what: String,
        /// `certificate` or `private key`.
        expected: &'static str,
    },
    /// The bytes are not a certificate that can be read.
    #[error("the certificate cannot be read: {0}")]
    Certificate(String),
    /// Half of the authority is missing; making a new one would silently change whom everybody trusts.
    #[error("{missing} is missing while its other half is there: restore it, or delete both to make a new authority")]
    HalfAnAuthority {
        /// The file that is not there.
        missing: PathBuf,
    },
    /// The certificate and the key do not belong together.
    #[error("the private key does not belong to the certificate: {0}")]
    Mismatch(String),
    /// A name that no certificate may carry.
    #[error("{name:?} cannot stand in a certificate: {reason}")]
    Name {
        /// The name.
        name: String,
        /// Why not.
        reason: String,
    },
    /// The certificate could not be made.
    #[error("the certificate could not be issued: {0}")]
    Issue(#[source] rcgen::Error),
    /// This computer has no bundle of authorities in any of the usual places.
    #[error("this computer keeps the authorities that it trusts in none of {} (install its CA certificates, or name a file)", .looked.join(", "))]
    NoSystemRoots {
        /// Where they are usually.
        looked: &'static [&'static str],
    },
    /// The TLS library refuses the configuration.
    #[error("the TLS configuration is not usable: {0}")]
    Tls(String),
    /// A PKCS #12 file cannot be made.
    #[error("cannot write a certificate and its key as PKCS #12: {0}")]
    Pkcs12(String),
}

impl From<rustls::Error> for Error {
    fn from(error: rustls::Error) -> Self {
        match error {
            rustls::Error::InconsistentKeys(_) => Self::Mismatch(error.to_string()),
            other => Self::Tls(other.to_string()),
        }
    }
}
