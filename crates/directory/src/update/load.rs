//! Creating many objects that name each other, at once: how a domain comes into being.
//!
//! First every object gets its tag and name, then each is built: so a value may name an object that stands later in the list. The heads
//! of naming contexts (`instanceType` with bit 0) may stand beneath names that are no objects (`DC=com`): those become phantoms.

use std::collections::HashMap;

use dtyp::Guid;
use ldap::{Dn, Rdn};

use super::add::{self, Place};
use super::draft::Draft;
use super::{Attribute, Planner};
use crate::matching;
use crate::object::record::Flags;
use crate::{Dnt, Error};

pub(super) fn plan(planner: &mut Planner<'_>, objects: &[(Dn, Vec<Attribute>)]) -> Result<(), Error> {
    planner.only_system("a load")?;
    let mut places = Vec::with_capacity(objects.len());
    for (dn, attributes) in objects {
        let placed = place(planner, dn, attributes).map_err(|error| about(dn, error))?;
        places.push(placed);
    }
    let mut descriptors: HashMap<Dnt, Vec<u8>> = HashMap::with_capacity(objects.len());
    for ((dn, attributes), (dnt, parent)) in objects.iter().zip(places) {
        let draft = object(planner, dn, attributes, (dnt, parent), &descriptors).map_err(|error| about(dn, error))?;
        descriptors.extend(draft.descriptor.clone().map(|descriptor| (dnt, descriptor)));
        if draft.header.flags.has(Flags::NC_HEAD) {
            planner.notes.new_naming_contexts.push(dnt);
            if draft.is_a("domainDNS") && draft.has(planner.known().object_sid) {
                planner.notes.new_domain = Some(dnt);
            }
        }
        let guid = draft.values(planner.known().object_guid).first().and_then(|value| Guid::from_bytes(value));
        planner.target = Some((dnt, guid.unwrap_or(Guid::NIL)));
        planner.drafts.push(draft);
    }
    Ok(())
}

fn about(dn: &Dn, mut error: Error) -> Error {
    error.comment = format!("{dn}: {}", error.comment);
    error
}

/// Gives an object its tag and name.
fn place(planner: &mut Planner<'_>, dn: &Dn, attributes: &[Attribute]) -> Result<(Dnt, Dnt), Error> {
    let rdn = dn.rdn().ok_or_else(|| Error::naming("the root is not an object"))?;
    let parent_dn = dn.parent().unwrap_or_default();
    let parent = match planner.resolve(&parent_dn)? {
        Some(parent) => parent,
        None if is_nc_head(attributes) => phantoms(planner, &parent_dn)?,
        None => return Err(Error::no_such_object(None)),
    };
    let dnt = planner.next_dnt()?;
    let attribute = planner.attribute(rdn.attribute())?;
    planner.take_name(parent, attribute.id, rdn.value(), dnt)?;
    Ok((dnt, parent))
}

fn is_nc_head(attributes: &[Attribute]) -> bool {
    let kind = attributes.iter().find(|attribute| attribute.name.eq_ignore_ascii_case("instanceType"));
    kind.and_then(|kind| matching::integer(kind.values.first()?)).is_some_and(|kind| kind & 1 != 0)
}

/// Makes a name without an object, and all above it that is missing.
fn phantoms(planner: &mut Planner<'_>, dn: &Dn) -> Result<Dnt, Error> {
    let mut at = Dnt::ROOT;
    let steps: Vec<&Rdn> = dn.rdns().collect();
    for depth in (0..steps.len()).rev() {
        let name = Dn::new(steps.iter().skip(depth).map(|rdn| (*rdn).clone()).collect());
        at = match (planner.resolve(&name)?, name.rdn()) {
            (Some(found), _) => found,
            (None, Some(rdn)) => phantom(planner, at, rdn)?,
            (None, None) => at,
        };
    }
    Ok(at)
}

fn phantom(planner: &mut Planner<'_>, parent: Dnt, rdn: &Rdn) -> Result<Dnt, Error> {
    let attribute = planner.attribute(rdn.attribute())?.id;
    let dnt = planner.next_dnt()?;
    planner.take_name(parent, attribute, rdn.value(), dnt)?;
    let mut draft = Draft::new(dnt, parent, attribute, 0, planner.catalogue());
    draft.header.flags = draft.header.flags.with(Flags::PHANTOM, true);
    draft.set_bytes(attribute, rdn.value().to_vec());
    planner.drafts.push(draft);
    Ok(dnt)
}

fn object(
    planner: &mut Planner<'_>,
    dn: &Dn,
    attributes: &[Attribute],
    (dnt, parent): (Dnt, Dnt),
    descriptors: &HashMap<Dnt, Vec<u8>>,
) -> Result<Draft, Error> {
    let rdn = dn.rdn().ok_or_else(|| Error::naming("the root is not an object"))?;
    let classes = planner.classes(&add::object_class(planner, attributes)?)?;
    let parent_descriptor = match descriptors.get(&parent) {
        Some(planned) => Some(planned.clone()),
        None => match planner.view.object(parent)? {
            Some(stored) => Some(stored.descriptor()?.to_vec()),
            None => None,
        },
    };
    let place = Place { dnt, parent, parent_descriptor, rdn };
    add::build(planner, &place, &classes, attributes)
}
