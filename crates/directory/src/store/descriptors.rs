//! Security descriptors, each stored once: most objects of a container share theirs. MS-ADTS 3.1.1.1.12 leaves this to the store.

use heed::RwTxn;
use sha2::{Digest, Sha256};

use super::{Counter, Counters, SdId, Tables, number};
use crate::Error;

/// The two tables of descriptors.
#[derive(Clone, Copy)]
pub(crate) struct Descriptors(pub(crate) Tables);

impl Descriptors {
    /// The number of a descriptor, which one more object has from now on.
    pub(crate) fn acquire(self, txn: &mut RwTxn<'_>, descriptor: &[u8]) -> Result<SdId, Error> {
        let hash = Sha256::digest(descriptor);
        if let Some((id, users)) = self.entry(txn, &hash)? {
            self.put(txn, &hash, id, users.saturating_add(1))?;
            return Ok(SdId(id));
        }
        let id = Counters(self.0).next_u32(txn, Counter::Descriptor)?;
        self.0.descriptors.put(txn, &number(id), descriptor)?;
        self.put(txn, &hash, id, 1)?;
        Ok(SdId(id))
    }

    /// One object less has it; the last one takes it along.
    pub(crate) fn release(self, txn: &mut RwTxn<'_>, id: SdId) -> Result<(), Error> {
        let Some(hash) = self.0.descriptors.get(txn, &number(id.0))?.map(Sha256::digest) else { return Ok(()) };
        match self.entry(txn, &hash)? {
            Some((stored, users)) if users > 1 => self.put(txn, &hash, stored, users - 1),
            _ => {
                self.0.descriptor_ids.delete(txn, &hash)?;
                self.0.descriptors.delete(txn, &number(id.0))?;
                Ok(())
            }
        }
    }

    fn entry(self, txn: &RwTxn<'_>, hash: &[u8]) -> Result<Option<(u32, u64)>, Error> {
        let Some(entry) = self.0.descriptor_ids.get(txn, hash)? else { return Ok(None) };
        let (id, users) =
            entry.split_first_chunk::<4>().ok_or_else(|| Error::damaged("a descriptor's entry is too short"))?;
        let users = users.first_chunk().map_or(1, |users| u64::from_le_bytes(*users));
        Ok(Some((u32::from_le_bytes(*id), users)))
    }

    fn put(self, txn: &mut RwTxn<'_>, hash: &[u8], id: u32, users: u64) -> Result<(), Error> {
        let mut entry = id.to_le_bytes().to_vec();
        entry.extend_from_slice(&users.to_le_bytes());
        Ok(self.0.descriptor_ids.put(txn, hash, &entry)?)
    }
}
