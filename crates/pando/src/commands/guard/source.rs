//! What the guard is told: a credential spec, where its domain is, and who the host is.

use ccg::{Guard, HostKeytabs, Options};
use client::{Domain, Endpoint};
use credspec::CredentialSpec;

use crate::cli::{DomainAddress, GuardSource, resolver};
use crate::commands::Failed;
use crate::plugins;

pub struct Source {
    pub spec: CredentialSpec,
    pub domain: Domain,
    pub guard: Guard,
}

impl Source {
    pub fn read(args: &GuardSource) -> Result<Self, Failed> {
        let path = args.credspec.display();
        let text = std::fs::read(&args.credspec).map_err(|error| format!("{path} cannot be read: {error}"))?;
        let spec = CredentialSpec::parse(&text).map_err(|error| format!("{path}: {error}"))?;
        let domain = domain(&spec, &args.domain)?;
        let guard = Guard::new(plugins::registry(&args.host_dir, args.plugins.as_deref())?);
        let options = Options { resolver: resolver(&args.domain.dns), ..Options::default() };
        let guard = guard.with_options(options);
        let guard = guard.with_host_keytabs(HostKeytabs(args.host_keytab.iter().cloned().collect()));
        Ok(Self { spec, domain, guard })
    }
}

/// Where the spec's domain is, if somebody said so.
fn domain(spec: &CredentialSpec, address: &DomainAddress) -> Result<Domain, Failed> {
    let mut domain = Domain::new(&spec.domain_join_config.dns_name.to_string());
    if !address.kdc.is_empty() {
        let kdcs = address.kdc.iter().map(|kdc| Endpoint::parse(kdc, Endpoint::KERBEROS));
        domain = domain.with_kdcs(kdcs.collect::<Result<Vec<_>, _>>()?);
    }
    if let (Some(ldap), Some(host)) = (&address.ldap, &address.dc_host) {
        domain = domain.with_ldap(host, [Endpoint::parse(ldap, Endpoint::LDAP)?]);
    }
    Ok(domain)
}
