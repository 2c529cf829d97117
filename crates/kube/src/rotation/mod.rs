//! The impersonation account changes its own password: in the directory first, then in its Secret.
//!
//! The next password is written beside the present one before the directory hears of it, and stays there until it has taken the present one's
//! place. So as long as only providers write the Secret, the password that the directory takes is at every moment one of the two in it, wherever a
//! provider is killed, and while there are two, the directory is asked which. Every write names the version that it is based on. Of the providers
//! of several nodes one does the work, because it has said so in the Secret; nothing goes wrong if two do, since a next password, once written, is
//! never replaced by another.
//!
//! Somebody else who writes the Secret meanwhile takes the next password out of it, and the directory may have it by then. So who works on a
//! next password keeps it in memory until it is in the present one's place, and writes it back if the directory takes it. That password is lost
//! only if somebody else writes the Secret and the provider is killed, both between the same two of its requests.
//!
//! In reading order: `step`, what is to be done, a pure function; `pending`, how it stands in a Secret; [`Directory`]; [`Rotation`], its `pass`
//! and its `memory`.

mod audit;
mod directory;
mod domain;
mod error;
mod generate;
mod memory;
mod object;
mod pass;
mod pending;
mod standing;
mod step;

use std::sync::Arc;
use std::time::Duration;

use credspec::{Namespace, SecretName};
use dtyp::{Clock, FileTime, Random};
use k8s_openapi::api::core::v1;
use kube::api::{Api, PostParams};
use tokio::time::{Instant, timeout};

use crate::Audit;
use crate::api::{ApiError, Client};
pub use audit::{RotationEvent, RotationOutcome};
pub(crate) use directory::Answers;
pub use directory::{Directory, DirectoryError, PasswordAge, Taken};
pub use domain::{DomainDirectory, Reach};
pub use error::RotationError;
use memory::Memory;
pub(crate) use object::Object;
use pass::Ended;
pub(crate) use pending::{Known, known, rotates};
pub use standing::{RotationStanding, Standings};

/// How long one who has said that it is at it is left alone.
const CLAIM: Duration = Duration::from_secs(60);
/// After a round that failed; doubled each time.
const RETRY: Duration = Duration::from_secs(15);
const LONGEST_RETRY: Duration = Duration::from_secs(1_800);
/// Nothing is looked at less often.
const LOOK: Duration = Duration::from_secs(3_600);
/// After the directory has said no.
const HOLD: Duration = Duration::from_secs(3_600);
/// For one answer of the API server.
const PATIENCE: Duration = Duration::from_secs(10);
/// For everything that the directory is asked in one step.
const DIRECTORY_PATIENCE: Duration = Duration::from_secs(30);

/// Which account's password, and when.
#[derive(Clone, Debug)]
pub struct RotationConfig {
    /// The namespace of the Secret.
    pub namespace: Namespace,
    /// The Secret.
    pub secret: SecretName,
    /// How old the password becomes.
    pub every: Duration,
    /// Unlike any other provider's of that Secret.
    pub holder: String,
    /// For how long the next password is in the Secret before the directory hears of it: the other providers see it meanwhile.
    pub grace: Duration,
}

impl RotationConfig {
    /// Long enough for a provider or an examiner that its watch tells nothing: it reads the Secret every fifteen seconds, and waits for five.
    pub const GRACE: Duration = Duration::from_secs(25);
}

/// Changes the password of one account whenever it is old enough.
pub struct Rotation {
    config: RotationConfig,
    secrets: Api<v1::Secret>,
    directory: Arc<dyn Directory>,
    audit: Arc<dyn Audit>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    standings: Standings,
    /// What may be the account's password although it is not in the Secret.
    memory: Memory,
    /// The version that was seen last, and since when.
    version: Option<(String, Instant)>,
}

impl Rotation {
    /// Nothing happens before [`run`](Self::run).
    #[must_use]
    pub fn new(
        config: RotationConfig,
        client: Client,
        directory: Arc<dyn Directory>,
        audit: Arc<dyn Audit>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Self {
        let secrets = Api::namespaced(client, config.namespace.as_str());
        let standings = Standings::default();
        Self { config, secrets, directory, audit, clock, random, standings, memory: Memory::default(), version: None }
    }

    /// How it stands, for who shows it.
    #[must_use]
    pub fn standings(&self) -> Standings {
        self.standings.clone()
    }

    /// Works until dropped. `changes` says when the Secret has changed.
    pub async fn run(mut self, mut changes: tokio::sync::watch::Receiver<bool>) {
        let mut wait = Duration::ZERO;
        loop {
            changes.mark_unchanged();
            match self.round().await {
                Ok(rest) => {
                    wait = Duration::ZERO;
                    tokio::select! {
                        () = tokio::time::sleep(rest) => {}
                        // What has changed may be changed again at once: the next look is at all of it.
                        _ = changes.changed() => tokio::time::sleep(self.jitter(Duration::from_secs(1))).await,
                    }
                }
                Err(error) => {
                    self.failed(&error);
                    wait = wait.saturating_mul(2).clamp(RETRY, LONGEST_RETRY);
                    let rest = wait.saturating_add(self.jitter(wait));
                    tracing::warn!(%error, seconds = rest.as_secs(), "the rotation of the account's password failed; trying again");
                    tokio::select! {
                        () = tokio::time::sleep(rest) => {}
                        _ = changes.changed() => tokio::time::sleep(RETRY).await,
                    }
                }
            }
        }
    }

    /// Does everything that can be done now. For how long there is nothing more to do.
    pub(crate) async fn round(&mut self) -> Result<Duration, RotationError> {
        loop {
            match self.pass().await? {
                Ended::For(rest) => return Ok(rest.min(LOOK)),
                // Who was faster has not done everything, perhaps.
                Ended::Overtaken => {}
            }
        }
    }

    async fn look(&mut self) -> Result<Object, RotationError> {
        let name = self.config.secret.as_str();
        let doing = format!("reading the Secret {name}");
        let found = self.in_time(doing, self.secrets.get_opt(name)).await?;
        let found = found.ok_or_else(|| self.unusable(crate::SecretError::NotFound))?;
        self.noted(&found);
        Ok(found.into())
    }

    /// Writes what is based on the version in it; nothing comes of it when that is not the newest any more.
    async fn write(&mut self, object: Object, what: &str) -> Result<Option<Object>, RotationError> {
        let name = self.config.secret.as_str();
        let doing = format!("{what}, in the Secret {name}");
        let parameters =
            PostParams { field_manager: Some("pando-account-provider".to_owned()), ..PostParams::default() };
        let written = self.in_time(doing, self.secrets.replace(name, &parameters, &object)).await;
        drop(object);
        match written {
            Ok(object) => {
                self.noted(&object);
                Ok(Some(object.into()))
            }
            // 404: it has been deleted, and perhaps made anew since.
            Err(RotationError::Api(ApiError::Request { source: kube::Error::Api(status), .. }))
                if [404, 409].contains(&status.code) =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    async fn in_time<T>(
        &self,
        doing: String,
        asked: impl Future<Output = Result<T, kube::Error>>,
    ) -> Result<T, RotationError> {
        match timeout(PATIENCE, asked).await {
            Ok(answer) => Ok(answer.map_err(ApiError::doing(doing))?),
            Err(_) => Err(RotationError::Slow(doing)),
        }
    }

    /// Clocks of machines differ; for how long a version has been the newest, each sees for itself.
    fn noted(&mut self, object: &v1::Secret) {
        let version = object.metadata.resource_version.clone().unwrap_or_default();
        if self.version.as_ref().is_none_or(|(known, _)| *known != version) {
            self.version = Some((version, Instant::now()));
        }
    }

    fn unchanged(&self, object: &v1::Secret) -> Duration {
        let version = object.metadata.resource_version.as_deref();
        let since = self.version.as_ref().filter(|(known, _)| version == Some(known.as_str()));
        since.map_or(Duration::ZERO, |(_, since)| since.elapsed())
    }

    fn claim(&self, now: FileTime) -> pending::Claim {
        pending::Claim { holder: self.config.holder.clone(), until: now.saturating_add(CLAIM) }
    }

    fn unusable(&self, source: crate::SecretError) -> RotationError {
        RotationError::Secret { secret: self.config.secret.clone(), source }
    }

    fn failed(&self, error: &RotationError) {
        self.standings.failed(error.to_string());
        self.audit.rotation(&self.event(None, RotationOutcome::Failed(error.to_string())));
    }

    fn tell(&self, known: &Known, outcome: RotationOutcome) {
        tracing::info!(account = known.secret.username, outcome = outcome.name(), "the account's own password");
        self.audit.rotation(&self.event(Some(known.secret.username.clone()), outcome));
    }

    fn event(&self, account: Option<String>, outcome: RotationOutcome) -> RotationEvent {
        RotationEvent {
            at: self.clock.now(),
            namespace: self.config.namespace.clone(),
            secret: self.config.secret.to_string(),
            account,
            holder: self.config.holder.clone(),
            outcome,
        }
    }

    /// Something between nothing and that, so that the providers of a cluster do not all come at once.
    fn jitter(&self, most: Duration) -> Duration {
        let mut bytes = [0; 4];
        self.random.fill(&mut bytes);
        most.mul_f64(f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX))
    }
}

#[cfg(test)]
mod tests;
