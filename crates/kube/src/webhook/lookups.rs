//! What the webhook asks the API server: who may use a spec, and what is in it.
//!
//! Specs are watched ([`Specs`]), so that one is at hand when a pod comes; what is not there, or cannot be trusted to be what is, is asked
//! for. Permission is asked for each pod, and an allowance is remembered for a few seconds only, because the two halves of an admission and
//! the replicas of a deployment ask for the same.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dtyp::{Clock, FileTime};
use k8s_openapi::api::authorization::v1::{LocalSubjectAccessReview, ResourceAttributes, SubjectAccessReviewSpec};
use kube::api::{Api, PostParams};
use serde_json::Value;
use tokio::time::{Instant, timeout};

use super::decide::{Lookups, ServiceAccount, Verdict};
use super::pace::{Pace, Rate};
use super::specs::Specs;
use crate::api::{self, Client};

/// An allowance is believed for this long.
const REMEMBERED: Duration = Duration::from_secs(5);
/// More than that many allowances are not remembered.
const MOST_REMEMBERED: usize = 4_096;
/// For an answer: the API server gives the webhook ten seconds altogether.
const PATIENCE: Duration = Duration::from_secs(4);

/// The cluster's answers.
pub struct ClusterLookups {
    client: Client,
    specs: Specs,
    allowed: Mutex<HashMap<(ServiceAccount, String), Given>>,
    clock: Arc<dyn Clock>,
    pace: Option<Pace>,
}

/// When an allowance was given. A clock can be set back, and a machine that sleeps does not count its seconds: it has to be young by both.
#[derive(Clone, Copy)]
struct Given {
    at: FileTime,
    counted: Instant,
}

impl Given {
    fn is_believed(self, now: FileTime) -> bool {
        now >= self.at && now.since(self.at) < REMEMBERED && self.counted.elapsed() < REMEMBERED
    }
}

impl ClusterLookups {
    /// Starts watching. The task ends with the runtime. Questions are asked at this rate at most, if there is one.
    pub fn start(client: Client, clock: Arc<dyn Clock>, rate: Option<Rate>) -> Self {
        let specs = Specs::watch(client.clone());
        Self { client, specs, allowed: Mutex::default(), clock, pace: rate.map(Pace::new) }
    }

    /// One question; neither the turn to ask nor the answer may take long.
    async fn ask<T>(&self, asked: impl Future<Output = kube::Result<T>>) -> Result<T, String> {
        if let Some(pace) = &self.pace
            && !pace.turn(PATIENCE).await
        {
            return Err("the API server is asked as often as it may be (--qps, --burst)".to_owned());
        }
        match timeout(PATIENCE, asked).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("the API server did not answer in time".to_owned()),
        }
    }

    fn is_remembered(&self, key: &(ServiceAccount, String)) -> bool {
        let allowed = self.allowed.lock().unwrap_or_else(PoisonError::into_inner);
        allowed.get(key).is_some_and(|given| given.is_believed(self.clock.now()))
    }

    fn remember(&self, key: (ServiceAccount, String)) {
        let now = self.clock.now();
        let mut allowed = self.allowed.lock().unwrap_or_else(PoisonError::into_inner);
        if allowed.len() >= MOST_REMEMBERED {
            allowed.retain(|_, given| given.is_believed(now));
        }
        if allowed.len() < MOST_REMEMBERED {
            allowed.insert(key, Given { at: now, counted: Instant::now() });
        }
    }
}

impl Lookups for ClusterLookups {
    async fn may_use(&self, who: &ServiceAccount, spec: &str) -> Verdict {
        let key = (who.clone(), spec.to_owned());
        if self.is_remembered(&key) {
            return Verdict::Allowed;
        }
        let reviews: Api<LocalSubjectAccessReview> = Api::namespaced(self.client.clone(), &who.namespace);
        let (parameters, question) = (PostParams::default(), question(who, spec));
        let status = match self.ask(reviews.create(&parameters, &question)).await {
            Ok(review) => review.status.unwrap_or_default(),
            Err(what) => return Verdict::Denied(what),
        };
        if status.allowed && !status.denied.unwrap_or_default() {
            self.remember(key);
            return Verdict::Allowed;
        }
        Verdict::Denied(status.reason.unwrap_or_default())
    }

    async fn spec(&self, name: &str) -> Result<Option<Value>, String> {
        match self.specs.get(name) {
            Some(known) => Ok(Some(known)),
            None => self.spec_now(name).await,
        }
    }

    async fn spec_now(&self, name: &str) -> Result<Option<Value>, String> {
        self.ask(api::credspecs(self.client.clone()).get_opt(name)).await.map(|found| found.map(|found| found.data))
    }
}

fn question(who: &ServiceAccount, spec: &str) -> LocalSubjectAccessReview {
    let groups =
        ["system:serviceaccounts", &format!("system:serviceaccounts:{}", who.namespace), "system:authenticated"];
    LocalSubjectAccessReview {
        metadata: kube::core::ObjectMeta { namespace: Some(who.namespace.clone()), ..Default::default() },
        spec: SubjectAccessReviewSpec {
            user: Some(format!("system:serviceaccount:{}:{}", who.namespace, who.name)),
            groups: Some(groups.map(str::to_owned).to_vec()),
            resource_attributes: Some(ResourceAttributes {
                group: Some("windows.k8s.io".to_owned()),
                version: Some("v1".to_owned()),
                resource: Some("gmsacredentialspecs".to_owned()),
                verb: Some("use".to_owned()),
                name: Some(spec.to_owned()),
                namespace: Some(who.namespace.clone()),
                ..Default::default()
            }),
            ..Default::default()
        },
        status: None,
    }
}

#[cfg(test)]
mod tests;
