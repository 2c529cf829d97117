//! Attributes that are computed when they are read. MS-ADTS 3.1.1.4.5.
//!
//! Those of accounts and of managed passwords are computed by the rooms that know them; here are those of any object.

use schema::Attribute;

use crate::{Caller, Error, Object, account, gmsa};

/// Gives `emit` the values of a computed attribute. Nothing for one that nobody here can compute.
pub(crate) fn values(
    caller: &Caller,
    object: &Object<'_>,
    attribute: &Attribute,
    emit: &mut dyn FnMut(&[u8]),
) -> Result<(), Error> {
    if own(object, &attribute.name, emit)? || gmsa::constructed(caller, object, attribute, emit)? {
        return Ok(());
    }
    account::constructed(caller, object, attribute, emit).map(|_| ())
}

fn own(object: &Object<'_>, name: &str, emit: &mut dyn FnMut(&[u8])) -> Result<bool, Error> {
    let known = &object.view().inner.catalogue.known;
    match name {
        // 3.1.1.4.5.1 to .3, .13
        "canonicalName" => emit(canonical(&object.dn()?).as_bytes()),
        "createTimeStamp" => object.values(known.when_created).for_each(emit),
        "modifyTimeStamp" => object.values(known.when_changed).for_each(emit),
        "structuralObjectClass" => object.values(known.object_class).for_each(emit),
        "primaryGroupToken" => {
            if object.is_a("group")
                && let Some(rid) = object.sid().and_then(|sid| sid.rid())
            {
                emit(rid.to_string().as_bytes());
            }
        }
        "subSchemaSubEntry" | "subschemaSubentry" => {
            if let Some(name) = subschema(object)? {
                emit(name.as_bytes());
            }
        }
        "allowedAttributes" => allowed(object, emit),
        "msDS-Approx-Immed-Subordinates" => {
            emit(object.view().children(object.dnt())?.len().to_string().as_bytes());
        }
        "msDS-PrincipalName" => return Ok(false),
        _ => return Ok(false),
    }
    Ok(true)
}

/// `contoso.com/Engineering/alice`. MS-ADTS 3.1.1.4.5.1.
fn canonical(dn: &str) -> String {
    let Ok(dn) = dn.parse::<ldap::Dn>() else { return String::new() };
    let (mut domain, mut path) = (Vec::new(), Vec::new());
    for rdn in dn.rdns() {
        let value = String::from_utf8_lossy(rdn.value()).into_owned();
        if rdn.attribute().eq_ignore_ascii_case("DC") {
            domain.push(value);
        } else {
            path.push(value.replace('/', "\\/"));
        }
    }
    path.reverse();
    format!("{}/{}", domain.join("."), path.join("/"))
}

/// The `CN=Aggregate` of the schema's naming context.
fn subschema(object: &Object<'_>) -> Result<Option<String>, Error> {
    let view = object.view();
    for head in view.naming_contexts()? {
        if view.object(head)?.is_some_and(|head| head.is_a("dMD")) {
            return Ok(Some(format!("CN=Aggregate,{}", view.dn(head)?)));
        }
    }
    Ok(None)
}

/// What the object's classes let it have. MS-ADTS 3.1.1.4.5.9.
fn allowed(object: &Object<'_>, emit: &mut dyn FnMut(&[u8])) {
    let view = object.view();
    let mut all = std::collections::BTreeSet::new();
    for name in object.values(view.inner.catalogue.known.object_class) {
        if let Some(class) = std::str::from_utf8(name).ok().and_then(|name| view.schema().class(name)) {
            all.extend(class.must.iter().chain(&class.may).copied());
        }
    }
    for attribute in all.into_iter().filter_map(|id| view.schema().attribute_by_id(id)) {
        emit(attribute.name.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_names_read_from_the_domain_down() {
        assert_eq!(canonical("CN=alice,OU=Engineering,DC=contoso,DC=com"), "contoso.com/Engineering/alice");
        assert_eq!(canonical("CN=a/b,DC=contoso,DC=com"), "contoso.com/a\\/b");
        assert_eq!(canonical("DC=contoso,DC=com"), "contoso.com/");
    }
}
