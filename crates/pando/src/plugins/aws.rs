//! `aws` and `ecs`: where AWS is, and with whose access keys it is asked.

use std::path::{Path, PathBuf};

use ccg::plugins::{Aws, AwsEndpoint, KeySource, check_owned};
use serde::Deserialize;

use super::{PluginsError, declaration};

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AwsSettings {
    credentials: Option<Credentials>,
    metadata_service: Option<String>,
    timeout: Option<u64>,
    #[serde(default)]
    endpoint: Vec<Endpoint>,
}

/// Whose access keys the plugin asks with.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Credentials {
    Environment,
    Instance,
    Container,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Endpoint {
    service: String,
    region: String,
    host: String,
    ca: Option<PathBuf>,
}

impl AwsSettings {
    /// Whose keys, when the file says so: without that there are no such plugins.
    pub fn source(&self) -> Option<KeySource> {
        self.credentials.map(|credentials| match credentials {
            Credentials::Environment => KeySource::Environment,
            Credentials::Instance => KeySource::Instance,
            Credentials::Container => KeySource::Container,
        })
    }

    /// Whosever keys it asks with, AWS is where the file says.
    pub fn build(self, path: &Path) -> Result<Aws, PluginsError> {
        let wrong = |source| PluginsError::Aws { path: path.to_owned(), source };
        let mut aws = Aws::new(KeySource::Environment);
        if let Some(url) = self.metadata_service {
            aws = aws.with_metadata_service(&url).map_err(wrong)?;
        }
        if let Some(seconds) = self.timeout {
            aws = aws.with_timeout(declaration::timeout(seconds, "aws", path)?);
        }
        for Endpoint { service, region, host, ca } in self.endpoint {
            let mut endpoint = AwsEndpoint::new(&service, &region, &host).map_err(wrong)?;
            if let Some(ca) = ca {
                endpoint = endpoint.with_roots(roots(&ca, path)?);
            }
            aws = aws.with_endpoint(endpoint);
        }
        Ok(aws)
    }
}

/// Who can change it can have signed requests sent to a server of their own.
fn roots(ca: &Path, path: &Path) -> Result<pki::Roots, PluginsError> {
    check_owned(ca).map_err(|source| PluginsError::AuthoritiesNotOwned { path: path.to_owned(), source })?;
    pki::Roots::load(ca).map_err(|source| PluginsError::Authorities { path: path.to_owned(), source })
}
