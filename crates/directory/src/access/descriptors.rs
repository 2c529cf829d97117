//! Descriptors made, written and read. MS-ADTS 6.1.3, 3.1.1.5.3.1.3 (writing), 3.1.1.3.4.1.11 (which parts).

use dtyp::sd::{Control, inherit};
use dtyp::{AccessMask, Privileges, SecurityDescriptor, Sid, rid, sddl};
use schema::Class;

use super::{denied, descriptor_of};
use crate::{Caller, Error, Object, View};

/// `OWNER_SECURITY_INFORMATION` and its relatives. MS-ADTS 3.1.1.3.4.1.11.
const OWNER: u32 = 1;
const GROUP: u32 = 2;
const DACL: u32 = 4;
const SACL: u32 = 8;
const ALL: u32 = 15;

/// The descriptor of a new object: what was asked for, the class's default, what the parent hands down. MS-ADTS 6.1.3, MS-DTYP 2.5.3.4.
pub(crate) fn descriptor_for_child(
    view: &View<'_>,
    caller: &Caller,
    parent: Option<&[u8]>,
    class: &Class,
    requested: Option<&[u8]>,
) -> Result<Vec<u8>, Error> {
    // Before there is a domain, its groups are nobody's: those who provision say what they want.
    let head = if view.naming_contexts()?.is_empty() { None } else { view.object(view.domain()?)? };
    let domain = head.and_then(|head| head.sid());
    let known = domain.unwrap_or(Sid::NULL);
    let default = sddl::parse(&class.default_security_descriptor, &known, &known)
        .map_err(|_| Error::damaged("the default descriptor of a class is malformed"))?;
    let parent = parent.filter(|bytes| !bytes.is_empty()).map(parse).transpose()?;
    let requested = requested.filter(|bytes| !bytes.is_empty()).map(parse_written).transpose()?;
    if let Some(owner) = requested.as_ref().and_then(|r| r.owner) {
        check_owner(caller, &owner)?;
    }
    let (owner, group) = default_owner(caller, domain);
    let made = inherit::create(&inherit::Creation {
        parent: parent.as_ref(),
        requested: requested.as_ref(),
        default: &default,
        class: &class.schema_id_guid,
        owner,
        group,
    });
    bytes(&made)
}

/// Whose an object is that says nothing of it: administrators' objects belong to all of them, in group too; others' to their creator.
/// MS-ADTS 6.1.3.7, 6.1.3.8.
fn default_owner(caller: &Caller, domain: Option<Sid>) -> (Sid, Sid) {
    let group = |rid| domain.and_then(|sid| sid.with_rid(rid).ok());
    let mut administrators = [group(rid::DOMAIN_ADMINS), group(rid::ENTERPRISE_ADMINS)].into_iter().flatten();
    match administrators.find(|admins| caller.system || caller.token.contains(admins)) {
        Some(admins) => (admins, admins),
        None if caller.system => (Sid::BUILTIN_ADMINISTRATORS, Sid::BUILTIN_ADMINISTRATORS),
        None => (*caller.token.user(), group(rid::DOMAIN_USERS).unwrap_or(Sid::BUILTIN_ADMINISTRATORS)),
    }
}

/// Nobody gives an object to somebody else, but who may restore. Groups own nothing but those of administrators: what everybody is in
/// would make everybody the owner. MS-ADTS 6.1.3.3.
fn check_owner(caller: &Caller, owner: &Sid) -> Result<(), Error> {
    let token = &caller.token;
    let is_own_group = || {
        let administrators = [rid::DOMAIN_ADMINS, rid::ENTERPRISE_ADMINS, rid::SCHEMA_ADMINS];
        let may_own =
            *owner == Sid::BUILTIN_ADMINISTRATORS || owner.rid().is_some_and(|rid| administrators.contains(&rid));
        may_own && token.contains(owner)
    };
    let allowed =
        caller.system || token.user() == owner || token.privileges().contains(Privileges::RESTORE) || is_own_group();
    if allowed {
        return Ok(());
    }
    Err(denied("only oneself, or a group of administrators one is in, can be made the owner".to_owned()))
}

/// The descriptor that results from writing `new` over `old`, where only the parts in `sd_flags` count; rights are checked here.
pub(crate) fn descriptor_for_write(
    caller: &Caller,
    object: &Object<'_>,
    parent: Option<&[u8]>,
    new: &[u8],
    sd_flags: Option<u32>,
) -> Result<Vec<u8>, Error> {
    let mut made = parse(object.descriptor()?)?;
    let new = parse_written(new)?;
    let flags = sd_flags.map(|flags| flags & ALL).filter(|flags| *flags != 0).unwrap_or(ALL);
    let has_sacl = new.control.contains(Control::SACL_PRESENT);
    let parts = [
        (OWNER, new.owner.is_some(), AccessMask::WRITE_OWNER),
        (GROUP, new.group.is_some(), AccessMask::WRITE_OWNER),
        (DACL, new.control.contains(Control::DACL_PRESENT), AccessMask::WRITE_DAC),
        // Without flags, a descriptor without an audit list leaves the old one alone.
        (SACL, has_sacl || sd_flags.is_some_and(|flags| flags & SACL != 0), AccessMask::ACCESS_SYSTEM_SECURITY),
    ];
    for (flag, _, right) in parts.into_iter().filter(|(flag, present, _)| flags & flag != 0 && *present) {
        if !caller.system && !super::has(caller, object, right, None) {
            return Err(denied("writing this part of the security descriptor is not allowed".to_owned()));
        }
        take_part(caller, &mut made, &new, flag)?;
    }
    let class = object.class().ok_or_else(|| Error::damaged("an object is of no class"))?;
    match parent.filter(|bytes| !bytes.is_empty()) {
        Some(parent) => bytes(&inherit::again(&made, &parse(parent)?, &class.schema_id_guid)),
        None => bytes(&made),
    }
}

fn take_part(caller: &Caller, made: &mut SecurityDescriptor, new: &SecurityDescriptor, flag: u32) -> Result<(), Error> {
    let keep =
        |control: Control, flag| if new.control.contains(flag) { control.with(flag) } else { control.without(flag) };
    match flag {
        OWNER => {
            if let Some(owner) = new.owner.filter(|owner| made.owner != Some(*owner)) {
                check_owner(caller, &owner)?;
                made.owner = Some(owner);
            }
        }
        GROUP => made.group = new.group,
        DACL => {
            made.dacl.clone_from(&new.dacl);
            if let Some((acl, (owner, group))) = made.dacl.as_mut().zip(made.owner.zip(made.group)) {
                inherit::make_concrete(acl, &owner, &group);
            }
            made.control = keep(keep(made.control, Control::DACL_PRESENT), Control::DACL_PROTECTED);
        }
        _ => {
            made.sacl.clone_from(&new.sacl);
            made.control = keep(keep(made.control, Control::SACL_PRESENT), Control::SACL_PROTECTED);
        }
    }
    Ok(())
}

/// The descriptor of an object after its parent's changed, or it got another parent: what it inherited is inherited anew. No rights are
/// checked: who may change the parent's may change what comes from it. Equal bytes when nothing changes.
pub(crate) fn descriptor_under(parent: &[u8], stored: &[u8], class: &Class) -> Result<Vec<u8>, Error> {
    if parent.is_empty() || stored.is_empty() {
        return Ok(stored.to_vec());
    }
    let before = parse(stored)?;
    let after = inherit::again(&before, &parse(parent)?, &class.schema_id_guid);
    if after == before { Ok(stored.to_vec()) } else { bytes(&after) }
}

/// The parts of a descriptor that a read may give; nothing when the caller may read none.
pub(crate) fn descriptor_for_read(
    caller: &Caller,
    object: &Object<'_>,
    stored: &[u8],
    sd_flags: Option<u32>,
) -> Option<Vec<u8>> {
    let asked = sd_flags.map(|flags| flags & ALL).filter(|flags| *flags != 0);
    let mask = match caller.system {
        true => AccessMask::READ_CONTROL | AccessMask::ACCESS_SYSTEM_SECURITY,
        false => caller.decisions.mask(caller, object),
    };
    let (may_read, may_audit) =
        (mask.contains(AccessMask::READ_CONTROL), mask.contains(AccessMask::ACCESS_SYSTEM_SECURITY));
    // Whoever names the audit list must be allowed to see it; who names nothing gets what there is for them. MS-ADTS 3.1.1.4.4.
    if !may_read || (asked.is_some_and(|flags| flags & SACL != 0) && !may_audit) {
        return None;
    }
    let flags = asked.unwrap_or(if may_audit { ALL } else { ALL & !SACL });
    if flags == ALL {
        return Some(stored.to_vec());
    }
    let mut given = descriptor_of(object)?;
    if flags & OWNER == 0 {
        given.owner = None;
    }
    if flags & GROUP == 0 {
        given.group = None;
    }
    if flags & DACL == 0 {
        given.dacl = None;
        given.control = given.control.without(Control::DACL_PRESENT);
    }
    if flags & SACL == 0 {
        given.sacl = None;
        given.control = given.control.without(Control::SACL_PRESENT);
    }
    given.to_bytes().ok()
}

fn parse(stored: &[u8]) -> Result<SecurityDescriptor, Error> {
    SecurityDescriptor::from_bytes(stored).map_err(|_| Error::damaged("a stored security descriptor is malformed"))
}

/// What a client wrote: a mistake of the client's, not of the store's.
fn parse_written(written: &[u8]) -> Result<SecurityDescriptor, Error> {
    SecurityDescriptor::from_bytes(written).map_err(|error| Error::syntax(error.to_string()))
}

fn bytes(descriptor: &SecurityDescriptor) -> Result<Vec<u8>, Error> {
    descriptor.to_bytes().map_err(|error| Error::syntax(error.to_string()))
}
