//! Ending the leases whose processes have ended: a container's runtime may be killed with it, or never have been told to say so.

use std::sync::Weak;
use std::time::Duration;

use tokio::time::MissedTickBehavior;

use super::{Held, Inner, LeaseId, Leases, Peer};
use crate::Owner;

/// How often the processes are looked at. A lease outlives its process by no more.
const ROUND: Duration = Duration::from_secs(30);

/// Looks at them, for as long as the leases are kept.
pub(super) async fn watch(leases: Weak<Inner>) {
    let mut rounds = tokio::time::interval(ROUND);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        rounds.tick().await;
        match leases.upgrade() {
            Some(inner) => Leases { inner }.round().await,
            None => return,
        }
    }
}

impl Leases {
    async fn round(&self) {
        for (id, pid) in self.ended() {
            tracing::info!(lease = %id, pid, "the process that this lease was for has ended; it is released");
            let Owner { uid, gid } = Owner::this_process();
            let us = Peer { uid, gid, pid: i32::try_from(std::process::id()).ok() };
            if let Err(error) = self.release(&us, &id).await {
                tracing::warn!(lease = %id, %error, "it cannot be released; it is tried again");
            }
        }
    }

    fn ended(&self) -> Vec<(LeaseId, i32)> {
        let with_process = |held: &Held| Some((held.record.id.clone(), held.record.process?));
        let all: Vec<_> = self.held().values().filter_map(with_process).collect();
        all.into_iter().filter(|(_, process)| process.has_ended()).map(|(id, process)| (id, process.pid)).collect()
    }
}
