//! What the driver asks the cluster: whether a pod may use a credential spec, and what is in it.

use std::pin::Pin;

use ccg::Workload;
use secrecy::SecretString;
use tonic::Code;

/// The contents of a credential spec, as JSON.
pub type SpecAnswer<'a> = Pin<Box<dyn Future<Output = Result<String, Refusal>> + Send + 'a>>;

/// The cluster's API server.
pub trait Cluster: Send + Sync {
    /// The contents of the credential spec of this name, for the pod whose token this is.
    ///
    /// First the token must prove the pod, then the pod's service account must have the right to use the spec; only then is it looked
    /// for, so that nobody learns by this which ones there are.
    fn credential_spec<'a>(&'a self, pod: &'a Workload, token: &'a SecretString, name: &'a str) -> SpecAnswer<'a>;
}

/// Why a pod gets no credential spec.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The API server does not vouch for the token.
    #[error(
        "the API server does not accept the token that kubelet gave for the pod ({0}): the CSIDriver object of this driver must have tokenRequests with this driver's name as the audience"
    )]
    Token(String),
    /// The token is of another pod than kubelet speaks of.
    #[error(
        "the token is of {proven}, and the volume is for {claimed}: the CSIDriver object of this driver must have podInfoOnMount: true"
    )]
    OtherPod {
        /// What the volume is said to be for.
        claimed: String,
        /// What the token proves.
        proven: String,
    },
    /// The pod's service account may not use it.
    #[error(
        "the service account {service_account} in the namespace {namespace} may not use the credential spec {name}{}: give it a role with the verb \"use\" on gmsacredentialspecs.windows.k8s.io of this name", in_brackets(.reason)
    )]
    NotAllowed {
        /// Where the pod runs.
        namespace: String,
        /// Its service account.
        service_account: String,
        /// The spec.
        name: String,
        /// What the API server said.
        reason: String,
    },
    /// There is none.
    #[error("there is no GMSACredentialSpec {0} in the cluster: correct credentialSpecName, or create it")]
    NoSpec(String),
    /// It has no contents.
    #[error("the GMSACredentialSpec {name} cannot be used: {what}")]
    BadSpec {
        /// Which.
        name: String,
        /// Why not.
        what: String,
    },
    /// The API server cannot be asked, or does not let the guard ask.
    #[error("{doing}: {what}. Kubelet tries again")]
    Unreachable {
        /// What was asked.
        doing: &'static str,
        /// What went wrong.
        what: String,
    },
}

impl Refusal {
    pub(super) fn code(&self) -> Code {
        match self {
            Self::Token(_) | Self::OtherPod { .. } => Code::Unauthenticated,
            Self::NotAllowed { .. } => Code::PermissionDenied,
            Self::NoSpec(_) => Code::NotFound,
            Self::BadSpec { .. } => Code::FailedPrecondition,
            Self::Unreachable { .. } => Code::Unavailable,
        }
    }
}

fn in_brackets(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(" ({text})") }
}
