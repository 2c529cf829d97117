//! When and where attributes were changed, compactly: what an object was created with is said once.
//!
//! MS-ADTS 3.1.1.1.9. An object's row: the stamp of its creation, then for each attribute changed later its id, version and stamp.

use dtyp::{FileTime, Guid};
use schema::AttrId;

use crate::store::number;
use crate::{AttributeMetadata, Dnt, Error, Usn, View};

const STAMP: usize = 16;
const ENTRY: usize = 8 + STAMP;

/// When, with which USN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) time: FileTime,
    pub(crate) usn: Usn,
}

/// The row of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) created: Stamp,
    pub(crate) later: Vec<(AttrId, u32, Stamp)>,
}

impl Row {
    pub(crate) fn new(created: Stamp) -> Self {
        Self { created, later: Vec::new() }
    }

    /// Notes that an attribute was changed; its version rises by one.
    pub(crate) fn touch(&mut self, attribute: AttrId, had_value: bool, stamp: Stamp) {
        match self.later.iter_mut().find(|(id, ..)| *id == attribute) {
            Some((_, version, at)) => {
                *version = version.saturating_add(1);
                *at = stamp;
            }
            None => self.later.push((attribute, if had_value { 2 } else { 1 }, stamp)),
        }
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(STAMP + self.later.len() * ENTRY);
        let push = |out: &mut Vec<u8>, stamp: &Stamp| {
            out.extend_from_slice(&stamp.time.0.to_le_bytes());
            out.extend_from_slice(&stamp.usn.0.to_le_bytes());
        };
        push(&mut out, &self.created);
        for (id, version, stamp) in &self.later {
            out.extend_from_slice(&id.0.to_le_bytes());
            out.extend_from_slice(&version.to_le_bytes());
            push(&mut out, stamp);
        }
        out
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let damaged = || Error::damaged("an object's metadata cannot be read");
        let (created, rest) = bytes.split_first_chunk::<STAMP>().ok_or_else(damaged)?;
        let (entries, rest) = rest.as_chunks::<ENTRY>();
        if !rest.is_empty() {
            return Err(damaged());
        }
        let later = entries.iter().map(|entry| {
            let [a, b, c, d, e, f, g, h, stamp @ ..] = *entry;
            (AttrId(u32::from_le_bytes([a, b, c, d])), u32::from_le_bytes([e, f, g, h]), read_stamp(&stamp))
        });
        Ok(Self { created: read_stamp(created), later: later.collect() })
    }
}

fn read_stamp(bytes: &[u8; STAMP]) -> Stamp {
    let (time, usn) = bytes.split_at(8);
    let number = |half: &[u8]| half.first_chunk().map_or(0, |half| u64::from_le_bytes(*half));
    Stamp { time: FileTime(number(time)), usn: Usn(number(usn)) }
}

impl View<'_> {
    pub(crate) fn metadata_row(&self, dnt: Dnt) -> Result<Option<Row>, Error> {
        self.tables().metadata.get(self.txn(), &number(dnt.0))?.map(Row::from_bytes).transpose()
    }

    /// When and where each attribute of an object was last changed, removed ones included.
    ///
    /// # Errors
    /// When there is no such object or the store is damaged.
    pub fn attribute_metadata(&self, dnt: Dnt) -> Result<Vec<AttributeMetadata>, Error> {
        let row = self.metadata_row(dnt)?.ok_or_else(|| Error::no_such_object(None))?;
        let object = self.object(dnt)?.ok_or_else(|| Error::no_such_object(None))?;
        let invocation: Guid = self.inner.invocation;
        let stamped = |attribute, version, stamp: Stamp| AttributeMetadata {
            attribute,
            version,
            originating_time: stamp.time,
            originating_invocation: invocation,
            originating_usn: stamp.usn,
            local_usn: stamp.usn,
        };
        let mut all: Vec<AttributeMetadata> =
            row.later.iter().map(|(id, version, stamp)| stamped(*id, *version, *stamp)).collect();
        let untouched = object
            .record()
            .attributes()
            .map(|(id, _)| id)
            .filter(|id| !row.later.iter().any(|(later, ..)| later == id));
        all.extend(untouched.map(|id| stamped(id, 1, row.created)));
        all.sort_by_key(|entry| entry.attribute);
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_read_as_written_and_versions_rise() {
        let stamp = |at| Stamp { time: FileTime(at), usn: Usn(at * 10) };
        let mut row = Row::new(stamp(1));
        row.touch(AttrId(3), true, stamp(2));
        row.touch(AttrId(4), false, stamp(2));
        row.touch(AttrId(3), true, stamp(3));
        assert_eq!(row.later, [(AttrId(3), 3, stamp(3)), (AttrId(4), 1, stamp(2))]);
        assert_eq!(Row::from_bytes(&row.to_bytes()).unwrap(), row);
        assert!(Row::from_bytes(&row.to_bytes()[..30]).is_err());
    }
}
