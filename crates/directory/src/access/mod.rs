//! Who may see and change what: security descriptors applied to objects.
//!
//! MS-ADTS 5.1.3 (authorization), 3.1.1.4.4 (extended access checks on reads), 3.1.1.5.2.1 (security considerations of an add).
//!
//! Reads ask for every attribute of every entry, so decisions are remembered per descriptor: [`Decisions`] lives as long as a
//! [`Caller`], and descriptors never change (a new one gets a new [`SdId`](crate::store::SdId)).

use dtyp::Guid;
use schema::{Attribute, Class};

use crate::{Caller, Error, Object, View};

/// What a caller was found to be allowed, by descriptor.
#[derive(Default)]
pub(crate) struct Decisions {}

/// Whether the caller may know that the object is there: List Contents on the parent, or List Object in the mode that checks it.
pub(crate) fn may_see(_caller: &Caller, _object: &Object<'_>) -> bool {
    true
}

/// Whether the caller may read an attribute of the object. An attribute that may not be read is as if it were not there.
pub(crate) fn may_read(_caller: &Caller, _object: &Object<'_>, _attribute: &Attribute) -> bool {
    true
}

/// Whether the caller may write an attribute of the object; with validated writes for `self_write` (`member`, `servicePrincipalName`…).
pub(crate) fn check_write(
    _caller: &Caller,
    _object: &Object<'_>,
    _attribute: &Attribute,
    _values: &[Vec<u8>],
) -> Result<(), Error> {
    Ok(())
}

/// Whether the caller may create a child of this class.
pub(crate) fn check_create(_caller: &Caller, _parent: &Object<'_>, _class: &Class) -> Result<(), Error> {
    Ok(())
}

/// Whether the caller may delete the object (Delete on it, or Delete Child on its parent), or all beneath it.
pub(crate) fn check_delete(_caller: &Caller, _object: &Object<'_>, _tree: bool) -> Result<(), Error> {
    Ok(())
}

/// Whether the caller has an extended right on the object, such as Reset Password.
pub(crate) fn check_control(_caller: &Caller, _object: &Object<'_>, _right: &Guid) -> Result<(), Error> {
    Ok(())
}

/// The descriptor of a new object: what was asked for, the class's default, what the parent hands down. MS-ADTS 6.1.3, MS-DTYP 2.5.3.4.
pub(crate) fn descriptor_for_child(
    _view: &View<'_>,
    _caller: &Caller,
    _parent: Option<&[u8]>,
    _class: &Class,
    requested: Option<&[u8]>,
) -> Result<Vec<u8>, Error> {
    Ok(requested.unwrap_or(&[]).to_vec())
}

/// The descriptor that results from writing `new` over `old`, where only the parts in `sd_flags` count; rights are checked here.
pub(crate) fn descriptor_for_write(
    _caller: &Caller,
    _object: &Object<'_>,
    _parent: Option<&[u8]>,
    new: &[u8],
    _sd_flags: Option<u32>,
) -> Result<Vec<u8>, Error> {
    Ok(new.to_vec())
}

/// The descriptor of an object after its parent's changed, or it got another parent: what it inherited is inherited anew. No rights are
/// checked: who may change the parent's may change what comes from it. Equal bytes when nothing changes.
pub(crate) fn descriptor_under(_parent: &[u8], stored: &[u8], _class: &Class) -> Result<Vec<u8>, Error> {
    Ok(stored.to_vec())
}

/// The parts of a descriptor that a read may give; nothing when the caller may read none.
pub(crate) fn descriptor_for_read(
    _caller: &Caller,
    _object: &Object<'_>,
    stored: &[u8],
    _sd_flags: Option<u32>,
) -> Option<Vec<u8>> {
    Some(stored.to_vec())
}
