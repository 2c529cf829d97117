//! A delegated managed service account (dMSA) takes another account's place: both ends have to agree.
//!
//! MS-ADA2 2.301, 2.377, 2.478. In the first domain controllers that knew dMSAs, whoever could create one named any account as its
//! predecessor, and the KDC gave it that account's rights ("BadSuccessor"). Here the link by itself gives nothing, and whoever writes one
//! end must be allowed to write the other: the right to create or change a dMSA says nothing about the accounts that it could name.

use std::ops::RangeInclusive;

use schema::{AttrId, Attribute};

use super::Planner;
use super::draft::Draft;
use crate::error::win32;
use crate::{Dnt, Error, Object, access, gmsa};

/// On the dMSA: whose place it takes, and how far that is.
const PRECEDED_BY: &str = "msDS-ManagedAccountPrecededByLink";
const STATE: &str = "msDS-DelegatedMSAState";
/// On the account that it follows.
const SUPERSEDED_BY: &str = "msDS-SupersededManagedAccountLink";
const SUPERSEDED_STATE: &str = "msDS-SupersededServiceAccountState";
/// Not linked; linking begun; done; a dMSA that never follows anybody.
const STATES: RangeInclusive<i64> = 0..=3;
/// The states that speak of a predecessor.
const FOLLOWS: RangeInclusive<i64> = 1..=2;

impl Planner<'_> {
    /// The rules over both ends of a succession, after any change of an account.
    pub(crate) fn check_succession(&self, draft: &Draft) -> Result<(), Error> {
        if self.caller.system {
            return Ok(());
        }
        self.check_predecessor(draft)?;
        self.check_successor(draft)
    }

    /// Of a dMSA: a new predecessor, or a new state that speaks of one, needs the right to give that account away.
    fn check_predecessor(&self, draft: &Draft) -> Result<(), Error> {
        let (link, state) = (self.attribute(PRECEDED_BY)?, self.attribute(STATE)?);
        let stored = draft.stored.get(&state.id).and_then(|values| crate::matching::integer(values.first()?));
        let now = draft.integer(state.id);
        let is_new_link = self.new_targets(draft, link.id).next().is_some();
        if now == stored && !is_new_link {
            return Ok(());
        }
        if now.is_some_and(|state| !STATES.contains(&state)) {
            return Err(constraint(
                "msDS-DelegatedMSAState is 0 (not linked), 1 (linked), 2 (migrated) or 3 (stands alone)",
            ));
        }
        let predecessors = self.targets(draft, link)?;
        let follows = now.is_some_and(|state| FOLLOWS.contains(&state));
        if follows && predecessors.is_empty() {
            return Err(constraint(
                "msDS-DelegatedMSAState speaks of a predecessor, and msDS-ManagedAccountPrecededByLink names none",
            ));
        }
        if !follows && !is_new_link {
            return Ok(());
        }
        for dnt in predecessors {
            let predecessor = self.other_end(dnt)?;
            if !predecessor.is_a("user") || predecessor.is_a(gmsa::DELEGATED) || dnt == draft.dnt() {
                return Err(constraint(
                    "a predecessor is a user, a computer or a service account that is no dMSA itself",
                ));
            }
            self.check_may_write(&predecessor, [SUPERSEDED_BY, SUPERSEDED_STATE])?;
        }
        Ok(())
    }

    /// Of any other account: its successor is a dMSA, and one that the caller may give it to.
    fn check_successor(&self, draft: &Draft) -> Result<(), Error> {
        let link = self.attribute(SUPERSEDED_BY)?;
        for dnt in self.new_targets(draft, link.id) {
            let successor = self.other_end(dnt)?;
            if !successor.is_a(gmsa::DELEGATED) {
                return Err(constraint("msDS-SupersededManagedAccountLink names a delegated managed service account"));
            }
            self.check_may_write(&successor, [PRECEDED_BY, STATE])?;
        }
        Ok(())
    }

    fn check_may_write(&self, other: &Object<'_>, attributes: [&str; 2]) -> Result<(), Error> {
        for name in attributes {
            access::check_write(self.caller, other, self.attribute(name)?, &[]).map_err(|_| {
                let comment = format!("a succession is written by who may write {name} of the other account too");
                Error::insufficient_access(win32::DS_INSUFF_ACCESS_RIGHTS, comment)
            })?;
        }
        Ok(())
    }

    fn other_end(&self, dnt: Dnt) -> Result<Object<'_>, Error> {
        let object = self.view.object(dnt)?.filter(|object| !object.is_deleted());
        object.ok_or_else(|| constraint("the account at the other end is not there, or is only just being created"))
    }

    fn new_targets<'d>(&self, draft: &'d Draft, attribute: AttrId) -> impl Iterator<Item = Dnt> + use<'d> {
        let (edits, source) = (draft.links.iter(), draft.dnt());
        edits
            .filter(move |edit| edit.add && edit.source == source && edit.attribute == attribute)
            .map(|edit| edit.target)
    }

    /// What a link names after the change.
    fn targets(&self, draft: &Draft, link: &Attribute) -> Result<Vec<Dnt>, Error> {
        let mut targets = if draft.is_new() { Vec::new() } else { self.view.links(draft.dnt(), link.id)? };
        for edit in draft.links.iter().filter(|edit| edit.attribute == link.id && edit.source == draft.dnt()) {
            targets.retain(|target| *target != edit.target);
            targets.extend(edit.add.then_some(edit.target));
        }
        Ok(targets)
    }
}

fn constraint(comment: &str) -> Error {
    Error::constraint(win32::DS_CONSTRAINT_VIOLATION, comment)
}
