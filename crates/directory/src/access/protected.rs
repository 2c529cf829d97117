//! Accounts and groups that administer the domain: who may change them is not left to where they happen to stand.
//!
//! MS-ADTS 3.1.1.6.1 (AdminSDHolder). Whoever may reset the passwords of a container's users must not become an administrator because one
//! stands there. Active Directory copies the descriptor of `CN=AdminSDHolder,CN=System` over that of each such object, once in an hour;
//! here the holder's descriptor has a say in every write, beside the object's own, so that there is no hour between. Who only reads is
//! judged by the object's own.

use dtyp::{AccessMask, ObjectType, Sid, access_check, rid};

use super::descriptor_of;
use crate::{Caller, Dnt, Error, Object, account};

/// Groups of the domain whose members are protected, with the groups themselves. MS-ADTS 3.1.1.6.1.3; the domain controllers besides.
const GROUPS: &[u32] = &[
    rid::DOMAIN_ADMINS,
    rid::DOMAIN_CONTROLLERS,
    rid::SCHEMA_ADMINS,
    rid::ENTERPRISE_ADMINS,
    rid::READ_ONLY_DOMAIN_CONTROLLERS,
    rid::KEY_ADMINS,
    rid::ENTERPRISE_KEY_ADMINS,
];
/// The same under `BUILTIN`: Administrators; Account, Server, Print and Backup Operators; Replicator.
const BUILTIN_GROUPS: &[u32] = &[544, 548, 549, 550, 551, 552];
/// Accounts that are protected whatever they are members of.
const ACCOUNTS: &[u32] = &[rid::ADMINISTRATOR, rid::KRBTGT];

/// Whether the protection of the object, if it has one, lets the caller do this.
pub(super) fn admits(caller: &Caller, object: &Object<'_>, right: AccessMask, types: &[ObjectType]) -> bool {
    // Most objects that are written are no principals, and most writers of others are administrators.
    if !object.is_a("user") && !object.is_a("group") {
        return true;
    }
    holder_admits(caller, object, right, types) || is_protected(object).is_ok_and(|is| !is)
}

/// A directory without a holder has one that admits administrators only.
fn holder_admits(caller: &Caller, object: &Object<'_>, right: AccessMask, types: &[ObjectType]) -> bool {
    match holder(object).ok().flatten().and_then(|dnt| object.view().object(dnt).ok().flatten()) {
        Some(holder) => descriptor_of(&holder)
            .is_some_and(|held| access_check(&held, &caller.token, right, types, object.sid().as_ref()).is_granted()),
        None => caller.token.contains(&Sid::BUILTIN_ADMINISTRATORS),
    }
}

fn holder(object: &Object<'_>) -> Result<Option<Dnt>, Error> {
    let view = object.view();
    let Some(head) = view.object(view.domain()?)? else { return Ok(None) };
    match format!("CN=AdminSDHolder,CN=System,{}", head.dn()?).parse() {
        Ok(dn) => view.resolve(&dn),
        Err(_) => Ok(None),
    }
}

/// Whether the object is one of those groups or accounts, or a member of such a group, in one step or many.
fn is_protected(object: &Object<'_>) -> Result<bool, Error> {
    let Some(sid) = object.sid() else { return Ok(false) };
    // Nobody is a member of an account: that those are among the names does no harm.
    Ok(is_administrative(&sid) || account::members_of(object.view(), object)?.iter().any(is_administrative))
}

/// Whether the SID is one of those that every domain has.
pub(crate) fn is_administrative(sid: &Sid) -> bool {
    let Some(rid) = sid.rid() else { return false };
    match sid.is_in(&Sid::BUILTIN) {
        true => BUILTIN_GROUPS.contains(&rid),
        // Below a thousand there are no others' principals in any domain.
        false => GROUPS.contains(&rid) || ACCOUNTS.contains(&rid),
    }
}
