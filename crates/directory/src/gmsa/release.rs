//! The password is released: the constructed attribute `msDS-ManagedPassword`. MS-ADTS 3.1.1.4.5.39, 3.1.1.4.4.

use dtyp::{AccessMask, SecurityDescriptor, access_check};
use gkdi::ManagedPasswordBlob;
use ldap::ResultCode;
use schema::Attribute;
use zeroize::Zeroizing;

use super::root_keys::RootKeys;
use super::{CLASS, Managed, rollover};
use crate::error::win32;
use crate::{Caller, Error, Object};

/// Hook: gives `emit` the values of a constructed attribute, and returns whether it is one of this room's.
pub(crate) fn constructed(
    caller: &Caller,
    object: &Object<'_>,
    attribute: &Attribute,
    emit: &mut dyn FnMut(&[u8]),
) -> Result<bool, Error> {
    if attribute.name != "msDS-ManagedPassword" {
        return Ok(false);
    }
    // First of all: whoever asks must not be told anything, not even that they may not have it, where others can read.
    if !caller.sealed && !caller.system {
        let comment = "msDS-ManagedPassword is only given over an encrypted connection: bind with sealing, or use TLS";
        return Err(refused(win32::DS_CONFIDENTIALITY_REQUIRED, comment));
    }
    // A delegated account's keys reach its host in a ticket, never over LDAP: of another class the attribute is not present.
    if object.is_a(CLASS)
        && let Some(managed) = Managed::of(object)?
        && may_read(caller, object, &managed)?
    {
        emit(&blob(object, &managed)?);
    }
    Ok(true)
}

fn refused(win32: u32, comment: &str) -> Error {
    Error::protocol(ResultCode::OPERATIONS_ERROR, win32, comment)
}

/// Whether `msDS-GroupMSAMembership`, a security descriptor, lets the caller read. The object's own descriptor has no say.
fn may_read(caller: &Caller, object: &Object<'_>, managed: &Managed) -> Result<bool, Error> {
    if caller.system {
        return Ok(true);
    }
    let missing = || {
        let comment = "the account has no usable msDS-GroupMSAMembership, which says who may read its password";
        refused(win32::DS_CANT_RETRIEVE_ATTS, comment)
    };
    let attribute = object.view().schema().attribute("msDS-GroupMSAMembership");
    let stored = attribute.and_then(|attribute| object.value(attribute.id)).ok_or_else(missing)?;
    let descriptor = SecurityDescriptor::from_bytes(stored).map_err(|_| missing())?;
    // A descriptor without a list grants everybody everything: of a password nobody means that.
    let decision = descriptor.dacl.is_some()
        && access_check(&descriptor, &caller.token, AccessMask::READ_PROPERTY, &[], Some(&managed.sid)).is_granted();
    let reader = caller.token.user();
    tracing::info!(target: "audit", %reader, account = %managed.sid, released = decision, "msDS-ManagedPassword");
    Ok(decision)
}

fn blob(object: &Object<'_>, managed: &Managed) -> Result<Zeroizing<Vec<u8>>, Error> {
    let view = object.view();
    let now = view.environment().clock.now();
    let (keys, plan) = (RootKeys::of(view)?, managed.plan(now)?);
    rollover::follow_later(view, object.dnt(), managed, &plan)?;
    let (current, previous) = plan.released();
    let (query_interval, unchanged_interval) = plan.intervals(now);
    let blob = ManagedPasswordBlob {
        current: managed.password(&keys, current)?,
        previous: managed.known_password(&keys, previous),
        query_interval,
        unchanged_interval,
    };
    Ok(blob.encode())
}
