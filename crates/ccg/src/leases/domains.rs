//! Where the domains are that credential specs name.

use std::collections::BTreeMap;

use client::Domain;
use credspec::DnsName;

use super::LeaseError;

/// The domains that a guard serves. A credential spec for another one is refused: whoever writes a spec must not be able to have
/// credentials shown to servers of his own choice.
#[derive(Clone, Debug, Default)]
pub struct Domains {
    served: BTreeMap<String, Domain>,
}

impl Domains {
    /// With this domain too; the first of a name counts.
    #[must_use]
    pub fn with(mut self, domain: Domain) -> Self {
        self.served.entry(domain.dns_name.clone()).or_insert(domain);
        self
    }

    /// Whether it serves none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.served.is_empty()
    }

    /// The domain of this name.
    pub(super) fn of(&self, name: &DnsName) -> Result<Domain, LeaseError> {
        let asked = Domain::new(name.as_str()).dns_name;
        self.served.get(&asked).cloned().ok_or_else(|| {
            let served = self.served.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
            LeaseError::NotServed { domain: asked, served }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_that_is_not_served_is_not_looked_for() {
        let domains = Domains::default().with(Domain::new("Contoso.com"));
        assert_eq!(domains.of(&"CONTOSO.com".parse().unwrap()).unwrap().realm, "CONTOSO.COM");
        let refused = domains.of(&"evil.test".parse().unwrap()).unwrap_err();
        assert!(refused.to_string().contains("evil.test") && refused.to_string().contains("contoso.com"), "{refused}");
    }
}
