use std::fmt;

/// How bad a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It works, but not as well as it could, or not everywhere.
    Warning,
    /// It cannot work.
    Error,
}

/// One thing that is wrong with a credential spec: where, what, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Whether the spec can be used all the same.
    pub severity: Severity,
    /// The place, such as `ActiveDirectoryConfig.GroupManagedServiceAccounts[0].Name`; empty for the document itself.
    pub path: String,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub fix: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path.is_empty() { "the document" } else { &self.path };
        write!(f, "{path}: {} ({})", self.what, self.fix)
    }
}

/// Why a document is not a credential spec.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SpecError {
    /// Only the name of a file was given.
    #[error("{0:?} says where Docker has the file, and is not the file: give that one")]
    Elsewhere(String),
    /// A document of Kubernetes, but not this one.
    #[error("this is {0:?}, not a GMSACredentialSpec of windows.k8s.io/v1")]
    OtherResource(String),
    /// The resource is empty.
    #[error("the GMSACredentialSpec has no `credspec`")]
    NoCredspec,
    /// Kubernetes does not take the name.
    #[error(
        "{0:?} cannot be a resource's name: it takes lower-case letters, digits, `-` and `.`; choose one with --name"
    )]
    ResourceName(String),
    /// What its plugin is told is an object, which the resource cannot hold.
    #[error(
        "its PluginInput is an object, as Amazon ECS has it, and a GMSACredentialSpec holds a text there: name a plugin of Kubernetes with `--plugin`"
    )]
    ObjectInput,
    /// It could not be written as YAML.
    #[error("it cannot be written as YAML: {0}")]
    Yaml(String),
    /// Far larger than any real one.
    #[error("the credential spec has {size} bytes; more than {limit} are not read")]
    TooLarge {
        /// What came.
        size: usize,
        /// What is read.
        limit: usize,
    },
    /// PowerShell's redirection writes UTF-16.
    #[error("the credential spec is not UTF-8: {0} (save it as UTF-8; in PowerShell: Set-Content -Encoding utf8)")]
    Encoding(&'static str),
    /// Not JSON.
    #[error("the credential spec is not valid JSON at line {line}, column {column}: {what}")]
    Syntax {
        /// Counted from one.
        line: usize,
        /// Counted from one.
        column: usize,
        /// What the parser says.
        what: String,
    },
    /// JSON, but more of it than a credential spec has.
    #[error("the credential spec has more {what} than the {limit} that are read")]
    TooMuch {
        /// Of what there is too much.
        what: &'static str,
        /// How much is read.
        limit: usize,
    },
    /// JSON, but with problems that keep it from working.
    #[error("the credential spec cannot be used: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Invalid(Vec<Problem>),
    /// A spec was to be made for no account.
    #[error("a credential spec names at least one gMSA")]
    NoAccount,
}
