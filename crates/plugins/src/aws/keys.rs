//! Access keys: what they look like, and where the machine's own come from.
//!
//! AWS, "Environment variables to configure the SDKs", "IMDS credential provider" (version 2, with a session token), "Container credential
//! provider".

use std::fmt;

use credspec::SecretUri;
use secrecy::{ExposeSecret, SecretString};
use ureq::http::HeaderValue;

use super::{AwsError, answers};
use crate::http::{self, Failure, Header, Reply, secret_header};
use crate::retry::{Budget, Policy};

/// What passes by itself; off AWS nobody answers, and nobody should wait long to hear so.
const POLICY: Policy = Policy { statuses: |status| matches!(status, 429 | 500..=599), unanswered: 2 };
/// More than any token of an agent.
const LONGEST_TOKEN: u16 = 16 << 10;
/// Seconds that a session with the metadata service lasts.
const SESSION: &str = "60";
/// Where agents of Amazon ECS and EKS answer on a machine.
const AGENTS: [&str; 5] = ["169.254.170.2", "169.254.170.23", "localhost", "127.0.0.1", "::1"];

/// An access key. It is wiped when it is dropped, and does not print.
#[derive(Clone)]
pub struct Keys {
    pub(super) id: String,
    pub(super) secret: SecretString,
    pub(super) session: Option<SecretString>,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keys({})", self.id)
    }
}

impl Keys {
    /// An access key's identifier, its secret and the session that it belongs to, if it is for a session. `None` when they cannot be one.
    #[must_use]
    pub fn new(id: &str, secret: SecretString, session: Option<SecretString>) -> Option<Self> {
        let printable =
            |text: &str, most: usize| (1..=most).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        let is_id = (1..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        let session = session.filter(|text| !text.expose_secret().is_empty());
        let token = session.as_ref().is_none_or(|text| printable(text.expose_secret(), 8 << 10));
        (is_id && printable(secret.expose_secret(), 256) && token).then(|| Self { id: id.to_owned(), secret, session })
    }

    /// The identifier, which is no secret.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }
}

/// Where the access keys come from.
#[derive(Clone, Debug)]
pub enum KeySource {
    /// The guard's environment: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`.
    Environment,
    /// The role of the EC2 instance, from its metadata service.
    Instance,
    /// The role of the guard's own container or pod, from the agent that `AWS_CONTAINER_CREDENTIALS_…_URI` names.
    Container,
    /// These: whoever asks brought them.
    Given(Keys),
}

impl KeySource {
    /// For people.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Environment => "the guard's environment",
            Self::Instance => "the instance's role, from its metadata service",
            Self::Container => "the role of the guard's container",
            Self::Given(_) => "whoever asked",
        }
    }

    /// The keys of now. `metadata` is where the instance's metadata service is.
    pub(super) fn keys(&self, metadata: &str, budget: &mut Budget<'_>, seconds: u64) -> Result<Keys, AwsError> {
        let asking = |service: &str| Asking { service: service.to_owned(), seconds };
        match self {
            Self::Given(keys) => Ok(keys.clone()),
            Self::Environment => environment(),
            Self::Instance => asking(metadata).instance(budget),
            Self::Container => {
                let (service, path) = agent_address(&|name| std::env::var(name).ok())?;
                asking(&service).container(&path, budget)
            }
        }
    }
}

fn environment() -> Result<Keys, AwsError> {
    let var = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let from = KeySource::Environment.name();
    let (Some(id), Some(secret)) = (var("AWS_ACCESS_KEY_ID"), var("AWS_SECRET_ACCESS_KEY")) else {
        return Err(AwsError::NoKeys {
            from,
            what: "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not both set".into(),
        });
    };
    let keys = Keys::new(&id, secret.into(), var("AWS_SESSION_TOKEN").map(SecretString::from));
    keys.ok_or_else(|| AwsError::NoKeys { from, what: "they hold characters that no access key has".into() })
}

/// `http://host` and the path there, as ECS and EKS say them: only to an agent on this very machine.
fn agent_address(var: &dyn Fn(&str) -> Option<String>) -> Result<(String, String), AwsError> {
    let wrong = |what: &str| AwsError::NoKeys { from: KeySource::Container.name(), what: what.to_owned() };
    let plain = |path: &str| {
        let good = |b: u8| b.is_ascii_alphanumeric() || b"/-._~%".contains(&b);
        path.starts_with('/') && path.len() <= 512 && path.bytes().all(good)
    };
    if let Some(path) = var("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") {
        return match plain(&path) {
            true => Ok(("http://169.254.170.2".to_owned(), path)),
            false => Err(wrong("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI is not a path")),
        };
    }
    let Some(url) = var("AWS_CONTAINER_CREDENTIALS_FULL_URI") else {
        return Err(wrong(
            "neither AWS_CONTAINER_CREDENTIALS_RELATIVE_URI nor AWS_CONTAINER_CREDENTIALS_FULL_URI is set",
        ));
    };
    let not_local =
        || wrong("AWS_CONTAINER_CREDENTIALS_FULL_URI is not `http://<agent>/<path>` of an agent on this machine");
    let rest = url.strip_prefix("http://").ok_or_else(not_local)?;
    let at = rest.find('/').ok_or_else(not_local)?;
    let (authority, path) = rest.split_at(at);
    // The rules for hosts are those of a credential spec.
    let address: SecretUri = format!("https://{authority}/secrets/x").parse().map_err(|_| not_local())?;
    match AGENTS.contains(&address.host()) && plain(path) {
        true => Ok((format!("http://{authority}"), path.to_owned())),
        false => Err(not_local()),
    }
}

struct Asking {
    service: String,
    seconds: u64,
}

impl Asking {
    /// A session first, which a request that was forged or forwarded could not begin.
    fn instance(&self, budget: &mut Budget<'_>) -> Result<Keys, AwsError> {
        let from = KeySource::Instance.name();
        let agent = http::plain();
        let url = format!("{}/latest/api/token", self.service);
        let ttl = ("x-aws-ec2-metadata-token-ttl-seconds", HeaderValue::from_static(SESSION));
        let reply = self.ask(budget, |timeout| http::put(&agent, &url, std::slice::from_ref(&ttl), timeout))?;
        let session = std::str::from_utf8(&reply.body).ok().filter(|text| (1..=1_024).contains(&text.trim().len()));
        let session = session.and_then(|text| secret_header(text.trim()));
        let session = session.filter(|_| reply.status == 200);
        let session = session.ok_or_else(|| self.unusable(&reply, "it began no session (version 2 is needed)"))?;
        let header = ("x-aws-ec2-metadata-token", session);

        let roles = format!("{}/latest/meta-data/iam/security-credentials/", self.service);
        let reply = self.get(budget, &roles, &header)?;
        if reply.status == 404 {
            return Err(AwsError::NoKeys {
                from,
                what: "the instance has no role: attach an instance profile to it".into(),
            });
        }
        let role = std::str::from_utf8(&reply.body).ok().and_then(|text| text.lines().next()).map(str::trim);
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"_+=,.@-".contains(&b);
        let role = role.filter(|role| (1..=64).contains(&role.len()) && role.bytes().all(plain) && reply.status == 200);
        let role = role.ok_or_else(|| self.unusable(&reply, "it names no role"))?;
        let reply = self.get(budget, &format!("{roles}{role}"), &header)?;
        self.read(&reply)
    }

    fn container(&self, path: &str, budget: &mut Budget<'_>) -> Result<Keys, AwsError> {
        let url = format!("{}{path}", self.service);
        let reply = match agent_token()? {
            Some(token) => self.get(budget, &url, &("authorization", token))?,
            None => {
                let agent = http::plain();
                self.ask(budget, |timeout| http::get(&agent, &url, &[], timeout))?
            }
        };
        self.read(&reply)
    }

    fn get(&self, budget: &mut Budget<'_>, url: &str, header: &Header) -> Result<Reply, AwsError> {
        let agent = http::plain();
        self.ask(budget, |timeout| http::get(&agent, url, std::slice::from_ref(header), timeout))
    }

    fn ask(
        &self,
        budget: &mut Budget<'_>,
        once: impl FnMut(std::time::Duration) -> Result<Reply, Failure>,
    ) -> Result<Reply, AwsError> {
        let service = self.service.clone();
        budget.ask(&POLICY, once).outcome.map_err(|failure| match failure {
            Failure::Timeout => AwsError::Timeout { who: service, seconds: self.seconds },
            Failure::Unreachable(what) | Failure::Untrusted(what) | Failure::Tls(what) => {
                AwsError::NoMetadataService { service, what }
            }
            Failure::Unusable(what) => AwsError::BadKeys { service, what },
        })
    }

    fn read(&self, reply: &Reply) -> Result<Keys, AwsError> {
        if reply.status != 200 {
            return Err(self.unusable(reply, "it gave no access key"));
        }
        answers::keys(&reply.body).map_err(|what| self.unusable(reply, what))
    }

    fn unusable(&self, reply: &Reply, what: &str) -> AwsError {
        AwsError::BadKeys { service: self.service.clone(), what: format!("{what} (status {})", reply.status) }
    }
}

/// What the agent wants to see. It changes while the guard runs, so it is read each time.
fn agent_token() -> Result<Option<HeaderValue>, AwsError> {
    let wrong = |what: String| AwsError::NoKeys { from: KeySource::Container.name(), what };
    let text = match std::env::var_os("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") {
        Some(path) => {
            // What is longer than this is no token; within it, nothing moves.
            let mut text = zeroize::Zeroizing::new(String::with_capacity(usize::from(LONGEST_TOKEN) + 1));
            let file = std::fs::File::open(&path);
            let read = file.and_then(|file| {
                std::io::Read::read_to_string(&mut std::io::Read::take(file, LONGEST_TOKEN.into()), &mut text)
            });
            read.map_err(|error| wrong(format!("the file in AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: {error}")))?;
            text
        }
        None => match std::env::var("AWS_CONTAINER_AUTHORIZATION_TOKEN") {
            Ok(text) => zeroize::Zeroizing::new(text),
            Err(_) => return Ok(None),
        },
    };
    let header = secret_header(text.trim()).ok_or_else(|| wrong("the agent's token fits into no header".to_owned()))?;
    Ok(Some(header))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_what_fits_into_a_request_and_do_not_print() {
        let keys = |id: &str, secret: &str, session: &str| Keys::new(id, secret.into(), Some(session.into()));
        let good = keys("AKIDEXAMPLE", "hunter2/+", "t0ken==").unwrap();
        assert_eq!(format!("{good:?}"), "Keys(AKIDEXAMPLE)");
        assert!(keys("AKIDEXAMPLE", "hunter2", "").unwrap().session.is_none());
        for (id, secret, session) in [
            ("", "x", ""),
            ("AKID/EXAMPLE", "x", ""),
            ("AKID\r\nx: y", "x", ""),
            ("AKID", "", ""),
            ("AKID", "a b", ""),
            ("AKID", "x", "a\r\nb"),
            ("AKID", "x", "ä"),
        ] {
            assert!(keys(id, secret, session).is_none(), "{id:?} {secret:?} {session:?}");
        }
    }

    #[test]
    fn only_an_agent_on_the_machine_is_asked_for_keys() {
        let ask = |relative: Option<&str>, full: Option<&str>| {
            let var = |name: &str| match name {
                "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI" => relative.map(str::to_owned),
                _ => full.map(str::to_owned),
            };
            agent_address(&var).ok()
        };
        let at = |service: &str, path: &str| Some((service.to_owned(), path.to_owned()));
        assert_eq!(ask(Some("/v2/credentials/0-1"), None), at("http://169.254.170.2", "/v2/credentials/0-1"));
        let eks = "http://169.254.170.23/v1/credentials";
        assert_eq!(ask(None, Some(eks)), at("http://169.254.170.23", "/v1/credentials"));
        assert_eq!(ask(None, Some("http://localhost:9/x")), at("http://localhost:9", "/x"));
        for url in
            ["http://evil.example/x", "https://localhost/x", "http://169.254.170.2@evil/x", "http://localhost", "x"]
        {
            assert_eq!(ask(None, Some(url)), None, "{url}");
        }
        for path in ["", "x", "@evil.example/x", "/a?b", "/a\r\nb"] {
            assert_eq!(ask(Some(path), None), None, "{path:?}");
        }
        assert_eq!(ask(None, None), None);
    }
}
