//! Group managed service accounts.

use schema::Attribute;

use crate::{Caller, Directory, Draft, Error, Object, View};

/// Hook: a gMSA is being added. Refused: without keys of the KDS it would have no password, and never get one.
pub(crate) fn created(_view: &View<'_>, _draft: &mut Draft) -> Result<(), Error> {
    Err(Error::unwilling(
        crate::error::win32::DS_UNWILLING_TO_PERFORM,
        "group managed service accounts cannot be made yet: this directory derives no keys",
    ))
}

/// Hook: gives `emit` the values of a constructed attribute (`msDS-ManagedPassword`), and returns whether it is one of this room's.
pub(crate) fn constructed(
    _caller: &Caller,
    _object: &Object<'_>,
    _attribute: &Attribute,
    _emit: &mut dyn FnMut(&[u8]),
) -> Result<bool, Error> {
    Ok(false)
}

/// Makes a KDS root key that is effective at once, and says its name.
///
/// # Errors
/// When the directory cannot be written.
pub fn create_root_key(_directory: &Directory) -> Result<dtyp::Guid, Error> {
    Err(Error::unwilling(crate::error::win32::DS_UNWILLING_TO_PERFORM, "KDS root keys cannot be made yet"))
}
