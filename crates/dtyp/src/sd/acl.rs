//! A list of entries.

use super::Ace;
use crate::Error;

/// An access control list. MS-DTYP 2.4.5. The order of the entries matters: see [`Acl::sort_canonically`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acl {
    /// 2, or 4 when object entries are (or may be) in it. Raised to 4 on writing when it must be.
    pub revision: u8,
    /// The entries.
    pub aces: Vec<Ace>,
}

/// What a plain list says.
pub(crate) const REVISION: u8 = 2;
/// What a list with object entries says.
pub(crate) const REVISION_DS: u8 = 4;

impl Default for Acl {
    fn default() -> Self {
        Self { revision: REVISION, aces: Vec::new() }
    }
}

impl Acl {
    /// A list of these entries, with the revision they need.
    #[must_use]
    pub fn new(aces: impl IntoIterator<Item = Ace>) -> Self {
        let mut acl = Self { revision: REVISION, aces: aces.into_iter().collect() };
        acl.revision = acl.needed_revision();
        acl
    }

    pub(super) fn needed_revision(&self) -> u8 {
        if self.aces.iter().any(|ace| ace.scope.is_some()) { self.revision.max(REVISION_DS) } else { self.revision }
    }

    /// Reads the list that starts at `bytes`; what follows it is not looked at.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Error> {
        let (&[revision, _, size_low, size_high, count_low, count_high, _, _], _) =
            bytes.split_first_chunk::<8>().ok_or(Error::Descriptor("a list ends inside its header"))?;
        if !matches!(revision, REVISION..=REVISION_DS) {
            return Err(Error::Descriptor("a list has an unknown revision"));
        }
        let size = usize::from(u16::from_le_bytes([size_low, size_high]));
        let count = usize::from(u16::from_le_bytes([count_low, count_high]));
        let mut rest = bytes.get(8..size).ok_or(Error::Descriptor("a list is longer than the descriptor"))?;
        // The smallest entry has twenty bytes, so that a count cannot make a small list allocate much.
        let mut aces = Vec::with_capacity(count.min(rest.len() / 16));
        for _ in 0..count {
            let (ace, after) = Ace::read(rest)?;
            aces.push(ace);
            rest = after;
        }
        Ok(Self { revision, aces })
    }

    pub(super) fn write_to(&self, out: &mut Vec<u8>) -> Result<(), Error> {
        let size = 8 + self.aces.iter().map(Ace::byte_len).sum::<usize>();
        let too_long = |_| Error::AclTooLong(size);
        out.extend_from_slice(&[self.needed_revision(), 0]);
        out.extend_from_slice(&u16::try_from(size).map_err(too_long)?.to_le_bytes());
        out.extend_from_slice(&u16::try_from(self.aces.len()).map_err(too_long)?.to_le_bytes());
        out.extend_from_slice(&[0, 0]);
        self.aces.iter().try_for_each(|ace| ace.write_to(out))
    }
}
