//! How an object lies in the store: read by slicing, never by copying.
//!
//! | bytes | what |
//! |---|---|
//! | 1 | version, 1 |
//! | 1 | flags |
//! | 2 | number of attributes |
//! | 4 | parent's DNT |
//! | 4 | attribute of the RDN |
//! | 4 | id of the security descriptor |
//! | 4 | most specific class |
//! | 8 each | attribute, end of its values; sorted by attribute |
//! | … | values: 4 bytes of length and the value, for each |
//!
//! Numbers are little-endian. Values are in the form LDAP sends; names are four bytes of DNT (and the data beside the name). Every offset
//! and length is checked against the record when it is used: a damaged record reads as an error or as absent, never as a panic.

use schema::AttrId;

use crate::store::SdId;
use crate::{Dnt, Error};

const VERSION: u8 = 1;
const HEADER: usize = 20;
const SLOT: usize = 8;

/// What kind of object it is, beyond its class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Flags(pub(crate) u8);

impl Flags {
    /// A name without an object: `DC=com` above `DC=contoso,DC=com`.
    pub(crate) const PHANTOM: u8 = 1;
    /// A tombstone.
    pub(crate) const DELETED: u8 = 2;
    /// The head of a naming context.
    pub(crate) const NC_HEAD: u8 = 4;

    pub(crate) const fn has(self, flag: u8) -> bool {
        self.0 & flag != 0
    }

    pub(crate) const fn with(self, flag: u8, on: bool) -> Self {
        Self(if on { self.0 | flag } else { self.0 & !flag })
    }
}

/// What stands before the attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) flags: Flags,
    pub(crate) parent: Dnt,
    pub(crate) rdn: AttrId,
    pub(crate) descriptor: SdId,
    pub(crate) class: u32,
}

/// A stored object.
#[derive(Clone, Copy)]
pub(crate) struct Record<'v> {
    header: Header,
    slots: &'v [[u8; SLOT]],
    values: &'v [u8],
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
}

fn slot(slot: &[u8; SLOT]) -> (u32, usize) {
    let [a, b, c, d, e, f, g, h] = *slot;
    (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]) as usize)
}

impl<'v> Record<'v> {
    pub(crate) fn parse(bytes: &'v [u8]) -> Result<Self, Error> {
        Self::read(bytes).ok_or_else(|| Error::damaged("an object's record cannot be read"))
    }

    #[inline]
    fn read(bytes: &'v [u8]) -> Option<Self> {
        let (head, rest) = bytes.split_first_chunk::<HEADER>()?;
        let [VERSION, flags, count_low, count_high, ..] = *head else { return None };
        let count = usize::from(u16::from_le_bytes([count_low, count_high]));
        let (slots, values) = rest.split_at_checked(count.checked_mul(SLOT)?)?;
        let header = Header {
            flags: Flags(flags),
            parent: Dnt(u32_at(head, 4)?),
            rdn: AttrId(u32_at(head, 8)?),
            descriptor: SdId(u32_at(head, 12)?),
            class: u32_at(head, 16)?,
        };
        Some(Self { header, slots: slots.as_chunks::<SLOT>().0, values })
    }

    pub(crate) fn header(&self) -> &Header {
        &self.header
    }

    /// The values of an attribute; none when it is not there.
    #[inline]
    pub(crate) fn values(&self, attribute: AttrId) -> Values<'v> {
        match self.slots.binary_search_by(|probe| slot(probe).0.cmp(&attribute.0)) {
            Ok(at) => self.values_at(at),
            Err(_) => Values { rest: &[] },
        }
    }

    fn values_at(&self, at: usize) -> Values<'v> {
        let start = match at.checked_sub(1) {
            None => Some(0),
            Some(before) => self.slots.get(before).map(|before| slot(before).1),
        };
        let end = self.slots.get(at).map(|it| slot(it).1);
        let rest = start.zip(end).and_then(|(start, end)| self.values.get(start..end)).unwrap_or(&[]);
        Values { rest }
    }

    /// All attributes in the order of their ids.
    pub(crate) fn attributes(&self) -> impl Iterator<Item = (AttrId, Values<'v>)> + use<'v> {
        let record = *self;
        (0..self.slots.len())
            .filter_map(move |at| record.slots.get(at).map(|it| (AttrId(slot(it).0), record.values_at(at))))
    }
}

/// The values of one attribute, in the form LDAP sends.
#[derive(Clone, Copy)]
pub struct Values<'v> {
    rest: &'v [u8],
}

impl<'v> Iterator for Values<'v> {
    type Item = &'v [u8];

    #[inline]
    fn next(&mut self) -> Option<&'v [u8]> {
        let (length, rest) = self.rest.split_first_chunk::<4>()?;
        match rest.split_at_checked(u32::from_le_bytes(*length) as usize) {
            Some((value, rest)) => {
                self.rest = rest;
                Some(value)
            }
            None => {
                self.rest = &[];
                None
            }
        }
    }
}

/// Changes the descriptor of a record in place.
pub(crate) fn set_descriptor(bytes: &mut [u8], descriptor: SdId) -> Result<(), Error> {
    let place = bytes.get_mut(12..16).ok_or_else(|| Error::damaged("an object's record cannot be read"))?;
    place.copy_from_slice(&descriptor.0.to_le_bytes());
    Ok(())
}

/// Writes a record. `attributes` come in the order of their ids.
pub(crate) fn write<'f>(
    header: &Header,
    attributes: impl Iterator<Item = (AttrId, &'f [Vec<u8>])>,
) -> Result<Vec<u8>, Error> {
    let too_large = || Error::store("the object is too large for the store".into());
    let mut slots = Vec::with_capacity(32 * SLOT);
    let mut values = Vec::with_capacity(1024);
    let mut count = 0_u16;
    for (attribute, of_attribute) in attributes {
        if of_attribute.is_empty() {
            continue;
        }
        for value in of_attribute {
            values.extend_from_slice(&u32::try_from(value.len()).map_err(|_| too_large())?.to_le_bytes());
            values.extend_from_slice(value);
        }
        slots.extend_from_slice(&attribute.0.to_le_bytes());
        slots.extend_from_slice(&u32::try_from(values.len()).map_err(|_| too_large())?.to_le_bytes());
        count = count.checked_add(1).ok_or_else(too_large)?;
    }
    let mut out = Vec::with_capacity(HEADER + slots.len() + values.len());
    out.extend_from_slice(&[VERSION, header.flags.0]);
    out.extend_from_slice(&count.to_le_bytes());
    for number in [header.parent.0, header.rdn.0, header.descriptor.0, header.class] {
        out.extend_from_slice(&number.to_le_bytes());
    }
    out.append(&mut slots);
    out.append(&mut values);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn header() -> Header {
        Header { flags: Flags(Flags::NC_HEAD), parent: Dnt(7), rdn: AttrId(3), descriptor: SdId(9), class: 0x30002 }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn what_is_written_is_read(fields in prop::collection::btree_map(any::<u32>(), prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..5), 0..30)) {
            let fields: BTreeMap<u32, Vec<Vec<u8>>> = fields;
            let bytes = write(&header(), fields.iter().map(|(id, values)| (AttrId(*id), values.as_slice()))).unwrap();
            let record = Record::parse(&bytes).unwrap();
            prop_assert_eq!(*record.header(), header());
            for (id, values) in &fields {
                prop_assert_eq!(record.values(AttrId(*id)).map(<[u8]>::to_vec).collect::<Vec<_>>(), values.clone());
            }
            prop_assert_eq!(record.attributes().count(), fields.len());
        }

        #[test]
        fn any_bytes_are_read_or_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), wanted in any::<u32>()) {
            let mut bytes = bytes;
            if let Some(first) = bytes.first_mut() { *first = VERSION; }
            if let Ok(record) = Record::parse(&bytes) {
                let _ = record.values(AttrId(wanted)).count();
                let _ = record.attributes().map(|(_, values)| values.count()).sum::<usize>();
            }
        }
    }

    #[test]
    fn an_absent_attribute_has_no_values() {
        let values = vec![b"alice".to_vec()];
        let bytes = write(&header(), [(AttrId(3), values.as_slice())].into_iter()).unwrap();
        let record = Record::parse(&bytes).unwrap();
        assert_eq!(record.values(AttrId(4)).count(), 0);
        assert_eq!(record.values(AttrId(3)).next(), Some(b"alice".as_slice()));
    }
}
