//! The credential specs of a lease, read.

use client::Domain;
use credspec::{CredentialSpec, DnsName};

use super::{LeaseError, MOST_SPECS};
use crate::{GuardError, Member, Step};

/// The specs as they came, read and with their domains.
pub(super) fn members(
    specs: &[String],
    find: impl Fn(&DnsName) -> Result<Domain, LeaseError>,
) -> Result<Vec<Member>, LeaseError> {
    match specs.len() {
        0 => return Err(LeaseError::NoSpecs),
        1..=MOST_SPECS => {}
        many => return Err(LeaseError::TooManySpecs(many)),
    }
    let read = |text: &String| {
        let spec = CredentialSpec::parse(text.as_bytes());
        let spec = spec.map_err(|error| GuardError {
            step: Step::CredentialSpec,
            links: Vec::new(),
            cause: Box::new(error.into()),
        })?;
        let domain = find(&spec.domain_join_config.dns_name)?;
        Ok::<_, LeaseError>(Member { spec, domain })
    };
    let members = specs.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let mut names: Vec<_> = accounts(&members).map(str::to_ascii_lowercase).collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair.first() == pair.last()).and_then(<[String]>::first) {
        Some(name) => Err(LeaseError::SameAccount(name.clone())),
        None => Ok(members),
    }
}

/// The names of all their accounts.
pub(super) fn accounts(members: &[Member]) -> impl Iterator<Item = &str> {
    members.iter().flat_map(|member| member.spec.accounts()).map(|name| name.as_str())
}
