//! The numbers that only grow: USN, DNT, descriptor ids, RIDs; and who this copy of the directory is.

use dtyp::Guid;

use super::{Snapshot, Tables};
use crate::Error;

/// One of the counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counter {
    /// The last update sequence number given.
    Usn,
    /// The last distinguished-name tag given.
    Dnt,
    /// The last descriptor number given.
    Descriptor,
    /// The last relative identifier given.
    Rid,
}

impl Counter {
    const fn key(self) -> &'static [u8] {
        match self {
            Self::Usn => b"usn",
            Self::Dnt => b"dnt",
            Self::Descriptor => b"descriptor",
            Self::Rid => b"rid",
        }
    }
}

/// The table of counters.
#[derive(Clone, Copy)]
pub(crate) struct Counters(pub(crate) Tables);

impl Counters {
    /// The last number given.
    pub(crate) fn last(self, txn: &Snapshot<'_>, counter: Counter) -> Result<u64, Error> {
        match self.0.meta.get(txn, counter.key())? {
            None => Ok(0),
            Some(bytes) => bytes
                .first_chunk()
                .map(|bytes| u64::from_le_bytes(*bytes))
                .ok_or_else(|| Error::damaged("a counter is too short")),
        }
    }

    /// Notes that numbers up to `last` are given.
    pub(crate) fn set(self, txn: &mut heed::RwTxn<'_>, counter: Counter, last: u64) -> Result<(), Error> {
        Ok(self.0.meta.put(txn, counter.key(), &last.to_le_bytes())?)
    }

    /// The next number, given.
    pub(crate) fn next(self, txn: &mut heed::RwTxn<'_>, counter: Counter) -> Result<u64, Error> {
        let next = self.last(txn, counter)?.checked_add(1).ok_or_else(|| Error::damaged("a counter is at its end"))?;
        self.set(txn, counter, next)?;
        Ok(next)
    }

    /// The next number of 32 bits, given.
    pub(crate) fn next_u32(self, txn: &mut heed::RwTxn<'_>, counter: Counter) -> Result<u32, Error> {
        // MS-ADTS: 2^31 - 255 DNTs in the life of a copy.
        let next = self.next(txn, counter)?;
        u32::try_from(next)
            .ok()
            .filter(|next| *next < (1 << 31) - 255)
            .ok_or_else(|| Error::store(format!("no {counter:?} is left")))
    }

    /// An identity of this copy.
    pub(crate) fn guid(self, txn: &Snapshot<'_>, name: &str) -> Result<Option<Guid>, Error> {
        Ok(self.0.meta.get(txn, name.as_bytes())?.and_then(Guid::from_bytes))
    }
}
