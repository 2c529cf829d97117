//! What a lease is for, in the words of whoever schedules it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A pod.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workload {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub pod: String,
    /// What tells it from others of that name, before and after it.
    pub uid: String,
    /// Who it is in its cluster.
    pub service_account: String,
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.pod)
    }
}
