//! What there is, for those who ask.

use std::path::PathBuf;

use super::{Held, LeaseId, Leases, Peer, Process, Standing, Workload};
use crate::Owner;

/// One lease, for those who ask what there is.
#[derive(Clone, Debug)]
pub struct Summary {
    /// Its name.
    pub id: LeaseId,
    /// Who asked for it.
    pub peer: Peer,
    /// Who may use it.
    pub owner: Owner,
    /// What it is for, when an orchestrator said.
    pub workload: Option<Workload>,
    /// The process that it ends with, if there is one that is seen.
    pub process: Option<Process>,
    /// Its accounts, as `webapp01$@CONTOSO.COM`.
    pub accounts: Vec<String>,
    /// Its folder.
    pub folder: PathBuf,
    /// Whether the guard renews it by itself.
    pub renewed_alone: bool,
    /// How it stands.
    pub standing: Standing,
}

impl Leases {
    /// The leases that the caller may see to.
    #[must_use]
    pub fn list(&self, peer: &Peer) -> Vec<Summary> {
        let held = self.held();
        let seen = held.values().filter(|held| peer.may_see_to(&held.record.peer));
        seen.map(|held| self.summary(held)).collect()
    }

    /// The folder of a lease's default account, if there is this lease.
    #[must_use]
    pub fn folder(&self, id: &LeaseId) -> Option<PathBuf> {
        let held = self.held();
        let spec = &held.get(id)?.members.first()?.spec;
        let account = spec.domain_join_config.machine_account_name.as_str();
        Some(self.inner.places.identities.join(id.as_str()).join(account))
    }

    /// How every lease stands.
    #[must_use]
    pub fn standings(&self) -> Vec<Standing> {
        self.held().values().map(|held| held.standing.borrow().clone()).collect()
    }

    fn summary(&self, held: &Held) -> Summary {
        let principals = held.members.iter().flat_map(|member| {
            member
                .spec
                .accounts()
                .into_iter()
                .map(|name| format!("{}@{}", name.sam_account_name(), member.domain.realm))
        });
        Summary {
            id: held.record.id.clone(),
            peer: held.record.peer,
            owner: held.record.owner,
            workload: held.record.workload.clone(),
            process: held.record.process,
            accounts: principals.collect(),
            folder: self.inner.places.identities.join(held.record.id.as_str()),
            renewed_alone: held.record.brought.is_none(),
            standing: held.standing.borrow().clone(),
        }
    }
}
