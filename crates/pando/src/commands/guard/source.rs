//! What the guard is told: a credential spec, where its domain is, and who the host is.

use ccg::{Guard, HostIdentity, Plugins, plugins::Rkc};
use client::kerberos::Secret;
use client::{Domain, Endpoint, Keytab};
use credspec::CredentialSpec;
use std::path::Path;

use crate::cli::{DomainAddress, GuardSource};
use crate::commands::Failed;

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
        let mut guard = Guard::new(Plugins::new().with(Rkc::new(&args.host_dir)));
        if let Some(keytab) = &args.host_keytab {
            guard = guard.with_host_identity(host(keytab)?);
        }
        Ok(Self { spec, domain, guard })
    }
}

/// The host's own account and its newest keys.
fn host(path: &Path) -> Result<HostIdentity, Failed> {
    let keytab = Keytab::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let own =
        keytab.entries.iter().filter(|entry| matches!(&*entry.principal.components, [name] if name.ends_with('$')));
    let newest = own.clone().max_by_key(|entry| entry.kvno);
    let newest = newest.ok_or_else(|| format!("{} has no key of a computer account (NAME$)", path.display()))?;
    let keys = own.filter(|entry| entry.principal == newest.principal && entry.kvno == newest.kvno);
    Ok(HostIdentity {
        principal: newest.principal.clone(),
        secret: Secret::Keys(keys.map(|entry| entry.key.clone()).collect()),
    })
}

/// Where the spec's domain is: what was said, else the domain's own name, which its domain controllers answer to.
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
