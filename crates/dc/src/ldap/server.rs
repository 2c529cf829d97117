//! What all sessions share.

use std::sync::{Arc, OnceLock};

use directory::Directory;
use kerberos::gss::ReplayCache;

use super::facts::Facts;
use super::logon::Logon;
use super::root_dse;
use super::virtual_entry::VirtualEntry;
use crate::Limits;

/// The LDAP server.
pub(crate) struct Server {
    pub(crate) directory: Directory,
    pub(crate) logon: Box<dyn Logon>,
    pub(crate) limits: Limits,
    pub(crate) allow_cleartext_bind: bool,
    /// Whether StartTLS can be had.
    pub(crate) tls: bool,
    pub(crate) facts: Arc<Facts>,
    pub(crate) root_dse: VirtualEntry,
    pub(crate) replay: ReplayCache,
    subschema: OnceLock<VirtualEntry>,
}

impl Server {
    pub(crate) fn new(directory: Directory, logon: Box<dyn Logon>, facts: Arc<Facts>, config: &crate::Config) -> Self {
        Self {
            directory,
            logon,
            limits: config.limits,
            allow_cleartext_bind: config.allow_cleartext_bind,
            tls: config.tls.is_some(),
            root_dse: root_dse::root_dse(&facts, config.tls.is_some()),
            facts,
            replay: ReplayCache::default(),
            subschema: OnceLock::new(),
        }
    }

    /// The subschema, rendered when first asked for.
    pub(crate) fn subschema(&self) -> &VirtualEntry {
        self.subschema.get_or_init(|| root_dse::subschema(&self.facts, self.directory.schema()))
    }
}
