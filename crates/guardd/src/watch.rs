//! Tells the log, the audit and the metrics of every fetch.
//!
//! Whoever may open the socket may be refused as often as he likes, and so may a pod. So of each user and of the pods of each namespace
//! sixty refusals a minute are written; the next one that is says how many were not. The metrics count all. What succeeds, what keeps a
//! lease fresh and what ends one is always written: there are only so many leases.

use std::sync::{Arc, Mutex, PoisonError};

use ::audit::Restraint;
use ccg::{Fetch, LeaseError, Logged, Observer, Occasion, Peer, Workload};
use dtyp::Clock;

use crate::{AuditFile, Metrics};

const REFUSALS_A_MINUTE: u32 = 60;

/// The guard's observers.
pub struct Watch {
    clock: Arc<dyn Clock>,
    audit: Option<AuditFile>,
    metrics: Arc<Metrics>,
    refusals: Mutex<Restraint<Refused>>,
}

/// Who was refused.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Refused {
    User(u32),
    Namespace(String),
}

impl Refused {
    fn of(peer: &Peer, workload: Option<&Workload>) -> Self {
        workload.map_or(Self::User(peer.uid), |workload| Self::Namespace(workload.namespace.clone()))
    }
}

impl Watch {
    /// With the audit in this file, if there is one.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, audit: Option<AuditFile>, metrics: Arc<Metrics>) -> Self {
        Self { clock, audit, metrics, refusals: Mutex::new(Restraint::new(REFUSALS_A_MINUTE)) }
    }

    /// A pod was refused before anything was fetched for it.
    pub(crate) fn refused(&self, pod: &Workload, spec: &str, why: &dyn std::fmt::Display) {
        let Some(not_written) = self.admit(Refused::Namespace(pod.namespace.clone())) else { return };
        tracing::warn!(%pod, service_account = pod.service_account, spec, error = %why, "no identity for a pod");
        if let Some(audit) = &self.audit {
            audit.refused(None, (Some(pod), Some(spec)), why, not_written, self.clock.now());
        }
    }

    /// Whether this refusal is written, and how many were not.
    fn admit(&self, who: Refused) -> Option<u64> {
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        refusals.admit(who, self.clock.now())
    }
}

impl Observer for Watch {
    fn fetched(&self, fetch: &Fetch<'_>) {
        self.metrics.record(fetch);
        let refused = (fetch.occasion == Occasion::Begin && fetch.broken.is_some())
            .then(|| Refused::of(&fetch.asked_by, fetch.workload));
        let Some(not_written) = refused.map_or(Some(0), |who| self.admit(who)) else { return };
        Logged.fetched(fetch);
        if let Some(audit) = &self.audit {
            audit.record(fetch, not_written, self.clock.now());
        }
    }

    fn released(&self, lease: &str, by: &Peer) {
        Logged.released(lease, by);
        if let Some(audit) = &self.audit {
            audit.released(lease, by, self.clock.now());
        }
    }

    fn refused(&self, asked_by: &Peer, workload: Option<&Workload>, why: &LeaseError) {
        self.metrics.refused();
        let Some(not_written) = self.admit(Refused::of(asked_by, workload)) else { return };
        Logged.refused(asked_by, workload, why);
        if let Some(audit) = &self.audit {
            audit.refused(Some(asked_by), (workload, None), why, not_written, self.clock.now());
        }
    }
}

#[cfg(test)]
mod tests {
    use dtyp::{FileTime, ManualClock};

    use super::*;

    #[test]
    fn nobody_fills_the_audit_with_refusals_and_others_are_still_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.log");
        let clock = Arc::new(ManualClock::new(FileTime::from_unix(1_800_000_000, 0)));
        let watch = Watch::new(clock.clone(), Some(AuditFile::open(&path).unwrap()), Arc::default());
        let peer = |uid| Peer { uid, gid: 0, pid: Some(7) };
        let refuse = |uid| Observer::refused(&watch, &peer(uid), None, &LeaseError::Name);
        let pod = |namespace: &str| {
            let text = str::to_owned;
            Workload { namespace: text(namespace), pod: text("p"), uid: text("u"), service_account: text("s") }
        };
        let lines = || std::fs::read_to_string(&path).unwrap();
        (0..1_000).for_each(|_| refuse(1000));
        (0..500).for_each(|_| watch.refused(&pod("shop"), "webapp01", &"no"));
        (0..500).for_each(|_| Observer::refused(&watch, &peer(0), Some(&pod("shop")), &LeaseError::Full(7)));
        assert_eq!(lines().lines().count(), 120);
        refuse(1001);
        Observer::refused(&watch, &peer(0), Some(&pod("bank")), &LeaseError::Full(7));
        assert!(lines().lines().last().unwrap().contains(r#""workload":{"namespace":"bank""#), "{}", lines());
        refuse(0);
        assert_eq!(lines().lines().count(), 123);
        clock.set(FileTime::from_unix(1_800_000_060, 0));
        refuse(1000);
        assert!(lines().lines().last().unwrap().contains(r#""refusals_not_written":940"#), "{}", lines());
    }
}
