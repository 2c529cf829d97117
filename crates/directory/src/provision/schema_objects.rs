//! The schema as objects. MS-ADTS 3.1.1.2.3 and 3.1.1.2.4.

use dtyp::Guid;
use ldap::Dn;
use schema::{AttrId, Attribute as Definition, Class, Schema};

use super::{Names, text, texts};
use crate::{Attribute, Error};

/// Every attribute and class.
pub(super) fn all(names: &Names) -> Result<Vec<(Dn, Vec<Attribute>)>, Error> {
    let schema = Schema::shared();
    let attributes = schema.attributes().map(|attribute| of_attribute(names, attribute));
    let classes = schema.classes().map(|class| of_class(names, &schema, class));
    attributes.chain(classes).collect()
}

fn flag(name: &str, value: bool) -> Attribute {
    text(name, if value { "TRUE" } else { "FALSE" })
}

fn number(name: &str, value: impl ToString) -> Attribute {
    text(name, &value.to_string())
}

fn guid(name: &str, value: &Guid) -> Attribute {
    Attribute::new(name, [value.as_bytes().to_vec()])
}

fn of_attribute(names: &Names, attribute: &Definition) -> Result<(Dn, Vec<Attribute>), Error> {
    let mut all = vec![
        text("lDAPDisplayName", &attribute.name),
        text("attributeID", &attribute.oid),
        text("attributeSyntax", &attribute.syntax_oid),
        number("oMSyntax", attribute.om_syntax),
        flag("isSingleValued", attribute.single_valued),
        flag("systemOnly", attribute.system_only),
        flag("showInAdvancedViewOnly", attribute.advanced_view_only),
        guid("schemaIDGUID", &attribute.schema_id_guid),
        number("searchFlags", attribute.search_flags.cast_signed()),
        number("systemFlags", attribute.system_flags.cast_signed()),
    ];
    all.extend(attribute.in_global_catalog.then(|| flag("isMemberOfPartialAttributeSet", true)));
    all.extend(attribute.security_guid.as_ref().map(|set| guid("attributeSecurityGUID", set)));
    all.extend(attribute.link_id.map(|link| number("linkID", link)));
    all.extend(attribute.range_lower.map(|bound| number("rangeLower", bound)));
    all.extend(attribute.range_upper.map(|bound| number("rangeUpper", bound)));
    all.extend(attribute.mapi_id.map(|id| number("mAPIID", id)));
    names.object(&format!("CN={},{}", attribute.cn, names.schema), "attributeSchema", all)
}

fn of_class(names: &Names, schema: &Schema, class: &Class) -> Result<(Dn, Vec<Attribute>), Error> {
    let named = |ids: &[AttrId]| -> Vec<String> {
        ids.iter().filter_map(|id| schema.attribute_by_id(*id)).map(|attribute| attribute.name.clone()).collect()
    };
    let rdn = schema.attribute_by_id(class.rdn_attribute).map_or("cn", |attribute| &attribute.name);
    let mut all = vec![
        text("lDAPDisplayName", &class.name),
        text("governsID", &class.oid),
        number("objectClassCategory", class.category),
        text("subClassOf", &class.superclass),
        text("rDNAttID", rdn),
        flag("systemOnly", class.system_only),
        flag("defaultHidingValue", class.default_hiding_value),
        flag("showInAdvancedViewOnly", class.advanced_view_only),
        guid("schemaIDGUID", &class.schema_id_guid),
        number("systemFlags", class.system_flags.cast_signed()),
        text("defaultObjectCategory", &names.category(&class.name)?),
    ];
    let lists = [
        ("systemMustContain", named(&class.own_must)),
        ("systemMayContain", named(&class.own_may)),
        ("systemPossSuperiors", class.own_superiors.clone()),
        ("systemAuxiliaryClass", class.auxiliary.clone()),
    ];
    all.extend(lists.iter().filter(|(_, values)| !values.is_empty()).map(|(name, values)| texts(name, values)));
    if !class.default_security_descriptor.is_empty() {
        all.push(text("defaultSecurityDescriptor", &class.default_security_descriptor));
    }
    names.object(&format!("CN={},{}", class.cn, names.schema), "classSchema", all)
}
