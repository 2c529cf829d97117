use std::net::SocketAddr;
use std::path::PathBuf;

/// Why the account provider does not run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A certificate, a key or a file of the node's folder.
    #[error("the account provider's certificates and files: {0}")]
    Files(#[from] pki::Error),
    /// The authority's key would lie where the plugin's files are.
    #[error("{state} holds the provider's own CA key and must not lie in {published}, which the plugin reads")]
    StateIsPublished {
        /// The folder of the authority.
        state: PathBuf,
        /// The folder for the plugin.
        published: PathBuf,
    },
    /// There is no folder with secrets.
    #[error("{path} is not a folder with secrets: {source}")]
    NoSecrets {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The port cannot be opened.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// A thread of the provider ended unexpectedly.
    #[error("the account provider stopped working: {0}")]
    Task(#[from] tokio::task::JoinError),
}
