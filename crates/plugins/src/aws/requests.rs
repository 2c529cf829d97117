//! One question to a service of AWS: signed anew for each try, because a signature is of a moment.

use secrecy::ExposeSecret;
use ureq::http::HeaderValue;
use zeroize::Zeroizing;

use super::endpoints::{self, AwsService};
use super::keys::Keys;
use super::signature::{Scope, Signable, authorization, sha256};
use super::{Aws, AwsError, answers};
use crate::http::{self, Failure, Header, Reply, secret_header};
use crate::retry::{Budget, Policy};
use credspec::aws::{Region, SecretArn, SpecArn};

/// What passes by itself; a name may not resolve yet while a machine starts.
const POLICY: Policy = Policy { statuses: |status| matches!(status, 408 | 429 | 500..=599), unanswered: 5 };

/// What is asked, of whom.
pub(super) struct Question<'a> {
    service: AwsService,
    region: &'a Region,
    /// What is asked for, for messages.
    what: &'a str,
    /// Encoded.
    path: String,
    /// Of the JSON protocol; without one it is a `GET`.
    call: Option<(&'static str, String)>,
}

impl<'a> Question<'a> {
    pub(super) fn secret(arn: &'a SecretArn) -> Self {
        let body = serde_json::json!({ "SecretId": arn.as_str() }).to_string();
        let call = Some(("secretsmanager.GetSecretValue", body));
        Self { service: AwsService::SecretsManager, region: arn.region(), what: arn.as_str(), path: "/".into(), call }
    }

    pub(super) fn parameter(arn: &'a SpecArn, region: &'a Region) -> Self {
        let body = serde_json::json!({ "Name": arn.as_str(), "WithDecryption": true }).to_string();
        let call = Some(("AmazonSSM.GetParameter", body));
        Self { service: AwsService::Ssm, region, what: arn.as_str(), path: "/".into(), call }
    }

    /// With the bucket in the path: a bucket in the host's name would need a certificate for whatever the name is.
    pub(super) fn object(arn: &'a SpecArn, bucket: &str, key: &str, region: &'a Region) -> Self {
        let path = format!("/{bucket}/{}", encode(key));
        Self { service: AwsService::S3, region, what: arn.as_str(), path, call: None }
    }
}

/// Every byte but those that stand for themselves, and the slashes between the parts.
fn encode(key: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~/".contains(&b);
    key.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

/// What AWS said, who said it, and whose key it was asked with.
pub(super) struct Asked {
    pub(super) body: Zeroizing<Vec<u8>>,
    pub(super) endpoint: String,
    pub(super) key: String,
}

impl Aws {
    pub(super) fn ask(&self, question: &Question<'_>, budget: &mut Budget<'_>) -> Result<Asked, AwsError> {
        let seconds = self.patience.seconds();
        let found = endpoints::find(&self.endpoints, question.service, question.region);
        let endpoint = found.host.to_string();
        let agent = http::https_trusting(found.roots);
        let agent = agent.map_err(|source| AwsError::Roots { endpoint: endpoint.clone(), source })?;
        let keys = self.source.keys(&self.metadata, budget, seconds)?;
        let url = format!("https://{endpoint}{}", question.path);
        let asked = budget.ask(&POLICY, |timeout| {
            let headers = self
                .headers(question, &endpoint, &keys)
                .ok_or_else(|| Failure::Unusable("the access key fits into no header".to_owned()))?;
            let reply = match &question.call {
                Some((_, body)) => http::post(&agent, &url, &headers, body.as_bytes(), timeout),
                None => http::get(&agent, &url, &headers, timeout),
            };
            reply.map(throttled)
        });
        let reply = asked.outcome.map_err(|failure| {
            let endpoint = endpoint.clone();
            match failure {
                Failure::Untrusted(what) | Failure::Tls(what) => AwsError::NotTheEndpoint { endpoint, what },
                Failure::Unreachable(what) => AwsError::Unreachable { endpoint, what },
                Failure::Timeout => AwsError::Timeout { who: endpoint, seconds },
                Failure::Unusable(what) => AwsError::BadAnswer { endpoint, what },
            }
        })?;
        match reply.status {
            200 => Ok(Asked { body: reply.body, endpoint, key: keys.id }),
            status => Err(refused(question, endpoint, status, answers::code(&reply.body), asked.tries, keys.id)),
        }
    }

    /// All headers, each of them signed.
    fn headers(&self, question: &Question<'_>, host: &str, keys: &Keys) -> Option<Vec<Header>> {
        let scope = Scope { region: question.region.as_str(), service: question.service.name(), now: self.clock.now() };
        let (time, body) = (scope.time(), question.call.as_ref().map_or("", |(_, body)| body));
        let hash = sha256(body.as_bytes());
        let mut signed = vec![("host", host), ("x-amz-content-sha256", &hash), ("x-amz-date", &time)];
        if let Some((target, _)) = &question.call {
            signed.insert(0, ("content-type", "application/x-amz-json-1.1"));
            signed.push(("x-amz-target", target));
        }
        if let Some(session) = &keys.session {
            signed.push(("x-amz-security-token", session.expose_secret()));
        }
        signed.sort_unstable();
        let method = if question.call.is_some() { "POST" } else { "GET" };
        let signable = Signable { method, path: &question.path, headers: &signed, body: body.as_bytes() };
        let authorization = authorization(&signable, &scope, keys);
        let header = |(name, value): (&'static str, &str)| match name {
            "x-amz-security-token" => Some((name, secret_header(value)?)),
            _ => Some((name, HeaderValue::from_str(value).ok()?)),
        };
        let mut headers = signed.into_iter().map(header).collect::<Option<Vec<_>>>()?;
        headers.push(("authorization", secret_header(&authorization)?));
        Some(headers)
    }
}

/// The JSON protocol says 400 where HTTP has a status of its own.
fn throttled(reply: Reply) -> Reply {
    let code = if reply.status == 400 { answers::code(&reply.body) } else { String::new() };
    match code.as_str() {
        "ThrottlingException" | "Throttling" | "TooManyRequestsException" | "RequestLimitExceeded" => {
            Reply { status: 429, ..reply }
        }
        _ => reply,
    }
}

fn refused(
    question: &Question<'_>,
    endpoint: String,
    status: u16,
    code: String,
    tries: usize,
    key: String,
) -> AwsError {
    let what = question.what.to_owned();
    let denied = match code.as_str() {
        "AccessDeniedException" | "AccessDenied" => match question.service {
            AwsService::SecretsManager => {
                "let its owner do secretsmanager:GetSecretValue on that secret, and kms:Decrypt with the secret's key"
            }
            AwsService::Ssm => "let its owner do ssm:GetParameter on that parameter",
            AwsService::S3 => "let its owner do s3:GetObject on that object",
        },
        "DecryptionFailure" | "InvalidKeyId" | "KMSAccessDeniedException" => {
            "let its owner do kms:Decrypt with the key that it is encrypted with"
        }
        "UnrecognizedClientException" | "InvalidClientTokenId" | "InvalidAccessKeyId" | "InvalidToken" => {
            "AWS does not know the key, or its session: renew it"
        }
        "InvalidSignatureException" | "SignatureDoesNotMatch" | "IncompleteSignatureException" => {
            "the key's secret is another, or this machine's clock is wrong"
        }
        "ExpiredTokenException" | "ExpiredToken" | "RequestExpired" | "RequestTimeTooSkewed" => {
            "the key has expired, or this machine's clock is wrong"
        }
        _ if matches!(status, 401 | 403) => "AWS did not say why",
        _ => "",
    };
    if !denied.is_empty() {
        return AwsError::Denied { key, what, status, code, advice: denied };
    }
    match code.as_str() {
        "ResourceNotFoundException"
        | "ParameterNotFound"
        | "ParameterVersionNotFound"
        | "NoSuchKey"
        | "NoSuchBucket" => AwsError::Missing { what, code },
        _ => {
            let advice = match status {
                301 => " (the bucket is in another region: name its own)",
                300..=399 => " (it redirects, and a signature is not taken along)",
                404 => " (does something else listen there?)",
                429 => " (it is asked too often)",
                500..=599 => " (try again)",
                _ => "",
            };
            AwsError::Refused { endpoint, status, code, tries, advice }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_cannot_add_to_the_question() {
        assert_eq!(encode("team a/webapp01.json?x=1&ä"), "team%20a/webapp01.json%3Fx%3D1%26%C3%A4");
    }
}
