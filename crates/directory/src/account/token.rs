//! What an account is a member of. MS-ADTS 5.1.3.2 (the token), 3.1.1.4.5.19 (tokenGroups).

use std::collections::BTreeSet;

use dtyp::{Sid, Token, rid};

use crate::{Dnt, Error, Object, View};

/// More groups than a token holds anywhere: Windows stops at 1,024 SIDs.
const MOST: usize = 1015;

/// The token of an account: itself, every group it is in directly or through others, and what everybody who has authenticated is.
///
/// # Errors
/// When it is no account, is in more groups than a token holds (but Administrator), or the store is damaged.
pub fn token(view: &View<'_>, account: Dnt) -> Result<Token, Error> {
    let object = view.object(account)?.ok_or_else(|| Error::damaged("an account is missing"))?;
    let sid = object.sid().ok_or_else(|| Error::damaged("an account has no SID"))?;
    let groups = members_of(view, &object)?;
    let always = [Sid::EVERYONE, Sid::AUTHENTICATED_USERS, Sid::NETWORK, Sid::THIS_ORGANIZATION];
    Ok(Token::new(sid, groups.into_iter().chain(always)))
}

/// The SIDs of every group an object is in, directly or through others, its primary group first among them.
pub(crate) fn members_of(view: &View<'_>, object: &Object<'_>) -> Result<Vec<Sid>, Error> {
    let id = |name: &str| view.schema().attribute(name).map(|attribute| attribute.id);
    let Some(member_of) = id("memberOf") else { return Ok(Vec::new()) };
    let mut seen = BTreeSet::new();
    // The oldest groups first: those that the domain came with.
    let mut open: BTreeSet<Dnt> = view.links(object.dnt(), member_of)?.into_iter().collect();
    open.extend(primary_group(view, object)?);
    let mut sids = Vec::new();
    while let Some(group) = open.pop_first() {
        if !seen.insert(group) {
            continue;
        }
        if seen.len() > MOST {
            // Anybody who may make groups could make them the Administrator's, and shut out who could undo it.
            if object.sid().and_then(|sid| sid.rid()) == Some(rid::ADMINISTRATOR) {
                break;
            }
            return Err(Error::unwilling(
                crate::error::win32::DS_ADMIN_LIMIT_EXCEEDED,
                "the account is in more groups than a token holds",
            ));
        }
        let Some(found) = view.object(group)?.filter(|found| found.is_a("group") && !found.is_deleted()) else {
            continue;
        };
        // Distribution groups carry no rights. MS-ADTS 2.2.12.
        let is_security = id("groupType").and_then(|id| found.integer(id)).is_some_and(|kind| kind < 0);
        sids.extend(found.sid().filter(|_| is_security));
        open.extend(view.links(group, member_of)?.into_iter().filter(|above| !seen.contains(above)));
    }
    Ok(sids)
}

fn primary_group(view: &View<'_>, object: &Object<'_>) -> Result<Option<Dnt>, Error> {
    let rid = view.schema().attribute("primaryGroupID").and_then(|attribute| object.integer(attribute.id));
    let (Some(rid), Some(domain)) =
        (rid.and_then(|rid| u32::try_from(rid).ok()), object.sid().and_then(|sid| sid.domain()))
    else {
        return Ok(None);
    };
    domain.with_rid(rid).ok().map(|sid| view.by_sid(&sid)).transpose().map(Option::flatten)
}
