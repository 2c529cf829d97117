//! The link table: which object names which, from both ends. MS-ADTS 3.1.1.1.6 (attributes that name objects), 3.1.1.2.2.2.5 (links).
//!
//! A forward link and its back link are one fact kept in two orders, always written together. Links go by DNT, so a rename touches none.

use schema::AttrId;

use crate::store::{Snapshot, Tables};
use crate::{Dnt, Error, LinkTarget};

/// The two tables.
#[derive(Clone, Copy)]
pub(crate) struct Links(pub(crate) Tables);

/// More beside a name than this does not fit in a sorted table of LMDB.
pub(crate) const MOST_DATA: usize = 500;

pub(crate) fn place(object: Dnt, attribute: AttrId) -> [u8; 8] {
    crate::secrets::place(object, attribute)
}

impl Links {
    /// Adds one link; whether it was new.
    pub(crate) fn add(
        self,
        txn: &mut heed::RwTxn<'_>,
        source: Dnt,
        attribute: AttrId,
        target: LinkTarget<'_>,
    ) -> Result<bool, Error> {
        if self.has(txn, source, attribute, target)? {
            return Ok(false);
        }
        let value = crate::matching::name_value(target.dnt, target.data);
        self.0.links.put(txn, &place(source, attribute), &value)?;
        self.0.back_links.put(txn, &place(target.dnt, attribute), &source.to_bytes())?;
        Ok(true)
    }

    /// Removes one link; whether it was there.
    pub(crate) fn remove(
        self,
        txn: &mut heed::RwTxn<'_>,
        source: Dnt,
        attribute: AttrId,
        target: LinkTarget<'_>,
    ) -> Result<bool, Error> {
        let value = crate::matching::name_value(target.dnt, target.data);
        let found = self.0.links.delete_one_duplicate(txn, &place(source, attribute), &value)?;
        // With data beside it, the same target may be named twice: the back link stays until the last goes.
        let again = !target.data.is_empty() && {
            let mut again = false;
            self.each(txn, source, attribute, |link| {
                again = link.dnt == target.dnt;
                !again && link.dnt <= target.dnt
            })?;
            again
        };
        if found && !again {
            self.0.back_links.delete_one_duplicate(txn, &place(target.dnt, attribute), &source.to_bytes())?;
        }
        Ok(found)
    }

    /// Whether exactly this link is there.
    pub(crate) fn has(
        self,
        txn: &Snapshot<'_>,
        source: Dnt,
        attribute: AttrId,
        target: LinkTarget<'_>,
    ) -> Result<bool, Error> {
        if target.data.is_empty() {
            return self.names(txn, source, attribute, target.dnt);
        }
        let mut found = false;
        self.each(txn, source, attribute, |link| {
            found = link == target;
            !found
        })?;
        Ok(found)
    }

    /// Whether `source` names `target` at all. Looks from the end with fewer links, by turns.
    pub(crate) fn names(self, txn: &Snapshot<'_>, source: Dnt, attribute: AttrId, target: Dnt) -> Result<bool, Error> {
        let forward = self.0.links.get_duplicates(txn, &place(source, attribute))?;
        let back = self.0.back_links.get_duplicates(txn, &place(target, attribute))?;
        let (Some(mut forward), Some(mut back)) = (forward, back) else { return Ok(false) };
        loop {
            match forward.next().transpose()? {
                None => return Ok(false),
                Some((_, value)) if value.get(..4) == Some(&target.to_bytes()) => return Ok(true),
                Some((_, value)) if value.get(..4) > Some(&target.to_bytes()) => return Ok(false),
                Some(_) => {}
            }
            match back.next().transpose()? {
                None => return Ok(false),
                Some((_, value)) if value == source.to_bytes() => return Ok(true),
                Some((_, value)) if value > source.to_bytes().as_slice() => return Ok(false),
                Some(_) => {}
            }
        }
    }

    /// Gives the objects that `source` names, until `take` wants no more.
    pub(crate) fn each<'t>(
        self,
        txn: &'t Snapshot<'_>,
        source: Dnt,
        attribute: AttrId,
        mut take: impl FnMut(LinkTarget<'t>) -> bool,
    ) -> Result<(), Error> {
        if let Some(found) = self.0.links.get_duplicates(txn, &place(source, attribute))? {
            for item in found {
                if !take(target(item?.1)?) {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Gives the objects that name `target` by the forward attribute `attribute`, until `take` wants no more.
    pub(crate) fn each_back(
        self,
        txn: &Snapshot<'_>,
        target: Dnt,
        attribute: AttrId,
        mut take: impl FnMut(Dnt) -> bool,
    ) -> Result<(), Error> {
        if let Some(found) = self.0.back_links.get_duplicates(txn, &place(target, attribute))? {
            for item in found {
                let source = Dnt::from_bytes(item?.1).ok_or_else(|| Error::damaged("a back link is too short"))?;
                if !take(source) {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Every attribute by which something is named from (`forward`) or to this object.
    pub(crate) fn attributes_of(self, txn: &Snapshot<'_>, object: Dnt, forward: bool) -> Result<Vec<AttrId>, Error> {
        let table = if forward { self.0.links } else { self.0.back_links };
        let mut found = Vec::new();
        for item in table.prefix_iter(txn, &object.to_bytes())?.move_between_keys() {
            let (key, _) = item?;
            let id = key.get(4..).and_then(|id| id.first_chunk::<4>());
            found.push(AttrId(u32::from_be_bytes(*id.ok_or_else(|| Error::damaged("a link's key is too short"))?)));
        }
        Ok(found)
    }
}

fn target(value: &[u8]) -> Result<LinkTarget<'_>, Error> {
    let (dnt, data) = value.split_first_chunk::<4>().ok_or_else(|| Error::damaged("a link is too short"))?;
    Ok(LinkTarget { dnt: Dnt(u32::from_be_bytes(*dnt)), data })
}
