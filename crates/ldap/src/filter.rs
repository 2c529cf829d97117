//! Search filters as they arrive (RFC 4511 4.5.1.7), borrowed from the message. The text form is RFC 4515's.

use crate::{DecodeError, filter_text, text};
use asn1::{Reader, Tag, Writer};
use std::{fmt, str::FromStr};

/// How deep filters may nest.
pub const MAX_DEPTH: usize = 64;
/// How many parts a filter may have: an OR over five hundred names is usual, this is not.
pub const MAX_PARTS: usize = 8192;

/// A filter, borrowed. Values are the bytes the client sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filter<'a> {
    /// All of them. An empty one is true (RFC 4526).
    And(Vec<Filter<'a>>),
    /// One of them. An empty one is false (RFC 4526).
    Or(Vec<Filter<'a>>),
    /// Not this.
    Not(Box<Filter<'a>>),
    /// The attribute has the value.
    Equality(&'a str, &'a [u8]),
    /// The attribute has a value made of these parts.
    Substrings(&'a str, Substrings<'a>),
    /// A value at least as large.
    GreaterOrEqual(&'a str, &'a [u8]),
    /// A value at most as large.
    LessOrEqual(&'a str, &'a [u8]),
    /// Any value.
    Present(&'a str),
    /// About this value.
    Approximate(&'a str, &'a [u8]),
    /// By a matching rule.
    Extensible(Extensible<'a>),
}

/// The parts a value must have, in this order. Not all of them are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Substrings<'a> {
    /// At its beginning.
    pub initial: Option<&'a [u8]>,
    /// Somewhere behind.
    pub any: Vec<&'a [u8]>,
    /// At its end.
    pub last: Option<&'a [u8]>,
}

/// A match by rule: `(memberOf:1.2.840.113556.1.4.1941:=…)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extensible<'a> {
    /// The rule's OID or name.
    pub rule: Option<&'a str>,
    /// The attribute.
    pub attribute: Option<&'a str>,
    /// What to match.
    pub value: &'a [u8],
    /// Whether the steps of the name count as attributes too.
    pub dn_attributes: bool,
}

const AND: Tag = Tag::context_constructed(0);
const OR: Tag = Tag::context_constructed(1);
const NOT: Tag = Tag::context_constructed(2);
const EQUALITY: Tag = Tag::context_constructed(3);
const SUBSTRINGS: Tag = Tag::context_constructed(4);
const GREATER_OR_EQUAL: Tag = Tag::context_constructed(5);
const LESS_OR_EQUAL: Tag = Tag::context_constructed(6);
const PRESENT: Tag = Tag::context(7);
const APPROXIMATE: Tag = Tag::context_constructed(8);
const EXTENSIBLE: Tag = Tag::context_constructed(9);

impl<'a> Filter<'a> {
    /// Takes a filter from a message.
    ///
    /// # Errors
    /// When it is malformed, too deep or has too many parts.
    pub fn decode(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let mut parts = MAX_PARTS;
        decode(reader, MAX_DEPTH, &mut parts)
    }

    /// Writes it into a message.
    pub fn encode(&self, w: &mut Writer) {
        let assertion = |w: &mut Writer, tag, attribute: &str, value: &[u8]| {
            w.nest(tag, |w| {
                w.value(Tag::OCTET_STRING, attribute.as_bytes());
                w.value(Tag::OCTET_STRING, value);
            });
        };
        match self {
            Self::And(parts) => w.nest(AND, |w| parts.iter().for_each(|part| part.encode(w))),
            Self::Or(parts) => w.nest(OR, |w| parts.iter().for_each(|part| part.encode(w))),
            Self::Not(part) => w.nest(NOT, |w| part.encode(w)),
            Self::Equality(attribute, value) => assertion(w, EQUALITY, attribute, value),
            Self::GreaterOrEqual(attribute, value) => assertion(w, GREATER_OR_EQUAL, attribute, value),
            Self::LessOrEqual(attribute, value) => assertion(w, LESS_OR_EQUAL, attribute, value),
            Self::Approximate(attribute, value) => assertion(w, APPROXIMATE, attribute, value),
            Self::Present(attribute) => w.value(PRESENT, attribute.as_bytes()),
            Self::Substrings(attribute, parts) => w.nest(SUBSTRINGS, |w| {
                w.value(Tag::OCTET_STRING, attribute.as_bytes());
                w.nest(Tag::SEQUENCE, |w| parts.encode(w));
            }),
            Self::Extensible(rule) => w.nest(EXTENSIBLE, |w| rule.encode(w)),
        }
    }
}

fn decode<'a>(reader: &mut Reader<'a>, depth: usize, parts: &mut usize) -> Result<Filter<'a>, DecodeError> {
    let depth = depth.checked_sub(1).ok_or(DecodeError::FilterTooDeep)?;
    *parts = parts.checked_sub(1).ok_or(DecodeError::TooMany("parts in the filter"))?;
    let element = reader.any()?;
    let mut inner = Reader::new(element.value);
    Ok(match element.tag {
        AND => Filter::And(decode_all(inner, depth, parts)?),
        OR => Filter::Or(decode_all(inner, depth, parts)?),
        NOT => {
            let part = decode(&mut inner, depth, parts)?;
            inner.finish()?;
            Filter::Not(Box::new(part))
        }
        EQUALITY => assertion(inner).map(|(a, v)| Filter::Equality(a, v))?,
        GREATER_OR_EQUAL => assertion(inner).map(|(a, v)| Filter::GreaterOrEqual(a, v))?,
        LESS_OR_EQUAL => assertion(inner).map(|(a, v)| Filter::LessOrEqual(a, v))?,
        APPROXIMATE => assertion(inner).map(|(a, v)| Filter::Approximate(a, v))?,
        PRESENT => Filter::Present(text(element.value)?),
        SUBSTRINGS => {
            let attribute = text(inner.value(Tag::OCTET_STRING)?)?;
            let substrings = Substrings::decode(inner.enter(Tag::SEQUENCE)?, parts)?;
            inner.finish()?;
            Filter::Substrings(attribute, substrings)
        }
        EXTENSIBLE => Filter::Extensible(Extensible::decode(inner)?),
        _ => return Err(DecodeError::Malformed("filter")),
    })
}

fn decode_all<'a>(mut inner: Reader<'a>, depth: usize, parts: &mut usize) -> Result<Vec<Filter<'a>>, DecodeError> {
    let mut all = Vec::new();
    while !inner.is_empty() {
        all.push(decode(&mut inner, depth, parts)?);
    }
    Ok(all)
}

fn assertion<'a>(mut inner: Reader<'a>) -> Result<(&'a str, &'a [u8]), DecodeError> {
    let attribute = text(inner.value(Tag::OCTET_STRING)?)?;
    let value = inner.value(Tag::OCTET_STRING)?;
    inner.finish()?;
    Ok((attribute, value))
}

impl<'a> Substrings<'a> {
    fn decode(mut inner: Reader<'a>, parts: &mut usize) -> Result<Self, DecodeError> {
        let mut all = Self::default();
        if inner.is_empty() {
            return Err(DecodeError::Malformed("substring filter"));
        }
        while !inner.is_empty() {
            *parts = parts.checked_sub(1).ok_or(DecodeError::TooMany("parts in the filter"))?;
            let part = inner.any()?;
            match part.tag.0 {
                0x80 if all.initial.is_none() && all.any.is_empty() && all.last.is_none() => {
                    all.initial = Some(part.value)
                }
                0x81 if all.last.is_none() => all.any.push(part.value),
                0x82 if all.last.is_none() => all.last = Some(part.value),
                _ => return Err(DecodeError::Malformed("substring filter")),
            }
        }
        Ok(all)
    }

    fn encode(&self, w: &mut Writer) {
        self.initial.iter().for_each(|part| w.value(Tag::context(0), part));
        self.any.iter().for_each(|part| w.value(Tag::context(1), part));
        self.last.iter().for_each(|part| w.value(Tag::context(2), part));
    }
}

impl<'a> Extensible<'a> {
    fn decode(mut inner: Reader<'a>) -> Result<Self, DecodeError> {
        let rule = inner.optional(Tag::context(1))?.map(text).transpose()?;
        let attribute = inner.optional(Tag::context(2))?.map(text).transpose()?;
        let value = inner.value(Tag::context(3))?;
        let dn_attributes = if inner.is_empty() { false } else { inner.boolean(Tag::context(4))? };
        inner.finish()?;
        if rule.is_none() && attribute.is_none() {
            return Err(DecodeError::Malformed("extensible filter"));
        }
        Ok(Self { rule, attribute, value, dn_attributes })
    }

    fn encode(&self, w: &mut Writer) {
        self.rule.iter().for_each(|rule| w.value(Tag::context(1), rule.as_bytes()));
        self.attribute.iter().for_each(|attribute| w.value(Tag::context(2), attribute.as_bytes()));
        w.value(Tag::context(3), self.value);
        if self.dn_attributes {
            w.boolean(Tag::context(4), true);
        }
    }
}

impl fmt::Display for Filter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        filter_text::write(f, self)
    }
}

/// A filter that owns its bytes: its encoding, checked once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterBuf {
    bytes: Vec<u8>,
}

impl FilterBuf {
    /// The filter in it.
    #[must_use]
    pub fn as_filter(&self) -> Filter<'_> {
        // What is in here was encoded from a filter within the limits, so the other arm is never taken.
        Filter::decode(&mut Reader::new(&self.bytes)).unwrap_or(Filter::Or(Vec::new()))
    }

    /// Its encoding, as it stands in a search request.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl From<&Filter<'_>> for FilterBuf {
    fn from(filter: &Filter<'_>) -> Self {
        let mut w = Writer::der();
        filter.encode(&mut w);
        Self { bytes: w.into_bytes() }
    }
}

impl FromStr for FilterBuf {
    type Err = filter_text::FilterError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut w = Writer::der();
        filter_text::encode(text, &mut w)?;
        let bytes = w.into_bytes();
        match Filter::decode(&mut Reader::new(&bytes)) {
            Ok(_) => Ok(Self { bytes }),
            Err(_) => Err(filter_text::FilterError::TooLarge),
        }
    }
}

pub use filter_text::FilterError;
