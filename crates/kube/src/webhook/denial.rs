//! Why a pod is not admitted: texts and codes are those of today's webhook where it has them.

use super::go::quoted;

/// Why not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    /// The body is no review.
    #[error("unable to unmarshall JSON body as an admission review: {0}")]
    NotAReview(String),
    /// A review of nothing.
    #[error("no 'Request' field in JSON body")]
    NoRequest,
    /// Another kind of object.
    #[error("expected a Pod object, got a {0}")]
    Kind(String),
    /// The pod cannot be read.
    #[error("unable to unmarshall pod JSON object: {0}")]
    Pod(String),
    /// Something that pods are not asked about, in the spelling that log filters know.
    #[error("unpexpected operation {0}")]
    Operation(String),
    /// The service account may not.
    #[error("service account {} is not authorized to `use` GMSA cred spec {}{}", quoted(.account), quoted(.spec), because(.reason))]
    NotAuthorized {
        /// The service account's name.
        account: String,
        /// The credential spec.
        spec: String,
        /// What the API server said, if anything.
        reason: String,
    },
    /// There is none of that name.
    #[error("cred spec {0} does not exist")]
    NoSpec(String),
    /// It has no contents.
    #[error("cred spec {0} does not have a credspec key")]
    NoContents(String),
    /// It cannot be read now.
    #[error("unable to retrieve the contents of cred spec {spec}: {reason}")]
    Unavailable {
        /// Its name.
        spec: String,
        /// What failed.
        reason: String,
    },
    /// Nothing can be called that.
    #[error("{site} names the GMSA cred spec {}, and no resource can have that name", quoted(.name))]
    BadName {
        /// Who names it.
        site: String,
        /// The name.
        name: String,
    },
    /// The contents are not the resource's.
    #[error("the GMSA cred spec contents for {site} does not match the contents of GMSA resource {}{}", quoted(.spec), .error.as_ref().map(|error| format!(": {error}")).unwrap_or_default())]
    Mismatch {
        /// Whose.
        site: String,
        /// The resource.
        spec: String,
        /// Why the contents could not be read.
        error: Option<String>,
    },
    /// More than a pod has room for would be written into it.
    #[error("the contents of the GMSA cred specs that the pod names are more than {} bytes altogether", .0)]
    TooMuch(usize),
    /// Contents without a name could be anybody's.
    #[error("{0} has a GMSA cred spec set, but does not define the name of the corresponding resource")]
    NoName(String),
    /// A running pod stays who it is.
    #[error("cannot update an existing pod's GMSA settings (GMSA {what} modified on {site})")]
    Modified {
        /// `name`, `contents` or both.
        what: String,
        /// Where.
        site: String,
    },
    /// Both ways to name a spec, in one pod.
    #[error(
        "the pod has windowsOptions of a GMSA and the annotation {annotation}: an identity is either for Windows or for Linux"
    )]
    Both {
        /// The annotation.
        annotation: &'static str,
    },
}

impl Denial {
    /// The code in the review's status.
    #[must_use]
    pub fn code(&self) -> u16 {
        match self {
            Self::NotAReview(_) | Self::NoRequest | Self::Kind(_) | Self::Pod(_) | Self::Operation(_) => 400,
            Self::NotAuthorized { .. } | Self::Modified { .. } => 403,
            Self::NoSpec(_) => 404,
            Self::NoContents(_) => 417,
            Self::BadName { .. } | Self::Mismatch { .. } | Self::NoName(_) | Self::Both { .. } | Self::TooMuch(_) => {
                422
            }
            Self::Unavailable { .. } => 500,
        }
    }
}

fn because(reason: &str) -> String {
    if reason.is_empty() { String::new() } else { format!(", reason: {}", quoted(reason)) }
}
