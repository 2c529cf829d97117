//! LDAP_MATCHING_RULE_TRANSITIVE_EVAL: everything that reaches an object by following an attribute. MS-ADTS 3.1.1.3.4.4.3.

use std::cell::Cell;
use std::collections::HashSet;

use schema::Attribute;

use crate::error::win32;
use crate::{Dnt, Error, Problem, View};

/// How many objects the chains of one filter may lead over: a filter has room for thousands of them, and no clock runs here.
pub(crate) const MOST: usize = 1_000_000;
/// What a step costs for which every object is looked at, because the attribute is neither a link nor indexed.
const SCAN: usize = MOST / 16;

/// The objects from which `target` can be reached by `attribute`, in one step or many; sorted. Groups may contain each other. What it
/// costs is taken from `left`.
pub(crate) fn all_that_reach(
    view: &View<'_>,
    attribute: &Attribute,
    target: Dnt,
    left: &Cell<usize>,
) -> Result<Vec<Dnt>, Error> {
    let scanned = attribute.link_id.is_none() && !view.inner.catalogue.is_indexed(attribute);
    let mut found = HashSet::new();
    let mut open = vec![target];
    while let Some(at) = open.pop() {
        pay(left, if scanned { SCAN } else { 1 })?;
        let most = left.get();
        let mut seen = 0_usize;
        one_step_before(view, attribute, at, |dnt| {
            seen += 1;
            if seen <= most && found.insert(dnt) {
                open.push(dnt);
            }
        })?;
        pay(left, seen)?;
    }
    let mut found: Vec<Dnt> = found.into_iter().collect();
    found.sort_unstable();
    Ok(found)
}

fn pay(left: &Cell<usize>, cost: usize) -> Result<(), Error> {
    let more = left.get().checked_sub(cost).ok_or_else(|| {
        Error::new(
            ldap::ResultCode::ADMIN_LIMIT_EXCEEDED,
            win32::DS_ADMIN_LIMIT_EXCEEDED,
            Problem::Service(5008, "ADMIN_LIMIT_EXCEEDED"),
            "the filter follows more memberships than one search may: ask for less at once",
        )
    })?;
    left.set(more);
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{PEOPLE, TestDomain, dn};

    #[test]
    fn chains_cost_and_what_is_left_is_for_the_next() {
        let domain = TestDomain::new();
        domain.user("alice");
        let at = |name: &str| format!("CN={name},OU=Groups,DC=contoso,DC=com");
        domain.group("a", &[&format!("CN=alice,{PEOPLE}")]);
        domain.group("b", &[&at("a")]);
        domain.modify(&at("a"), &[(crate::ModificationKind::Add, "member", &[&at("b")])]).unwrap();
        let view = domain.directory.read().unwrap();
        let alice = view.resolve(&dn(&format!("CN=alice,{PEOPLE}"))).unwrap().unwrap();
        let reach = |attribute: &str, left: &Cell<usize>| {
            all_that_reach(&view, view.schema().attribute(attribute).unwrap(), alice, left)
        };
        let left = Cell::new(10);
        assert_eq!(reach("member", &left).unwrap().len(), 2);
        assert!(left.get() < 10);
        assert_eq!(reach("member", &left).unwrap_err().code, ldap::ResultCode::ADMIN_LIMIT_EXCEEDED);
        let seventeen = Cell::new(MOST);
        assert!((0..17).any(|_| reach("secretary", &seventeen).is_err()), "looking at everything costs more");
    }
}
