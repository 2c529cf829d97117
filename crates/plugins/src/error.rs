use std::path::PathBuf;

use credspec::{BadInput, Namespace, SecretName};

use crate::{AkvError, AwsError, VaultError};

/// Why a plugin gave no credentials. None of these texts holds a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PluginError {
    /// The credential spec tells the plugin nothing it understands.
    #[error("{0} (correct PluginInput in the credential spec)")]
    BadInput(#[from] BadInput),
    /// Nobody serves that namespace on this node.
    #[error(
        "no account provider serves the namespace {namespace} on this node: {path} does not exist (is the account provider installed for that namespace, and running here?)"
    )]
    NoProvider {
        /// The namespace.
        namespace: Namespace,
        /// The file that would hold its port.
        path: PathBuf,
    },
    /// Anybody could be the provider.
    #[error(
        "{path} may be changed by {who}, who could pass for the account provider: take that right away (an account provider of Pando's closes its own folders when it starts)"
    )]
    OpenFolder {
        /// The folder or file.
        path: PathBuf,
        /// Who may change it.
        who: String,
    },
    /// The file is there, but holds no port.
    #[error("{path} holds no port: {what} (restart the account provider)")]
    BadPort {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: &'static str,
    },
    /// The plugin has nothing to show to the provider, or nobody to trust.
    #[error(
        "the plugin's own certificate, its key or the provider's CA cannot be used: {0} (restart the account provider; run the plugin as a user who may read its files)"
    )]
    Identity(#[source] pki::Error),
    /// Nobody answers on the port.
    #[error(
        "the account provider of namespace {namespace} does not answer at {address}: {what} (did it stop, leaving its port file behind?)"
    )]
    Unreachable {
        /// The namespace.
        namespace: Namespace,
        /// Where it was asked.
        address: String,
        /// What the system said.
        what: String,
    },
    /// Whoever answers on the port is not the provider.
    #[error(
        "what answers at {address} is not the account provider of namespace {namespace}: {what} (its certificate must come from the CA in the namespace's folder)"
    )]
    NotTheProvider {
        /// The namespace.
        namespace: Namespace,
        /// Where it was asked.
        address: String,
        /// What TLS said.
        what: String,
    },
    /// The provider does not believe the plugin's certificate.
    #[error(
        "the account provider of namespace {namespace} refused the plugin's client certificate: {what} (it must come from that provider's own CA)"
    )]
    CertificateRefused {
        /// The namespace.
        namespace: Namespace,
        /// What TLS said.
        what: String,
    },
    /// It answers, but not in time.
    #[error("the account provider of namespace {namespace} did not answer within {seconds} s")]
    Timeout {
        /// The namespace.
        namespace: Namespace,
        /// How long it had.
        seconds: u64,
    },
    /// It has no such secret.
    #[error(
        "the account provider of namespace {namespace} has no usable secret {secret}: it must exist there with the keys username, password and domainName"
    )]
    NoSecret {
        /// The namespace.
        namespace: Namespace,
        /// The secret.
        secret: SecretName,
    },
    /// It refuses for another reason.
    #[error("the account provider of namespace {namespace} refused the request: HTTP status {status}")]
    Refused {
        /// The namespace.
        namespace: Namespace,
        /// What it answered.
        status: u16,
    },
    /// It answers with something else than credentials.
    #[error("the answer of the account provider of namespace {namespace} is not usable: {what}")]
    BadAnswer {
        /// The namespace.
        namespace: Namespace,
        /// What is wrong with it.
        what: String,
    },
    /// Azure Key Vault gave none.
    #[error(transparent)]
    Akv(Box<AkvError>),
    /// AWS gave none.
    #[error(transparent)]
    Aws(Box<AwsError>),
    /// HashiCorp Vault or OpenBao gave none.
    #[error(transparent)]
    Vault(Box<VaultError>),
    /// The folder of secrets has none.
    #[cfg(target_os = "linux")]
    #[error(transparent)]
    File(#[from] crate::FileError),
    /// The operator's program gave none.
    #[cfg(target_os = "linux")]
    #[error(transparent)]
    Process(#[from] crate::ProcessError),
    /// A plugin from elsewhere has its own reasons.
    #[error("{0}")]
    Other(String),
}

impl From<VaultError> for PluginError {
    fn from(error: VaultError) -> Self {
        Self::Vault(Box::new(error))
    }
}

impl From<AkvError> for PluginError {
    fn from(error: AkvError) -> Self {
        Self::Akv(Box::new(error))
    }
}

impl From<AwsError> for PluginError {
    fn from(error: AwsError) -> Self {
        Self::Aws(Box::new(error))
    }
}
