//! The directory's accounts, as binds need them.

use directory::Directory;
use kerberos::PrincipalName;
use kerberos::crypto::{Etype, Key};
use kerberos::gss::Accepted;

use super::facts::Facts;
use super::logon::{Logon, LogonFailure, Principal};

/// The accounts of a directory.
pub(crate) fn accounts(_directory: &Directory, _facts: &Facts) -> Box<dyn Logon> {
    Box::new(Nobody)
}

struct Nobody;

impl Logon for Nobody {
    fn simple(&self, _name: &str, _password: &[u8]) -> Result<Principal, LogonFailure> {
        Err(LogonFailure::NO_SUCH_USER)
    }
    fn ticket(&self, _accepted: &Accepted) -> Result<Principal, LogonFailure> {
        Err(LogonFailure::NO_SUCH_USER)
    }
    fn service_keys(&self, _: &PrincipalName, _: &str, _: Etype, _: Option<u32>) -> Vec<Key> {
        Vec::new()
    }
}
