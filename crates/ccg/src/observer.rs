//! Who is told of every fetch: the audit and the metrics.

use std::time::Duration;

use credspec::CredentialSpec;
use dtyp::FileTime;
use serde::Serialize;

use crate::{GuardError, LeaseError, Peer, Workload};

/// Is told of every fetch, whatever came of it.
pub trait Observer: Send + Sync {
    /// A fetch has ended.
    fn fetched(&self, fetch: &Fetch<'_>);

    /// A lease has ended, and its files are gone.
    fn released(&self, lease: &str, by: &Peer) {
        tracing::info!(lease, %by, "lease released");
    }

    /// Somebody asked for a lease, for a workload if an orchestrator said so, and nothing was fetched for it.
    fn refused(&self, asked_by: &Peer, workload: Option<&Workload>, why: &LeaseError) {
        match workload {
            Some(pod) => tracing::warn!(%pod, service_account = pod.service_account, %why, "no lease was made"),
            None => tracing::warn!(%asked_by, %why, "no lease was made"),
        }
    }
}

/// Why an identity was fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Occasion {
    /// For a new lease.
    Begin,
    /// To keep one fresh.
    Renew,
}

/// One fetch. There is no secret in it.
pub struct Fetch<'a> {
    /// Why.
    pub occasion: Occasion,
    /// For which lease.
    pub lease: &'a str,
    /// Who asked for the lease.
    pub asked_by: Peer,
    /// What the lease is for, when an orchestrator said.
    pub workload: Option<&'a Workload>,
    /// Which spec, with its accounts and its plugin.
    pub spec: &'a CredentialSpec,
    /// With whose credentials, when the caller brought them.
    pub asker: Option<String>,
    /// The link that broke, if one did.
    pub broken: Option<&'a GuardError>,
    /// How long it took.
    pub took: Duration,
    /// When the tickets end that the lease had before; zero for a new one.
    pub ends: FileTime,
}

/// Writes to the log, and nowhere else.
#[derive(Clone, Copy, Debug, Default)]
pub struct Logged;

impl Observer for Logged {
    fn fetched(&self, fetch: &Fetch<'_>) {
        let (occasion, lease, took_us) = (fetch.occasion, fetch.lease, fetch.took.as_micros());
        let account = &fetch.spec.domain_join_config.machine_account_name;
        match fetch.broken {
            None => tracing::info!(?occasion, lease, %account, took_us, "identity fetched"),
            Some(error) => {
                let ends = fetch.ends.generalized();
                tracing::warn!(?occasion, lease, %account, %error, fix = error.fix(), ends, "identity not fetched");
            }
        }
    }
}
