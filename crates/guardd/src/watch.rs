//! Tells the log, the audit and the metrics of every fetch.

use std::sync::Arc;

use ccg::{Fetch, LeaseError, Logged, Observer, Peer, Workload};
use dtyp::Clock;

use crate::{AuditFile, Metrics};

/// The guard's observers.
pub struct Watch {
    clock: Arc<dyn Clock>,
    audit: Option<AuditFile>,
    metrics: Arc<Metrics>,
}

impl Watch {
    /// With the audit in this file, if there is one.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, audit: Option<AuditFile>, metrics: Arc<Metrics>) -> Self {
        Self { clock, audit, metrics }
    }
}

impl Watch {
    /// A pod was refused before anything was fetched for it.
    pub(crate) fn refused(&self, pod: &Workload, spec: &str, why: &dyn std::fmt::Display) {
        tracing::warn!(%pod, service_account = pod.service_account, spec, error = %why, "no identity for a pod");
        if let Some(audit) = &self.audit {
            audit.refused(pod, spec, why, self.clock.now());
        }
    }
}

impl Observer for Watch {
    fn fetched(&self, fetch: &Fetch<'_>) {
        Logged.fetched(fetch);
        self.metrics.record(fetch);
        if let Some(audit) = &self.audit {
            audit.record(fetch, self.clock.now());
        }
    }

    fn released(&self, lease: &str, by: &Peer) {
        Logged.released(lease, by);
        if let Some(audit) = &self.audit {
            audit.released(lease, by, self.clock.now());
        }
    }

    fn refused(&self, asked_by: &Peer, why: &LeaseError) {
        Logged.refused(asked_by, why);
        self.metrics.refused();
        if let Some(audit) = &self.audit {
            audit.turned_away(asked_by, why, self.clock.now());
        }
    }
}
