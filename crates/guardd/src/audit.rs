//! The audit: one line for every fetch, with who asked, for what, and what came of it. There is no secret in it.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use ccg::{Fetch, LeaseError, Peer, Workload};
use dtyp::FileTime;
use serde::Serialize;
use sha2::{Digest, Sha256};

/// A file of JSON lines.
pub struct AuditFile(Mutex<File>);

#[derive(Serialize)]
struct Line<'a> {
    time: String,
    occasion: ccg::Occasion,
    lease: &'a str,
    asked_by: &'a str,
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
}

/// A pod that was refused before anything was fetched.
#[derive(Serialize)]
struct Refused<'a> {
    time: String,
    occasion: &'static str,
    workload: &'a Workload,
    credspec: &'a str,
    outcome: &'static str,
    error: String,
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

/// Somebody whose request came to no fetch.
#[derive(Serialize)]
struct TurnedAway {
    time: String,
    occasion: &'static str,
    asked_by: String,
    outcome: &'static str,
    error: String,
}

impl<'a> Line<'a> {
    fn of(fetch: &'a Fetch<'a>, now: FileTime) -> Self {
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
            asked_by: fetch.asked_by,
            workload: fetch.workload,
            credspec_sha256: hash.iter().map(|byte| format!("{byte:02x}")).collect(),
            accounts: spec.accounts().into_iter().map(credspec::AccountName::sam_account_name).collect(),
            domain,
            credentials,
            outcome: if fetch.broken.is_some() { "refused" } else { "fetched" },
            broken: fetch.broken.map(|error| error.step),
            error: fetch.broken.map(ToString::to_string),
            took_ms: (fetch.took.as_secs_f64() * 1e5).round() / 100.0,
        }
    }
}

impl AuditFile {
    /// Appends to this file, which only the guard's user reads when it is new.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(path: &Path) -> std::io::Result<Self> {
        let file = std::fs::OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
        Ok(Self(Mutex::new(file)))
    }

    pub(crate) fn record(&self, fetch: &Fetch<'_>, now: FileTime) {
        self.append(&Line::of(fetch, now));
    }

    pub(crate) fn refused(&self, workload: &Workload, credspec: &str, why: &dyn std::fmt::Display, now: FileTime) {
        let (time, error) = (now.generalized(), why.to_string());
        self.append(&Refused { time, occasion: "begin", workload, credspec, outcome: "refused", error });
    }

    pub(crate) fn released(&self, lease: &str, by: &Peer, now: FileTime) {
        let (time, asked_by) = (now.generalized(), by.to_string());
        self.append(&Released { time, occasion: "release", lease, asked_by, outcome: "released" });
    }

    pub(crate) fn turned_away(&self, asked_by: &Peer, why: &LeaseError, now: FileTime) {
        let (time, asked_by, error) = (now.generalized(), asked_by.to_string(), why.to_string());
        self.append(&TurnedAway { time, occasion: "begin", asked_by, outcome: "refused", error });
    }

    fn append(&self, line: &impl Serialize) {
        let Ok(mut line) = serde_json::to_string(line) else { return };
        line.push('\n');
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = file.write_all(line.as_bytes()) {
            tracing::error!(%error, line, "the audit file cannot be written");
        }
    }
}
