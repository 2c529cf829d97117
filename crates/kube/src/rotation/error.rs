//! Why a password is not changed, and what to do about it.

use credspec::SecretName;

use super::directory::DirectoryError;
use crate::api::ApiError;

/// Why a round came to nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RotationError {
    /// The API server.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The API server did not answer.
    #[error("{0}: the API server did not answer in time")]
    Slow(String),
    /// There is no Secret, or it is not one.
    #[error("the Secret {secret}: {source}")]
    Secret {
        /// Its name.
        secret: SecretName,
        /// What is wrong with it.
        source: crate::SecretError,
    },
    /// Nobody may change it.
    #[error("the Secret {0} is immutable: make it anew without `immutable`, or switch the rotation off")]
    Immutable(SecretName),
    /// The directory.
    #[error("the account's password is not changed: {0}")]
    Directory(#[from] DirectoryError),
    /// The directory did not answer.
    #[error("the account's password is not changed: the directory did not answer in time")]
    DirectorySlow,
    /// The password in the Secret is not the account's.
    #[error(
        "the directory refuses the password in the Secret {0}: somebody else has changed it. Write the account's password into the Secret \
         (and remove `nextPassword` there, if it is present); nothing more is tried until then"
    )]
    NotTheAccounts(SecretName),
    /// The password that the directory takes was taken out of the Secret.
    #[error(
        "somebody has written the Secret {0} while its password was being changed, so that the password that the directory takes was not in it \
         any more: it is written back. See who applies this Secret (a pipeline, a backup, an operator), and end that"
    )]
    Overwritten(SecretName),
}
