//! An access token of one of the machine's managed identities, from the instance metadata service.
//!
//! Microsoft, "How to use managed identities for Azure resources on an Azure VM to acquire an access token".

use credspec::AkvInput;
use secrecy::SecretString;
use ureq::http::HeaderValue;

use super::AkvError;
use super::answers::{Fault, code, token};
use crate::http::{self, Failure};
use crate::retry::{Budget, Policy};

/// What passes by itself. Off Azure nobody answers at all, and nobody should wait long to hear so.
const POLICY: Policy = Policy { statuses: |status| matches!(status, 404 | 410 | 429 | 500..=599), unanswered: 2 };

/// The plugin's question to the metadata service at `service` (`http://169.254.169.254`).
pub(super) fn fetch(
    service: &str,
    input: &AkvInput,
    audience: &str,
    budget: &mut Budget<'_>,
    seconds: u64,
) -> Result<SecretString, AkvError> {
    let url = format!(
        "{service}/metadata/identity/oauth2/token?api-version=2018-02-01&resource={}&object_id={}",
        escape(audience),
        input.object_id
    );
    let agent = http::plain();
    // The header that a forwarded or forged request does not have.
    let once = |timeout| http::get(&agent, &url, &[("metadata", HeaderValue::from_static("true"))], timeout);
    let asked = budget.ask(&POLICY, once);
    let service = service.to_owned();
    let unanswered = |failure| match failure {
        Failure::Unreachable(what) => AkvError::NoMetadataService { service: service.clone(), what },
        Failure::Timeout => AkvError::MetadataTimeout { service: service.clone(), seconds },
        Failure::Untrusted(what) | Failure::Tls(what) | Failure::Unusable(what) => {
            AkvError::BadToken { service: service.clone(), what }
        }
    };
    let reply = asked.outcome.map_err(unanswered)?;
    let (status, code, tries) = (reply.status, code(&reply.body), asked.tries);
    let refused =
        |advice| AkvError::NoToken { audience: audience.to_owned(), status, code: code.clone(), tries, advice };
    match status {
        200 => token(&reply.body).map_err(|fault| match fault {
            Fault::Absent(what) => AkvError::NoAccessToken { service, what },
            Fault::Unusable(what) => AkvError::BadToken { service, what: what.to_owned() },
        }),
        400 if code == "invalid_resource" => Err(refused(" (the cloud does not know that audience)")),
        400 => Err(AkvError::NoIdentity { object_id: input.object_id, status, code }),
        404 => Err(refused(" (the metadata service is being updated, or this is not a machine of Azure)")),
        410 => Err(refused(" (the metadata service is being updated: it is back within 70 seconds)")),
        429 => Err(refused(" (this machine asks it too often)")),
        500..=599 => Err(refused(" (try again)")),
        _ => Err(refused("")),
    }
}

/// RFC 3986 2.1, for a value in a query.
fn escape(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_audience_cannot_add_to_the_question() {
        assert_eq!(escape("https://vault.azure.net"), "https%3A%2F%2Fvault.azure.net");
        assert_eq!(escape("a&object_id=x#\r\n"), "a%26object_id%3Dx%23%0D%0A");
    }
}
