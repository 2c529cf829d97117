use crate::Syntax;
use dtyp::Guid;

/// The number of an attribute or class: its OID's prefix and last arc, as MS-DRSR 5.16.4 compresses it. Never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttrId(pub u32);

/// An attribute. MS-ADTS 3.1.1.2.3.
#[derive(Clone, Debug)]
pub struct Attribute {
    /// Its number.
    pub id: AttrId,
    /// `cn` of its definition: `Account-Expires`.
    pub cn: String,
    /// `lDAPDisplayName`: `accountExpires`.
    pub name: String,
    /// `attributeID`.
    pub oid: String,
    /// `attributeSyntax` with `oMSyntax` and `oMObjectClass`.
    pub syntax: Syntax,
    /// `attributeSyntax` as it stands in its definition.
    pub syntax_oid: String,
    /// `oMSyntax`.
    pub om_syntax: i32,
    /// `isSingleValued`.
    pub single_valued: bool,
    /// `systemOnly`: clients do not write it.
    pub system_only: bool,
    /// `isMemberOfPartialAttributeSet`: in the global catalog.
    pub in_global_catalog: bool,
    /// `showInAdvancedViewOnly`.
    pub advanced_view_only: bool,
    /// `searchFlags`. MS-ADTS 2.2.9.
    pub search_flags: u32,
    /// `systemFlags`. MS-ADTS 2.2.10.
    pub system_flags: u32,
    /// `schemaFlagsEx`. MS-ADTS 2.2.11.
    pub schema_flags: u32,
    /// `linkID`: even for forward links, odd for back links.
    pub link_id: Option<i32>,
    /// `rangeLower`.
    pub range_lower: Option<i32>,
    /// `rangeUpper`.
    pub range_upper: Option<i32>,
    /// `schemaIDGUID`: what access control calls it.
    pub schema_id_guid: Guid,
    /// `attributeSecurityGUID`: the property set it is in.
    pub security_guid: Option<Guid>,
    /// `mAPIID`.
    pub mapi_id: Option<i32>,
}

/// What kind of class. MS-ADTS 3.1.1.2.4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClassKind {
    /// Objects can be of it; `objectClassCategory` 1, or 0 for those of 1988.
    Structural,
    /// Only for deriving from.
    Abstract,
    /// Only beside a structural one.
    Auxiliary,
}

/// A class. MS-ADTS 3.1.1.2.4.
#[derive(Clone, Debug)]
pub struct Class {
    /// Its number.
    pub governs_id: AttrId,
    /// `cn` of its definition: `Organizational-Unit`.
    pub cn: String,
    /// `lDAPDisplayName`: `organizationalUnit`.
    pub name: String,
    /// `governsID`.
    pub oid: String,
    /// What kind.
    pub kind: ClassKind,
    /// `objectClassCategory`.
    pub category: i32,
    /// `subClassOf`; `top` derives from itself.
    pub superclass: String,
    /// What its objects are named by.
    pub rdn_attribute: AttrId,
    /// `systemOnly`: clients create none.
    pub system_only: bool,
    /// `defaultHidingValue`.
    pub default_hiding_value: bool,
    /// `showInAdvancedViewOnly` of the definition.
    pub advanced_view_only: bool,
    /// `systemFlags`.
    pub system_flags: u32,
    /// `schemaFlagsEx`.
    pub schema_flags: u32,
    /// The `lDAPDisplayName` of `defaultObjectCategory`.
    pub default_object_category: String,
    /// `schemaIDGUID`: what access control calls it.
    pub schema_id_guid: Guid,
    /// `defaultSecurityDescriptor`, in SDDL.
    pub default_security_descriptor: String,
    /// What its objects must have, with what its superclasses and auxiliary classes say; sorted.
    pub must: Vec<AttrId>,
    /// What its objects may have, likewise.
    pub may: Vec<AttrId>,
    /// Beneath objects of which classes they stand, with what its superclasses say.
    pub poss_superiors: Vec<String>,
    /// Its own `mustContain`, system's and other.
    pub own_must: Vec<AttrId>,
    /// Its own `mayContain`.
    pub own_may: Vec<AttrId>,
    /// Its own `possSuperiors`.
    pub own_superiors: Vec<String>,
    /// Its own auxiliary classes.
    pub auxiliary: Vec<String>,
}

/// `FLAG_ATTR_IS_CONSTRUCTED`. MS-ADTS 2.2.10.
const CONSTRUCTED: u32 = 4;
/// `fCONFIDENTIAL`. MS-ADTS 2.2.9.
const CONFIDENTIAL: u32 = 0x80;

impl Attribute {
    /// Whether it is computed when asked for.
    #[must_use]
    pub const fn is_constructed(&self) -> bool {
        self.system_flags & CONSTRUCTED != 0
    }

    /// Whether reading it needs a right of its own.
    #[must_use]
    pub const fn is_confidential(&self) -> bool {
        self.search_flags & CONFIDENTIAL != 0
    }

    /// Whether it is the other end of a link.
    #[must_use]
    pub const fn is_back_link(&self) -> bool {
        matches!(self.link_id, Some(link) if link % 2 == 1)
    }
}
