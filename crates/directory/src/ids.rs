//! The numbers by which the store knows things.

/// A distinguished-name tag: which object, within this copy of the directory. MS-ADTS 3.1.1.1.
///
/// Never reused, never seen outside: names and GUIDs are what others know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dnt(pub u32);

impl Dnt {
    /// Above every naming context: the parent of `DC=com`. There is no object here.
    pub const ROOT: Self = Self(0);

    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.first_chunk::<4>().map(|bytes| Self(u32::from_be_bytes(*bytes)))
    }

    pub(crate) const fn to_bytes(self) -> [u8; 4] {
        self.0.to_be_bytes()
    }
}

/// An update sequence number: how many changes this copy of the directory had seen. MS-ADTS 3.1.1.1.9.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Usn(pub u64);

/// One value of an attribute that names objects: which object, and the bytes beside it where the syntax has some (DN-Binary, DN-String).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkTarget<'a> {
    /// The named object.
    pub dnt: Dnt,
    /// What stands beside the name; empty for plain DNs.
    pub data: &'a [u8],
}
