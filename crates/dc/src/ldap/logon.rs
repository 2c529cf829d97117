//! Who a bind is: what sessions ask of the accounts. MS-ADTS 5.1.1.

use std::sync::Arc;

use directory::Caller;
use kerberos::PrincipalName;
use kerberos::crypto::{Etype, Key};
use kerberos::gss::Accepted;

/// Somebody who proved who they are.
#[derive(Clone, Debug)]
pub(crate) struct Principal {
    /// With all groups, on a connection that is not sealed.
    pub(crate) caller: Caller,
    /// `CONTOSO\alice`.
    pub(crate) name: Arc<str>,
}

/// Why a logon is refused: a Windows error, as it stands behind `data` in the diagnostic. MS-ADTS 5.1.1.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LogonFailure {
    pub(crate) data: u32,
}

impl LogonFailure {
    /// `ERROR_LOGON_FAILURE`: a wrong password.
    pub(crate) const WRONG: Self = Self { data: 0x52e };
    /// `ERROR_NO_SUCH_USER`.
    pub(crate) const NO_SUCH_USER: Self = Self { data: 0x525 };
    /// `ERROR_INVALID_PARAMETER`: what came makes no sense.
    pub(crate) const MALFORMED: Self = Self { data: 0x57 };
    /// `ERROR_ACCOUNT_DISABLED`.
    pub(crate) const DISABLED: Self = Self { data: 0x533 };
    /// `ERROR_ACCOUNT_EXPIRED`.
    pub(crate) const EXPIRED: Self = Self { data: 0x701 };
    /// `ERROR_TIME_SKEW`.
    pub(crate) const TIME_SKEW: Self = Self { data: 0x576 };
}

/// The accounts.
pub(crate) trait Logon: Send + Sync {
    /// Checks a name, in any of its forms, and a password.
    fn simple(&self, name: &str, password: &[u8]) -> Result<Principal, LogonFailure>;

    /// Finds whom a Kerberos ticket speaks for.
    fn ticket(&self, accepted: &Accepted) -> Result<Principal, LogonFailure>;

    /// The keys of a service of this domain controller.
    fn service_keys(&self, service: &PrincipalName, realm: &str, etype: Etype, kvno: Option<u32>) -> Vec<Key>;
}
