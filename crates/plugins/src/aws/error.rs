use credspec::BadInput;

/// Why AWS gave no credentials, or no credential spec. None of these texts holds a key or a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AwsError {
    /// The credential spec, or whoever asked, names nothing that can be fetched.
    #[error("{0} (correct the credential spec)")]
    Input(BadInput),
    /// There is nothing to ask with.
    #[error("there is no access key to ask AWS with, from {from}: {what}")]
    NoKeys {
        /// Where they should be.
        from: &'static str,
        /// Why not.
        what: String,
    },
    /// Nobody answers for the machine's role.
    #[error(
        "nobody at {service} answers for this machine's role: {what} (is this a machine of AWS, and may this process reach that address?)"
    )]
    NoMetadataService {
        /// Where it was asked.
        service: String,
        /// What the system said.
        what: String,
    },
    /// The answer holds no access key.
    #[error("the answer of {service} holds no access key: {what}")]
    BadKeys {
        /// Who was asked.
        service: String,
        /// What is wrong with it.
        what: String,
    },
    /// Whom to trust for the endpoint's certificate is not known.
    #[error("the certificate of {endpoint} could not be checked: {source}")]
    Roots {
        /// The endpoint.
        endpoint: String,
        /// Why.
        source: pki::Error,
    },
    /// Nobody answers.
    #[error(
        "{endpoint} does not answer: {what} (check this machine's DNS and its way to AWS, or declare the endpoint in your network)"
    )]
    Unreachable {
        /// The endpoint.
        endpoint: String,
        /// What the system said.
        what: String,
    },
    /// Whoever answers is not AWS.
    #[error("what answers for {endpoint} is not that endpoint: {what} (nothing was asked)")]
    NotTheEndpoint {
        /// The endpoint.
        endpoint: String,
        /// What TLS said.
        what: String,
    },
    /// Nobody answers in time.
    #[error("{who} did not answer within the {seconds} s of a call")]
    Timeout {
        /// Who.
        who: String,
        /// How long the whole call had.
        seconds: u64,
    },
    /// AWS does not let the keys' owner read it.
    #[error("AWS does not let access key {key} read {what} (status {status} {code}): {advice}")]
    Denied {
        /// The identifier of the access key.
        key: String,
        /// What was asked for.
        what: String,
        /// The status.
        status: u16,
        /// AWS's word for it.
        code: String,
        /// What to do.
        advice: &'static str,
    },
    /// There is none.
    #[error("AWS has no {what} ({code}): create it, or correct its name")]
    Missing {
        /// What was asked for.
        what: String,
        /// AWS's word for it.
        code: String,
    },
    /// AWS refuses, or is too busy.
    #[error("{endpoint} gave no answer that is of use, in {tries} tries: status {status} {code}{advice}")]
    Refused {
        /// The endpoint.
        endpoint: String,
        /// The status of the last answer.
        status: u16,
        /// AWS's word for it.
        code: String,
        /// How often it was asked.
        tries: usize,
        /// What to do.
        advice: &'static str,
    },
    /// The answer is not what was asked for.
    #[error("the answer of {endpoint} is not usable: {what}")]
    BadAnswer {
        /// The endpoint.
        endpoint: String,
        /// What is wrong with it.
        what: String,
    },
    /// The secret is no account.
    #[error("the secret {secret} is not usable: {what}")]
    BadSecret {
        /// The secret.
        secret: String,
        /// What is wrong with it.
        what: &'static str,
    },
}
