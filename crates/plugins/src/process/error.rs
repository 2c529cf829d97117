use std::path::PathBuf;

/// Why a program that the operator declared as a plugin gave no credentials. None of these texts holds what it answered, but for its own
/// error message.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProcessError {
    /// The declaration's name.
    #[error("{0:?} is not a plugin's name: write 1 to 32 lower case letters, digits and hyphens")]
    Name(String),
    /// Somebody else could put another program in its place.
    #[error("{path} is not used: {what}")]
    NotOwned {
        /// The file.
        path: PathBuf,
        /// Whom it belongs to, or who may write it.
        what: String,
    },
    /// The credential spec's text.
    #[error("the plugin input is longer than a plugin is told")]
    Input,
    /// The system does not run it.
    #[error("{path} cannot be started: {what}")]
    NotStarted {
        /// The program.
        path: PathBuf,
        /// What the system said.
        what: String,
    },
    /// It did not end.
    #[error("{path} did not end within {seconds} s, and was killed")]
    Timeout {
        /// The program.
        path: PathBuf,
        /// How long it had.
        seconds: u64,
    },
    /// It says more than credentials can be.
    #[error("{path} wrote more than {limit} bytes to its standard output, and was killed")]
    TooMuch {
        /// The program.
        path: PathBuf,
        /// The most that is read.
        limit: u64,
    },
    /// It ended badly and did not say why.
    #[error("{path} ended with {status} and gave no error of its own (what it wrote to standard error is in the log)")]
    Failed {
        /// The program.
        path: PathBuf,
        /// The exit code or signal.
        status: String,
    },
    /// It says something else than an answer.
    #[error("the answer of {path} on its standard output is not usable: {what}")]
    BadAnswer {
        /// The program.
        path: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
    /// It says why there are none.
    #[error("{path} says: {message}")]
    Refused {
        /// The program.
        path: PathBuf,
        /// Its words.
        message: String,
    },
}
