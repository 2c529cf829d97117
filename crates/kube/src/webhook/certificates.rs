//! The webhook's certificate: its own, kept in a Secret that the replicas share, or somebody else's, in files.
//!
//! Its own hangs from an authority of its own, whose certificate is written into the webhook configurations, so that the API server trusts
//! it and nothing else trusts it. Both are renewed at half of their time. An authority is renewed in two steps: first it is written beside
//! the old one into what the API server trusts, then, when every replica has had the time to hear of it, certificates are issued from it. An
//! hour later the old one is forgotten. How old an authority is stands in its certificate, so replicas do not differ about it.
//!
//! What is valid, and for how long, goes by the API server's clock and not by this machine's: it is the API server that judges what it is
//! shown, and replicas whose clocks differ would each throw away what another has made.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use dtyp::{Clock, FileTime};
use http::Request;
use http::header::DATE;
use k8s_openapi::ByteString;
use k8s_openapi::api::admissionregistration::v1::{MutatingWebhookConfiguration, ValidatingWebhookConfiguration};
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::jiff::fmt::rfc2822;
use kube::api::{Api, ObjectMeta, Patch, PatchParams, PostParams};
use kube::client::Body;
use pki::{Authority, Certificate, Identity, Purpose, Roots, Rotating, Validity};
use serde_json::json;
use tokio::time::timeout;

use super::WebhookError;
use crate::api::{ApiError, Client};

/// Where the certificate is from.
#[derive(Clone, Debug)]
pub enum Certificates {
    /// Somebody else keeps these files, cert-manager for one. They are read again when they change.
    Files {
        /// The chain.
        certificate: PathBuf,
        /// The key.
        key: PathBuf,
    },
    /// The webhook keeps its own.
    Own(Own),
}

/// Where its own certificate is kept, and who must trust it.
#[derive(Clone, Debug)]
pub struct Own {
    /// The Secret's namespace.
    pub namespace: String,
    /// The Secret.
    pub secret: String,
    /// The names by which the API server calls the webhook: `SERVICE.NAMESPACE.svc`.
    pub names: Vec<String>,
    /// The name of both webhook configurations, mutating and validating.
    pub configuration: Option<String>,
}

/// How often it is looked whether something is to be done.
pub(super) const ROUND: Duration = Duration::from_secs(30);
const LEAF: Validity = Validity::DAYS_90;
const AUTHORITY: Validity = Validity(Duration::from_secs(365 * 86_400));
const PATIENCE: Duration = Duration::from_secs(10);
/// An authority issues when it is so old: by then every replica has had two rounds.
const SETTLED: Duration = Duration::from_secs(60);
/// The one before it is trusted until then: somebody may have taken the Secret away because it was known to others.
const KEPT: Duration = Duration::from_secs(3_600);

/// What the Secret holds.
struct Kept {
    authority: Authority,
    /// What is trusted: the authority, and the one before it.
    trusted: String,
    identity: Identity,
}

/// The certificate in use, and the way to the next one.
pub(super) struct Keeper {
    source: Certificates,
    client: Client,
    clock: Arc<dyn Clock>,
    shown: Option<(Rotating, Vec<u8>)>,
    /// What it says of itself.
    facts: Option<Certificate>,
}

impl Keeper {
    pub(super) fn new(source: Certificates, client: Client, clock: Arc<dyn Clock>) -> Self {
        Self { source, client, clock, shown: None, facts: None }
    }

    /// Does what is to be done now; what to show to the API server.
    pub(super) async fn round(&mut self) -> Result<Rotating, WebhookError> {
        let identity = match &self.source {
            Certificates::Files { certificate, key } => {
                let (certificate, key) = (certificate.clone(), key.clone());
                tokio::task::spawn_blocking(move || Identity::load(&certificate, &key)).await??
            }
            Certificates::Own(own) => {
                let clock = judges_clock(&self.client, self.clock.as_ref()).await?;
                let kept = own.keep(&self.client, &clock).await?;
                if let Some(name) = &own.configuration {
                    trust(&self.client, name, &kept.trusted).await?;
                }
                kept.identity
            }
        };
        self.facts = Some(identity.facts()?);
        self.show(&identity)
    }

    /// When what is shown ends.
    pub(super) fn not_after(&self) -> Option<FileTime> {
        self.facts.as_ref().map(|facts| facts.not_after)
    }

    /// Whether what somebody else keeps is valid. What is not is shown all the same: there is nothing better.
    pub(super) fn judge(&self) -> Result<(), WebhookError> {
        match (&self.source, &self.facts) {
            (Certificates::Files { .. }, Some(facts)) if !facts.is_valid_at(self.clock.now()) => {
                Err(WebhookError::NotValid { from: facts.not_before, until: facts.not_after })
            }
            _ => Ok(()),
        }
    }

    fn show(&mut self, identity: &Identity) -> Result<Rotating, WebhookError> {
        let text = identity.chain_pem().as_bytes().to_vec();
        match &mut self.shown {
            Some((rotating, shown)) => {
                if *shown != text {
                    rotating.replace(identity)?;
                    *shown = text;
                    tracing::info!("the webhook shows another certificate");
                }
                Ok(rotating.clone())
            }
            None => {
                let rotating = Rotating::new(identity)?;
                self.shown = Some((rotating.clone(), text));
                Ok(rotating)
            }
        }
    }
}

/// As far ahead of another clock as that.
struct Shifted<'a> {
    clock: &'a dyn Clock,
    ahead: Duration,
    behind: Duration,
}

impl Clock for Shifted<'_> {
    fn now(&self) -> FileTime {
        self.clock.now().saturating_add(self.ahead).saturating_sub(self.behind)
    }
}

/// The API server's clock, as any of its answers tells it (RFC 9110 6.6.1).
async fn judges_clock<'a>(client: &Client, own: &'a dyn Clock) -> Result<Shifted<'a>, WebhookError> {
    /// The header has whole seconds, and was on its way.
    const ROUGHLY: Duration = Duration::from_secs(60);
    let request = Request::get("/version").body(Body::empty()).map_err(kube::Error::HttpError);
    let asked = async { client.send(request?).await };
    let answer = in_time("asking the API server for the time", asked).await?;
    let date =
        answer.headers().get(DATE).and_then(|date| date.to_str().ok()).and_then(|date| rfc2822::parse(date).ok());
    let now = own.now();
    let theirs = date.map_or(now, |date| FileTime::from_unix(date.timestamp().as_second(), 0));
    let (ahead, behind) = (theirs.since(now), now.since(theirs));
    if ahead.max(behind) < ROUGHLY {
        return Ok(Shifted { clock: own, ahead: Duration::ZERO, behind: Duration::ZERO });
    }
    tracing::warn!(
        here = now.generalized(),
        api_server = theirs.generalized(),
        "this machine's clock differs from the API server's, by which certificates are made: set it by NTP"
    );
    Ok(Shifted { clock: own, ahead, behind })
}

impl Kept {
    /// An authority that is not valid yet was made by a clock that has been set back since; of two clocks that differ, the earlier one's stays.
    fn is_valid_at(&self, now: FileTime) -> bool {
        Certificate::read(self.authority.certificate()).is_ok_and(|one| one.is_valid_at(now))
    }

    /// How long there has been this authority.
    fn age(&self, now: FileTime) -> Duration {
        now.since(self.authority.not_after().saturating_sub(AUTHORITY.0))
    }
}

impl Own {
    /// Reads the Secret, and writes it anew when something in it is missing, not ours or at half of its time.
    async fn keep(&self, client: &Client, clock: &dyn Clock) -> Result<Kept, WebhookError> {
        let secrets: Api<Secret> = Api::namespaced(client.clone(), &self.namespace);
        // Another replica may be quicker; what it has written is as good.
        for _ in 0..5 {
            let doing = format!("reading the Secret {} in {}", self.secret, self.namespace);
            let found = in_time(&doing, secrets.get_opt(&self.secret)).await?;
            let kept = found.as_ref().and_then(read).filter(|kept| kept.is_valid_at(clock.now()));
            let before = match (&kept, &self.configuration) {
                (None, Some(configuration)) => trusted(client, configuration, clock.now()).await?,
                _ => String::new(),
            };
            let (next, changed) = self.next(kept, &before, clock)?;
            if !changed {
                return Ok(next);
            }
            // So that two replicas do not overwrite each other.
            let version = found.and_then(|found| found.metadata.resource_version);
            let text = self.secret(&next, version.clone());
            let doing = format!("writing the Secret {} in {}", self.secret, self.namespace);
            let parameters = PostParams::default();
            let is_there = version.is_some();
            let written = match version {
                Some(_) => timeout(PATIENCE, secrets.replace(&self.secret, &parameters, &text)).await,
                None => timeout(PATIENCE, secrets.create(&parameters, &text)).await,
            };
            match written {
                Ok(Ok(_)) => return Ok(next),
                Ok(Err(kube::Error::Api(status))) if status.code == 403 && !is_there => {
                    return Err(WebhookError::NoSecret {
                        secret: self.secret.clone(),
                        namespace: self.namespace.clone(),
                    });
                }
                Ok(Err(kube::Error::Api(status))) if status.code == 409 => {}
                Ok(Err(source)) => return Err(ApiError::Request { doing, source }.into()),
                Err(_) => return Err(WebhookError::Slow(doing)),
            }
        }
        Err(WebhookError::Contended(self.secret.clone()))
    }

    /// What should be kept, and whether that is something else.
    ///
    /// `before` is whom the API server trusts: other replicas show their certificates until they have heard of new ones.
    fn next(&self, kept: Option<Kept>, before: &str, clock: &dyn Clock) -> Result<(Kept, bool), WebhookError> {
        let now = clock.now();
        let purpose = Purpose::server(self.names.iter().cloned());
        let Some(mut kept) = kept.filter(|kept| kept.is_valid_at(now)) else {
            let authority = Authority::create("gMSA webhook", AUTHORITY, clock)?;
            let identity = authority.issue(&purpose, LEAF, clock)?;
            let trusted = format!("{}{before}", authority.certificate_pem());
            return Ok((Kept { authority, trusted, identity }, true));
        };
        let mut changed = false;
        if is_half_over(kept.authority.not_after(), AUTHORITY, now) {
            // At first it is only made known.
            let authority = Authority::create("gMSA webhook", AUTHORITY, clock)?;
            kept.trusted = format!("{}{}", authority.certificate_pem(), kept.authority.certificate_pem());
            (kept.authority, changed) = (authority, true);
        }
        let (ends, age) = (kept.identity.facts()?.not_after, kept.age(now));
        if !kept.authority.vouches_for(&kept.identity, &purpose, now) || is_half_over(ends, LEAF, now) {
            let is_trusted = Roots::from_pem(kept.trusted.as_bytes())?.accept(&kept.identity, &purpose, now);
            if age >= SETTLED || !is_trusted {
                (kept.identity, changed) = (kept.authority.issue(&purpose, LEAF, clock)?, true);
            }
        } else if age >= KEPT && kept.trusted != kept.authority.certificate_pem() {
            kept.trusted = kept.authority.certificate_pem().to_owned();
            changed = true;
        }
        Ok((kept, changed))
    }

    fn secret(&self, kept: &Kept, version: Option<String>) -> Secret {
        let bytes = |text: &str| ByteString(text.as_bytes().to_vec());
        let data = [
            ("ca.crt", bytes(&kept.trusted)),
            ("ca.key", bytes(&kept.authority.key_pem())),
            ("tls.crt", bytes(kept.identity.chain_pem())),
            ("tls.key", bytes(kept.identity.key_pem())),
        ];
        Secret {
            metadata: ObjectMeta {
                name: Some(self.secret.clone()),
                namespace: Some(self.namespace.clone()),
                resource_version: version,
                ..Default::default()
            },
            data: Some(data.map(|(name, value)| (name.to_owned(), value)).into()),
            type_: Some("Opaque".to_owned()),
            ..Default::default()
        }
    }
}

/// What is damaged counts as missing: it is made anew.
fn read(secret: &Secret) -> Option<Kept> {
    let text = |name: &str| std::str::from_utf8(&secret.data.as_ref()?.get(name)?.0).ok();
    let trusted = text("ca.crt")?;
    let authority = Authority::from_pem(first(trusted)?, text("ca.key")?).ok()?;
    let identity = Identity::from_pem(text("tls.crt")?.as_bytes(), text("tls.key")?.as_bytes()).ok()?;
    Roots::from_pem(trusted.as_bytes()).ok()?;
    Some(Kept { authority, trusted: trusted.to_owned(), identity })
}

/// The authority that issues stands first.
fn first(trusted: &str) -> Option<&str> {
    let end = "-----END CERTIFICATE-----\n";
    trusted.get(..trusted.find(end)?.checked_add(end.len())?)
}

/// The authority that the API server trusts at present, if it is a valid one.
async fn trusted(client: &Client, name: &str, now: FileTime) -> Result<String, WebhookError> {
    let mutating: Api<MutatingWebhookConfiguration> = Api::all(client.clone());
    let found = in_time(&format!("reading the webhook configuration {name}"), mutating.get(name)).await?;
    let bundle = found.webhooks.into_iter().flatten().find_map(|webhook| webhook.client_config.ca_bundle);
    Ok(bundle.and_then(|bundle| valid(&bundle.0, now)).unwrap_or_default())
}

fn valid(bundle: &[u8], now: FileTime) -> Option<String> {
    let authority = first(std::str::from_utf8(bundle).ok()?)?;
    let roots = Roots::from_pem(authority.as_bytes()).ok()?;
    let is_valid = Certificate::read(roots.certificates().first()?).is_ok_and(|one| one.is_valid_at(now));
    is_valid.then(|| authority.to_owned())
}

fn is_half_over(ends: FileTime, validity: Validity, now: FileTime) -> bool {
    ends.since(now) < validity.0 / 2
}

/// Has the API server trust these authorities when it calls the webhooks of both configurations.
async fn trust(client: &Client, name: &str, authorities: &str) -> Result<(), WebhookError> {
    let bundle = ByteString(authorities.as_bytes().to_vec());
    let mutating: Api<MutatingWebhookConfiguration> = Api::all(client.clone());
    let doing = format!("reading the webhook configuration {name}");
    let found = in_time(&doing, mutating.get(name)).await?;
    let bundles: Vec<_> =
        found.webhooks.unwrap_or_default().into_iter().map(|webhook| webhook.client_config.ca_bundle).collect();
    if let Some(patch) = patch(&bundles, &bundle)? {
        let doing = format!("writing the authority into the mutating webhook configuration {name}");
        in_time(&doing, mutating.patch(name, &PatchParams::default(), &patch)).await?;
    }
    let validating: Api<ValidatingWebhookConfiguration> = Api::all(client.clone());
    let found = in_time(&doing, validating.get(name)).await?;
    let bundles: Vec<_> =
        found.webhooks.unwrap_or_default().into_iter().map(|webhook| webhook.client_config.ca_bundle).collect();
    if let Some(patch) = self::patch(&bundles, &bundle)? {
        let doing = format!("writing the authority into the validating webhook configuration {name}");
        in_time(&doing, validating.patch(name, &PatchParams::default(), &patch)).await?;
    }
    Ok(())
}

/// What must be changed for all of them to have this bundle.
fn patch(bundles: &[Option<ByteString>], wanted: &ByteString) -> Result<Option<Patch<()>>, WebhookError> {
    let stale = bundles.iter().enumerate().filter(|(_, bundle)| bundle.as_ref() != Some(wanted));
    let steps: Vec<_> = stale
        .map(|(index, _)| json!({ "op": "add", "path": format!("/webhooks/{index}/clientConfig/caBundle"), "value": wanted }))
        .collect();
    if steps.is_empty() {
        return Ok(None);
    }
    let patch = serde_json::from_value(steps.into()).map_err(|error| WebhookError::Patch(error.to_string()))?;
    Ok(Some(Patch::Json(patch)))
}

async fn in_time<T>(doing: &str, asked: impl Future<Output = Result<T, kube::Error>>) -> Result<T, WebhookError> {
    match timeout(PATIENCE, asked).await {
        Ok(answer) => Ok(answer.map_err(ApiError::doing(doing))?),
        Err(_) => Err(WebhookError::Slow(doing.to_owned())),
    }
}

#[cfg(test)]
mod tests;
