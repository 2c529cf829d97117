//! Group managed service accounts.

use schema::Attribute;

use crate::{Caller, Draft, Error, Object, View};

/// Hook: a gMSA is being added; its SID is already set. Sets its first password and `msDS-ManagedPasswordId`.
pub(crate) fn created(_view: &View<'_>, _draft: &mut Draft) -> Result<(), Error> {
    Ok(())
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
