//! Which hosts are AWS: nobody else is sent a signed request.
//!
//! AWS General Reference, "Service endpoints". A host is made of a service and a region and of nothing else.

use std::fmt;

use credspec::aws::{Partition, Region};
use pki::Roots;

use crate::declared::{self, shown};

/// The services that are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AwsService {
    /// Secrets.
    SecretsManager,
    /// Parameters, of Systems Manager.
    Ssm,
    /// Objects.
    S3,
}

impl AwsService {
    /// As it stands in names and signatures.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SecretsManager => "secretsmanager",
            Self::Ssm => "ssm",
            Self::S3 => "s3",
        }
    }

    /// The service of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::SecretsManager, Self::Ssm, Self::S3].into_iter().find(|service| service.name() == name)
    }
}

/// Where a service of a region is, when the operator says so: an endpoint in a network of one's own.
#[derive(Clone, Debug)]
pub struct AwsEndpoint {
    service: AwsService,
    region: Region,
    host: Host,
    roots: Option<Roots>,
}

/// Why a setting of the AWS plugin is not usable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AwsSettingsError {
    /// Not a service.
    #[error("{0:?} is not a service that is asked: write secretsmanager, ssm or s3")]
    Service(String),
    /// Not a region.
    #[error("{0:?} is not a region such as eu-central-1")]
    Region(String),
    /// Not a host.
    #[error("{0:?} is not an endpoint's host: write `host` or `host:port`")]
    Host(String),
    /// Not the metadata service.
    #[error(
        "{0:?} is not the address of an instance metadata service: write `http://host` or `http://host:port`, without a path"
    )]
    MetadataService(String),
}

impl AwsEndpoint {
    /// `secretsmanager`, `eu-central-1`, `vpce-0a1b.secretsmanager.eu-central-1.vpce.amazonaws.com`.
    ///
    /// # Errors
    /// [`AwsSettingsError`].
    pub fn new(service: &str, region: &str, host: &str) -> Result<Self, AwsSettingsError> {
        let named = AwsService::named(service).ok_or_else(|| AwsSettingsError::Service(shown(service)))?;
        let region = region.parse().map_err(|_| AwsSettingsError::Region(shown(region)))?;
        let uri = declared::host(host).ok_or_else(|| AwsSettingsError::Host(shown(host)))?;
        let host = Host { name: uri.host().to_owned(), port: uri.port() };
        Ok(Self { service: named, region, host, roots: None })
    }

    /// With the authorities that its certificate must come from, in place of those that this computer trusts.
    #[must_use]
    pub fn with_roots(mut self, roots: Roots) -> Self {
        self.roots = Some(roots);
        self
    }
}

/// A host and its port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Host {
    name: String,
    port: u16,
}

/// As the header has it.
impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if self.port == 443 { Ok(()) } else { write!(f, ":{}", self.port) }
    }
}

/// Whom to ask, and whose certificate it must have.
#[derive(Debug)]
pub(super) struct Endpoint<'a> {
    pub(super) host: Host,
    pub(super) roots: Option<&'a Roots>,
}

/// The operator's endpoint of a service in a region, else AWS's own.
pub(super) fn find<'a>(declared: &'a [AwsEndpoint], service: AwsService, region: &Region) -> Endpoint<'a> {
    let own = declared.iter().find(|endpoint| endpoint.service == service && endpoint.region == *region);
    match own {
        Some(own) => Endpoint { host: own.host.clone(), roots: own.roots.as_ref() },
        None => {
            let suffix = Partition::suffix(region.partition());
            Endpoint { host: Host { name: format!("{}.{region}.{suffix}", service.name()), port: 443 }, roots: None }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_made_of_a_service_and_a_region() {
        for (service, region, expected) in [
            (AwsService::SecretsManager, "eu-central-1", "secretsmanager.eu-central-1.amazonaws.com"),
            (AwsService::Ssm, "us-gov-west-1", "ssm.us-gov-west-1.amazonaws.com"),
            (AwsService::S3, "cn-north-1", "s3.cn-north-1.amazonaws.com.cn"),
        ] {
            assert_eq!(find(&[], service, &region.parse().unwrap()).host.to_string(), expected);
        }
    }

    #[test]
    fn an_operators_endpoint_is_for_one_service_of_one_region() {
        let declared = [AwsEndpoint::new("ssm", "eu-central-1", "localhost:8443").unwrap()];
        let host = |service, region: &str| find(&declared, service, &region.parse().unwrap()).host.to_string();
        assert_eq!(host(AwsService::Ssm, "eu-central-1"), "localhost:8443");
        assert_eq!(host(AwsService::Ssm, "eu-west-1"), "ssm.eu-west-1.amazonaws.com");
        assert_eq!(host(AwsService::S3, "eu-central-1"), "s3.eu-central-1.amazonaws.com");
        for (service, region, host) in
            [("sts", "eu-west-1", "x"), ("s3", "eu", "x"), ("s3", "eu-west-1", "https://x"), ("s3", "eu-west-1", "a/b")]
        {
            assert!(AwsEndpoint::new(service, region, host).is_err(), "{service} {region} {host}");
        }
    }
}
