//! Who may see and change what: security descriptors applied to objects.
//!
//! MS-ADTS 5.1.3 (authorization), 3.1.1.4.4 (extended access checks on reads), 3.1.1.5.2.1 (security considerations of an add).
//!
//! Reads ask for every attribute of every entry, so decisions are remembered per descriptor: [`Decisions`] lives as long as a
//! [`Caller`], and descriptors never change (a new one gets a new [`SdId`](crate::store::SdId)). Administrators get their rights from
//! descriptors like everybody else.

mod decisions;
mod descriptors;
mod protected;
mod validated;

use dtyp::{AccessMask, Guid, ObjectType, SecurityDescriptor, access_check};
use schema::{Attribute, Class};

use crate::error::win32;
use crate::{Caller, Error, Object};

pub(crate) use decisions::{Decisions, Reading};
pub(crate) use descriptors::{descriptor_for_child, descriptor_for_read, descriptor_for_write, descriptor_under};
pub(crate) use protected::is_administrative;

/// Whether the caller may know that the object is there: List Contents on the parent. (List Object alone counts only in the mode that
/// `dSHeuristics` can set, MS-ADTS 5.1.3.3.6, which is off as in a new forest.)
pub(crate) fn may_see(caller: &Caller, object: &Object<'_>) -> bool {
    if caller.system {
        return true;
    }
    match object.view().object(object.parent()) {
        // The head of a naming context stands beneath no object; its own descriptor says what of it can be read.
        Ok(None) => true,
        Ok(Some(parent)) => {
            caller.decisions.mask(caller, &parent).contains(AccessMask::LIST_CONTENTS)
                || parent.descriptor().is_ok_and(<[u8]>::is_empty)
        }
        Err(_) => false,
    }
}

/// Whether the caller may write an attribute of the object; with validated writes (`member`, `servicePrincipalName`, `dNSHostName`).
pub(crate) fn check_write(
    caller: &Caller,
    object: &Object<'_>,
    attribute: &Attribute,
    values: &[Vec<u8>],
) -> Result<(), Error> {
    if caller.system || has(caller, object, AccessMask::WRITE_PROPERTY, Some(attribute)) {
        return Ok(());
    }
    if let Some(right) = validated::right(&attribute.name)
        && holds(caller, object, AccessMask::SELF_WRITE, &right)
        && validated::is_valid(caller, object, attribute, values)
    {
        return Ok(());
    }
    Err(denied(format!("writing {} is not allowed", attribute.name)))
}

/// Whether the caller may create a child of this class.
pub(crate) fn check_create(caller: &Caller, parent: &Object<'_>, class: &Class) -> Result<(), Error> {
    match caller.system || holds(caller, parent, AccessMask::CREATE_CHILD, &class.schema_id_guid) {
        true => Ok(()),
        false => Err(denied(format!("creating objects of class {} there is not allowed", class.name))),
    }
}

/// Whether the caller may delete the object (Delete on it, or Delete Child on its parent), or all beneath it.
pub(crate) fn check_delete(caller: &Caller, object: &Object<'_>, tree: bool) -> Result<(), Error> {
    if caller.system {
        return Ok(());
    }
    let allowed = if tree {
        has(caller, object, AccessMask::DELETE_TREE, None)
    } else {
        has(caller, object, AccessMask::DELETE, None) || may_delete_child(caller, object)?
    };
    if allowed { Ok(()) } else { Err(denied("deleting the object is not allowed".to_owned())) }
}

fn may_delete_child(caller: &Caller, object: &Object<'_>) -> Result<bool, Error> {
    let (Some(parent), Some(class)) = (object.view().object(object.parent())?, object.class()) else {
        return Ok(false);
    };
    Ok(holds(caller, &parent, AccessMask::DELETE_CHILD, &class.schema_id_guid)
        && protected::admits(caller, object, AccessMask::DELETE, &[]))
}

/// Whether an object may go together with what it stands beneath.
pub(crate) fn check_delete_beneath(caller: &Caller, object: &Object<'_>) -> Result<(), Error> {
    match caller.system || protected::admits(caller, object, AccessMask::DELETE, &[]) {
        true => Ok(()),
        false => Err(denied("an account or group that administers the domain is not deleted with the tree".to_owned())),
    }
}

/// Whether the caller has an extended right on the object, such as Reset Password.
pub(crate) fn check_control(caller: &Caller, object: &Object<'_>, right: &Guid) -> Result<(), Error> {
    match caller.system || holds(caller, object, AccessMask::CONTROL_ACCESS, right) {
        true => Ok(()),
        false => Err(denied("the control access right for this is not granted".to_owned())),
    }
}

/// Whether the caller has a right on the whole object, or on one attribute of it.
fn has(caller: &Caller, object: &Object<'_>, right: AccessMask, attribute: Option<&Attribute>) -> bool {
    let Some(descriptor) = descriptor_of(object) else { return false };
    let types = attribute.map(|attribute| decisions::types_of(object, attribute)).unwrap_or_default();
    access_check(&descriptor, &caller.token, right, &types, object.sid().as_ref()).is_granted()
        && protected::admits(caller, object, right, &types)
}

/// Whether the caller has a right that is about a class of children, an extended right or a validated write.
fn holds(caller: &Caller, object: &Object<'_>, right: AccessMask, about: &Guid) -> bool {
    let Some(descriptor) = descriptor_of(object) else { return false };
    let types = [ObjectType { level: 0, guid: *about }];
    access_check(&descriptor, &caller.token, right, &types, object.sid().as_ref()).is_granted()
        && protected::admits(caller, object, right, &types)
}

/// The object's descriptor; one that is missing or damaged grants nothing.
fn descriptor_of(object: &Object<'_>) -> Option<SecurityDescriptor> {
    object.descriptor().ok().and_then(|bytes| SecurityDescriptor::from_bytes(bytes).ok())
}

fn denied(comment: String) -> Error {
    Error::insufficient_access(win32::DS_INSUFF_ACCESS_RIGHTS, comment)
}

#[cfg(test)]
mod tests;
