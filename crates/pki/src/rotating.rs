//! A server's certificate that can be changed while the server runs.

use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::{Error, Identity};

/// The identity that a server shows to each new connection. Clones share it: a [`replace`](Self::replace) is seen by all.
#[derive(Clone)]
pub struct Rotating {
    current: Arc<ArcSwap<CertifiedKey>>,
}

impl Rotating {
    /// Shows `identity` until it is replaced.
    ///
    /// # Errors
    /// [`Error::Mismatch`] when key and certificate do not belong together.
    pub fn new(identity: &Identity) -> Result<Self, Error> {
        Ok(Self { current: Arc::new(ArcSwap::new(identity.certified()?)) })
    }

    /// Shows `identity` from the next connection on. A bad one is refused and the present one stays.
    ///
    /// # Errors
    /// [`Error::Mismatch`] when key and certificate do not belong together.
    pub fn replace(&self, identity: &Identity) -> Result<(), Error> {
        self.current.store(identity.certified()?);
        Ok(())
    }
}

impl ResolvesServerCert for Rotating {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load_full())
    }
}

impl std::fmt::Debug for Rotating {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Rotating")
    }
}
