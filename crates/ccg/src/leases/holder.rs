//! Who has a lease, where it is asked how many somebody has.

use std::fmt;

use super::{Limits, Peer, Workload};

/// Whoever may have so many leases and no more.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Holder {
    /// The host's own programs, which have no bound of their own.
    Host,
    /// A user of the host.
    User(u32),
    /// A pod, by its UID: it has a lease for each of its volumes, of which its author may write any number.
    Pod(String),
}

impl Holder {
    pub(super) fn of(peer: &Peer, workload: Option<&Workload>) -> Self {
        match workload {
            _ if !peer.is_trusted() => Self::User(peer.uid),
            Some(workload) => Self::Pod(workload.uid.clone()),
            None => Self::Host,
        }
    }

    /// How many of them it may have.
    pub(super) fn most(&self, limits: &Limits) -> usize {
        match self {
            Self::Host => limits.leases,
            Self::User(_) => limits.leases_of_a_user,
            Self::Pod(_) => limits.leases_of_a_pod,
        }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host => f.write_str("the host"),
            Self::User(uid) => write!(f, "the user with uid {uid}"),
            Self::Pod(uid) => write!(f, "the pod with UID {uid}"),
        }
    }
}
