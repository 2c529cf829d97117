//! Renaming and moving. MS-ADTS 3.1.1.5.4, RFC 4511 4.9.
//!
//! Objects hold on to their parent by its tag, so what is beneath moves along without being touched.

use dtyp::Guid;
use ldap::{Dn, Rdn, ResultCode};

use super::draft::Draft;
use super::{Planner, add};
use crate::error::win32;
use crate::object::record::Flags;
use crate::{Dnt, Error, Object, Problem, access};

/// Bits of `systemFlags` in a domain's naming context: what may not be done. MS-ADTS 2.2.10.
const DOMAIN_DISALLOW_RENAME: i64 = 0x0800_0000;
const DOMAIN_DISALLOW_MOVE: i64 = 0x0400_0000;
/// Bits in the configuration: what may be done.
const CONFIG_ALLOW_RENAME: i64 = 0x4000_0000;
const CONFIG_ALLOW_MOVE: i64 = 0x2000_0000;

pub(super) fn plan(
    planner: &mut Planner<'_>,
    dn: &Dn,
    new_rdn: &Rdn,
    delete_old: bool,
    superior: Option<&Dn>,
) -> Result<(), Error> {
    let object = planner.object(dn)?;
    if object.is_deleted() && !planner.caller.system {
        return Err(Error::no_such_object(None));
    }
    if !delete_old {
        return Err(Error::unwilling(
            win32::INVALID_PARAMETER,
            "the old relative name does not stay (deleteoldrdn must be TRUE)",
        ));
    }
    let class = object.class().ok_or_else(|| Error::damaged("an object is of no class"))?;
    let attribute = add::check_rdn(planner, new_rdn, class)?;
    let parent = match superior {
        Some(superior) => planner.object(superior)?.dnt(),
        None => object.parent(),
    };
    let moved = parent != object.parent();
    let mut draft = Draft::of(&object);
    let definition = planner.attribute(new_rdn.attribute())?;
    let value = planner.stored(definition, &[new_rdn.value().to_vec()])?;
    let renamed = draft.rdn_value() != value.first().map_or(&[][..], Vec::as_slice);
    check_allowed(planner, &object, renamed, moved)?;
    if renamed {
        access::check_write(planner.caller, &object, definition, &value)?;
    }
    if moved {
        check_move(planner, &object, parent, class)?;
    }
    planner.check_free(parent, attribute, new_rdn.value(), object.dnt())?;
    draft.set(planner.known().name, value.clone());
    draft.set(attribute, value);
    draft.header.parent = parent;
    if moved {
        inherit(planner, &object, &mut draft, class)?;
    }
    planner.names_change = true;
    planner.target = Some((object.dnt(), object.guid().unwrap_or(Guid::NIL)));
    planner.drafts.push(draft);
    Ok(())
}

/// In its new place it inherits from its new parent, and what is beneath it from it.
fn inherit(
    planner: &mut Planner<'_>,
    object: &Object<'_>,
    draft: &mut Draft,
    class: &schema::Class,
) -> Result<(), Error> {
    let Some(parent) = planner.view.object(draft.header.parent)? else { return Ok(()) };
    let stored = object.descriptor()?;
    let descriptor = access::descriptor_under(parent.descriptor()?, stored, class)?;
    if descriptor != stored {
        planner.propagate(object.dnt(), &descriptor)?;
        draft.descriptor = Some(descriptor);
    }
    Ok(())
}

/// What the directory holds on to.
fn check_allowed(planner: &Planner<'_>, object: &Object<'_>, renamed: bool, moved: bool) -> Result<(), Error> {
    if planner.caller.system {
        return Ok(());
    }
    let flags = object.integer(planner.known().system_flags).unwrap_or_default();
    let in_domain = planner.view.naming_context_of(object.dnt())? == planner.view.domain().ok();
    let (rename_refused, move_refused) = match in_domain {
        true => (flags & DOMAIN_DISALLOW_RENAME != 0, flags & DOMAIN_DISALLOW_MOVE != 0),
        false => (flags & CONFIG_ALLOW_RENAME == 0, flags & CONFIG_ALLOW_MOVE == 0),
    };
    let head = object.record().header().flags.has(Flags::NC_HEAD);
    match head || (renamed && rename_refused) || (moved && move_refused) {
        true => Err(Error::unwilling(
            win32::DS_UNWILLING_TO_PERFORM,
            "the directory needs this object where it is, under this name",
        )),
        false => Ok(()),
    }
}

fn check_move(planner: &Planner<'_>, object: &Object<'_>, to: Dnt, class: &schema::Class) -> Result<(), Error> {
    let parent = planner.view.object(to)?.ok_or_else(|| Error::no_such_object(None))?;
    if parent.is_deleted() && !planner.caller.system {
        return Err(Error::no_such_object(None));
    }
    if planner.view.container(to)?.is_within(object.dnt()) {
        return Err(Error::unwilling(win32::DS_UNWILLING_TO_PERFORM, "an object cannot be moved beneath itself"));
    }
    if planner.view.naming_context_of(to)? != planner.view.naming_context_of(object.dnt())? {
        return Err(Error::new(
            ResultCode::AFFECTS_MULTIPLE_DSAS,
            0x2039,
            Problem::Service(5003, "WILL_NOT_PERFORM"),
            "objects are not moved between naming contexts",
        ));
    }
    planner.check_superior(class, &parent)?;
    access::check_delete(planner.caller, object, false)?;
    access::check_create(planner.caller, &parent, class)
}
