//! LDAP_MATCHING_RULE_TRANSITIVE_EVAL: everything that reaches an object by following an attribute. MS-ADTS 3.1.1.3.4.4.3.

use std::collections::HashSet;

use schema::Attribute;

use crate::{Dnt, Error, View};

/// More objects than this are not followed: the answer would be the whole directory.
const MOST: usize = 1_000_000;

/// The objects from which `target` can be reached by `attribute`, in one step or many; sorted. Groups may contain each other.
pub(crate) fn all_that_reach(view: &View<'_>, attribute: &Attribute, target: Dnt) -> Result<Vec<Dnt>, Error> {
    let mut found = HashSet::new();
    let mut open = vec![target];
    while let Some(at) = open.pop() {
        one_step_before(view, attribute, at, |dnt| {
            if found.len() < MOST && found.insert(dnt) {
                open.push(dnt);
            }
        })?;
    }
    let mut found: Vec<Dnt> = found.into_iter().collect();
    found.sort_unstable();
    Ok(found)
}

/// The objects whose `attribute` names `target`.
fn one_step_before(
    view: &View<'_>,
    attribute: &Attribute,
    target: Dnt,
    mut take: impl FnMut(Dnt),
) -> Result<(), Error> {
    let table = view.link_table();
    match attribute.link_id {
        Some(link) if link % 2 == 0 => table.each_back(view.txn(), target, attribute.id, |dnt| {
            take(dnt);
            true
        }),
        Some(link) => match view.inner.catalogue.forward_of(link) {
            Some(forward) => table.each(view.txn(), target, forward, |link| {
                take(link.dnt);
                true
            }),
            None => Ok(()),
        },
        None => view.each_naming(attribute, target, take),
    }
}
