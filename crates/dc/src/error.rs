use std::net::SocketAddr;

/// Why a domain controller does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refuses an address.
    #[error("cannot listen for {what} on {address}: {source}{}", advice(.source))]
    Listen {
        /// Which protocol.
        what: &'static str,
        /// Where.
        address: SocketAddr,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// There is an address for LDAPS but no certificate.
    #[error("LDAPS needs a certificate: none is configured")]
    NoCertificate,
    /// The directory cannot say whose it is.
    #[error("the directory cannot be served: {0} (has it been provisioned?)")]
    Directory(#[from] directory::Error),
    /// The accounts that tickets need cannot be read.
    #[error("Kerberos cannot be served: {0}")]
    Kerberos(#[from] crate::kdc::Unavailable),
}

/// What to do about an address that cannot be had.
fn advice(error: &std::io::Error) -> &'static str {
    match error.kind() {
        std::io::ErrorKind::PermissionDenied => {
            "; ports below 1024 need the capability CAP_NET_BIND_SERVICE: choose another, or 0 for any that is free"
        }
        std::io::ErrorKind::AddrInUse => {
            "; another program listens there: stop it, or choose another port, or 0 for any that is free"
        }
        _ => "",
    }
}
