//! Filters: compiled once against the schema, then evaluated on records.
//!
//! MS-ADTS 3.1.1.3.1.3.1 (search filters): three values; an attribute the schema does not have, or that the caller may not read, or a
//! value that cannot be one of that attribute, is neither true nor false, and so never finds anything, not even by negation.

use std::borrow::Cow;
use std::cell::Cell;
use std::cmp::Ordering;

use schema::{AttrId, Attribute};

use super::chain;
use crate::access::Reading;
use crate::matching::{self, Kind};
use crate::{Caller, Dnt, Error, Object, View};

/// A compiled filter.
#[derive(Debug)]
pub(crate) enum Node<'f> {
    And(Vec<Node<'f>>),
    Or(Vec<Node<'f>>),
    Not(Box<Node<'f>>),
    Leaf(Leaf<'f>),
    /// Neither true nor false.
    Undefined,
}

/// A condition on one attribute.
#[derive(Debug)]
pub(crate) struct Leaf<'f> {
    pub(crate) attribute: &'f Attribute,
    pub(crate) kind: Kind,
    pub(crate) test: Test<'f>,
}

/// What is asked of the attribute's values. Values are in stored form.
#[derive(Debug)]
pub(crate) enum Test<'f> {
    Present,
    Equal(Cow<'f, [u8]>),
    AtLeast(Cow<'f, [u8]>),
    AtMost(Cow<'f, [u8]>),
    Parts {
        initial: Option<Cow<'f, [u8]>>,
        any: Vec<Cow<'f, [u8]>>,
        last: Option<Cow<'f, [u8]>>,
    },
    /// `1.2.840.113556.1.4.803`.
    AllBits(i64),
    /// `1.2.840.113556.1.4.804`.
    AnyBits(i64),
    /// Names this object, with the data beside it where that was given.
    Names(Dnt, Vec<u8>),
    /// Is this object (`distinguishedName`).
    Is(Dnt),
    /// `1.2.840.113556.1.4.1941`: one of these, found beforehand; sorted.
    OneOf(Vec<Dnt>),
    /// Can match nothing, though it is well-formed: the object it names does not exist.
    Nothing,
}

/// Evaluates filters on behalf of a caller.
#[derive(Clone, Copy)]
pub(crate) struct Evaluator<'e> {
    pub(crate) view: &'e View<'e>,
    pub(crate) caller: &'e Caller,
}

impl Evaluator<'_> {
    /// True, false, or neither.
    pub(crate) fn evaluate(&self, node: &Node<'_>, object: &Object<'_>) -> Result<Option<bool>, Error> {
        self.node(node, object, &Reading::of(self.caller, object))
    }

    /// The same, when it is known already what of the object may be read.
    pub(crate) fn node(
        &self,
        node: &Node<'_>,
        object: &Object<'_>,
        reading: &Reading<'_>,
    ) -> Result<Option<bool>, Error> {
        match node {
            Node::Leaf(leaf) => self.leaf(leaf, object, reading),
            Node::Undefined => Ok(None),
            Node::Not(inner) => Ok(self.node(inner, object, reading)?.map(|value| !value)),
            Node::And(all) => self.all(all, object, reading, false),
            Node::Or(any) => self.all(any, object, reading, true),
        }
    }

    /// And: false when one is false. Or: true when one is true. Else undefined when one is.
    fn all(
        &self,
        nodes: &[Node<'_>],
        object: &Object<'_>,
        reading: &Reading<'_>,
        decisive: bool,
    ) -> Result<Option<bool>, Error> {
        let mut result = Some(!decisive);
        for node in nodes {
            match self.node(node, object, reading)? {
                Some(value) if value == decisive => return Ok(Some(decisive)),
                Some(_) => {}
                None => result = None,
            }
        }
        Ok(result)
    }

    fn leaf(&self, leaf: &Leaf<'_>, object: &Object<'_>, reading: &Reading<'_>) -> Result<Option<bool>, Error> {
        if !reading.may_read(object, leaf.attribute) {
            return Ok(None);
        }
        let attribute = leaf.attribute;
        let found = match &leaf.test {
            Test::Nothing => false,
            Test::Is(dnt) => object.dnt() == *dnt,
            Test::OneOf(found) => found.binary_search(&object.dnt()).is_ok(),
            Test::Names(dnt, data) => self.names(attribute, object, *dnt, data)?,
            Test::Present if attribute.link_id.is_some() => self.has_link(attribute.id, object)?,
            Test::Present => {
                object.values(attribute.id).next().is_some()
                    || attribute.id == self.view.inner.catalogue.known.distinguished_name
            }
            test => object.values(attribute.id).any(|value| holds(leaf.kind, test, value)),
        };
        Ok(Some(found))
    }

    fn names(&self, attribute: &Attribute, object: &Object<'_>, target: Dnt, data: &[u8]) -> Result<bool, Error> {
        let table = self.view.link_table();
        match attribute.link_id {
            Some(link) if link % 2 == 0 => {
                table.has(self.view.txn(), object.dnt(), attribute.id, crate::LinkTarget { dnt: target, data })
            }
            Some(link) => match self.view.inner.catalogue.forward_of(link) {
                Some(forward) => table.names(self.view.txn(), target, forward, object.dnt()),
                None => Ok(false),
            },
            None => {
                let wanted = target.to_bytes();
                let same =
                    |value: &[u8]| value.get(..4) == Some(&wanted) && (data.is_empty() || value.get(4..) == Some(data));
                Ok(object.values(attribute.id).any(same))
            }
        }
    }

    fn has_link(&self, attribute: AttrId, object: &Object<'_>) -> Result<bool, Error> {
        let mut found = false;
        self.view.each_link(object.dnt(), attribute, |_| {
            found = true;
            false
        })?;
        Ok(found)
    }
}

/// Whether one stored value passes.
#[inline]
fn holds(kind: Kind, test: &Test<'_>, value: &[u8]) -> bool {
    match test {
        Test::Equal(wanted) => matching::equal(kind, value, wanted),
        Test::AtLeast(least) => matching::order(kind, value, least).is_some_and(Ordering::is_ge),
        Test::AtMost(most) => matching::order(kind, value, most).is_some_and(Ordering::is_le),
        Test::Parts { initial, any, last } => {
            matching::has_parts(kind, value, initial.as_deref(), any.iter().map(AsRef::as_ref), last.as_deref())
        }
        Test::AllBits(bits) => matching::integer(value).is_some_and(|value| value & bits == *bits),
        Test::AnyBits(bits) => matching::integer(value).is_some_and(|value| value & bits != 0),
        Test::Present => true,
        Test::Names(..) | Test::Is(_) | Test::OneOf(_) | Test::Nothing => false,
    }
}

/// Makes the parts of compiled filters.
pub(crate) struct Compiler<'c> {
    view: &'c View<'c>,
    /// How many objects chains may still lead over.
    chains: Cell<usize>,
}

/// `fANR` of `searchFlags`. MS-ADTS 2.2.9.
const ANR: u32 = 4;
/// LDAP_MATCHING_RULE_BIT_AND, _BIT_OR, _TRANSITIVE_EVAL. MS-ADTS 3.1.1.3.4.4.
const BIT_AND: &str = "1.2.840.113556.1.4.803";
const BIT_OR: &str = "1.2.840.113556.1.4.804";
const IN_CHAIN: &str = "1.2.840.113556.1.4.1941";

impl<'c> Compiler<'c> {
    pub(crate) fn new(view: &'c View<'c>) -> Self {
        Self { view, chains: Cell::new(chain::MOST) }
    }

    /// The attribute a filter names, when a filter may use it: secrets and most computed attributes it may not.
    fn attribute(&self, name: &str) -> Option<&'c Attribute> {
        let plain = name.split_once(';').map_or(name, |(plain, _)| plain);
        let attribute = self.view.schema().attribute(plain)?;
        let catalogue = &self.view.inner.catalogue;
        let usable = !attribute.is_constructed()
            || attribute.link_id.is_some()
            || attribute.id == catalogue.known.distinguished_name;
        (usable && !catalogue.is_secret(attribute.id)).then_some(attribute)
    }

    pub(crate) fn present(&self, name: &str) -> Node<'c> {
        match self.attribute(name) {
            Some(attribute) => leaf(attribute, Test::Present),
            None => Node::Undefined,
        }
    }

    pub(crate) fn equality<'f>(&self, name: &str, value: &'f [u8]) -> Result<Node<'f>, Error>
    where
        'c: 'f,
    {
        if name.eq_ignore_ascii_case("anr") {
            return Ok(self.ambiguous(value));
        }
        let Some(attribute) = self.attribute(name) else { return Ok(Node::Undefined) };
        if attribute.id == self.view.inner.catalogue.known.distinguished_name {
            return Ok(match self.dn(value)? {
                None => Node::Undefined,
                Some(None) => leaf(attribute, Test::Nothing),
                Some(Some((dnt, _))) => leaf(attribute, Test::Is(dnt)),
            });
        }
        if matching::kind(attribute) == Kind::Name {
            return Ok(match self.reference(attribute, value)? {
                None => Node::Undefined,
                Some(None) => leaf(attribute, Test::Nothing),
                Some(Some((dnt, data))) => leaf(attribute, Test::Names(dnt, data)),
            });
        }
        Ok(match matching::assertion(self.view.schema(), attribute, value) {
            Some(value) => leaf(attribute, Test::Equal(value)),
            None => Node::Undefined,
        })
    }

    pub(crate) fn ordering<'f>(&self, name: &str, value: &'f [u8], at_least: bool) -> Node<'f>
    where
        'c: 'f,
    {
        let Some(attribute) = self.attribute(name) else { return Node::Undefined };
        match matching::assertion(self.view.schema(), attribute, value) {
            Some(value) if at_least => leaf(attribute, Test::AtLeast(value)),
            Some(value) => leaf(attribute, Test::AtMost(value)),
            None => Node::Undefined,
        }
    }

    pub(crate) fn substrings<'f>(
        &self,
        name: &str,
        initial: Option<&'f [u8]>,
        any: impl Iterator<Item = &'f [u8]>,
        last: Option<&'f [u8]>,
    ) -> Node<'f>
    where
        'c: 'f,
    {
        let Some(attribute) = self.attribute(name) else { return Node::Undefined };
        let kind = matching::kind(attribute);
        if !matches!(kind, Kind::Text | Kind::ExactText | Kind::Octets | Kind::Oid | Kind::Sid) {
            return Node::Undefined;
        }
        let part = |part: &'f [u8]| folded(kind, part);
        leaf(attribute, Test::Parts { initial: initial.map(part), any: any.map(part).collect(), last: last.map(part) })
    }

    pub(crate) fn extensible<'f>(
        &self,
        rule: Option<&str>,
        name: Option<&str>,
        value: &'f [u8],
    ) -> Result<Node<'f>, Error>
    where
        'c: 'f,
    {
        let Some(name) = name else { return Ok(Node::Undefined) };
        let Some(rule) = rule else { return self.equality(name, value) };
        let Some(attribute) = self.attribute(name) else { return Ok(Node::Undefined) };
        let bits = || matching::integer(value).filter(|_| matching::kind(attribute) == Kind::Integer);
        Ok(match rule {
            BIT_AND => bits().map_or(Node::Undefined, |bits| leaf(attribute, Test::AllBits(bits))),
            BIT_OR => bits().map_or(Node::Undefined, |bits| leaf(attribute, Test::AnyBits(bits))),
            IN_CHAIN if matching::kind(attribute) == Kind::Name => match self.reference(attribute, value)? {
                None => Node::Undefined,
                Some(None) => leaf(attribute, Test::Nothing),
                Some(Some((dnt, _))) => {
                    leaf(attribute, Test::OneOf(chain::all_that_reach(self.view, attribute, dnt, &self.chains)?))
                }
            },
            _ => Node::Undefined,
        })
    }

    /// A name in a filter: no name at all, a name of nothing, or an object.
    #[allow(clippy::type_complexity, reason = "three outcomes, each used at once")]
    fn dn(&self, value: &[u8]) -> Result<Option<Option<(Dnt, Vec<u8>)>>, Error> {
        let Some(name) = std::str::from_utf8(value).ok().and_then(|text| text.parse::<ldap::DnOrId>().ok()) else {
            return Ok(None);
        };
        let found = match name {
            ldap::DnOrId::Dn(dn) => self.view.resolve(&dn)?,
            ldap::DnOrId::Guid(guid) => self.view.by_guid(&guid)?,
            ldap::DnOrId::Sid(sid) => self.view.by_sid(&sid)?,
        };
        Ok(Some(found.map(|dnt| (dnt, Vec::new()))))
    }

    /// A value of an attribute that names objects. `objectCategory` also takes the name of a class. MS-ADTS 3.1.1.3.1.3.5.
    #[allow(clippy::type_complexity, reason = "three outcomes, each used at once")]
    fn reference(&self, attribute: &Attribute, value: &[u8]) -> Result<Option<Option<(Dnt, Vec<u8>)>>, Error> {
        let known = &self.view.inner.catalogue.known;
        if attribute.id == known.object_category
            && !value.contains(&b'=')
            && let Some(class) = std::str::from_utf8(value).ok().and_then(|name| self.view.schema().class(name))
        {
            return Ok(Some(self.view.category_object(class)?.map(|dnt| (dnt, Vec::new()))));
        }
        if let Some(letter) = matching::has_data(attribute)
            && let Some((data, name)) =
                std::str::from_utf8(value).ok().and_then(|text| matching::split_data(letter, text))
        {
            return Ok(self.dn(name.as_bytes())?.map(|found| found.map(|(dnt, _)| (dnt, data.as_bytes().to_vec()))));
        }
        self.dn(value)
    }

    /// `(anr=…)`: one of the attributes people are looked up by begins so, or given name and surname do. MS-ADTS 3.1.1.3.1.3.3.
    fn ambiguous<'f>(&self, value: &'f [u8]) -> Node<'f>
    where
        'c: 'f,
    {
        let value = value.trim_ascii();
        let exact = value.strip_prefix(b"=");
        let mut any: Vec<Node<'f>> = Vec::new();
        for attribute in self.view.schema().attributes().filter(|attribute| attribute.search_flags & ANR != 0) {
            let kind = matching::kind(attribute);
            if !matches!(kind, Kind::Text) {
                continue;
            }
            let test = match exact {
                Some(exact) => Test::Equal(Cow::Borrowed(exact)),
                None => Test::Parts { initial: Some(folded(kind, value)), any: Vec::new(), last: None },
            };
            any.push(leaf(attribute, test));
        }
        if let Some(space) = value.iter().position(|byte| *byte == b' ')
            && let Some((first, rest)) = value.split_at_checked(space)
        {
            let rest = rest.trim_ascii();
            any.push(self.both_names(first, rest));
            any.push(self.both_names(rest, first));
        }
        match any.is_empty() {
            true => Node::Undefined,
            false => Node::Or(any),
        }
    }

    fn both_names<'f>(&self, given: &'f [u8], surname: &'f [u8]) -> Node<'f>
    where
        'c: 'f,
    {
        let part = |name, value| self.substrings(name, Some(value), std::iter::empty(), None);
        Node::And(vec![part("givenName", given), part("sn", surname)])
    }
}

fn leaf<'f>(attribute: &'f Attribute, test: Test<'f>) -> Node<'f> {
    Node::Leaf(Leaf { attribute, kind: matching::kind(attribute), test })
}

/// A part of a value, in the case it is compared in.
fn folded(kind: Kind, part: &[u8]) -> Cow<'_, [u8]> {
    let plain = !matches!(kind, Kind::Text | Kind::Oid)
        || part.iter().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase());
    match plain {
        true => Cow::Borrowed(part),
        false => {
            let mut folded = Vec::with_capacity(part.len());
            matching::fold(part, &mut folded);
            Cow::Owned(folded)
        }
    }
}
