//! Active Directory's schema: every attribute and class of Windows Server 2019, and the subschema LDAP clients read.
//!
//! [`Schema::shared`] is the one that this program carries: [`Attribute`]s and [`Class`]es by name (in any case), OID or number. The
//! data is generated from Microsoft's published documents by `cargo xtask schema`; their notice stands beside it.
//!
//! ```
//! let schema = schema::Schema::shared();
//! let expires = schema.attribute("accountexpires").unwrap();
//! assert_eq!((expires.oid.as_str(), expires.syntax), ("1.2.840.113556.1.4.159", schema::Syntax::LargeInteger));
//! assert!(schema.class("user").unwrap().may.contains(&expires.id));
//! ```
//!
//! Specifications: MS-ADTS 3.1.1.2 (schema), MS-ADA1 to MS-ADA3 and MS-ADSC (definitions).
#![forbid(unsafe_code)]

mod data;
mod definition;
mod subschema;
mod syntax;

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

pub use definition::{AttrId, Attribute, Class, ClassKind};
pub use subschema::Subschema;
pub use syntax::Syntax;

/// The version of the schema: Windows Server 2019. MS-ADTS 3.1.1.2.1 (objectVersion).
pub const OBJECT_VERSION: u32 = 88;

/// The attributes and classes of a forest.
#[derive(Debug)]
pub struct Schema {
    attributes: Vec<Attribute>,
    classes: Vec<Class>,
    attribute_places: Places,
    class_places: Places,
}

/// Where a definition stands in its list, by lower-case name and OID, and by number.
#[derive(Debug, Default)]
struct Places {
    by_text: HashMap<Box<str>, usize>,
    by_id: HashMap<AttrId, usize>,
}

impl Places {
    fn add(&mut self, place: usize, name: &str, oid: &str, id: AttrId) {
        self.by_text.insert(name.to_ascii_lowercase().into(), place);
        self.by_text.insert(oid.into(), place);
        self.by_id.insert(id, place);
    }

    /// Without allocating: names are looked up for every attribute of every search.
    fn find(&self, name: &str) -> Option<usize> {
        let mut buffer = [0u8; 96];
        let folded = buffer.get_mut(..name.len())?;
        folded.copy_from_slice(name.as_bytes());
        folded.make_ascii_lowercase();
        self.by_text.get(std::str::from_utf8(folded).ok()?).copied()
    }
}

static SHARED: LazyLock<Arc<Schema>> = LazyLock::new(|| Arc::new(data::load()));

impl Schema {
    /// The schema that this program carries.
    #[must_use]
    pub fn shared() -> Arc<Self> {
        Arc::clone(&SHARED)
    }

    pub(crate) fn new(attributes: Vec<Attribute>, classes: Vec<Class>) -> Self {
        let (mut attribute_places, mut class_places) = (Places::default(), Places::default());
        for (place, attribute) in attributes.iter().enumerate() {
            attribute_places.add(place, &attribute.name, &attribute.oid, attribute.id);
        }
        for (place, class) in classes.iter().enumerate() {
            class_places.add(place, &class.name, &class.oid, class.governs_id);
        }
        Self { attributes, classes, attribute_places, class_places }
    }

    /// The attribute of this name, in any case, or OID.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attribute_places.find(name).and_then(|place| self.attributes.get(place))
    }

    /// The attribute of this number.
    #[must_use]
    pub fn attribute_by_id(&self, id: AttrId) -> Option<&Attribute> {
        self.attribute_places.by_id.get(&id).and_then(|place| self.attributes.get(*place))
    }

    /// All attributes.
    pub fn attributes(&self) -> impl Iterator<Item = &Attribute> {
        self.attributes.iter()
    }

    /// The class of this name, in any case, or OID.
    #[must_use]
    pub fn class(&self, name: &str) -> Option<&Class> {
        self.class_places.find(name).and_then(|place| self.classes.get(place))
    }

    /// The class of this number.
    #[must_use]
    pub fn class_by_id(&self, id: AttrId) -> Option<&Class> {
        self.class_places.by_id.get(&id).and_then(|place| self.classes.get(*place))
    }

    /// All classes.
    pub fn classes(&self) -> impl Iterator<Item = &Class> {
        self.classes.iter()
    }

    /// What `CN=Aggregate` says about it.
    #[must_use]
    pub fn subschema(&self) -> Subschema<'_> {
        Subschema::new(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_definition_of_the_documents_is_there() {
        let schema = Schema::shared();
        assert_eq!((schema.attributes().count(), schema.classes().count()), (1505, 270));
        for name in
            ["msDS-ManagedPassword", "msDS-GroupMSAMembership", "msKds-RootKeyData", "msDS-preferredDataLocation"]
        {
            assert!(schema.attribute(name).is_some(), "{name}");
        }
        assert_eq!(schema.attribute("2.5.4.3").unwrap().name, "cn");
        assert!(schema.attribute(&"x".repeat(500)).is_none());
    }

    #[test]
    fn numbers_and_names_are_unique() {
        let schema = Schema::shared();
        for attribute in schema.attributes() {
            assert!(std::ptr::eq(schema.attribute_by_id(attribute.id).unwrap(), attribute), "{}", attribute.name);
            assert!(std::ptr::eq(schema.attribute(&attribute.name).unwrap(), attribute), "{}", attribute.name);
        }
        for class in schema.classes() {
            assert!(std::ptr::eq(schema.class(&class.name).unwrap(), class), "{}", class.name);
            assert!(schema.class(&class.superclass).is_some(), "{} derives from {}", class.name, class.superclass);
        }
    }

    #[test]
    fn a_gmsa_is_a_computer_and_has_what_a_computer_has() {
        let schema = Schema::shared();
        let gmsa = schema.class("msDS-GroupManagedServiceAccount").unwrap();
        assert_eq!((gmsa.superclass.as_str(), gmsa.kind), ("computer", ClassKind::Structural));
        let has = |name| gmsa.may.contains(&schema.attribute(name).unwrap().id);
        assert!(has("msDS-ManagedPasswordId") && has("servicePrincipalName") && has("userAccountControl"));
        assert!(gmsa.must.contains(&schema.attribute("msDS-ManagedPasswordInterval").unwrap().id));
        assert!(
            gmsa.must.contains(&schema.attribute("sAMAccountName").unwrap().id),
            "of its auxiliary class securityPrincipal"
        );
    }

    #[test]
    fn a_delegated_account_is_a_computer_and_every_account_may_be_superseded_by_one() {
        let schema = Schema::shared();
        let id = |name| schema.attribute(name).unwrap().id;
        let dmsa = schema.class("msDS-DelegatedManagedServiceAccount").unwrap();
        assert_eq!(dmsa.schema_id_guid.to_string(), "0feb936f-47b3-49f2-9386-1dedc2c23765");
        assert!(dmsa.must.contains(&id("msDS-DelegatedMSAState")) && dmsa.must.contains(&id("sAMAccountName")));
        assert!(dmsa.may.contains(&id("msDS-ManagedAccountPrecededByLink")));
        for class in ["user", "computer", "msDS-GroupManagedServiceAccount"] {
            assert!(schema.class(class).unwrap().may.contains(&id("msDS-SupersededManagedAccountLink")), "{class}");
        }
        assert!(!schema.class("group").unwrap().may.contains(&id("msDS-SupersededManagedAccountLink")));
    }

    #[test]
    fn every_default_security_descriptor_is_understood() {
        let domain = dtyp::Sid::domain_of(1, 2, 3);
        for class in Schema::shared().classes() {
            dtyp::sddl::parse(&class.default_security_descriptor, &domain, &domain).expect(&class.name);
        }
    }

    #[test]
    fn links_come_in_pairs() {
        let schema = Schema::shared();
        assert_eq!(schema.attribute("member").unwrap().link_id, Some(2));
        assert_eq!(schema.attribute("memberOf").unwrap().link_id, Some(3));
        assert!(schema.attribute("memberOf").unwrap().is_back_link());
        for back in schema.attributes().filter(|a| a.is_back_link()) {
            let link = back.link_id.unwrap();
            // Exchange's schema brings the other half of one of them.
            let paired = schema.attributes().any(|a| a.link_id == Some(link - 1));
            assert!(paired || back.name == "netbootSCPBL", "{} ({link})", back.name);
        }
    }
}
