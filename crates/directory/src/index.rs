//! Indexes: which objects have a value.
//!
//! Keys are the attribute and the value in its order; long values end in a hash, so that equality stays exact and ranges stay right up
//! to [`PLAIN`] bytes (a filter is evaluated on every candidate anyway). Below a key stand the DNTs of the objects that have the value,
//! in their order: that is the order in which results come, and what makes paging a seek.

use std::ops::Bound;

use schema::AttrId;
use sha2::{Digest, Sha256};

use crate::matching::{self, Kind};
use crate::store::{Snapshot, Tables};
use crate::{Dnt, Error};

/// LMDB takes keys of 511 bytes; four are the attribute, thirty-two the hash.
const PLAIN: usize = 440;
const LONGEST: usize = 4 + PLAIN + 32;

/// The pseudo attribute that indexes the parent's DNT: the children of a container, by their own DNT.
pub(crate) const PARENT: AttrId = AttrId(0xFFFF_FFF0);

/// A key, ready for the table. Kept on the stack.
#[derive(Clone, Copy)]
pub(crate) struct Key {
    bytes: [u8; LONGEST],
    length: usize,
}

impl Key {
    /// The key of a value in its order.
    pub(crate) fn new(attribute: AttrId, ordered: &[u8]) -> Self {
        let mut key = Self { bytes: [0; LONGEST], length: 0 };
        key.push(&attribute.0.to_be_bytes());
        match ordered.split_at_checked(PLAIN) {
            Some((plain, rest)) if !rest.is_empty() => {
                key.push(plain);
                key.push(&Sha256::digest(ordered));
            }
            _ => key.push(ordered),
        }
        key
    }

    /// The beginning of the keys of all values that begin so.
    pub(crate) fn prefix(attribute: AttrId, ordered: &[u8]) -> Self {
        let mut key = Self { bytes: [0; LONGEST], length: 0 };
        key.push(&attribute.0.to_be_bytes());
        key.push(ordered.get(..PLAIN).unwrap_or(ordered));
        key
    }

    fn push(&mut self, bytes: &[u8]) {
        let end = self.length.saturating_add(bytes.len());
        if let Some(place) = self.bytes.get_mut(self.length..end) {
            place.copy_from_slice(bytes);
            self.length = end;
        }
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

/// The key of a stored value; none when its syntax has no order.
pub(crate) fn key_of(attribute: AttrId, kind: Kind, stored: &[u8]) -> Option<Key> {
    // Most values are short ASCII: no allocation for them beyond this one.
    let mut ordered = Vec::with_capacity(stored.len());
    matching::order_key(kind, stored, &mut ordered)?;
    Some(Key::new(attribute, &ordered))
}

/// Where the keys of values from this one on begin; none when its syntax has no order.
pub(crate) fn start_of(attribute: AttrId, kind: Kind, stored: &[u8]) -> Option<Key> {
    let mut ordered = Vec::with_capacity(stored.len());
    matching::order_key(kind, stored, &mut ordered)?;
    Some(Key::prefix(attribute, &ordered))
}

/// Replaces the end of a key that is too long for the table by its hash.
pub(crate) fn shorten(key: &mut Vec<u8>, start: usize) {
    let value = key.get(start..).unwrap_or_default();
    if value.len() > PLAIN {
        let hash = Sha256::digest(value);
        key.truncate(start.saturating_add(PLAIN));
        key.extend_from_slice(&hash);
    }
}

/// The table of indexes.
#[derive(Clone, Copy)]
pub(crate) struct Index(pub(crate) Tables);

/// A set of objects by a range of keys.
#[derive(Clone, Copy)]
pub(crate) enum Span {
    /// Exactly this value.
    Exactly(Key),
    /// All values that begin so (with nothing but the attribute: all that have it).
    Beginning(Key),
    /// From this value on, to the end of the attribute.
    From(Key),
    /// From the beginning of the attribute to this value.
    UpTo(Key),
}

impl Index {
    pub(crate) fn put(self, txn: &mut heed::RwTxn<'_>, key: &Key, dnt: Dnt) -> Result<(), Error> {
        Ok(self.0.index.put(txn, key.as_slice(), &dnt.to_bytes())?)
    }

    pub(crate) fn delete(self, txn: &mut heed::RwTxn<'_>, key: &Key, dnt: Dnt) -> Result<(), Error> {
        self.0.index.delete_one_duplicate(txn, key.as_slice(), &dnt.to_bytes())?;
        Ok(())
    }

    /// The first object with exactly this value.
    pub(crate) fn first(self, txn: &Snapshot<'_>, key: &Key) -> Result<Option<Dnt>, Error> {
        self.0.index.get(txn, key.as_slice())?.map(dnt).transpose()
    }

    /// Gives the objects of a span until `take` wants no more. Within one key they come in their order; an object with several values in
    /// the span comes several times.
    pub(crate) fn each(self, txn: &Snapshot<'_>, span: &Span, mut take: impl FnMut(Dnt) -> bool) -> Result<(), Error> {
        match span {
            Span::Exactly(key) => {
                if let Some(found) = self.0.index.get_duplicates(txn, key.as_slice())? {
                    for item in found {
                        if !take(dnt(item?.1)?) {
                            break;
                        }
                    }
                }
            }
            Span::Beginning(key) => {
                for item in self.0.index.prefix_iter(txn, key.as_slice())? {
                    if !take(dnt(item?.1)?) {
                        break;
                    }
                }
            }
            Span::From(key) => {
                let attribute = key.as_slice().get(..4).unwrap_or_default();
                for item in self.0.index.range(txn, &(Bound::Included(key.as_slice()), Bound::Unbounded))? {
                    let (at, found) = item?;
                    if !at.starts_with(attribute) || !take(dnt(found)?) {
                        break;
                    }
                }
            }
            Span::UpTo(key) => {
                let attribute = key.as_slice().get(..4).unwrap_or_default();
                // A long value's key has a hash where others have text: stop only behind everything that begins as it does.
                let last = key.as_slice().get(..4 + PLAIN).unwrap_or(key.as_slice());
                for item in self.0.index.range(txn, &(Bound::Included(attribute), Bound::Unbounded))? {
                    let (at, found) = item?;
                    let beyond = at > key.as_slice() && !(last.len() == 4 + PLAIN && at.starts_with(last));
                    if beyond || !at.starts_with(attribute) || !take(dnt(found)?) {
                        break;
                    }
                }
            }
        }
        Ok(())
    }
}

fn dnt(bytes: &[u8]) -> Result<Dnt, Error> {
    Dnt::from_bytes(bytes).ok_or_else(|| Error::damaged("an index entry is too short"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_values_have_keys_the_store_takes_and_stay_different() {
        let long = vec![b'x'; 2000];
        let mut other = long.clone();
        *other.last_mut().unwrap() = b'y';
        let (a, b) = (Key::new(AttrId(3), &long), Key::new(AttrId(3), &other));
        assert!(a.as_slice().len() <= 511);
        assert_ne!(a.as_slice(), b.as_slice());
        assert!(a.as_slice().starts_with(Key::prefix(AttrId(3), &long).as_slice()));
    }

    #[test]
    fn keys_have_the_order_of_their_values() {
        let key = |number: &str| key_of(AttrId(9), Kind::Integer, number.as_bytes()).unwrap();
        let mut keys: Vec<Key> = ["10", "-5", "9", "-2147483646", "9223372036854775807"].map(key).to_vec();
        keys.sort_by(|a, b| a.as_slice().cmp(b.as_slice()));
        let sorted: Vec<Key> = ["-2147483646", "-5", "9", "10", "9223372036854775807"].map(key).to_vec();
        assert!(keys.iter().zip(&sorted).all(|(a, b)| a.as_slice() == b.as_slice()));
    }
}
