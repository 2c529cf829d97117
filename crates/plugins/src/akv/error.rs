use dtyp::Guid;

use super::secret_text::BadSecret;

/// Why Azure Key Vault gave no credentials. None of these texts holds a token or a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AkvError {
    /// The credential spec leads to a host that is no Key Vault.
    #[error(
        "the secret is at {host}, which is not a Key Vault that this guard knows ({known}): no access token is sent there (correct SecretUri in the credential spec, or have the operator declare that vault)"
    )]
    UnknownVault {
        /// Where the input leads.
        host: String,
        /// The hosts that tokens may be sent to.
        known: String,
    },
    /// The operator does not let credential specs use that vault.
    #[error(
        "the secret is at {host}, which is not one of the vaults that this machine's operator lets credential specs use: nobody was asked (correct SecretUri in the credential spec, or have the operator add the vault)"
    )]
    VaultNotAllowed {
        /// Where the input leads.
        host: String,
    },
    /// The operator does not let credential specs use that identity.
    #[error(
        "the managed identity {object_id} is not one of those that this machine's operator lets credential specs use: nobody was asked (correct ObjectId in the credential spec, or have the operator add the identity)"
    )]
    IdentityNotAllowed {
        /// Whom the spec names.
        object_id: Guid,
    },
    /// Nobody answers for the machine's identity.
    #[error(
        "the instance metadata service at {service} does not answer: {what} (is this a machine of Azure, and may this process reach that address?)"
    )]
    NoMetadataService {
        /// Where it was asked.
        service: String,
        /// What the system said.
        what: String,
    },
    /// It does not answer in time.
    #[error("the instance metadata service at {service} did not answer within the {seconds} s of a call")]
    MetadataTimeout {
        /// Where it was asked.
        service: String,
        /// How long the whole call had.
        seconds: u64,
    },
    /// The machine has no such identity.
    #[error(
        "this machine has no managed identity {object_id} (the metadata service answered {status} {code}): assign the identity to the machine or its scale set, or correct ObjectId, which is the identity's object (principal) id and not its client id"
    )]
    NoIdentity {
        /// Whom the spec names.
        object_id: Guid,
        /// The status.
        status: u16,
        /// The service's word for it.
        code: String,
    },
    /// The metadata service refuses, or is too busy.
    #[error(
        "the metadata service gave no access token for the audience {audience}, in {tries} tries: status {status} {code}{advice}"
    )]
    NoToken {
        /// Whom the token was for.
        audience: String,
        /// The status of the last answer.
        status: u16,
        /// The service's word for it.
        code: String,
        /// How often it was asked.
        tries: usize,
        /// What to do.
        advice: &'static str,
    },
    /// The metadata service's answer holds no token, or two.
    #[error("the answer of the metadata service at {service} is not usable: {what}")]
    NoAccessToken {
        /// Where it was asked.
        service: String,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The metadata service's answer is something else, or the token is not usable.
    #[error(
        "the answer of the metadata service at {service} is not usable: {what} (does something else listen there?)"
    )]
    BadToken {
        /// Where it was asked.
        service: String,
        /// What is wrong with it.
        what: String,
    },
    /// Whom to trust for the vault's certificate is not known.
    #[error("the certificate of {vault} could not be checked: {source}")]
    Roots {
        /// The vault.
        vault: String,
        /// Why.
        source: pki::Error,
    },
    /// Nobody answers for the vault.
    #[error(
        "the vault {vault} does not answer: {what} (check its name in SecretUri, this machine's DNS, and the vault's firewall or private endpoint)"
    )]
    Unreachable {
        /// The vault.
        vault: String,
        /// What the system said.
        what: String,
    },
    /// Whoever answers is not the vault.
    #[error("what answers for {vault} is not that vault: {what} (no access token was sent)")]
    NotTheVault {
        /// The vault.
        vault: String,
        /// What TLS said.
        what: String,
    },
    /// The vault does not answer in time.
    #[error("the vault {vault} did not answer within the {seconds} s of a call")]
    Timeout {
        /// The vault.
        vault: String,
        /// How long the whole call had.
        seconds: u64,
    },
    /// The vault does not let the identity read the secret.
    #[error(
        "the vault {vault} does not let the managed identity {object_id} read the secret {secret} (status {status} {code}): {advice}"
    )]
    Denied {
        /// The vault.
        vault: String,
        /// The secret.
        secret: String,
        /// Who asked.
        object_id: Guid,
        /// The status.
        status: u16,
        /// The vault's word for it.
        code: String,
        /// What to do.
        advice: &'static str,
    },
    /// There is no such secret.
    #[error("the vault {vault} has no secret {secret}, or not that version of it: create it, or correct SecretUri")]
    NoSecret {
        /// The vault.
        vault: String,
        /// The secret.
        secret: String,
    },
    /// The vault refuses, or is too busy.
    #[error("the vault {vault} gave no answer that is of use, in {tries} tries: status {status} {code}{advice}")]
    Refused {
        /// The vault.
        vault: String,
        /// The status of the last answer.
        status: u16,
        /// The vault's word for it.
        code: String,
        /// How often it was asked.
        tries: usize,
        /// What to do.
        advice: &'static str,
    },
    /// The vault's answer holds no value, or two.
    #[error("the answer of the vault {vault} is not usable: {what}")]
    NoValue {
        /// The vault.
        vault: String,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The vault's answer is not a secret, or not the one that was asked for.
    #[error("the answer of the vault {vault} is not usable: {what}")]
    BadAnswer {
        /// The vault.
        vault: String,
        /// What is wrong with it.
        what: String,
    },
    /// The secret is not an account.
    #[error("the secret {secret} of the vault {vault} is not usable: {what}")]
    BadSecret {
        /// The vault.
        vault: String,
        /// The secret.
        secret: String,
        /// What is wrong with it.
        what: BadSecret,
    },
}
