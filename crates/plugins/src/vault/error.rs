use std::path::PathBuf;

use crate::http::Failure;

/// Why HashiCorp Vault or OpenBao gave no credentials. None of these texts holds a token or a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VaultError {
    /// The credential spec leads to an engine that the operator did not name.
    #[error(
        "the engine {mount} is not one that this guard reads ({known}): correct PluginInput in the credential spec, or have the operator add it to `mounts`"
    )]
    UnknownMount {
        /// What the input names.
        mount: String,
        /// What may be read.
        known: String,
    },
    /// The plugin has nothing to show.
    #[error("{path}, by which this guard proves itself to the Vault, is not usable: {what}")]
    Credential {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// Whom to trust for the server's certificate is not known.
    #[error("the certificate of {server} could not be checked: {source}")]
    Roots {
        /// The server.
        server: String,
        /// Why.
        source: pki::Error,
    },
    /// Nobody answers.
    #[error("the Vault {server} does not answer: {what} (is it running, and may this process reach it?)")]
    Unreachable {
        /// The server.
        server: String,
        /// What the system said.
        what: String,
    },
    /// Whoever answers is not the server.
    #[error(
        "what answers for {server} is not that Vault: {what} (nothing was sent to it; `ca` in the guard's plugins file must name its authority)"
    )]
    NotTheVault {
        /// The server.
        server: String,
        /// What TLS said.
        what: String,
    },
    /// Nobody answers in time.
    #[error("the Vault {server} did not answer within the {seconds} s of a call")]
    Timeout {
        /// The server.
        server: String,
        /// How long the whole call had.
        seconds: u64,
    },
    /// The login.
    #[error(
        "the Vault {server} does not log {whose} in (auth method {mount}, status {status} {phrase}): check the role, its bound accounts and audiences, and what this guard proves itself with"
    )]
    LoginRefused {
        /// The server.
        server: String,
        /// Who.
        whose: String,
        /// Where the auth method is mounted.
        mount: String,
        /// The status.
        status: u16,
        /// The server's words, if they are known ones.
        phrase: &'static str,
    },
    /// The policy.
    #[error(
        "the Vault {server} does not let this guard read the secret {secret} (status {status} {phrase}): a policy must have {policy}"
    )]
    Denied {
        /// The server.
        server: String,
        /// The secret.
        secret: String,
        /// The status.
        status: u16,
        /// The server's words, if they are known ones.
        phrase: &'static str,
        /// What a policy would need.
        policy: String,
    },
    /// There is no such secret.
    #[error(
        "the Vault {server} has no secret {secret}, {}",
        if *is_deleted { "because that version of it was deleted: undelete it, or write it again" } else { "or its engine is not mounted, or is not a key-value engine of version 2: write it, or correct PluginInput" }
    )]
    NoSecret {
        /// The server.
        server: String,
        /// The secret.
        secret: String,
        /// Whether it was there.
        is_deleted: bool,
    },
    /// The server refuses, or is too busy.
    #[error("the Vault {server} gave no answer that is of use, in {tries} tries: status {status} {phrase}{advice}")]
    Refused {
        /// The server.
        server: String,
        /// The status of the last answer.
        status: u16,
        /// The server's words, if they are known ones.
        phrase: &'static str,
        /// How often it was asked.
        tries: usize,
        /// What to do.
        advice: &'static str,
    },
    /// Its answer is something else.
    #[error("the answer of the Vault {server} is not usable: {what}")]
    BadAnswer {
        /// The server.
        server: String,
        /// What is wrong with it.
        what: String,
    },
    /// The secret is not an account.
    #[error("the secret {secret} of the Vault {server} is not usable: {what}")]
    BadSecret {
        /// The server.
        server: String,
        /// The secret.
        secret: String,
        /// What is wrong with it.
        what: &'static str,
    },
}

impl VaultError {
    pub(super) fn unanswered(failure: Failure, server: &str, seconds: u64) -> Self {
        let server = server.to_owned();
        match failure {
            Failure::Untrusted(what) | Failure::Tls(what) => Self::NotTheVault { server, what },
            Failure::Unreachable(what) => Self::Unreachable { server, what },
            Failure::Timeout => Self::Timeout { server, seconds },
            Failure::Unusable(what) => Self::BadAnswer { server, what },
        }
    }

    pub(super) fn refused(server: String, status: u16, phrase: &'static str, tries: usize) -> Self {
        let advice = match status {
            300..=399 => " (it redirects, and a token is not taken along: name the active server)",
            429 => " (it is asked too often)",
            503 => " (it is sealed or in maintenance: unseal it)",
            412 | 472 | 473 | 500..=599 => " (try again)",
            _ => "",
        };
        Self::Refused { server, status, phrase, tries, advice }
    }
}
