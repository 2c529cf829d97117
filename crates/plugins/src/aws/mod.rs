//! The plugin of AWS Secrets Manager, and the credential specs that are kept in AWS.
//!
//! Its class is one of Pando's own, with the secret's name as input; the plugin of Amazon ECS is the same under its class and with its
//! input. Both ask with the machine's role, or with keys that whoever asks brings. A signed request goes to an endpoint of AWS, or to
//! one that the operator declared, and to nobody else.

mod answers;
mod endpoints;
mod error;
mod keys;
mod requests;
mod signature;

use std::sync::Arc;

use credspec::aws::{Place, Region, SecretArn, SpecArn};
use credspec::{AWS_CLSID, AwsInput, ECS_CLSID};
use dtyp::{Clock, Guid, SystemClock};

use crate::retry::{Patience, patient};
use crate::{Hop, PasswordCredentials, Plugin, PluginError, declared};

pub use endpoints::{AwsEndpoint, AwsService, AwsSettingsError};
pub use error::AwsError;
pub use keys::{KeySource, Keys};

use requests::{Asked, Question};

/// The longest credential spec that is fetched.
const LONGEST_SPEC: usize = 64 << 10;

/// The plugin of AWS Secrets Manager.
#[derive(Clone)]
pub struct Aws {
    clsid: Guid,
    source: KeySource,
    metadata: String,
    endpoints: Vec<AwsEndpoint>,
    patience: Patience,
    clock: Arc<dyn Clock>,
}

patient!(Aws);

impl Aws {
    /// Where every instance of EC2 finds its metadata service.
    pub const METADATA_SERVICE: &'static str = "http://169.254.169.254";

    /// The plugin that asks with these keys, with less time for a call than a guard gives a plugin.
    #[must_use]
    pub fn new(source: KeySource) -> Self {
        Self {
            clsid: AWS_CLSID,
            source,
            metadata: Self::METADATA_SERVICE.to_owned(),
            endpoints: Vec::new(),
            patience: Patience::of_seconds(25),
            clock: Arc::new(SystemClock),
        }
    }

    /// The same under the class of Amazon ECS.
    #[must_use]
    pub fn for_ecs(mut self) -> Self {
        self.clsid = ECS_CLSID;
        self
    }

    /// The same with other keys.
    #[must_use]
    pub fn with_keys(mut self, source: KeySource) -> Self {
        self.source = source;
        self
    }

    /// With the instance metadata service at another address: `http://host` or `http://host:port`.
    ///
    /// # Errors
    /// [`AwsSettingsError::MetadataService`].
    pub fn with_metadata_service(mut self, url: &str) -> Result<Self, AwsSettingsError> {
        self.metadata = declared::metadata_service(url).map_err(AwsSettingsError::MetadataService)?;
        Ok(self)
    }

    /// With a service of a region at another host.
    #[must_use]
    pub fn with_endpoint(mut self, endpoint: AwsEndpoint) -> Self {
        self.endpoints.push(endpoint);
        self
    }

    /// With another clock, which tests need: a signature is of a moment.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The text of a credential spec that is kept in AWS. Buckets have no region in their names: `region` is theirs. It blocks.
    ///
    /// # Errors
    /// See [`AwsError`].
    pub fn credential_spec(&self, arn: &SpecArn, region: &Region) -> Result<String, AwsError> {
        let mut budget = self.patience.budget();
        let question = match arn.place() {
            Place::Parameter { region } => Question::parameter(arn, region),
            Place::Object { partition, bucket, key } => {
                if region.partition() != *partition {
                    return Err(AwsError::Missing {
                        what: arn.to_string(),
                        code: "another partition than the region".into(),
                    });
                }
                Question::object(arn, bucket, key, region)
            }
        };
        let Asked { body, endpoint, .. } = self.ask(&question, &mut budget)?;
        let text = match arn.place() {
            Place::Parameter { .. } => answers::parameter(&body),
            Place::Object { .. } => String::from_utf8(body.to_vec()).map_err(|_| "it is no text"),
        };
        text.ok().filter(|text| text.len() <= LONGEST_SPEC).ok_or_else(|| AwsError::BadAnswer {
            endpoint,
            what: format!("it holds no credential spec of at most {LONGEST_SPEC} bytes"),
        })
    }

    fn account(&self, secret: &SecretArn) -> Result<PasswordCredentials, AwsError> {
        let mut budget = self.patience.budget();
        let Asked { body, endpoint, key } = self.ask(&Question::secret(secret), &mut budget)?;
        let text = answers::secret(&body, secret)
            .map_err(|what| AwsError::BadAnswer { endpoint: endpoint.clone(), what: what.to_owned() })?;
        let account =
            answers::account(&text).map_err(|what| AwsError::BadSecret { secret: secret.to_string(), what })?;
        Ok(PasswordCredentials {
            domain: account.domain,
            username: account.username,
            password: account.password,
            hop: Hop {
                to: format!("AWS Secrets Manager at {endpoint}, secret {secret}"),
                how: format!(
                    "HTTPS: AWS by its certificate, the plugin by a signature (SigV4) with access key {key}, from {}",
                    self.source.name()
                ),
                authorised_by: "AWS lets the key's owner do secretsmanager:GetSecretValue on that secret".to_owned(),
            },
        })
    }
}

impl std::fmt::Debug for Aws {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { clsid, source, metadata, endpoints, patience, clock: _ } = self;
        f.debug_struct("Aws")
            .field("clsid", clsid)
            .field("source", source)
            .field("metadata", metadata)
            .field("endpoints", endpoints)
            .field("patience", patience)
            .finish()
    }
}

impl Plugin for Aws {
    fn clsid(&self) -> Guid {
        self.clsid
    }

    fn name(&self) -> &str {
        if self.clsid == ECS_CLSID { "ecs" } else { "aws" }
    }

    fn get_password_credentials(&self, input: &str) -> Result<PasswordCredentials, PluginError> {
        let AwsInput { secret } = input.parse().map_err(AwsError::Input)?;
        Ok(self.account(&secret)?)
    }
}
