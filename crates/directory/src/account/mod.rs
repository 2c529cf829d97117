//! Accounts: who may log on, with which keys.

use schema::Attribute;

use crate::update::PasswordWrite;
use crate::{Caller, Draft, Error, Object, View};

/// Hook: a password is written to an object that is being added or modified. Checks policy, sets the secrets and what goes with them
/// (`pwdLastSet`, `msDS-KeyVersionNumber`, …). The writer has checked sealing and access before.
pub(crate) fn write_password(
    _view: &View<'_>,
    _caller: &Caller,
    _draft: &mut Draft,
    _write: &PasswordWrite<'_>,
) -> Result<(), Error> {
    Ok(())
}

/// Hook: gives `emit` the values of a constructed attribute of an object, and returns whether it knows that attribute at all.
pub(crate) fn constructed(
    _caller: &Caller,
    _object: &Object<'_>,
    _attribute: &Attribute,
    _emit: &mut dyn FnMut(&[u8]),
) -> Result<bool, Error> {
    Ok(false)
}
