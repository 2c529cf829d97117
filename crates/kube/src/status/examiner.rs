//! The examiner of one impersonation account: goes the guard's way for each gMSA whose spec names the account's Secret, and reports.
//!
//! It reads what it may read anyway, the account's own Secret, and writes the status of one object. A password that a domain has refused is
//! not shown to it again before the Secret changes or the interval is over, however often specs change: others' specs must not be able to lock
//! the account out.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ccg::plugins::Plugin;
use ccg::{Guard, Hop, PasswordCredentials, PluginError, Plugins};
use client::Domain;
use credspec::{CredentialSpec, Namespace, RKC_CLSID, RkcInput, SecretName};
use dtyp::{Clock, Guid};
use kube::api::{DynamicObject, Patch, PatchParams};
use kube::runtime::reflector::Store;
use kube::runtime::reflector::store::Writer;
use kube::runtime::watcher::Config;
use serde_json::json;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::conclude::{Spec, secret_of};
use super::controller::{ControllerError, in_time};
use super::judgement::{Judgement, is_refused};
use super::metrics::Metrics;
use super::probes::Probes;
use super::report::{Examined, Report, Verdict};
use crate::api::{self, ApiError, Client};
use crate::watching::follow;
use crate::{ClusterSecret, DomainDirectory, SecretError, SecretSource};

/// What is watched, by its name.
const SPECS: &str = "credential specs";
/// As many specs of one account are looked at.
const MOST: usize = 256;
/// Between two rounds, whatever happens.
const GAP: Duration = Duration::from_secs(2);
/// After a report that could not be written; longer if the API server says so.
const RETRY: Duration = Duration::from_secs(10);
const LONGEST_RETRY: Duration = Duration::from_secs(60);

/// How an examiner runs.
#[derive(Clone)]
pub struct ExaminerConfig {
    /// The namespace of the Secret, and of the report.
    pub namespace: Namespace,
    /// The Secret; the report has its name.
    pub secret: SecretName,
    /// The domains that it speaks to. The password is shown to no other, whatever specs say.
    pub domains: Vec<Domain>,
    /// How often everything is looked at.
    pub interval: Duration,
    /// How it finds and speaks to them.
    pub options: ccg::Options,
    /// Where the kubelet and Prometheus ask, in the clear.
    pub probes: Option<SocketAddr>,
}

/// Examines one account.
pub struct Examiner {
    config: ExaminerConfig,
    client: Client,
    secret: Arc<ClusterSecret>,
    guard: Guard,
    specs: Store<DynamicObject>,
    changed: Arc<Notify>,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    probes: Option<Probes>,
    watching: JoinSet<()>,
}

impl Examiner {
    /// Starts watching the Secret and the specs.
    ///
    /// # Errors
    /// See [`ControllerError`].
    pub async fn start(config: ExaminerConfig, client: Client, clock: Arc<dyn Clock>) -> Result<Self, ControllerError> {
        let metrics = Arc::new(Metrics::new("pando_examiner"));
        let probes = match config.probes {
            Some(address) => {
                let started = Probes::start(address, Arc::clone(&metrics)).await;
                Some(started.map_err(|source| ControllerError::Probes { address, source })?)
            }
            None => None,
        };
        let (namespace, name) = (&config.namespace, config.secret.clone());
        let secret = ClusterSecret::watch(client.clone(), namespace, name, config.interval);
        // While the password is being changed, the domain says which is in force.
        let directory = DomainDirectory::new(config.domains.clone(), config.options.clone().into());
        let secret = Arc::new(secret.with_directory(Arc::new(directory)));
        let own = Own { secret: Arc::clone(&secret), namespace: namespace.clone(), name: config.secret.clone() };
        let guard = Guard::new(Plugins::new().with(own)).with_options(config.options.clone());
        let (mut writer, changed) = (Writer::new(api::resource()), Arc::new(Notify::new()));
        let (specs, tell, told) = (writer.as_reader(), Arc::clone(&changed), Arc::clone(&metrics));
        let watched = follow(SPECS, api::credspecs(client.clone()), Config::default(), move |event| {
            told.heard(SPECS, event.as_ref());
            if let Some(event) = event {
                writer.apply_watcher_event(&event);
                tell.notify_one();
            }
        });
        let mut watching = JoinSet::new();
        watching.spawn(watched);
        Ok(Self { config, client, secret, guard, specs, changed, clock, metrics, probes, watching })
    }

    /// Where it answers probes.
    #[must_use]
    pub fn probes(&self) -> Option<SocketAddr> {
        self.probes.as_ref().map(|probes| probes.address)
    }

    /// Works until dropped, or until the watch has ended.
    pub async fn run(mut self) -> ControllerError {
        let mut watching = std::mem::take(&mut self.watching);
        tokio::select! {
            _ = watching.join_next() => ControllerError::Watch,
            never = self.work() => match never {},
        }
    }

    async fn work(self) -> Infallible {
        let mut secret_changes = self.secret.changes();
        self.secret.heard().await;
        let _ = self.specs.wait_until_ready().await;
        self.metrics.ready();
        tracing::info!(secret = %self.config.secret, "the examiner is ready");
        let mut before: Vec<Examined> = Vec::new();
        loop {
            secret_changes.mark_unchanged();
            let (report, refused) = self.examine(&before).await;
            before.clone_from(&report.specs);
            let written = self.write(&report).await;
            self.metrics.round(report.specs.len(), written.is_ok());
            let next = match written {
                Ok(()) => self.config.interval,
                Err(error) => {
                    let next = error.retry_after().unwrap_or_default().clamp(RETRY, LONGEST_RETRY);
                    tracing::warn!(%error, seconds = next.as_secs(), "the report could not be written; trying again");
                    next
                }
            };
            let next = Instant::now() + next;
            tokio::time::sleep(GAP).await;
            tokio::select! {
                () = tokio::time::sleep_until(next) => {}
                _ = secret_changes.changed() => {}
                () = self.news(&report.specs), if !refused => {}
            }
        }
    }

    /// Waits for a change of the specs that concern this account.
    async fn news(&self, known: &[Examined]) {
        loop {
            self.changed.notified().await;
            let mine = self.mine();
            let known = known.iter().map(|one| (one.uid.as_str(), one.generation));
            if !mine.iter().map(|spec| (spec.uid.as_str(), spec.generation)).eq(known) {
                return;
            }
        }
    }

    /// Looks at the Secret and at each spec. Also says whether a domain has refused the account.
    async fn examine(&self, before: &[Examined]) -> (Report, bool) {
        let observed_time = super::time(self.clock.now());
        let found = self.secret.standing().ready;
        let (mut examined, mut refused) = (Vec::new(), None);
        for spec in &self.mine() {
            let before = before.iter().find(|one| one.uid == spec.uid);
            examined.push(match &found {
                Ok(()) => self.look(spec, before, &mut refused).await,
                Err(error) => unasked(spec, before, &error.to_string()),
            });
        }
        let report = Report {
            observed_time,
            interval_seconds: i64::try_from(self.config.interval.as_secs()).unwrap_or(i64::MAX),
            secret_found: secret_verdict(&found),
            account_rotation_time: self.secret.rotates().map(super::time),
            specs: examined,
        };
        (report, refused.is_some())
    }

    /// The specs that name this Secret, by name, and not more of them than a report holds.
    fn mine(&self) -> Vec<Spec> {
        let mut specs: Vec<_> = self.specs.state().iter().filter_map(|object| self.names_mine(object)).collect();
        specs.sort_by(|one, other| one.name.cmp(&other.name));
        specs.truncate(MOST);
        specs
    }

    fn names_mine(&self, object: &DynamicObject) -> Option<Spec> {
        let contents = object.data.get("credspec");
        let RkcInput { namespace, secret } = secret_of(contents)?;
        (namespace == self.config.namespace && secret == self.config.secret).then_some(())?;
        Some(Spec {
            name: object.metadata.name.clone()?,
            uid: object.metadata.uid.clone()?,
            generation: object.metadata.generation.unwrap_or_default(),
            contents: contents.cloned(),
        })
    }

    async fn look(&self, spec: &Spec, before: Option<&Examined>, refused: &mut Option<Refused>) -> Examined {
        let text = spec.contents.as_ref().map(ToString::to_string).unwrap_or_default();
        let parsed = match CredentialSpec::parse(text.as_bytes()) {
            Ok(parsed) => parsed,
            Err(_) => return unasked(spec, before, "the spec is not valid"),
        };
        let name = Domain::new(&parsed.domain_join_config.dns_name.to_string()).dns_name;
        let Some(domain) = self.config.domains.iter().find(|domain| domain.dns_name == name) else {
            return unasked(
                spec,
                before,
                &format!("the examiner speaks to no controller of {name}: name it with --domain"),
            );
        };
        if let Some(refused) = refused.as_ref().filter(|refused| refused.domain == name) {
            let judged = Judgement {
                directory: Verdict::holds("Connected", "a controller of the domain answers"),
                retrieval: refused.retrieval.clone(),
                logon: Verdict::unknown("NotReached", "the impersonation account cannot log on"),
            };
            return examined(spec, judged, before);
        }
        match self.guard.fetch(&parsed, domain).await {
            Ok(identity) => {
                let mut seen = examined(spec, Judgement::holds(&identity), before);
                let now = self.clock.now();
                let until = identity.accounts().map(|account| account.gmsa.password.query_interval).min();
                seen.last_fetch_time = Some(super::time(now));
                seen.next_rotation_time = until.map(|until| super::time(now.saturating_add(until)));
                seen
            }
            Err(error) => {
                let judged = Judgement::broken(&error);
                if is_refused(&error) {
                    *refused = Some(Refused { domain: name, retrieval: judged.retrieval.clone() });
                }
                examined(spec, judged, before)
            }
        }
    }

    async fn write(&self, report: &Report) -> Result<(), ApiError> {
        let name = self.config.secret.as_str();
        let reports = api::reports_in(self.client.clone(), self.config.namespace.as_str());
        let patch = Patch::Merge(json!({ "status": report }));
        let parameters = PatchParams::default();
        let written = in_time(reports.patch_status(name, &parameters, &patch)).await;
        written.map_err(ApiError::doing(format!("writing the report {name}")))?;
        self.metrics.wrote("report");
        Ok(())
    }
}

/// A domain that has refused the account in this round.
struct Refused {
    domain: String,
    retrieval: Verdict,
}

fn secret_verdict(found: &Result<(), SecretError>) -> Verdict {
    match found {
        Ok(()) => Verdict::holds("Found", "the Secret has username, password and domainName"),
        Err(SecretError::NotFound) => Verdict::fails("Missing", "there is no such Secret"),
        Err(error @ SecretError::Incomplete(_)) => Verdict::fails("Incomplete", error.to_string()),
        Err(error) => Verdict::unknown("Unavailable", error.to_string()),
    }
}

fn unasked(spec: &Spec, before: Option<&Examined>, why: &str) -> Examined {
    let unknown = || Verdict::unknown("NotAsked", why);
    examined(spec, Judgement { directory: unknown(), retrieval: unknown(), logon: unknown() }, before)
}

/// What was fetched earlier stays known.
fn examined(spec: &Spec, judged: Judgement, before: Option<&Examined>) -> Examined {
    Examined {
        name: spec.name.clone(),
        uid: spec.uid.clone(),
        generation: spec.generation,
        directory_reachable: judged.directory,
        retrieval_allowed: judged.retrieval,
        logon_succeeded: judged.logon,
        last_fetch_time: before.and_then(|one| one.last_fetch_time.clone()),
        next_rotation_time: before.and_then(|one| one.next_rotation_time.clone()),
    }
}

/// The plugin `rkc` of this process: the same Secret, without a provider between.
struct Own {
    secret: Arc<ClusterSecret>,
    namespace: Namespace,
    name: SecretName,
}

impl Plugin for Own {
    fn clsid(&self) -> Guid {
        RKC_CLSID
    }

    fn name(&self) -> &str {
        "rkc"
    }

    fn get_password_credentials(&self, input: &str) -> Result<PasswordCredentials, PluginError> {
        let RkcInput { namespace, secret } = input.parse()?;
        if namespace != self.namespace || secret != self.name {
            return Err(PluginError::Other("this examiner is another account's".to_owned()));
        }
        let found = self.secret.read(&secret).map_err(|error| PluginError::Other(error.to_string()))?;
        let hop = Hop {
            to: format!("the Secret {secret} of the namespace {namespace}"),
            how: "the API server, by this pod's service account".to_owned(),
            authorised_by: "RBAC: get on that Secret".to_owned(),
        };
        Ok(PasswordCredentials { domain: found.domain_name, username: found.username, password: found.password, hop })
    }
}
