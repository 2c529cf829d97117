//! Changing attributes. MS-ADTS 3.1.1.5.3, RFC 4511 4.6.

use std::collections::{BTreeSet, HashSet};

use dtyp::Guid;
use ldap::{Dn, ResultCode};
use schema::{AttrId, Attribute as Definition};

use super::draft::Draft;
use super::principal::Principal;
use super::{Modification, ModificationKind, PasswordWrite, Planner, add, value_rules};
use crate::error::win32;
use crate::matching;
use crate::{Error, Object, Problem, access, account};

/// Controls of a modify.
#[derive(Clone, Copy)]
pub(super) struct Options {
    pub(super) permissive: bool,
    pub(super) sd_flags: Option<u32>,
}

/// The extended right User-Force-Change-Password. MS-ADTS 5.1.3.2.1.
pub(crate) const RESET_PASSWORD: Guid = Guid::from_u128(0x0029_9570_246d_11d0_a768_00aa_006e_0529);
/// The extended right User-Change-Password.
pub(crate) const CHANGE_PASSWORD: Guid = Guid::from_u128(0xab72_1a53_1e2f_11d0_9819_00aa_0040_529b);

pub(super) fn plan(
    planner: &mut Planner<'_>,
    dn: &Dn,
    changes: &[Modification],
    options: Options,
) -> Result<(), Error> {
    let object = planner.object(dn)?;
    if object.is_deleted() && !planner.caller.system {
        return Err(Error::no_such_object(None));
    }
    if changes.is_empty() {
        return Err(Error::unwilling(win32::DS_UNWILLING_TO_PERFORM, "a modify must change something"));
    }
    let mut draft = Draft::of(&object);
    let mut touched = BTreeSet::new();
    let mut passwords = Vec::new();
    for change in changes {
        let attribute = planner.attribute(&change.attribute.name)?;
        if attribute.id == planner.known().unicode_pwd && !planner.caller.system {
            passwords.push(change);
            continue;
        }
        step(planner, &object, &mut draft, attribute, change, options)?;
        touched.insert(attribute.id);
    }
    after(planner, &object, &mut draft, &touched)?;
    planner.check_size(&draft)?;
    password(planner, &object, &mut draft, &passwords)?;
    if Principal::of(&draft).is_some()
        && (!passwords.is_empty() || touched.contains(&planner.known().user_account_control))
    {
        planner.check_has_password(&draft)?;
    }
    if let Some(descriptor) = draft.descriptor.clone() {
        planner.propagate(object.dnt(), &descriptor)?;
    }
    planner.target = Some((object.dnt(), object.guid().unwrap_or(Guid::NIL)));
    planner.drafts.push(draft);
    Ok(())
}

/// One step: may it be done at all, and by this caller; then does it to the draft.
fn step(
    planner: &Planner<'_>,
    object: &Object<'_>,
    draft: &mut Draft,
    attribute: &Definition,
    change: &Modification,
    options: Options,
) -> Result<(), Error> {
    let known = planner.known();
    if attribute.id == known.nt_security_descriptor {
        return descriptor(planner, object, draft, change, options);
    }
    check_writable(planner, draft, attribute)?;
    if !change.attribute.values.is_empty() && change.kind != ModificationKind::Delete {
        planner.check_trust(attribute)?;
    }
    access::check_write(planner.caller, object, attribute, &change.attribute.values)?;
    match attribute.link_id {
        Some(_) => links(planner, draft, attribute, change, options),
        None => values(planner, draft, attribute, change, options),
    }
}

fn check_writable(planner: &Planner<'_>, draft: &Draft, attribute: &Definition) -> Result<(), Error> {
    let name = &attribute.name;
    if attribute.id == draft.header.rdn
        || attribute.id == planner.known().name
        || attribute.id == planner.known().distinguished_name
    {
        return Err(Error::on_rdn(format!("{name} is changed by renaming")));
    }
    if attribute.is_back_link() {
        return Err(Error::unwilling(
            win32::DS_NOT_ON_BACKLINK,
            format!("{name} is the other end of a link: write the forward one"),
        ));
    }
    if planner.caller.system || attribute.id == planner.known().object_class {
        return Ok(());
    }
    if planner.catalogue().is_secret(attribute.id) || name == "userPassword" {
        return Err(Error::unwilling(
            win32::DS_UNWILLING_TO_PERFORM,
            format!("{name} is not written by clients; passwords go to unicodePwd"),
        ));
    }
    let is_closed = attribute.system_only && !add::OPEN.contains(&&**name);
    if is_closed || attribute.is_constructed() {
        return Err(Error::constraint(win32::DS_CANT_MOD_SYSTEM_ONLY, format!("{name} is set by the directory alone")));
    }
    Ok(())
}

fn descriptor(
    planner: &Planner<'_>,
    object: &Object<'_>,
    draft: &mut Draft,
    change: &Modification,
    options: Options,
) -> Result<(), Error> {
    let (ModificationKind::Replace | ModificationKind::Add, [value]) =
        (change.kind, change.attribute.values.as_slice())
    else {
        return Err(Error::unwilling(win32::DS_ILLEGAL_MOD_OPERATION, "a security descriptor is replaced as a whole"));
    };
    let parent = planner.view.object(object.parent())?;
    let parent = parent.map(|parent| parent.descriptor()).transpose()?;
    draft.descriptor = Some(access::descriptor_for_write(planner.caller, object, parent, value, options.sd_flags)?);
    Ok(())
}

/// A step on an attribute with values in the record.
fn values(
    planner: &Planner<'_>,
    draft: &mut Draft,
    attribute: &Definition,
    change: &Modification,
    options: Options,
) -> Result<(), Error> {
    value_rules::check_given(attribute, &change.attribute.values)?;
    let kind = matching::kind(attribute);
    let given = match change.kind {
        // What is to be deleted may be from before a rule was made: it need not obey it.
        ModificationKind::Delete if kind != matching::Kind::Name => {
            let stored = change.attribute.values.iter().map(|value| {
                matching::assertion(planner.schema(), attribute, value)
                    .map_or_else(|| value.clone(), std::borrow::Cow::into_owned)
            });
            stored.collect()
        }
        _ => planner.stored(attribute, &change.attribute.values)?,
    };
    let mut now = draft.values(attribute.id).to_vec();
    let same = |a: &[u8], b: &[u8]| if kind == matching::Kind::Opaque { a == b } else { matching::equal(kind, a, b) };
    match change.kind {
        ModificationKind::Replace => now = given,
        ModificationKind::Add => {
            for value in given {
                let there = now.iter().any(|have| same(have, &value));
                if there && !options.permissive || attribute.single_valued && !now.is_empty() && !there {
                    return Err(Error::value_exists(format!(
                        "{} has that value, or has one and may have no more",
                        attribute.name
                    )));
                }
                if !there {
                    now.push(value);
                }
            }
        }
        ModificationKind::Delete if given.is_empty() => {
            if now.is_empty() && !options.permissive {
                return Err(missing(win32::DS_CANT_REM_MISSING_ATT, attribute));
            }
            now.clear();
        }
        ModificationKind::Delete => {
            for value in &given {
                match now.iter().position(|have| same(have, value)) {
                    Some(at) => {
                        now.remove(at);
                    }
                    None if options.permissive => {}
                    None => return Err(missing(win32::DS_CANT_REM_MISSING_ATT_VAL, attribute)),
                }
            }
        }
    }
    value_rules::check_count(attribute, &now)?;
    draft.set(attribute.id, now);
    Ok(())
}

fn missing(code: u32, attribute: &Definition) -> Error {
    Error::no_such_attribute(code, format!("{} or that value of it is not there", attribute.name))
}

/// A step on a link attribute. MS-ADTS 3.1.1.5.3.2; `member` answers with codes of its own (MS-SAMR 3.1.1.8.9).
fn links(
    planner: &Planner<'_>,
    draft: &mut Draft,
    attribute: &Definition,
    change: &Modification,
    options: Options,
) -> Result<(), Error> {
    let mut given = Vec::with_capacity(change.attribute.values.len());
    let mut named_before = HashSet::with_capacity(change.attribute.values.len());
    for value in change.attribute.values.iter() {
        let named = planner.named(attribute, value)?;
        if !named_before.insert(named.clone()) {
            return Err(Error::value_exists(format!("{} is given the same value twice", attribute.name)));
        }
        given.push(named);
    }
    let source = draft.dnt();
    let has = |draft: &Draft, target: &value_rules::Named| -> Result<bool, Error> {
        match draft.edited(attribute.id, target.dnt, &target.data) {
            Some(add) => Ok(add),
            None => {
                let link = crate::LinkTarget { dnt: target.dnt, data: &target.data };
                planner.view.link_table().has(planner.view.txn(), source, attribute.id, link)
            }
        }
    };
    match change.kind {
        ModificationKind::Add => {
            for target in given {
                match has(draft, &target)? {
                    true if options.permissive => {}
                    true => return Err(link_exists(planner, attribute)),
                    false => draft.link(attribute.id, target.dnt, &target.data),
                }
            }
        }
        ModificationKind::Delete if !given.is_empty() => {
            for target in given {
                match has(draft, &target)? {
                    true => draft.unlink(attribute.id, target.dnt, &target.data),
                    false if options.permissive => {}
                    false => return Err(link_missing(planner, attribute)),
                }
            }
        }
        ModificationKind::Delete | ModificationKind::Replace => {
            let mut stored = Vec::new();
            planner.view.each_link(source, attribute.id, |link| {
                stored.push(value_rules::Named { dnt: link.dnt, data: link.data.to_vec() });
                true
            })?;
            let added = draft.links.iter().filter(|edit| edit.add && edit.attribute == attribute.id);
            stored.extend(added.map(|edit| value_rules::Named { dnt: edit.target, data: edit.data.clone() }));
            if stored.is_empty() && change.kind == ModificationKind::Delete && !options.permissive {
                return Err(missing(win32::DS_CANT_REM_MISSING_ATT, attribute));
            }
            for old in stored.iter().filter(|old| !named_before.contains(old)) {
                draft.unlink(attribute.id, old.dnt, &old.data);
            }
            let stored: HashSet<_> = stored.into_iter().collect();
            for new in given.iter().filter(|new| !stored.contains(new)) {
                draft.link(attribute.id, new.dnt, &new.data);
            }
        }
    }
    if attribute.single_valued {
        check_single_link(planner, draft, attribute)?;
    }
    Ok(())
}

fn check_single_link(planner: &Planner<'_>, draft: &Draft, attribute: &Definition) -> Result<(), Error> {
    let mut now: BTreeSet<(crate::Dnt, Vec<u8>)> = BTreeSet::new();
    planner.view.each_link(draft.dnt(), attribute.id, |link| now.insert((link.dnt, link.data.to_vec())))?;
    for edit in draft.links.iter().filter(|edit| edit.attribute == attribute.id) {
        let link = (edit.target, edit.data.clone());
        if edit.add {
            now.insert(link)
        } else {
            now.remove(&link)
        };
    }
    value_rules::check_one_link(attribute, now.len())
}

fn link_exists(planner: &Planner<'_>, attribute: &Definition) -> Error {
    match attribute.id == planner.known().member {
        true => Error::entry_exists(win32::MEMBER_IN_ALIAS, "it is a member already"),
        false => Error::value_exists(format!("{} has that value", attribute.name)),
    }
}

fn link_missing(planner: &Planner<'_>, attribute: &Definition) -> Error {
    match attribute.id == planner.known().member {
        true => Error::unwilling(win32::MEMBER_NOT_IN_ALIAS, "it is not a member"),
        false => missing(win32::DS_CANT_REM_MISSING_ATT_VAL, attribute),
    }
}

/// The rules over the object as it now is.
fn after(
    planner: &Planner<'_>,
    object: &Object<'_>,
    draft: &mut Draft,
    touched: &BTreeSet<AttrId>,
) -> Result<(), Error> {
    let known = *planner.known();
    if touched.contains(&known.object_class) {
        let classes = planner.classes_of(draft)?;
        if object.class().is_none_or(|before| before.name != classes.structural.name) {
            return Err(Error::new(
                ResultCode::OBJECT_CLASS_MODS_PROHIBITED,
                win32::DS_CANT_MOD_OBJ_CLASS,
                Problem::Update(6009, "NO_OBJECT_CLASS_MODS"),
                "an object keeps its structural class",
            ));
        }
        draft.set(known.object_class, classes.names());
        planner.check_content(draft, &classes)?;
    }
    let classes = planner.classes_of(draft)?;
    for id in touched {
        let linked = draft.links.iter().any(|edit| edit.add && edit.attribute == *id);
        if draft.has(*id) || linked {
            planner.check_allowed(*id, &classes)?;
        } else {
            planner.check_not_required(*id, draft, &classes)?;
        }
    }
    if let Some(principal) = Principal::of(draft) {
        if touched.contains(&known.primary_group_id) {
            planner.change_primary_group(draft)?;
        }
        planner.check_times(draft, touched)?;
        planner.check_principal(draft, principal)?;
        planner.check_unique_names(draft)?;
        planner.check_succession(draft)?;
        if touched.contains(&known.member) {
            planner.check_members(draft)?;
        }
    }
    Ok(())
}

/// What the steps on `unicodePwd` mean together. MS-ADTS 3.1.1.3.1.5.
fn password(
    planner: &Planner<'_>,
    object: &Object<'_>,
    draft: &mut Draft,
    steps: &[&Modification],
) -> Result<(), Error> {
    let one =
        |step: &&Modification| step.attribute.values.first().filter(|_| step.attribute.values.len() == 1).cloned();
    let values: Vec<_> = steps.iter().map(|step| (step.kind, one(step).map(zeroize::Zeroizing::new))).collect();
    let write = match values.as_slice() {
        [] => return Ok(()),
        [(ModificationKind::Replace, Some(new))] => PasswordWrite::Reset(new),
        [(ModificationKind::Delete, Some(old)), (ModificationKind::Add, Some(new))]
        | [(ModificationKind::Add, Some(new)), (ModificationKind::Delete, Some(old))] => {
            PasswordWrite::Change { old, new }
        }
        _ => {
            let comment = "a password is replaced (reset), or its old value deleted and its new one added (change)";
            return Err(Error::constraint(win32::DS_CONSTRAINT_VIOLATION, comment));
        }
    };
    add::require_sealed(planner)?;
    if Principal::of(draft) != Some(Principal::Account) {
        return Err(Error::class_violation(win32::DS_ATT_NOT_DEF_FOR_CLASS, "only accounts have passwords"));
    }
    let right = match write {
        PasswordWrite::Reset(_) => RESET_PASSWORD,
        PasswordWrite::Change { .. } => CHANGE_PASSWORD,
    };
    access::check_control(planner.caller, object, &right)?;
    account::write_password(planner.view, planner.caller, draft, &write)
}
