//! What an update did: self-contained, so that it can be applied to another copy of the directory.
//!
//! MS-ADTS 3.1.1.1.9 (USNs), 3.1.1.1.14 (replication metadata); MS-DRSR 5.166 (`PROPERTY_META_DATA_EXT`).

use dtyp::{FileTime, Guid};
use schema::AttrId;

use crate::{Dnt, Usn};

/// When and where an attribute was last changed. MS-ADTS 3.1.1.3.4.3 (`replPropertyMetaData`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttributeMetadata {
    /// Which attribute.
    pub attribute: AttrId,
    /// How often it has been changed.
    pub version: u32,
    /// When, at the copy where it was changed.
    pub originating_time: FileTime,
    /// At which copy.
    pub originating_invocation: Guid,
    /// The USN that copy gave it.
    pub originating_usn: Usn,
    /// The USN this copy gave it.
    pub local_usn: Usn,
}

/// One validated update of one object: everything another copy needs to repeat it.
#[derive(Clone, Debug)]
pub struct Change {
    /// Its number here.
    pub usn: Usn,
    /// Which object, here.
    pub dnt: Dnt,
    /// Which object, everywhere.
    pub guid: Guid,
    /// What became of each attribute, with where and when.
    pub attributes: Vec<AttributeMetadata>,
}
