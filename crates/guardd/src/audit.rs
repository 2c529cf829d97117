//! The audit: one line for every fetch, with who asked, for what, and what came of it. There is no secret in it.

use std::num::NonZeroU64;
use std::path::Path;

use ::audit::Lines;
use ccg::{Fetch, Peer, Workload};
use dtyp::FileTime;
use serde::Serialize;
use sha2::{Digest, Sha256};

/// A file of JSON lines.
pub struct AuditFile(Lines);

#[derive(Serialize)]
struct Line<'a> {
    time: String,
    occasion: ccg::Occasion,
    lease: &'a str,
    asked_by: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    workload: Option<&'a Workload>,
    /// Names the very text of the spec.
    credspec_sha256: String,
    accounts: Vec<String>,
    domain: &'a str,
    /// By whose credentials: a plugin, an account that the caller brought, or the host's own.
    credentials: String,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    broken: Option<ccg::Step>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    took_ms: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    refusals_not_written: Option<NonZeroU64>,
}

/// Who was refused before anything was fetched.
#[derive(Serialize)]
struct Refused<'a> {
    time: String,
    occasion: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    asked_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    workload: Option<&'a Workload>,
    #[serde(skip_serializing_if = "Option::is_none")]
    credspec: Option<&'a str>,
    outcome: &'static str,
    error: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    refusals_not_written: Option<NonZeroU64>,
}

/// The end of a lease.
#[derive(Serialize)]
struct Released<'a> {
    time: String,
    occasion: &'static str,
    lease: &'a str,
    asked_by: String,
    outcome: &'static str,
}

impl<'a> Line<'a> {
    fn of(fetch: &'a Fetch<'a>, refusals_not_written: u64, now: FileTime) -> Self {
        let spec = fetch.spec;
        let domain = spec.domain_join_config.dns_name.as_str();
        let hash = Sha256::digest(spec.to_json().as_bytes());
        let plugin = spec.active_directory_config.host_account_config.as_ref();
        let credentials = match (&fetch.asker, plugin) {
            (Some(account), _) => format!("account {account}, brought by the caller"),
            (None, Some(plugin)) => format!("plugin {}", plugin.plugin_guid.braced()),
            (None, None) => "the host's own account".to_owned(),
        };
        Self {
            time: now.generalized(),
            occasion: fetch.occasion,
            lease: fetch.lease,
            asked_by: fetch.asked_by.to_string(),
            workload: fetch.workload,
            credspec_sha256: hash.iter().map(|byte| format!("{byte:02x}")).collect(),
            accounts: spec.accounts().into_iter().map(credspec::AccountName::sam_account_name).collect(),
            domain,
            credentials,
            outcome: if fetch.broken.is_some() { "refused" } else { "fetched" },
            broken: fetch.broken.map(|error| error.step),
            error: fetch.broken.map(ToString::to_string),
            took_ms: (fetch.took.as_secs_f64() * 1e5).round() / 100.0,
            refusals_not_written: NonZeroU64::new(refusals_not_written),
        }
    }
}

impl AuditFile {
    /// Appends to this file, which only the guard's user reads when it is new.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(path: &Path) -> std::io::Result<Self> {
        Lines::open(path).map(Self)
    }

    pub(crate) fn record(&self, fetch: &Fetch<'_>, refusals_not_written: u64, now: FileTime) {
        self.0.write(&Line::of(fetch, refusals_not_written, now));
    }

    pub(crate) fn refused(
        &self,
        asked_by: Option<&Peer>,
        (workload, credspec): (Option<&Workload>, Option<&str>),
        why: &dyn std::fmt::Display,
        not_written: u64,
        now: FileTime,
    ) {
        self.0.write(&Refused {
            time: now.generalized(),
            occasion: "begin",
            asked_by: asked_by.map(ToString::to_string),
            workload,
            credspec,
            outcome: "refused",
            error: why.to_string(),
            refusals_not_written: NonZeroU64::new(not_written),
        });
    }

    pub(crate) fn released(&self, lease: &str, by: &Peer, now: FileTime) {
        let (time, asked_by) = (now.generalized(), by.to_string());
        self.0.write(&Released { time, occasion: "release", lease, asked_by, outcome: "released" });
    }
}
