//! The webhook's certificate: its own, kept in a Secret that the replicas share, or somebody else's, in files.
//!
//! Its own hangs from an authority of its own, whose certificate is written into the webhook configurations, so that the API server trusts
//! it and nothing else trusts it. Both are renewed at half of their time. An authority is renewed in two rounds: first it is written beside
//! the old one into what the API server trusts, then, a round later, certificates are issued from it.
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
}

impl Keeper {
    pub(super) fn new(source: Certificates, client: Client, clock: Arc<dyn Clock>) -> Self {
        Self { source, client, clock, shown: None }
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
        self.show(&identity)
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

impl Own {
    /// Reads the Secret, and writes it anew when something in it is missing, not ours or at half of its time.
    async fn keep(&self, client: &Client, clock: &dyn Clock) -> Result<Kept, WebhookError> {
        let secrets: Api<Secret> = Api::namespaced(client.clone(), &self.namespace);
        // Another replica may be quicker; what it has written is as good.
        for _ in 0..5 {
            let doing = format!("reading the Secret {} in {}", self.secret, self.namespace);
            let found = in_time(&doing, secrets.get_opt(&self.secret)).await?;
            let (next, changed) = self.next(found.as_ref().and_then(read), clock)?;
            if !changed {
                return Ok(next);
            }
            // So that two replicas do not overwrite each other.
            let version = found.and_then(|found| found.metadata.resource_version);
            let text = self.secret(&next, version.clone());
            let doing = format!("writing the Secret {} in {}", self.secret, self.namespace);
            let parameters = PostParams::default();
            let written = match version {
                Some(_) => timeout(PATIENCE, secrets.replace(&self.secret, &parameters, &text)).await,
                None => timeout(PATIENCE, secrets.create(&parameters, &text)).await,
            };
            match written {
                Ok(Ok(_)) => return Ok(next),
                Ok(Err(kube::Error::Api(status))) if status.code == 409 => {}
                Ok(Err(source)) => return Err(ApiError::Request { doing, source }.into()),
                Err(_) => return Err(WebhookError::Slow(doing)),
            }
        }
        Err(WebhookError::Contended(self.secret.clone()))
    }

    /// What should be kept, and whether that is something else.
    fn next(&self, kept: Option<Kept>, clock: &dyn Clock) -> Result<(Kept, bool), WebhookError> {
        let now = clock.now();
        let purpose = Purpose::server(self.names.iter().cloned());
        // One that is not valid yet was made by a clock that has been set back since; of two clocks that differ, the earlier one's stays.
        let is_valid =
            |kept: &Kept| Certificate::read(kept.authority.certificate()).is_ok_and(|one| one.is_valid_at(now));
        let Some(mut kept) = kept.filter(is_valid) else {
            let authority = Authority::create("gMSA webhook", AUTHORITY, clock)?;
            let identity = authority.issue(&purpose, LEAF, clock)?;
            let trusted = authority.certificate_pem().to_owned();
            return Ok((Kept { authority, trusted, identity }, true));
        };
        if is_half_over(kept.authority.not_after(), AUTHORITY, now) {
            // This round it is only made known.
            let authority = Authority::create("gMSA webhook", AUTHORITY, clock)?;
            kept.trusted = format!("{}{}", authority.certificate_pem(), kept.authority.certificate_pem());
            kept.authority = authority;
            return Ok((kept, true));
        }
        let ends = kept.identity.facts()?.not_after;
        if !kept.authority.vouches_for(&kept.identity, &purpose, now) || is_half_over(ends, LEAF, now) {
            kept.identity = kept.authority.issue(&purpose, LEAF, clock)?;
            return Ok((kept, true));
        }
        Ok((kept, false))
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
    // The authority that issues stands first.
    let end = "-----END CERTIFICATE-----\n";
    let first = trusted.get(..trusted.find(end)?.checked_add(end.len())?)?;
    let authority = Authority::from_pem(first, text("ca.key")?).ok()?;
    let identity = Identity::from_pem(text("tls.crt")?.as_bytes(), text("tls.key")?.as_bytes()).ok()?;
    Roots::from_pem(trusted.as_bytes()).ok()?;
    Some(Kept { authority, trusted: trusted.to_owned(), identity })
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
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::Router;
    use axum::response::{IntoResponse, Json};
    use dtyp::ManualClock;
    use http::{Method, StatusCode};
    use k8s_openapi::jiff::Timestamp;
    use k8s_openapi::jiff::fmt::rfc2822::DateTimePrinter;
    use rustls_pki_types::CertificateDer;
    use rustls_pki_types::pem::PemObject;

    use super::*;

    fn own() -> Own {
        Own {
            namespace: "gmsa".into(),
            secret: "webhook".into(),
            names: vec!["webhook.gmsa.svc".into()],
            configuration: None,
        }
    }

    /// As it comes back from the Secret.
    fn again(kept: &Kept) -> Option<Kept> {
        read(&own().secret(kept, None))
    }

    fn serves(kept: &Kept, roots: &str, clock: &ManualClock) -> bool {
        let purpose = Purpose::server(["webhook.gmsa.svc"]);
        Roots::from_pem(roots.as_bytes()).unwrap().accept(&kept.identity, &purpose, clock.now())
    }

    #[test]
    fn for_years_the_api_server_trusts_what_the_webhook_shows_at_every_moment() {
        let clock = ManualClock::new(FileTime::from_unix(1_800_000_000, 0));
        let (mut kept, changed) = own().next(None, &clock).unwrap();
        assert!(changed);
        let (mut leaves, mut authorities) = (0, 0);
        for _ in 0..(3 * 365) {
            clock.advance(Duration::from_secs(86_400));
            let before = again(&kept).unwrap();
            let (leaf, authority) = (before.identity.chain_pem().to_owned(), before.trusted.clone());
            let (next, _) = own().next(Some(before), &clock).unwrap();
            assert!(serves(&next, &authority, &clock), "what is shown hangs from what was trusted already");
            assert!(serves(&next, &next.trusted, &clock));
            leaves += usize::from(next.identity.chain_pem() != leaf);
            authorities += usize::from(next.trusted != authority);
            kept = next;
        }
        assert!((20..=40).contains(&leaves) && (5..=7).contains(&authorities), "{leaves} {authorities}");
    }

    #[test]
    fn what_has_expired_or_is_not_valid_yet_is_healed_in_one_round() {
        let clock = ManualClock::new(FileTime::from_unix(1_800_000_000, 0));
        let (first, _) = own().next(None, &clock).unwrap();
        let (text, year) = (first.trusted.clone(), 365 * 86_400);
        for (jump, same_authority) in [(100 * 86_400, true), (2 * year, false), (-2 * year, false), (-60, true)] {
            clock.set(FileTime::from_unix(1_800_000_000 + jump, 0));
            let (healed, _) = own().next(again(&first), &clock).unwrap();
            assert!(serves(&healed, &healed.trusted, &clock), "{jump}");
            assert_eq!(healed.trusted == text, same_authority, "{jump}");
            assert!(!own().next(again(&healed), &clock).unwrap().1, "there is nothing more to do");
        }
    }

    #[test]
    fn of_two_replicas_whose_clocks_differ_one_gives_way() {
        let right = ManualClock::new(FileTime::from_unix(1_800_000_000, 0));
        let slow = ManualClock::new(FileTime::from_unix(1_800_000_000 - 86_400, 0));
        let (mut kept, _) = own().next(None, &right).unwrap();
        let mut changes = 0;
        for _ in 0..10 {
            for clock in [&slow, &right] {
                let (next, changed) = own().next(again(&kept), clock).unwrap();
                (kept, changes) = (next, changes + usize::from(changed));
                assert!(serves(&kept, &kept.trusted, &right));
            }
        }
        assert_eq!(changes, 1);
    }

    fn missing() -> serde_json::Value {
        json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": "", "reason": "NotFound", "code": 404 })
    }

    /// An API server with the one Secret, and with the right time.
    fn api(right: Arc<ManualClock>, writes: Arc<AtomicUsize>) -> Client {
        let stored: Arc<Mutex<Option<Secret>>> = Arc::default();
        let answer = move |request: Request<axum::body::Body>| {
            let (right, writes, stored) = (Arc::clone(&right), Arc::clone(&writes), Arc::clone(&stored));
            async move {
                let method = request.method().clone();
                let body = axum::body::to_bytes(request.into_body(), 1 << 20).await.unwrap();
                let mut stored = stored.lock().unwrap();
                if method != Method::GET {
                    let mut secret: Secret = serde_json::from_slice(&body).unwrap();
                    let number = writes.fetch_add(1, Ordering::SeqCst);
                    secret.metadata.resource_version = Some(number.to_string());
                    *stored = Some(secret);
                }
                let now = Timestamp::from_second(right.now().unix_seconds()).unwrap();
                let date = [(DATE, DateTimePrinter::new().timestamp_to_rfc9110_string(&now).unwrap())];
                match &*stored {
                    Some(secret) => (date, Json(secret)).into_response(),
                    None => (StatusCode::NOT_FOUND, date, Json(missing())).into_response(),
                }
            }
        };
        Client::new(Router::<()>::new().fallback(answer), "default")
    }

    #[tokio::test]
    async fn replicas_whose_clocks_are_weeks_apart_agree_because_the_api_server_tells_the_time() {
        const WEEK: i64 = 7 * 86_400;
        let at = |seconds: i64| Arc::new(ManualClock::new(FileTime::from_unix(1_800_000_000 + seconds, 0)));
        let (right, writes) = (at(0), Arc::new(AtomicUsize::new(0)));
        let client = api(Arc::clone(&right), Arc::clone(&writes));
        for skews in [[8 * WEEK, 0, -8 * WEEK], [-200 * WEEK, 200 * WEEK, 0]] {
            let clocks = skews.map(at);
            let source = || Certificates::Own(own());
            let mut replicas = clocks.map(|clock| Keeper::new(source(), client.clone(), clock));
            for _ in 0..3 {
                for replica in &mut replicas {
                    replica.round().await.unwrap();
                    let (_, shown) = replica.shown.as_ref().unwrap();
                    let shown = Certificate::read(&CertificateDer::from_pem_slice(shown).unwrap()).unwrap();
                    assert!(shown.is_valid_at(right.now()), "the API server takes what it is shown");
                }
            }
        }
        assert_eq!(writes.load(Ordering::SeqCst), 1, "made once, and never again");
    }

    #[test]
    fn what_is_damaged_or_for_other_names_is_made_anew() {
        let clock = ManualClock::new(FileTime::from_unix(1_800_000_000, 0));
        let (kept, _) = own().next(None, &clock).unwrap();
        let mut secret = own().secret(&kept, None);
        assert!(read(&secret).is_some());
        let renamed = Own { names: vec!["other.gmsa.svc".into()], ..own() };
        let (next, changed) = renamed.next(read(&secret), &clock).unwrap();
        assert!(changed && next.trusted == kept.trusted && next.identity.chain_pem() != kept.identity.chain_pem());
        for name in ["ca.crt", "ca.key", "tls.crt", "tls.key"] {
            let whole = secret.data.clone();
            secret.data.as_mut().unwrap().insert(name.into(), ByteString(b"damaged".to_vec()));
            assert!(read(&secret).is_none(), "{name}");
            secret.data = whole;
        }
    }
}
