//! Making a lease: who may have it, then the folder, then the record.

use std::path::PathBuf;

use dtyp::SystemRandom;

use super::admission::Place;
use super::members::members;
use super::places::at;
use super::record::Record;
use super::{Added, Bring, Holder, LeaseError, LeaseId, Leases, Peer, Process, Request, ZERO};
use crate::{Lease, Member, Readers};

impl Leases {
    /// Makes a lease: fetches the identities, and keeps them fresh from now on.
    ///
    /// # Errors
    /// Why not; nothing is left then.
    pub async fn add(&self, request: Request) -> Result<Added, LeaseError> {
        // Kept until it is held, or has failed.
        let checked = self.check(&request);
        let (members, _place) = checked.inspect_err(|why| self.refused(&request, why))?;
        let Request { peer, id, specs, owner, readers, workload, process, keytabs, brought } = request;
        let id = id.unwrap_or_else(|| LeaseId::random(&SystemRandom));
        if self.held().contains_key(&id) {
            return Err(LeaseError::Exists(id));
        }
        let process = process.filter(|process| is_watched(process, &id));
        let term = crate::Term { fetched: self.inner.clock.now(), ..ZERO };
        let (means, brought) = brought.map(Bring::split).unzip();
        let version = Record::VERSION;
        let mut record =
            Record { version, id: id.clone(), peer, owner, readers, workload, process, keytabs, specs, brought, term };
        let mut lease = self.lease(&record, members.clone());
        {
            // It is never closed.
            let _permit = self.inner.fetching.acquire().await;
            lease.begin(means.as_ref(), self.inner.observer.as_ref()).await?;
        }
        record.term = lease.term();
        let folders = defaults(&lease);
        let folder = lease.folder().clone();
        let records = &self.inner.places.records;
        record.save(records).map_err(at(records)).inspect_err(|_| drop(folder.remove()))?;
        self.hold(record, members, lease, None);
        Ok(Added { id, folders })
    }

    fn refused(&self, request: &Request, why: &LeaseError) {
        self.inner.observer.refused(&request.peer, request.workload.as_ref(), why);
    }

    pub(super) fn check(&self, request: &Request) -> Result<(Vec<Member>, Place), LeaseError> {
        let holder = Holder::of(&request.peer, request.workload.as_ref());
        let place = self.inner.admission.enter(holder.clone(), |adding, adding_own| {
            let (all, most) = (self.inner.limits.leases, holder.most(&self.inner.limits));
            let held = self.held();
            if held.len() + adding >= all {
                return Err(LeaseError::Full(all));
            }
            let own = held.values().filter(|held| held.record.holder() == holder).count();
            if own + adding_own >= most { Err(LeaseError::FullFor { holder, most }) } else { Ok(()) }
        })?;
        if !request.peer.is_trusted() {
            check_untrusted(request)?;
        }
        let members = members(&request.specs, |name| self.inner.domains.of(name))?;
        if let Some(Bring::Account(brought)) = &request.brought {
            let other = members.iter().find(|member| !member.spec.domain_join_config.is_named(&brought.domain));
            if let Some(Member { spec, .. }) = other {
                let spec = spec.domain_join_config.dns_name.to_string();
                return Err(LeaseError::OtherDomain { credentials: brought.domain.clone(), spec });
            }
        }
        Ok((members, place))
    }
}

/// Whether the guard will see it end. If not, somebody has to say so, as without it.
fn is_watched(process: &Process, lease: &LeaseId) -> bool {
    let seen = process.is_seen();
    if !seen {
        tracing::warn!(%lease, pid = process.pid, "the process of this lease is not seen from here: the lease ends when somebody releases it");
    }
    seen
}

/// What others than root may not do.
fn check_untrusted(request: &Request) -> Result<(), LeaseError> {
    let (Peer { uid, gid, .. }, owner) = (request.peer, request.owner);
    if (owner.uid, owner.gid) != (uid, gid) {
        return Err(LeaseError::Owner { asking: uid, wanted: owner.uid });
    }
    if request.id.is_some() || request.workload.is_some() || request.readers != Readers::Owner {
        return Err(LeaseError::Name);
    }
    Ok(())
}

fn defaults(lease: &Lease) -> Vec<PathBuf> {
    let names = lease.members().iter().map(|member| &member.spec.domain_join_config.machine_account_name);
    names.map(|name| lease.folder().account(name.as_str())).collect()
}
