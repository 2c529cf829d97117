//! The status of one spec: what its contents, its account's report and the nodes together say. Pure: nothing is asked, nothing written.

use credspec::{AKV_CLSID, CredentialSpec, HostAccountConfig, RKC_CLSID, RkcInput};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::report::{Examined, Report, Verdict};

/// A spec of the cluster.
#[derive(Clone, Debug)]
pub struct Spec {
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// Its version.
    pub generation: i64,
    /// What it holds.
    pub contents: Option<Value>,
}

/// On how many nodes, of how many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Where it is.
    pub have: usize,
    /// Where it should be.
    pub of: usize,
}

/// Where plugins are, as kubelets have said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Nodes {
    /// Linux nodes whose kubelet has registered the guard's driver.
    pub linux: Count,
    /// Pods of the installer that are ready, of those its DaemonSet wants. None if there is no such DaemonSet.
    pub windows: Option<Count>,
}

/// What is written as the status of a `GMSAStatus`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Status {
    /// Which version of the spec this is about.
    pub observed_generation: i64,
    /// The gMSA.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// Its domain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// `2/3`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nodes: Option<String>,
    /// When the password was last released to the examiner.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_fetch_time: Option<Time>,
    /// When it will be another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_rotation_time: Option<Time>,
    /// When the impersonation account's own password will be another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_rotation_time: Option<Time>,
    /// In Kubernetes' standard form.
    pub conditions: Vec<Condition>,
}

/// Reasons of what need not hold for this spec.
const NOT_NEEDED: &str = "NotNeeded";

/// The Secret that a spec names, if it names one of the cluster: by this a report is found.
#[must_use]
pub fn secret_of(contents: Option<&Value>) -> Option<RkcInput> {
    let host = contents?.pointer("/ActiveDirectoryConfig/HostAccountConfig")?;
    let plugin: dtyp::Guid = host.get("PluginGUID")?.as_str()?.parse().ok()?;
    let input = host.get("PluginInput")?.as_str()?;
    (plugin == RKC_CLSID).then(|| input.parse().ok()).flatten()
}

/// The status of a spec. What has not changed since `before` keeps its time.
#[must_use]
pub fn conclude(spec: &Spec, report: Option<&Report>, nodes: &Nodes, before: Option<&Status>, now: &Time) -> Status {
    let parsed = parse(spec);
    let host = parsed.as_ref().ok().and_then(|parsed| parsed.active_directory_config.host_account_config.as_ref());
    let valid = match &parsed {
        Ok(_) => Verdict::holds("Valid", "it is a credential spec"),
        Err(what) => Verdict::fails("Invalid", what.as_str()),
    };
    let report = report.filter(|report| report.is_fresh(now));
    let examined = report.and_then(|report| {
        let same = |one: &&Examined| one.name == spec.name && one.uid == spec.uid && one.generation == spec.generation;
        report.specs.iter().find(same)
    });
    let (installed, count) = plugin_installed(parsed.is_ok(), host, nodes);
    let secret = secret_found(parsed.is_ok(), host, report);
    let seen = |of: fn(&Examined) -> &Verdict| match examined {
        Some(examined) => of(examined).clone().bounded(),
        None => unseen(report),
    };
    let mut verdicts = vec![
        ("SpecValid", valid),
        ("PluginInstalled", installed),
        ("SecretFound", secret),
        ("DirectoryReachable", seen(|one| &one.directory_reachable)),
        ("RetrievalAllowed", seen(|one| &one.retrieval_allowed)),
        ("LogonSucceeded", seen(|one| &one.logon_succeeded)),
    ];
    verdicts.insert(0, ("Ready", ready(&verdicts)));
    let conditions = verdicts.into_iter().map(|(kind, verdict)| condition(kind, verdict, spec, before, now)).collect();
    let config = parsed.as_ref().ok().map(|parsed| &parsed.domain_join_config);
    Status {
        observed_generation: spec.generation,
        account: config.map(|config| config.machine_account_name.to_string()),
        domain: config.map(|config| config.dns_name.to_string()),
        nodes: Some(format!("{}/{}", count.have, count.of)),
        last_fetch_time: examined.and_then(|one| one.last_fetch_time.clone()),
        next_rotation_time: examined.and_then(|one| one.next_rotation_time.clone()),
        account_rotation_time: report.and_then(|report| report.account_rotation_time.clone()),
        conditions,
    }
}

fn parse(spec: &Spec) -> Result<CredentialSpec, String> {
    let contents = spec.contents.as_ref().ok_or("it has no credspec in it")?;
    CredentialSpec::parse(contents.to_string().as_bytes()).map_err(|error| error.to_string())
}

fn plugin_installed(valid: bool, host: Option<&HostAccountConfig>, nodes: &Nodes) -> (Verdict, Count) {
    let guid = host.map(|host| host.plugin_guid);
    // The guard has both plugins built in, and needs none for a host's own account; the installer brings CCGRKC's.
    let linux = guid.is_none_or(|guid| guid == RKC_CLSID || guid == AKV_CLSID) && valid && nodes.linux.have > 0;
    let windows = nodes.windows.filter(|count| guid == Some(RKC_CLSID) && count.of > 0);
    let linux = linux.then_some(nodes.linux);
    let zero = Count::default();
    let (on_linux, on_windows) = (linux.unwrap_or(zero), windows.unwrap_or(zero));
    let count =
        Count { have: on_linux.have.saturating_add(on_windows.have), of: on_linux.of.saturating_add(on_windows.of) };
    let mut places = Vec::new();
    if let Some(Count { have, of }) = linux {
        places.push(format!("the guard on {have} of {of} Linux nodes"));
    }
    if let Some(Count { have, of }) = windows {
        places.push(format!("the plugin on {have} of {of} Windows nodes"));
    }
    let places = places.join(", ");
    let known = guid.is_none_or(|guid| guid == RKC_CLSID || guid == AKV_CLSID);
    let verdict = match (valid, known) {
        (false, _) => Verdict::unknown("SpecInvalid", "the spec does not say which plugin it needs"),
        (true, false) => Verdict::unknown("OtherPlugin", "nobody reports where this plugin is installed"),
        (true, true) if places.is_empty() => Verdict::fails(
            "Nowhere",
            "no node has it: neither the guard of Linux nodes nor the installer of Windows nodes runs, or the controller \
             was told of neither (--guard, --installer)",
        ),
        (true, true) if count.have < count.of => Verdict::fails("SomeNodes", places),
        (true, true) => Verdict::holds("AllNodes", places),
    };
    (verdict, count)
}

fn secret_found(valid: bool, host: Option<&HostAccountConfig>, report: Option<&Report>) -> Verdict {
    match (valid, host) {
        (false, _) => Verdict::unknown("SpecInvalid", "the spec does not say which Secret it needs"),
        (true, None) => Verdict::unknown(NOT_NEEDED, "the spec leaves it to each host's own account"),
        (true, Some(host)) if host.plugin_guid != RKC_CLSID => {
            Verdict::unknown(NOT_NEEDED, "the plugin keeps its credentials outside of the cluster")
        }
        (true, Some(_)) => match report {
            Some(report) => report.secret_found.clone().bounded(),
            None => unseen(None),
        },
    }
}

fn unseen(report: Option<&Report>) -> Verdict {
    match report {
        Some(_) => {
            Verdict::unknown("NotExaminedYet", "the account's examiner has not looked at this version of the spec")
        }
        None => Verdict::unknown(
            "NotReported",
            "no examiner of the impersonation account reports: install rancher-gmsa-account-provider with examiner.enabled, or see its log",
        ),
    }
}

fn ready(verdicts: &[(&str, Verdict)]) -> Verdict {
    if let Some((kind, verdict)) = verdicts.iter().find(|(_, verdict)| verdict.status == "False") {
        return Verdict::fails(kind, format!("not {kind}: {}", verdict.message));
    }
    let open = |verdict: &Verdict| verdict.status != "True" && verdict.reason != NOT_NEEDED;
    match verdicts.iter().find(|(_, verdict)| open(verdict)) {
        Some((kind, verdict)) => {
            Verdict::unknown(kind, format!("whether it is {kind} is not known: {}", verdict.message))
        }
        None => Verdict::holds("ChainHolds", "every link that can be seen from here holds"),
    }
}

fn condition(kind: &str, verdict: Verdict, spec: &Spec, before: Option<&Status>, now: &Time) -> Condition {
    let earlier = before.and_then(|before| before.conditions.iter().find(|one| one.type_ == kind));
    let since = earlier.filter(|one| one.status == verdict.status).map(|one| one.last_transition_time.clone());
    Condition {
        last_transition_time: since.unwrap_or_else(|| now.clone()),
        message: verdict.message,
        observed_generation: Some(spec.generation),
        reason: verdict.reason,
        status: verdict.status,
        type_: kind.to_owned(),
    }
}

#[cfg(test)]
mod tests;
