//! Who asks the guard.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Owner;

/// A process on this machine, as the system vouches for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peer {
    /// Its user.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// Its number, when the system tells it.
    pub pid: Option<i32>,
}

impl Peer {
    /// This process.
    #[must_use]
    pub fn this_process() -> Self {
        let Owner { uid, gid } = Owner::this_process();
        Self { uid, gid, pid: None }
    }

    /// Root, and the guard's own user.
    #[must_use]
    pub fn is_trusted(&self) -> bool {
        self.uid == 0 || self.uid == rustix::process::geteuid().as_raw()
    }

    /// The trusted see to every lease; others to those they asked for.
    pub(super) fn may_see_to(&self, asked: &Self) -> bool {
        self.is_trusted() || self.uid == asked.uid
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "uid {}", self.uid)?;
        self.pid.map_or(Ok(()), |pid| write!(f, " (process {pid})"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_sees_to_the_leases_of_others_but_root_and_the_guard() {
        let peer = |uid| Peer { uid, gid: 0, pid: None };
        let this = rustix::process::geteuid().as_raw();
        let (one, two) = (this + 1000, this + 1001);
        assert!(peer(one).may_see_to(&peer(one)) && !peer(one).may_see_to(&peer(two)));
        assert!(peer(0).may_see_to(&peer(one)) && peer(this).may_see_to(&peer(one)));
    }
}
