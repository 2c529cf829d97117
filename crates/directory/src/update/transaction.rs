//! Changes that the rooms beside this one decide, inside the write transaction: what they read is what they change.

use std::collections::BTreeMap;

use dtyp::Guid;

use super::Planner;
use super::draft::Draft;
use super::principal::Principal;
use crate::{Dnt, Error, View};

/// The inside of a write transaction, for [`Update::System`](crate::Update::System).
///
/// Changes are gathered and written when the closure returns `Ok`; when it returns an error, nothing is.
pub struct Transaction<'t> {
    view: &'t View<'t>,
    drafts: BTreeMap<Dnt, Draft>,
}

impl<'t> Transaction<'t> {
    /// What the directory looks like, earlier updates of the same batch included, this transaction's own edits not.
    #[must_use]
    pub fn view(&self) -> &'t View<'t> {
        self.view
    }

    /// Changes an object; a second edit of the same object continues the first. When `edit` returns an error, give it on: this object's
    /// draft may be half changed.
    ///
    /// # Errors
    /// What `edit` returned, or when there is no such object.
    pub fn edit(
        &mut self,
        dnt: Dnt,
        edit: impl FnOnce(&View<'_>, &mut Draft) -> Result<(), Error>,
    ) -> Result<(), Error> {
        if !self.drafts.contains_key(&dnt) {
            let object = self.view.object(dnt)?.ok_or_else(|| Error::no_such_object(None))?;
            self.drafts.insert(dnt, Draft::of(&object));
        }
        match self.drafts.get_mut(&dnt) {
            Some(draft) => edit(self.view, draft),
            None => Err(Error::no_such_object(None)),
        }
    }
}

/// What [`Update::System`](crate::Update::System) does; returns the object it is about.
pub type Edit = Box<dyn FnOnce(&mut Transaction<'_>) -> Result<Dnt, Error> + Send>;

pub(super) fn plan(planner: &mut Planner<'_>, edit: Edit) -> Result<(), Error> {
    planner.only_system("a transaction")?;
    let mut transaction = Transaction { view: planner.view, drafts: BTreeMap::new() };
    let target = edit(&mut transaction)?;
    for (_, mut draft) in transaction.drafts {
        if let Some(principal) = Principal::of(&draft)
            && !draft.header.flags.has(crate::object::record::Flags::DELETED)
        {
            planner.check_principal(&mut draft, principal)?;
        }
        planner.drafts.push(draft);
    }
    let guid = planner.view.object(target)?.and_then(|object| object.guid());
    planner.target = Some((target, guid.unwrap_or(Guid::NIL)));
    Ok(())
}
