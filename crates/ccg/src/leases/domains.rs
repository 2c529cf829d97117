//! Where the domains are that credential specs name.

use std::collections::BTreeMap;

use client::Domain;
use credspec::DnsName;

/// The domains whose servers were configured. Every other one is looked for by its own name, which its domain controllers answer to.
#[derive(Clone, Debug, Default)]
pub struct Domains {
    configured: BTreeMap<String, Domain>,
}

impl Domains {
    /// With this domain too.
    #[must_use]
    pub fn with(mut self, domain: Domain) -> Self {
        self.configured.insert(domain.dns_name.clone(), domain);
        self
    }

    /// The domain of this name.
    #[must_use]
    pub fn of(&self, name: &DnsName) -> Domain {
        let asked = Domain::new(name.as_str());
        self.configured.get(&asked.dns_name).cloned().unwrap_or(asked)
    }
}
