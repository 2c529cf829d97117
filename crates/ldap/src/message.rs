//! Messages from a client, borrowed from the bytes they came in. RFC 4511 4.

use crate::{Control, DecodeError, Filter, text};
use asn1::{Reader, Tag};
use std::fmt;

/// How many attributes one request may name.
pub const MAX_ATTRIBUTES: usize = 4096;
/// How many values one request may carry.
pub const MAX_VALUES: usize = 1 << 20;

/// A message: its number, what is asked, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// Comes back in every answer.
    pub id: i32,
    /// What is asked.
    pub request: Request<'a>,
    /// How.
    pub controls: Vec<Control<'a>>,
}

/// What a client can ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request<'a> {
    /// Say who I am.
    Bind(Bind<'a>),
    /// Goodbye.
    Unbind,
    /// Find objects.
    Search(Search<'a>),
    /// Change an object.
    Modify {
        /// Which.
        object: &'a str,
        /// How, in this order.
        changes: Vec<Modification<'a>>,
    },
    /// Create an object.
    Add {
        /// Its name.
        object: &'a str,
        /// What it has.
        attributes: Vec<Attribute<'a>>,
    },
    /// Delete the object of this name.
    Delete(&'a str),
    /// Rename or move an object.
    ModifyDn(ModifyDn<'a>),
    /// Whether an object has a value.
    Compare {
        /// Which.
        object: &'a str,
        /// The attribute.
        attribute: &'a str,
        /// The value.
        value: &'a [u8],
    },
    /// Never mind the request of this number.
    Abandon(i32),
    /// An operation with an OID.
    Extended {
        /// Which.
        oid: &'a str,
        /// Its argument.
        value: Option<&'a [u8]>,
    },
}

/// A bind. RFC 4511 4.2.
#[derive(Clone, PartialEq, Eq)]
pub struct Bind<'a> {
    /// 3, or the server says protocolError.
    pub version: i64,
    /// Who.
    pub name: &'a str,
    /// And how to prove it.
    pub authentication: Authentication<'a>,
}

/// The proof in a bind. Its `Debug` does not print it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Authentication<'a> {
    /// A password.
    Simple(&'a [u8]),
    /// A step of a SASL mechanism; no credentials is not the same as empty ones (RFC 4513 5.2.1.2).
    Sasl {
        /// Such as GSSAPI.
        mechanism: &'a str,
        /// This step's token.
        credentials: Option<&'a [u8]>,
    },
    /// Anything else, such as MS-ADTS 5.1.1.1.3's sicily.
    Other(u8),
}

/// How far below its base a search looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The base.
    Base,
    /// Its children.
    One,
    /// It and all beneath.
    Subtree,
}

/// A search. RFC 4511 4.5.1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search<'a> {
    /// Where it starts.
    pub base: &'a str,
    /// How far it goes.
    pub scope: Scope,
    /// The most entries; 0 for no limit of the client's.
    pub size_limit: u32,
    /// The most seconds; 0 for no limit of the client's.
    pub time_limit: u32,
    /// Names without values.
    pub types_only: bool,
    /// Which objects.
    pub filter: Filter<'a>,
    /// The filter as it was sent: what tells one search from another.
    pub filter_bytes: &'a [u8],
    /// Which attributes.
    pub attributes: Vec<&'a str>,
}

/// An attribute and its values.
#[derive(Clone, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// Its description.
    pub name: &'a str,
    /// The values.
    pub values: Vec<&'a [u8]>,
}

/// What a modification does. RFC 4511 4.6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Adds values.
    Add,
    /// Deletes values, or all when none is given.
    Delete,
    /// Leaves only these.
    Replace,
}

/// One step of a modify.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Modification<'a> {
    /// What.
    pub change: Change,
    /// To what.
    pub attribute: Attribute<'a>,
}

/// A rename. RFC 4511 4.9.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModifyDn<'a> {
    /// Which object.
    pub object: &'a str,
    /// Its new relative name.
    pub new_rdn: &'a str,
    /// Whether the old one goes.
    pub delete_old_rdn: bool,
    /// Where it goes, if elsewhere.
    pub new_superior: Option<&'a str>,
}

impl<'a> Message<'a> {
    /// Reads one message: exactly the bytes [`crate::frame`] measured.
    ///
    /// # Errors
    /// When the bytes break a rule of RFC 4511.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let mut outer = Reader::new(bytes);
        let mut inner = outer.enter(Tag::SEQUENCE)?;
        outer.finish()?;
        let id = message_id(&mut inner, Tag::INTEGER)?;
        let request = Request::decode(&mut inner)?;
        let controls = match inner.enter_optional(Tag::context_constructed(0))? {
            Some(controls) => Control::decode_all(controls)?,
            None => Vec::new(),
        };
        inner.finish()?;
        Ok(Self { id, request, controls })
    }
}

fn message_id(reader: &mut Reader<'_>, tag: Tag) -> Result<i32, DecodeError> {
    match i32::try_from(reader.integer(tag)?) {
        Ok(id) if id >= 0 => Ok(id),
        _ => Err(DecodeError::OutOfRange("the message ID")),
    }
}

impl<'a> Request<'a> {
    fn decode(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let element = reader.any()?;
        let mut inner = Reader::new(element.value);
        let request = match element.tag.0 {
            0x60 => Self::Bind(Bind::decode(&mut inner)?),
            0x42 => return Ok(Self::Unbind),
            0x63 => Self::Search(Search::decode(&mut inner)?),
            0x66 => {
                let object = text(inner.value(Tag::OCTET_STRING)?)?;
                Self::Modify { object, changes: Modification::decode_all(inner.enter(Tag::SEQUENCE)?)? }
            }
            0x68 => {
                let object = text(inner.value(Tag::OCTET_STRING)?)?;
                Self::Add { object, attributes: Attribute::decode_all(inner.enter(Tag::SEQUENCE)?)? }
            }
            0x4a => return Ok(Self::Delete(text(element.value)?)),
            0x6c => Self::ModifyDn(ModifyDn::decode(&mut inner)?),
            0x6e => {
                let object = text(inner.value(Tag::OCTET_STRING)?)?;
                let mut assertion = inner.enter(Tag::SEQUENCE)?;
                let attribute = text(assertion.value(Tag::OCTET_STRING)?)?;
                let value = assertion.value(Tag::OCTET_STRING)?;
                assertion.finish()?;
                Self::Compare { object, attribute, value }
            }
            0x50 => return Ok(Self::Abandon(message_id(&mut Reader::new(element.raw), Tag::application(16))?)),
            0x77 => {
                let oid = text(inner.value(Tag::context(0))?)?;
                Self::Extended { oid, value: inner.optional(Tag::context(1))? }
            }
            other => return Err(DecodeError::UnknownOperation(other)),
        };
        inner.finish()?;
        Ok(request)
    }
}

impl<'a> Bind<'a> {
    fn decode(inner: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let version = inner.integer(Tag::INTEGER)?;
        let name = text(inner.value(Tag::OCTET_STRING)?)?;
        let element = inner.any()?;
        let authentication = match element.tag.0 {
            0x80 => Authentication::Simple(element.value),
            0xa3 => {
                let mut sasl = Reader::new(element.value);
                let mechanism = text(sasl.value(Tag::OCTET_STRING)?)?;
                let credentials = sasl.optional(Tag::OCTET_STRING)?;
                sasl.finish()?;
                Authentication::Sasl { mechanism, credentials }
            }
            other => Authentication::Other(other),
        };
        Ok(Self { version, name, authentication })
    }
}

impl<'a> Search<'a> {
    fn decode(inner: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let base = text(inner.value(Tag::OCTET_STRING)?)?;
        let scope = match inner.integer(Tag::ENUMERATED)? {
            0 => Scope::Base,
            1 => Scope::One,
            2 => Scope::Subtree,
            _ => return Err(DecodeError::OutOfRange("the search scope")),
        };
        if !(0..=3).contains(&inner.integer(Tag::ENUMERATED)?) {
            return Err(DecodeError::OutOfRange("derefAliases"));
        }
        let limit = |n: i64| match u32::try_from(n) {
            Ok(n) if n <= i32::MAX.unsigned_abs() => Ok(n),
            _ => Err(DecodeError::OutOfRange("a limit of the search")),
        };
        let size_limit = limit(inner.integer(Tag::INTEGER)?)?;
        let time_limit = limit(inner.integer(Tag::INTEGER)?)?;
        let types_only = inner.boolean(Tag::BOOLEAN)?;
        let from = inner.rest();
        let filter = Filter::decode(inner)?;
        let filter_bytes = from.get(..from.len().saturating_sub(inner.rest().len())).unwrap_or_default();
        let mut names = inner.enter(Tag::SEQUENCE)?;
        let mut attributes = Vec::new();
        while !names.is_empty() {
            if attributes.len() == MAX_ATTRIBUTES {
                return Err(DecodeError::TooMany("attributes"));
            }
            attributes.push(text(names.value(Tag::OCTET_STRING)?)?);
        }
        Ok(Self { base, scope, size_limit, time_limit, types_only, filter, filter_bytes, attributes })
    }
}

impl<'a> Attribute<'a> {
    fn decode(reader: &mut Reader<'a>, budget: &mut usize) -> Result<Self, DecodeError> {
        let mut inner = reader.enter(Tag::SEQUENCE)?;
        let name = text(inner.value(Tag::OCTET_STRING)?)?;
        let mut set = inner.enter(Tag::SET)?;
        inner.finish()?;
        let mut values = Vec::new();
        while !set.is_empty() {
            *budget = budget.checked_sub(1).ok_or(DecodeError::TooMany("values"))?;
            values.push(set.value(Tag::OCTET_STRING)?);
        }
        Ok(Self { name, values })
    }

    fn decode_all(mut reader: Reader<'a>) -> Result<Vec<Self>, DecodeError> {
        let (mut all, mut budget) = (Vec::new(), MAX_VALUES);
        while !reader.is_empty() {
            if all.len() == MAX_ATTRIBUTES {
                return Err(DecodeError::TooMany("attributes"));
            }
            all.push(Self::decode(&mut reader, &mut budget)?);
        }
        Ok(all)
    }
}

impl<'a> Modification<'a> {
    fn decode_all(mut reader: Reader<'a>) -> Result<Vec<Self>, DecodeError> {
        let (mut all, mut budget) = (Vec::new(), MAX_VALUES);
        while !reader.is_empty() {
            if all.len() == MAX_ATTRIBUTES {
                return Err(DecodeError::TooMany("changes"));
            }
            let mut inner = reader.enter(Tag::SEQUENCE)?;
            let change = match inner.integer(Tag::ENUMERATED)? {
                0 => Change::Add,
                1 => Change::Delete,
                2 => Change::Replace,
                _ => return Err(DecodeError::OutOfRange("the kind of change")),
            };
            let attribute = Attribute::decode(&mut inner, &mut budget)?;
            inner.finish()?;
            all.push(Self { change, attribute });
        }
        Ok(all)
    }
}

impl<'a> ModifyDn<'a> {
    fn decode(inner: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(Self {
            object: text(inner.value(Tag::OCTET_STRING)?)?,
            new_rdn: text(inner.value(Tag::OCTET_STRING)?)?,
            delete_old_rdn: inner.boolean(Tag::BOOLEAN)?,
            new_superior: inner.optional(Tag::context(0))?.map(text).transpose()?,
        })
    }
}

impl fmt::Debug for Bind<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bind {{ version: {}, name: {:?}, {:?} }}", self.version, self.name, self.authentication)
    }
}

impl fmt::Debug for Authentication<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Simple(_) => f.write_str("simple"),
            Self::Sasl { mechanism, .. } => write!(f, "SASL {mechanism}"),
            Self::Other(tag) => write!(f, "authentication {tag:#04x}"),
        }
    }
}

impl fmt::Debug for Attribute<'_> {
    // One of the values may be a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} values)", self.name, self.values.len())
    }
}
