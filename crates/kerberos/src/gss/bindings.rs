//! Which channel a context is made on. RFC 4121 4.1.1.2.

use md5::{Digest, Md5};
use subtle::ConstantTimeEq;

/// The digest that ties a context to the TLS connection beneath it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChannelBindings([u8; 16]);

impl ChannelBindings {
    /// Of the application data alone, as LDAP over TLS has it: `tls-server-end-point:` and the certificate's hash (RFC 5929 4).
    #[must_use]
    pub fn of(application_data: &[u8]) -> Self {
        let mut digest = Md5::new();
        // Neither side's address counts: two types and two empty counted strings.
        digest.update([0; 16]);
        digest.update(u32::try_from(application_data.len()).unwrap_or(u32::MAX).to_le_bytes());
        digest.update(application_data);
        Self(digest.finalize().into())
    }

    pub(super) const fn bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Whether what the peer sent fits. All zero means that it does not say.
    pub(super) fn admit(&self, sent: &[u8; 16], required: bool) -> bool {
        let silent = bool::from(sent.ct_eq(&[0; 16]));
        (silent && !required) || bool::from(sent.ct_eq(&self.0))
    }
}
