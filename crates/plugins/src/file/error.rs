use std::path::PathBuf;

/// Why a folder of secrets gave no credentials. None of these texts holds a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// The folder itself.
    #[error("the folder of secrets {folder} is not used: {what}")]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// There is no such secret.
    #[error("there is no secret {secret} in {folder}: put one there, or correct PluginInput in the credential spec")]
    NoSecret {
        /// Its name.
        secret: String,
        /// Where it would be.
        folder: PathBuf,
    },
    /// It cannot be read, or should not be.
    #[error("{path} is not used: {what}")]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
}
