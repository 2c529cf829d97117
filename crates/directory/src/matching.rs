//! When two values are the same and which comes first, by syntax; and the form in which values stand in an index.
//!
//! MS-ADTS 3.1.1.2.2.4 (comparison rules of the attribute syntaxes). Strings of directory and teletex syntax are compared without case;
//! printable, IA5 and numeric strings exactly; numbers as numbers; everything else byte by byte.

use std::borrow::Cow;
use std::cmp::Ordering;

use dtyp::{FileTime, Guid, Sid};
use schema::{Attribute, Schema, Syntax};

use crate::{Dnt, Error};

/// Which rule compares the values of an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `TRUE` or `FALSE`.
    Boolean,
    /// Numbers of 32 or 64 bits, as text.
    Integer,
    /// Text, without case.
    Text,
    /// Text, exactly.
    ExactText,
    /// Bytes.
    Octets,
    /// A SID; as bytes, and as text in filters.
    Sid,
    /// A time, as text.
    Time,
    /// The name of an attribute or class, or an OID.
    Oid,
    /// A name; with or without data beside it.
    Name,
    /// Nothing to compare: descriptors and what else has no equality rule.
    Opaque,
}

/// Which rule compares the values of an attribute.
pub(crate) fn kind(attribute: &Attribute) -> Kind {
    match attribute.syntax {
        Syntax::Boolean => Kind::Boolean,
        Syntax::Integer | Syntax::LargeInteger => Kind::Integer,
        Syntax::Unicode | Syntax::Teletex => Kind::Text,
        Syntax::Printable | Syntax::Ia5 | Syntax::Numeric => Kind::ExactText,
        Syntax::Octets => Kind::Octets,
        Syntax::Sid => Kind::Sid,
        Syntax::GeneralizedTime | Syntax::UtcTime => Kind::Time,
        Syntax::Oid => Kind::Oid,
        Syntax::Dn | Syntax::DnBinary | Syntax::DnString => Kind::Name,
        Syntax::SecurityDescriptor | Syntax::Other => Kind::Opaque,
    }
}

/// The letter with which values of DN syntax begin that have data beside the name.
pub(crate) fn has_data(attribute: &Attribute) -> Option<char> {
    match attribute.syntax {
        Syntax::DnBinary => Some('B'),
        Syntax::DnString => Some('S'),
        _ => None,
    }
}

/// The order key of a value: appended to `out`. Nothing when the value has no place in an order.
pub(crate) fn order_key(kind: Kind, stored: &[u8], out: &mut Vec<u8>) -> Option<()> {
    match kind {
        Kind::Integer => out.extend_from_slice(&ordered(integer(stored)?)),
        Kind::Text | Kind::Oid => fold(stored, out),
        Kind::Opaque => return None,
        Kind::Boolean | Kind::ExactText | Kind::Octets | Kind::Sid | Kind::Time | Kind::Name => {
            out.extend_from_slice(stored)
        }
    }
    Some(())
}

/// Whether two values in stored form are the same.
#[inline]
pub(crate) fn equal(kind: Kind, a: &[u8], b: &[u8]) -> bool {
    match kind {
        Kind::Text | Kind::Oid => same_text(a, b),
        Kind::Integer => a == b || integer(a).is_some_and(|a| integer(b) == Some(a)),
        Kind::Opaque => false,
        Kind::Name => a.get(..4) == b.get(..4) && (a.len() == 4 || b.len() == 4 || a == b),
        Kind::Boolean | Kind::ExactText | Kind::Octets | Kind::Sid | Kind::Time => a == b,
    }
}

/// Which of two values in stored form comes first.
pub(crate) fn order(kind: Kind, a: &[u8], b: &[u8]) -> Option<Ordering> {
    match kind {
        Kind::Integer => Some(integer(a)?.cmp(&integer(b)?)),
        Kind::Text | Kind::Oid => {
            let (mut left, mut right) = (Vec::new(), Vec::new());
            fold(a, &mut left);
            fold(b, &mut right);
            Some(left.cmp(&right))
        }
        Kind::Opaque => None,
        Kind::Boolean | Kind::ExactText | Kind::Octets | Kind::Sid | Kind::Time | Kind::Name => Some(a.cmp(b)),
    }
}

/// A number of LDAP: decimal, with an optional sign.
pub(crate) fn integer(value: &[u8]) -> Option<i64> {
    std::str::from_utf8(value).ok()?.trim().parse().ok()
}

/// Eight bytes whose order is that of the numbers.
fn ordered(number: i64) -> [u8; 8] {
    (number.cast_unsigned() ^ (1 << 63)).to_be_bytes()
}

/// Text without case, appended to `out`. Bytes that are no text stay as they are.
pub(crate) fn fold(text: &[u8], out: &mut Vec<u8>) {
    if text.is_ascii() {
        out.extend(text.iter().map(u8::to_ascii_lowercase));
        return;
    }
    for chunk in text.utf8_chunks() {
        let mut buffer = [0; 4];
        for letter in chunk.valid().chars().flat_map(char::to_lowercase) {
            out.extend_from_slice(letter.encode_utf8(&mut buffer).as_bytes());
        }
        out.extend_from_slice(chunk.invalid());
    }
}

/// Whether two texts are the same without case; without allocating for ASCII.
#[inline]
pub(crate) fn same_text(a: &[u8], b: &[u8]) -> bool {
    if a.eq_ignore_ascii_case(b) {
        return true;
    }
    if a.is_ascii() && b.is_ascii() {
        return false;
    }
    let (mut left, mut right) = (Vec::with_capacity(a.len()), Vec::with_capacity(b.len()));
    fold(a, &mut left);
    fold(b, &mut right);
    left == right
}

/// Whether `value` has these parts in this order: the first at its beginning when `initial`, the last at its end when `final_`.
pub(crate) fn has_parts<'p>(
    kind: Kind,
    value: &[u8],
    initial: Option<&[u8]>,
    any: impl Iterator<Item = &'p [u8]>,
    final_: Option<&[u8]>,
) -> bool {
    let without_case = matches!(kind, Kind::Text | Kind::Oid);
    if without_case && !value.is_ascii() {
        let mut folded = Vec::with_capacity(value.len());
        fold(value, &mut folded);
        return parts(&folded, initial, any, final_, true);
    }
    parts(value, initial, any, final_, without_case)
}

fn parts<'p>(
    mut rest: &[u8],
    initial: Option<&[u8]>,
    any: impl Iterator<Item = &'p [u8]>,
    final_: Option<&[u8]>,
    without_case: bool,
) -> bool {
    let same = |value: &[u8], part: &[u8]| if without_case { same_folded(value, part) } else { value == part };
    if let Some(part) = initial {
        match rest.split_at_checked(part.len()) {
            Some((start, after)) if same(start, part) => rest = after,
            _ => return false,
        }
    }
    if let Some(part) = final_ {
        match rest.len().checked_sub(part.len()).and_then(|at| rest.split_at_checked(at)) {
            Some((before, end)) if same(end, part) => rest = before,
            _ => return false,
        }
    }
    for part in any {
        if part.is_empty() {
            continue;
        }
        match position(rest, part, without_case) {
            Some(at) => rest = rest.get(at + part.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    true
}

/// A part of no more bytes than this is looked for by trying every place.
const SHORT: usize = 32;

/// Where a part begins for the first time. A long part is looked for in one pass (Knuth, Morris and Pratt): whoever chooses both the
/// value and the part could make trying every place as slow as the one is long times the other.
fn position(value: &[u8], part: &[u8], without_case: bool) -> Option<usize> {
    if part.len() > value.len() {
        return None;
    }
    if part.len() <= SHORT {
        let same = |window: &[u8]| if without_case { same_folded(window, part) } else { window == part };
        return value.windows(part.len()).position(same);
    }
    let same =
        |a: Option<&u8>, b: &u8| a.is_some_and(|a| if without_case { a.eq_ignore_ascii_case(b) } else { a == b });
    // How much of the part is a beginning of it again, at each place.
    let mut again = vec![0_usize; part.len()];
    let mut matched = 0;
    for (at, byte) in part.iter().enumerate().skip(1) {
        while matched > 0 && !same(part.get(matched), byte) {
            matched = again.get(matched - 1).copied().unwrap_or(0);
        }
        matched += usize::from(same(part.get(matched), byte));
        if let Some(place) = again.get_mut(at) {
            *place = matched;
        }
    }
    matched = 0;
    for (at, byte) in value.iter().enumerate() {
        while matched > 0 && !same(part.get(matched), byte) {
            matched = again.get(matched - 1).copied().unwrap_or(0);
        }
        matched += usize::from(same(part.get(matched), byte));
        if matched == part.len() {
            return (at + 1).checked_sub(part.len());
        }
    }
    None
}

/// `part` is folded already; `value` is folded or ASCII.
fn same_folded(value: &[u8], part: &[u8]) -> bool {
    value.eq_ignore_ascii_case(part)
}

/// The value a client names in a filter, in stored form; nothing when it cannot be a value of that attribute. Names are not done here.
pub(crate) fn assertion<'v>(schema: &Schema, attribute: &Attribute, value: &'v [u8]) -> Option<Cow<'v, [u8]>> {
    match kind(attribute) {
        Kind::Integer => integer(value).map(|number| Cow::Owned(number.to_string().into_bytes())),
        Kind::Boolean => match value {
            value if value.eq_ignore_ascii_case(b"TRUE") => Some(Cow::Borrowed(b"TRUE".as_slice())),
            value if value.eq_ignore_ascii_case(b"FALSE") => Some(Cow::Borrowed(b"FALSE".as_slice())),
            _ => None,
        },
        Kind::Sid => {
            match std::str::from_utf8(value).ok().filter(|text| text.starts_with("S-") || text.starts_with("s-")) {
                Some(text) => text.parse::<Sid>().ok().map(|sid| Cow::Owned(sid.to_bytes())),
                None => Some(Cow::Borrowed(value)),
            }
        }
        // Clients also write GUIDs as text; sixteen bytes can never be such a text.
        Kind::Octets if matches!(value.len(), 36 | 38) => {
            match std::str::from_utf8(value).ok().and_then(|text| text.parse::<Guid>().ok()) {
                Some(guid) if is_guid(attribute) => Some(Cow::Owned(guid.as_bytes().to_vec())),
                _ => Some(Cow::Borrowed(value)),
            }
        }
        Kind::Time => time(value).map(Cow::Owned),
        Kind::Oid => Some(class_or_attribute(schema, value)),
        Kind::Text | Kind::ExactText | Kind::Octets => Some(Cow::Borrowed(value)),
        Kind::Name | Kind::Opaque => None,
    }
}

fn is_guid(attribute: &Attribute) -> bool {
    attribute.range_upper == Some(16) && attribute.range_lower == Some(16)
        || attribute.name.to_ascii_lowercase().ends_with("guid")
}

fn time(value: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(value).ok()?;
    FileTime::parse_generalized(text).ok().map(|time| time.generalized().into_bytes())
}

/// OIDs become names; names are left as they are.
fn class_or_attribute<'v>(schema: &Schema, value: &'v [u8]) -> Cow<'v, [u8]> {
    if !value.first().is_some_and(u8::is_ascii_digit) {
        return Cow::Borrowed(value);
    }
    let name = std::str::from_utf8(value).ok().and_then(|oid| {
        schema
            .class(oid)
            .map(|class| class.name.as_bytes())
            .or_else(|| schema.attribute(oid).map(|attribute| attribute.name.as_bytes()))
    });
    name.map_or(Cow::Borrowed(value), |name| Cow::Owned(name.to_vec()))
}

/// The stored form of a name: the tag, and what stands beside it.
pub(crate) fn name_value(dnt: Dnt, data: &[u8]) -> Vec<u8> {
    let mut value = dnt.to_bytes().to_vec();
    value.extend_from_slice(data);
    value
}

/// The object that a value of DN syntax names.
pub(crate) fn named(value: &[u8]) -> Result<Dnt, Error> {
    Dnt::from_bytes(value).ok_or_else(|| Error::damaged("a stored name is too short"))
}

/// `B:8:0011aabb:DN` and `S:5:hello:DN`: the data, in the form it is sent, and the name. MS-ADTS 3.1.1.2.2.2.3, .4.
pub(crate) fn split_data(letter: char, text: &str) -> Option<(&str, &str)> {
    let rest =
        text.strip_prefix(letter).or_else(|| text.strip_prefix(letter.to_ascii_lowercase()))?.strip_prefix(':')?;
    let (length, rest) = rest.split_once(':')?;
    let (data, rest) = rest.split_at_checked(length.parse().ok()?)?;
    if letter == 'B' && (data.len() % 2 != 0 || !data.bytes().all(|byte| byte.is_ascii_hexdigit())) {
        return None;
    }
    Some((data, rest.strip_prefix(':')?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_long_part_is_found_where_trying_every_place_finds_it(
            value in "[aAb]{0,300}",
            part in "[ab]{33,40}",
            cut in any::<prop::sample::Index>(),
            without_case: bool,
        ) {
            let same = |window: &[u8], part: &[u8]| {
                if without_case { window.eq_ignore_ascii_case(part) } else { window == part }
            };
            // A part that is there, as often as one that is not.
            let from = cut.index(value.len().max(1));
            let own = value.as_bytes().get(from..from + 35).map(<[u8]>::to_ascii_lowercase);
            for part in own.into_iter().chain([part.into_bytes()]) {
                let expected = value.as_bytes().windows(part.len()).position(|window| same(window, &part));
                prop_assert_eq!(position(value.as_bytes(), &part, without_case), expected);
            }
        }
    }

    #[test]
    fn data_beside_a_name_is_split_off_by_its_length() {
        assert_eq!(split_data('B', "B:4:aaBB:CN=a:b"), Some(("aaBB", "CN=a:b")));
        assert_eq!(split_data('S', "S:5:he:lo:CN=a"), Some(("he:lo", "CN=a")));
        for bad in ["B:3:aaB:CN=a", "B:4:aaxx:CN=a", "B:99:aa:CN=a", "B::CN=a", "CN=a", "B:4:aaBBCN=a"] {
            assert_eq!(split_data('B', bad), None, "{bad}");
        }
    }
}
