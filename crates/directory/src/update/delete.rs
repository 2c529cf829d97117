//! Deleting: an object becomes a tombstone. MS-ADTS 3.1.1.5.5 (without the recycle bin), RFC 4511 4.8.

use dtyp::Guid;
use ldap::Dn;
use schema::AttrId;

use super::Planner;
use super::draft::{Draft, LinkEdit};
use crate::error::win32;
use crate::object::record::Flags;
use crate::{Dnt, Error, LinkTarget, Object, access};

/// `FLAG_DISALLOW_DELETE` of `systemFlags`. MS-ADTS 2.2.10.
const DISALLOW_DELETE: i64 = 0x8000_0000;
/// `FLAG_DISALLOW_MOVE_ON_DELETE`.
const STAYS_IN_PLACE: i64 = 0x0200_0000;
/// `fPRESERVEONDELETE` of `searchFlags`. MS-ADTS 2.2.9.
const PRESERVED: u32 = 8;
/// A tree of more than this is deleted in parts.
const LARGEST_TREE: usize = 100_000;
/// `GUID_DELETED_OBJECTS_CONTAINER_W`. MS-ADTS 6.1.1.4.
const DELETED_OBJECTS: &[u8] = b"18E2EA80684F11D2B9AA00C04F79F805";
/// How many characters of its name a tombstone keeps, so that mangled it still has at most 255.
const KEPT_OF_NAME: usize = 75;

/// What every tombstone keeps. MS-ADTS 3.1.1.5.5.1.
const KEPT: &[&str] = &[
    "attributeID",
    "attributeSyntax",
    "distinguishedName",
    "dNReferenceUpdate",
    "dNSHostName",
    "flatName",
    "governsID",
    "groupType",
    "instanceType",
    "lDAPDisplayName",
    "legacyExchangeDN",
    "mS-DS-CreatorSID",
    "mSMQOwnerID",
    "nCName",
    "objectClass",
    "objectGUID",
    "objectSid",
    "oMSyntax",
    "proxiedObjectName",
    "name",
    "sAMAccountName",
    "securityIdentifier",
    "sIDHistory",
    "subClassOf",
    "systemFlags",
    "trustPartner",
    "trustDirection",
    "trustType",
    "trustAttributes",
    "userAccountControl",
    "uSNCreated",
    "uSNChanged",
    "whenCreated",
    "whenChanged",
    "msDS-AdditionalSamAccountName",
    "msDS-Auxiliary-Classes",
    "msDS-Entry-Time-To-Die",
    "msDS-IntId",
];

pub(super) fn plan(planner: &mut Planner<'_>, dn: &Dn, tree: bool) -> Result<(), Error> {
    let object = planner.object(dn)?;
    if object.is_deleted() {
        return Err(Error::no_such_object(None));
    }
    let beneath = descendants(planner, object.dnt())?;
    if !beneath.is_empty() && !tree {
        return Err(Error::not_leaf("there are objects beneath it"));
    }
    access::check_delete(planner.caller, &object, tree)?;
    let graveyard = graveyard(planner, object.dnt())?;
    // Children first: what is above goes last.
    for dnt in beneath.into_iter().rev().chain([object.dnt()]) {
        let Some(each) = planner.view.object(dnt)? else { continue };
        check_deletable(planner, &each)?;
        access::check_delete_beneath(planner.caller, &each)?;
        let draft = tombstone(planner, &each, graveyard)?;
        planner.drafts.push(draft);
    }
    planner.names_change = true;
    planner.target = Some((object.dnt(), object.guid().unwrap_or(Guid::NIL)));
    Ok(())
}

/// Everything beneath, parents before children.
fn descendants(planner: &Planner<'_>, top: Dnt) -> Result<Vec<Dnt>, Error> {
    let mut found = Vec::new();
    let mut open = vec![top];
    while let Some(parent) = open.pop() {
        for child in planner.view.children(parent)? {
            if planner.view.object(child)?.is_some_and(|object| !object.is_deleted()) {
                found.push(child);
                open.push(child);
            }
        }
        if found.len() > LARGEST_TREE {
            return Err(Error::new(
                ldap::ResultCode::ADMIN_LIMIT_EXCEEDED,
                win32::DS_ADMIN_LIMIT_EXCEEDED,
                crate::Problem::Service(5008, "ADMIN_LIMIT_EXCEEDED"),
                "the tree is too large to be deleted at once: delete its parts first",
            ));
        }
    }
    Ok(found)
}

fn check_deletable(planner: &Planner<'_>, object: &Object<'_>) -> Result<(), Error> {
    let known = planner.known();
    let flags = object.integer(known.system_flags).unwrap_or_default();
    let critical = object.value(known.is_critical_system_object) == Some(b"TRUE");
    let refused = object.record().header().flags.has(Flags::NC_HEAD) || flags & DISALLOW_DELETE != 0 || critical;
    match refused && !planner.caller.system {
        true => Err(Error::unwilling(win32::DS_CANT_DELETE, "the directory needs this object")),
        false => Ok(()),
    }
}

/// The Deleted Objects container of the object's naming context, if that has one.
fn graveyard(planner: &Planner<'_>, dnt: Dnt) -> Result<Option<Dnt>, Error> {
    let Some(head) = planner.view.naming_context_of(dnt)? else { return Ok(None) };
    let mut found = None;
    planner.view.each_link(head, planner.known().well_known_objects, |link| {
        if link.data.eq_ignore_ascii_case(DELETED_OBJECTS) {
            found = Some(link.dnt);
        }
        found.is_none()
    })?;
    Ok(found)
}

/// What remains of an object.
fn tombstone(planner: &Planner<'_>, object: &Object<'_>, graveyard: Option<Dnt>) -> Result<Draft, Error> {
    let known = planner.known();
    let mut draft = Draft::of(object);
    let stays = object.integer(known.system_flags).unwrap_or_default() & STAYS_IN_PLACE != 0;
    let guid = object.guid().ok_or_else(|| Error::damaged("an object has no objectGUID"))?;
    let kept = |id: &AttrId| {
        let attribute = planner.schema().attribute_by_id(*id);
        *id == draft.header.rdn
            || attribute.is_some_and(|attribute| {
                KEPT.iter().any(|name| name.eq_ignore_ascii_case(&attribute.name))
                    || attribute.search_flags & PRESERVED != 0
            })
    };
    let stripped: Vec<AttrId> = draft.fields.keys().copied().filter(|id| !kept(id)).collect();
    for id in stripped {
        draft.set(id, Vec::new());
    }
    let parent = object.parent();
    draft.set_names(known.last_known_parent, &[parent]);
    draft.set_text(known.is_deleted, "TRUE");
    let mangled = mangle(draft.rdn_value(), &guid);
    draft.set_bytes(known.name, mangled.clone());
    draft.set_bytes(draft.header.rdn, mangled);
    draft.header.flags = draft.header.flags.with(Flags::DELETED, true);
    draft.header.parent = graveyard.filter(|_| !stays).unwrap_or(parent);
    unlink(planner, &mut draft)?;
    forget_secrets(planner, &mut draft)?;
    Ok(draft)
}

/// `alice` becomes `alice\nDEL:56d9b66c-…`: a name nobody else can have. MS-ADTS 3.1.1.5.5.
fn mangle(name: &[u8], guid: &Guid) -> Vec<u8> {
    let name = String::from_utf8_lossy(name);
    let mut mangled: String = name.chars().take(KEPT_OF_NAME).collect();
    mangled.push_str("\nDEL:");
    mangled.push_str(&guid.to_string());
    mangled.into_bytes()
}

/// Its links go, and so do those of others to it.
fn unlink(planner: &Planner<'_>, draft: &mut Draft) -> Result<(), Error> {
    let (view, dnt) = (planner.view, draft.dnt());
    let table = view.link_table();
    let mut edits = Vec::new();
    for attribute in table.attributes_of(view.txn(), dnt, true)? {
        table.each(view.txn(), dnt, attribute, |LinkTarget { dnt: target, data }| {
            edits.push(LinkEdit { source: dnt, attribute, target, data: data.to_vec(), add: false });
            true
        })?;
    }
    for attribute in table.attributes_of(view.txn(), dnt, false)? {
        let mut sources = Vec::new();
        table.each_back(view.txn(), dnt, attribute, |source| {
            sources.push(source);
            true
        })?;
        for source in sources {
            table.each(view.txn(), source, attribute, |LinkTarget { dnt: target, data }| {
                if target == dnt {
                    edits.push(LinkEdit { source, attribute, target, data: data.to_vec(), add: false });
                }
                // Sorted by target: nothing of interest behind it.
                target <= dnt
            })?;
        }
    }
    draft.links = edits;
    Ok(())
}

fn forget_secrets(planner: &Planner<'_>, draft: &mut Draft) -> Result<(), Error> {
    let place = draft.dnt().to_bytes();
    for item in planner.view.tables().secrets.prefix_iter(planner.view.txn(), &place)? {
        let (key, _) = item?;
        if let Some(id) = key.get(4..).and_then(|id| id.first_chunk::<4>()) {
            draft.set_secret(AttrId(u32::from_be_bytes(*id)), None);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mangled_names_are_short_enough_and_their_own() {
        let guid = Guid::from_u128(0x56d9_b66c_d746_4f87_bd26_2676_0cfd_ca2e);
        assert_eq!(mangle(b"alice", &guid), b"alice\nDEL:56d9b66c-d746-4f87-bd26-26760cfdca2e");
        assert!(mangle("ü".repeat(300).as_bytes(), &guid).len() < 255);
    }
}
