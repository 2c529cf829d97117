//! Creating an object. MS-ADTS 3.1.1.5.2, RFC 4511 4.7.

use dtyp::Guid;
use ldap::{Dn, Rdn};
use schema::AttrId;

use super::class_rules::Classes;
use super::draft::Draft;
use super::principal::Principal;
use super::{Attribute, PasswordWrite, Planner, value_rules};
use crate::error::{printable, win32};
use crate::matching::{self, Kind};
use crate::object::record::Flags;
use crate::{Dnt, Error, access, account, gmsa};

/// Systems set these; but this one a client chooses, once, when it makes the account. MS-ADSC, and what `New-ADServiceAccount` sends.
const CHOSEN_ONCE: &[&str] = &["msDS-ManagedPasswordInterval"];
/// Set by the system alone, says the schema; but administrators write it, in Active Directory as here (`PrincipalsAllowedToDelegateToAccount`).
pub(super) const OPEN: &[&str] = &["msDS-AllowedToActOnBehalfOfOtherIdentity"];
/// A secret that who makes a KDS root key brings along, over an encrypted connection. Like every secret, nobody reads it again.
const BROUGHT: &str = "msKds-RootKeyData";
/// What clients send though the directory decides it: dropped, as Active Directory does.
const DROPPED: &[&str] = &["msDS-ManagedPasswordId", "msDS-ManagedPasswordPreviousId", "distinguishedName", "name"];

pub(super) fn plan(planner: &mut Planner<'_>, dn: &Dn, attributes: &[Attribute]) -> Result<(), Error> {
    let (Some(rdn), Some(parent_dn)) = (dn.rdn(), dn.parent().filter(|parent| !parent.is_root())) else {
        return Err(Error::naming("an object stands beneath another"));
    };
    let parent = planner.object(&parent_dn)?;
    if parent.is_deleted() {
        return Err(Error::unwilling(win32::DS_NO_PARENT_OBJECT, "the object above is deleted"));
    }
    let classes = planner.classes(&object_class(planner, attributes)?)?;
    planner.check_creatable(classes.structural)?;
    planner.check_superior(classes.structural, &parent)?;
    access::check_create(planner.caller, &parent, classes.structural)?;
    let dnt = planner.next_dnt()?;
    planner.take_name(parent.dnt(), check_rdn(planner, rdn, classes.structural)?, rdn.value(), dnt)?;
    let place = Place { dnt, parent: parent.dnt(), parent_descriptor: Some(parent.descriptor()?.to_vec()), rdn };
    let draft = build(planner, &place, &classes, attributes)?;
    let guid = draft.values(planner.known().object_guid).first().and_then(|value| Guid::from_bytes(value));
    planner.target = Some((draft.dnt(), guid.unwrap_or(Guid::NIL)));
    planner.drafts.push(draft);
    Ok(())
}

/// The values of `objectClass` among what a client sent.
pub(super) fn object_class(planner: &Planner<'_>, attributes: &[Attribute]) -> Result<Vec<Vec<u8>>, Error> {
    let mut values = Vec::new();
    for given in attributes {
        if planner.schema().attribute(&given.name).is_some_and(|attribute| attribute.id == planner.known().object_class)
        {
            values.extend(given.values.iter().cloned());
        }
    }
    match values.is_empty() {
        false => Ok(values),
        true => Err(Error::class_violation(win32::DS_OBJECT_CLASS_REQUIRED, "an object needs objectClass")),
    }
}

/// Where an object is to be.
pub(super) struct Place<'r> {
    pub(super) dnt: Dnt,
    pub(super) parent: Dnt,
    pub(super) parent_descriptor: Option<Vec<u8>>,
    pub(super) rdn: &'r Rdn,
}

/// The complete new object: what was given, checked, and everything the directory adds.
pub(super) fn build(
    planner: &mut Planner<'_>,
    place: &Place<'_>,
    classes: &Classes<'_>,
    given: &[Attribute],
) -> Result<Draft, Error> {
    let class = classes.structural;
    let rdn = check_rdn(planner, place.rdn, class)?;
    let catalogue = planner.catalogue();
    let mut draft = Draft::new(place.dnt, place.parent, rdn, class.governs_id.0, catalogue);
    draft.set(planner.known().object_class, classes.names());
    let mut special = Special::default();
    for attribute in given {
        take(planner, &mut draft, attribute, &mut special)?;
    }
    name(planner, &mut draft, place.rdn)?;
    complete(planner, &mut draft, class)?;
    if let Some(principal) = Principal::of(&draft) {
        let asked = draft.integer(planner.known().primary_group_id).filter(|_| !planner.caller.system);
        if asked.is_some() {
            draft.set(planner.known().primary_group_id, Vec::new());
        }
        planner.complete_principal(&mut draft, principal)?;
        planner.check_first_group(&draft, asked)?;
        if gmsa::is_derived(|class| draft.is_a(class)) {
            // A password that came along is dropped, as Active Directory does.
            gmsa::created(planner.view, &mut draft)?;
        } else if let Some(password) = &special.password {
            require_sealed(planner)?;
            account::write_password(planner.view, planner.caller, &mut draft, &PasswordWrite::Reset(password))?;
        }
        planner.check_has_password(&draft)?;
        planner.check_unique_names(&draft)?;
        planner.check_succession(&draft)?;
        planner.check_members(&draft)?;
    }
    planner.check_content(&draft, classes)?;
    planner.check_size(&draft)?;
    let parent = place.parent_descriptor.as_deref();
    let descriptor =
        access::descriptor_for_child(planner.view, planner.caller, parent, class, special.descriptor.as_deref())?;
    draft.descriptor = Some(descriptor);
    Ok(draft)
}

/// What is not simply stored.
#[derive(Default)]
struct Special {
    password: Option<zeroize::Zeroizing<Vec<u8>>>,
    descriptor: Option<Vec<u8>>,
}

/// Takes one attribute that was given.
fn take(planner: &Planner<'_>, draft: &mut Draft, given: &Attribute, special: &mut Special) -> Result<(), Error> {
    let attribute = planner.attribute(&given.name)?;
    let known = planner.known();
    let system = planner.caller.system;
    if attribute.id == known.object_class || (DROPPED.contains(&&*attribute.name) && !system) || given.values.is_empty()
    {
        return Ok(());
    }
    if attribute.id == known.unicode_pwd && !system {
        special.password = given.values.first().map(|value| zeroize::Zeroizing::new(value.clone()));
        return Ok(());
    }
    if attribute.id == known.nt_security_descriptor {
        special.descriptor = given.values.first().cloned();
        return Ok(());
    }
    let name = &attribute.name;
    if attribute.is_back_link() {
        return Err(Error::unwilling(
            win32::DS_NOT_ON_BACKLINK,
            format!("{name} is the other end of a link: write the forward one"),
        ));
    }
    if !system {
        if *name == *BROUGHT {
            require_sealed(planner)?;
        } else if planner.catalogue().is_secret(attribute.id) || name == "userPassword" {
            return Err(Error::unwilling(
                win32::DS_UNWILLING_TO_PERFORM,
                format!("{name} is not written by clients; passwords go to unicodePwd"),
            ));
        }
        planner.check_trust(attribute)?;
        let is_chosen = CHOSEN_ONCE.contains(&&**name) || OPEN.contains(&&**name);
        if attribute.system_only && !is_chosen && attribute.id != known.instance_type {
            return Err(Error::constraint(
                win32::DS_CANT_ADD_SYSTEM_ONLY,
                format!("{name} is set by the directory alone"),
            ));
        }
    }
    if attribute.is_constructed() {
        return Err(Error::constraint(win32::DS_CANT_ADD_SYSTEM_ONLY, format!("{name} is computed")));
    }
    match attribute.link_id {
        Some(_) => {
            for value in given.values.iter() {
                let named = planner.named(attribute, value)?;
                draft.link(attribute.id, named.dnt, &named.data);
            }
            value_rules::check_one_link(
                attribute,
                draft.links.iter().filter(|edit| edit.attribute == attribute.id).count(),
            )
        }
        None => {
            let mut values = planner.stored(attribute, &given.values)?;
            // The same attribute named twice is one.
            values.splice(0..0, draft.values(attribute.id).iter().cloned());
            value_rules::check_count(attribute, &values)?;
            draft.set(attribute.id, values);
            Ok(())
        }
    }
}

/// The attribute of the relative name: the one the class says. MS-ADTS 3.1.1.5.2.2.
pub(super) fn check_rdn(planner: &Planner<'_>, rdn: &Rdn, class: &schema::Class) -> Result<AttrId, Error> {
    let attribute = planner.schema().attribute(rdn.attribute());
    let Some(attribute) = attribute.filter(|attribute| attribute.id == class.rdn_attribute) else {
        let comment = format!("a {} is not named by {}", class.name, printable(rdn.attribute()));
        return Err(Error::new(
            ldap::ResultCode::NAMING_VIOLATION,
            win32::DS_RDN_DOESNT_MATCH_SCHEMA,
            crate::Problem::Name(2005, "NAMING_VIOLATION"),
            comment,
        ));
    };
    Ok(attribute.id)
}

/// `name` and the naming attribute itself: the relative name's value.
fn name(planner: &Planner<'_>, draft: &mut Draft, rdn: &Rdn) -> Result<(), Error> {
    let attribute = planner.attribute(rdn.attribute())?;
    let values = planner.stored(attribute, &[rdn.value().to_vec()])?;
    if let [given] = draft.values(attribute.id)
        && !matching::equal(Kind::Text, given, rdn.value())
    {
        return Err(Error::naming(format!("{} differs from the object's name", attribute.name)));
    }
    draft.set(planner.known().name, values.clone());
    draft.set(attribute.id, values);
    Ok(())
}

/// The system attributes every object has. MS-ADTS 3.1.1.5.2.4.
fn complete(planner: &mut Planner<'_>, draft: &mut Draft, class: &schema::Class) -> Result<(), Error> {
    let known = *planner.known();
    if !draft.has(known.object_guid) {
        draft.set_bytes(known.object_guid, Guid::random(&*planner.view.environment().random).as_bytes().to_vec());
    }
    if !planner.caller.system {
        draft.set_text(known.instance_type, "4");
    }
    draft.default_text(known.instance_type, "4");
    let nc_head = draft.integer(known.instance_type).is_some_and(|kind| kind & 1 != 0);
    // The Deleted Objects container is itself seen by those only who ask for deleted objects. MS-ADTS 6.1.1.4.2.
    let hidden = draft.text(known.is_deleted) == Some("TRUE");
    draft.header.flags = draft.header.flags.with(Flags::NC_HEAD, nc_head).with(Flags::DELETED, hidden);
    if !draft.has(known.object_category)
        && let Some(category) = planner.view.category_object(class)?
    {
        draft.set_names(known.object_category, &[category]);
    }
    if class.default_hiding_value {
        draft.default_text(known.show_in_advanced_view_only, "TRUE");
    }
    Ok(())
}

pub(super) fn require_sealed(planner: &Planner<'_>) -> Result<(), Error> {
    match planner.caller.sealed || planner.caller.system {
        true => Ok(()),
        false => Err(Error::unwilling(
            win32::GEN_FAILURE,
            "passwords are written over encrypted connections only (TLS, or GSSAPI with confidentiality)",
        )),
    }
}
