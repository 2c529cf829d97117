//! Tells the log, the audit and the metrics of every fetch.

use std::sync::Arc;

use ccg::{Fetch, Logged, Observer};
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

impl Observer for Watch {
    fn fetched(&self, fetch: &Fetch<'_>) {
        Logged.fetched(fetch);
        self.metrics.record(fetch);
        if let Some(audit) = &self.audit {
            audit.record(fetch, self.clock.now());
        }
    }
}
