//! The subschema: the schema in the form that LDAP clients read. MS-ADTS 3.1.1.3.1.1.1; RFC 4512 4.1.

use crate::{AttrId, Attribute, Class, ClassKind, Schema};
use std::fmt::Write as _;

/// The values of the subschema subentry, written when asked for.
#[derive(Clone, Copy, Debug)]
pub struct Subschema<'s> {
    schema: &'s Schema,
}

impl<'s> Subschema<'s> {
    pub(crate) const fn new(schema: &'s Schema) -> Self {
        Self { schema }
    }

    /// `attributeTypes`.
    pub fn attribute_types(self) -> impl Iterator<Item = String> + 's {
        self.schema.attributes().map(attribute_type)
    }

    /// `objectClasses`.
    pub fn object_classes(self) -> impl Iterator<Item = String> + 's {
        self.schema.classes().map(move |class| self.object_class(class))
    }

    /// `dITContentRules`: what auxiliary classes add, for the classes that have some.
    pub fn content_rules(self) -> impl Iterator<Item = String> + 's {
        self.schema.classes().filter(|class| !class.auxiliary.is_empty()).map(move |class| self.content_rule(class))
    }

    /// `extendedAttributeInfo`.
    pub fn extended_attributes(self) -> impl Iterator<Item = String> + 's {
        self.schema.attributes().map(extended_attribute)
    }

    /// `extendedClassInfo`.
    pub fn extended_classes(self) -> impl Iterator<Item = String> + 's {
        self.schema.classes().map(|class| {
            format!("( {} NAME '{}' CLASS-GUID '{}' )", class.oid, class.name, hex(&class.schema_id_guid.0))
        })
    }

    fn object_class(self, class: &Class) -> String {
        let mut text = format!("( {} NAME '{}'", class.oid, class.name);
        if !class.superclass.eq_ignore_ascii_case(&class.name) {
            let _ = write!(text, " SUP {}", class.superclass);
        }
        text.push_str(match class.kind {
            ClassKind::Structural => " STRUCTURAL",
            ClassKind::Abstract => " ABSTRACT",
            ClassKind::Auxiliary => " AUXILIARY",
        });
        self.push_list(&mut text, "MUST", &class.own_must);
        self.push_list(&mut text, "MAY", &class.own_may);
        text.push_str(" )");
        text
    }

    fn content_rule(self, class: &Class) -> String {
        let mut text = format!("( {} NAME '{}' AUX ( {} )", class.oid, class.name, class.auxiliary.join(" $ "));
        let added = |of: fn(&Class) -> &Vec<AttrId>| -> Vec<AttrId> {
            let mut all: Vec<AttrId> = class
                .auxiliary
                .iter()
                .filter_map(|name| self.schema.class(name))
                .flat_map(|aux| of(aux).iter().copied())
                .collect();
            all.sort_unstable();
            all.dedup();
            all
        };
        self.push_list(&mut text, "MUST", &added(|class| &class.own_must));
        self.push_list(&mut text, "MAY", &added(|class| &class.own_may));
        text.push_str(" )");
        text
    }

    fn push_list(self, text: &mut String, keyword: &str, ids: &[AttrId]) {
        let names: Vec<&str> = ids
            .iter()
            .filter_map(|id| self.schema.attribute_by_id(*id))
            .map(|attribute| attribute.name.as_str())
            .collect();
        if !names.is_empty() {
            let _ = write!(text, " {keyword} ({} )", names.join(" $ "));
        }
    }
}

fn attribute_type(attribute: &Attribute) -> String {
    let mut text = format!("( {} NAME '{}' SYNTAX '{}'", attribute.oid, attribute.name, attribute.syntax.ldap_oid());
    if attribute.single_valued {
        text.push_str(" SINGLE-VALUE");
    }
    if attribute.system_only {
        text.push_str(" NO-USER-MODIFICATION");
    }
    text.push_str(" )");
    text
}

fn extended_attribute(attribute: &Attribute) -> String {
    let mut text = format!("( {} NAME '{}'", attribute.oid, attribute.name);
    for (keyword, bound) in [("RANGE-LOWER", attribute.range_lower), ("RANGE-UPPER", attribute.range_upper)] {
        if let Some(bound) = bound {
            let _ = write!(text, " {keyword} '{bound}'");
        }
    }
    let _ = write!(text, " PROPERTY-GUID '{}'", hex(&attribute.schema_id_guid.0));
    if let Some(set) = &attribute.security_guid {
        let _ = write!(text, " PROPERTY-SET-GUID '{}'", hex(&set.0));
    }
    if attribute.search_flags & 1 != 0 {
        text.push_str(" INDEXED");
    }
    if attribute.system_only {
        text.push_str(" SYSTEM-ONLY");
    }
    text.push_str(" )");
    text
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02X}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_are_printed_as_active_directory_does() {
        let schema = Schema::shared();
        let subschema = schema.subschema();
        assert!(
            subschema.attribute_types().any(|t| t
                == "( 1.2.840.113556.1.4.159 NAME 'accountExpires' SYNTAX '1.2.840.113556.1.4.906' SINGLE-VALUE )")
        );
        let user = subschema.object_classes().find(|t| t.contains("NAME 'user'")).unwrap();
        assert!(
            user.starts_with("( 1.2.840.113556.1.5.9 NAME 'user' SUP organizationalPerson STRUCTURAL MAY ("),
            "{user}"
        );
        assert!(subschema.content_rules().any(|t| t.starts_with("( 1.2.840.113556.1.5.9 NAME 'user' AUX ( ")));
        assert_eq!(subschema.extended_attributes().count(), schema.attributes().count());
        assert_eq!(subschema.extended_classes().count(), schema.classes().count());
    }
}
