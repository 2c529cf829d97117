//! What is to be written, given all that is known: from the whole world to the fewest steps. Pure.
//!
//! Nothing depends on which event came, so one that is missed is made good by the next round.

use std::collections::{HashMap, HashSet};

use credspec::RkcInput;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::conclude::{Nodes, Spec, Status, conclude, secret_of};
use super::report::Report;

/// A `GMSAStatus` of the cluster.
#[derive(Clone, Debug)]
pub struct Stored {
    /// Its name, which is its spec's.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// Its version, so that nobody's newer one is overwritten.
    pub version: String,
    /// The uid of the spec that it says it belongs to.
    pub owner: Option<String>,
    /// What is in it.
    pub status: Option<Status>,
}

/// All that is known.
#[derive(Clone, Debug, Default)]
pub struct World {
    /// The specs.
    pub specs: Vec<Spec>,
    /// What examiners say, by namespace and Secret.
    pub reports: HashMap<(String, String), Report>,
    /// What kubelets say.
    pub nodes: Nodes,
    /// What has been written.
    pub stored: Vec<Stored>,
}

/// One write.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// A status is missing.
    Create {
        /// The spec's name.
        name: String,
        /// The spec's uid.
        owner: String,
    },
    /// A status is out of date.
    Write {
        /// Its name.
        name: String,
        /// Which version of it.
        version: String,
        /// What it should be.
        status: Box<Status>,
    },
    /// A status has no spec, or belonged to an earlier one of the name.
    Delete {
        /// Its name.
        name: String,
        /// Which one.
        uid: String,
    },
}

impl Step {
    /// Whose status it is about.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Create { name, .. } | Self::Write { name, .. } | Self::Delete { name, .. } => name,
        }
    }
}

/// The steps from what is stored to what should be.
#[must_use]
pub fn plan(world: &World, now: &Time) -> Vec<Step> {
    let specs: HashSet<(&str, &str)> = world.specs.iter().map(|spec| (spec.name.as_str(), spec.uid.as_str())).collect();
    let mut steps = Vec::new();
    let mut stored = HashMap::new();
    for one in &world.stored {
        if specs.contains(&(one.name.as_str(), one.owner.as_deref().unwrap_or_default())) {
            stored.insert(one.name.as_str(), one);
        } else {
            steps.push(Step::Delete { name: one.name.clone(), uid: one.uid.clone() });
        }
    }
    let taken: HashSet<&str> = world.stored.iter().map(|one| one.name.as_str()).collect();
    for spec in &world.specs {
        match stored.get(spec.name.as_str()) {
            None if taken.contains(spec.name.as_str()) => {}
            None => steps.push(Step::Create { name: spec.name.clone(), owner: spec.uid.clone() }),
            Some(one) => steps.extend(write(world, spec, one, now)),
        }
    }
    steps
}

fn write(world: &World, spec: &Spec, stored: &Stored, now: &Time) -> Option<Step> {
    let key = |RkcInput { namespace, secret }: RkcInput| (namespace.to_string(), secret.to_string());
    let report = secret_of(spec.contents.as_ref()).and_then(|input| world.reports.get(&key(input)));
    let before = stored.status.as_ref();
    let status = conclude(spec, report, &world.nodes, before, now);
    let (name, version) = (stored.name.clone(), stored.version.clone());
    (before != Some(&status)).then(|| Step::Write { name, version, status: Box::new(status) })
}

#[cfg(test)]
mod tests;
