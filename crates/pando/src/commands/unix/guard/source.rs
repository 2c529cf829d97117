//! What the guard is told: a credential spec, where its domain is, and who the host is.

use ::credspec::CredentialSpec;
use ccg::{Guard, HostKeytabs, Options};
use client::{Domain, Endpoint};

use crate::cli::{DomainAddress, GuardSource, GuardWays, resolver};
use crate::commands::{Failed, credspec};
use crate::plugins;

pub struct Source {
    pub spec: CredentialSpec,
    pub domain: Domain,
    pub guard: Guard,
}

impl Source {
    pub fn read(args: &GuardSource) -> Result<Self, Failed> {
        let spec = credspec::parse(&args.credspec, &credspec::read(&args.credspec)?)?;
        let domain = Domain::new(&spec.domain_join_config.dns_name.to_string());
        let domain = Self::domain(domain, &args.ways.domain)?;
        Ok(Self { spec, domain, guard: Self::guard(&args.ways)? })
    }

    /// A guard that asks in these ways.
    pub fn guard(ways: &GuardWays) -> Result<Guard, Failed> {
        let options = Options { resolver: resolver(&ways.domain.dns), ..Options::default() };
        let guard = Guard::new(plugins::registry(&ways.host_dir, ways.plugins.as_deref())?).with_options(options);
        Ok(guard.with_host_keytabs(HostKeytabs(ways.host_keytab.iter().cloned().collect())))
    }

    /// The domain with its servers, if somebody said where they are.
    pub fn domain(mut domain: Domain, address: &DomainAddress) -> Result<Domain, Failed> {
        if !address.kdc.is_empty() {
            let kdcs = address.kdc.iter().map(|kdc| Endpoint::parse(kdc, Endpoint::KERBEROS));
            domain = domain.with_kdcs(kdcs.collect::<Result<Vec<_>, _>>()?);
        }
        if let (Some(ldap), Some(host)) = (&address.ldap, &address.dc_host) {
            domain = domain.with_ldap(host, [Endpoint::parse(ldap, Endpoint::LDAP)?]);
        }
        Ok(domain)
    }
}
