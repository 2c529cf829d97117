//! What a value must be like before it is stored. MS-ADTS 3.1.1.5.2.3 (syntaxes, ranges, one value or many), 3.1.1.2.2.2 (syntaxes).

use dtyp::{FileTime, SecurityDescriptor, Sid};
use schema::{Attribute, Syntax};

use super::Planner;
use super::draft::{Draft, Fields};
use crate::error::{printable, win32};
use crate::matching::{self, Kind};
use crate::{Dnt, Error};

/// A value of DN syntax: which object, and what stands beside it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Named {
    pub(crate) dnt: Dnt,
    pub(crate) data: Vec<u8>,
}

/// Values larger than this are refused whatever the schema says. MS-ADTS: objects and transactions of at most 5 MB.
const LARGEST: usize = 1 << 20;
/// All values of an object together: who may write one attribute of their own must not fill the store with it.
const LARGEST_OBJECT: usize = 5 << 20;
/// Values of one unlinked attribute. About what a page of Active Directory's own store holds.
const MOST_VALUES: usize = 1300;

impl Planner<'_> {
    /// An object that grows does not grow without end.
    pub(crate) fn check_size(&self, draft: &Draft) -> Result<(), Error> {
        let size = |fields: &Fields| fields.values().flatten().map(Vec::len).sum::<usize>();
        let now = size(&draft.fields);
        match self.caller.system || now <= LARGEST_OBJECT || now <= size(&draft.stored) {
            true => Ok(()),
            false => Err(Error::new(
                ldap::ResultCode::ADMIN_LIMIT_EXCEEDED,
                win32::DS_ADMIN_LIMIT_EXCEEDED,
                crate::Problem::Service(5008, "ADMIN_LIMIT_EXCEEDED"),
                "the object would have more than 5 MB",
            )),
        }
    }

    /// The stored form of values of an attribute that does not name objects.
    pub(crate) fn stored(&self, attribute: &Attribute, values: &[Vec<u8>]) -> Result<Vec<Vec<u8>>, Error> {
        check_given(attribute, values)?;
        let kind = matching::kind(attribute);
        let mut stored: Vec<Vec<u8>> = Vec::with_capacity(values.len());
        for value in values {
            let value = match kind {
                Kind::Name => {
                    let Named { dnt, data } = self.named(attribute, value)?;
                    matching::name_value(dnt, &data)
                }
                _ => plain(kind, attribute, value)?,
            };
            stored.push(value);
        }
        Ok(stored)
    }

    /// The object that a value of DN syntax names. MS-ADTS 3.1.1.1.6: it must exist.
    pub(crate) fn named(&self, attribute: &Attribute, value: &[u8]) -> Result<Named, Error> {
        let bad = || Error::syntax(format!("a value of {} is not a name", attribute.name));
        let text = std::str::from_utf8(value).map_err(|_| bad())?;
        let (data, name) = match matching::has_data(attribute) {
            Some(letter) => matching::split_data(letter, text).ok_or_else(bad)?,
            None => ("", text),
        };
        let dnt = self.referenced(name).map_err(|error| error.unwrap_or_else(bad))?;
        let missing = || {
            let comment = format!("{} names {}, which does not exist", attribute.name, printable(name));
            Error::constraint(win32::DS_NAME_REFERENCE_INVALID, comment)
        };
        let dnt = dnt.ok_or_else(missing)?;
        if data.len() > crate::links::MOST_DATA {
            return Err(Error::constraint(
                win32::DS_RANGE_CONSTRAINT,
                format!("a value of {} is too long", attribute.name),
            ));
        }
        Ok(Named { dnt, data: data.as_bytes().to_vec() })
    }

    /// Names also come as `<GUID=…>` and `<SID=…>`. MS-ADTS 3.1.1.3.1.2.4.
    fn referenced(&self, name: &str) -> Result<Option<Dnt>, Option<Error>> {
        use ldap::DnOrId;
        match name.parse::<DnOrId>().map_err(|_| None)? {
            DnOrId::Dn(dn) => self.resolve(&dn).map_err(Some),
            DnOrId::Guid(guid) => self.view.by_guid(&guid).map_err(Some),
            DnOrId::Sid(sid) => self.view.by_sid(&sid).map_err(Some),
        }
    }
}

/// One value that is not a name: of its syntax, and in the form it is stored and sent.
fn plain(kind: Kind, attribute: &Attribute, value: &[u8]) -> Result<Vec<u8>, Error> {
    let bad = || Error::syntax(format!("a value of {} is not of its syntax", attribute.name));
    if value.len() > LARGEST {
        return Err(Error::constraint(
            win32::DS_RANGE_CONSTRAINT,
            format!("a value of {} is too long", attribute.name),
        ));
    }
    let text = || std::str::from_utf8(value).map_err(|_| bad());
    let stored = match kind {
        Kind::Boolean => match value {
            b"TRUE" | b"FALSE" => value.to_vec(),
            _ => return Err(bad()),
        },
        Kind::Integer => {
            let number = matching::integer(value).ok_or_else(bad)?;
            if !attribute.syntax.is_large() && i32::try_from(number).is_err() {
                return Err(bad());
            }
            number.to_string().into_bytes()
        }
        Kind::Time => FileTime::parse_generalized(text()?).map_err(|_| bad())?.generalized().into_bytes(),
        Kind::Sid => match value.first() {
            Some(b'S' | b's') => text()?.parse::<Sid>().map_err(|_| bad())?.to_bytes(),
            _ => Sid::from_bytes(value).map_err(|_| bad())?.to_bytes(),
        },
        Kind::Text | Kind::Oid if value.is_empty() => return Err(bad()),
        Kind::Text | Kind::Oid => text()?.as_bytes().to_vec(),
        Kind::ExactText if !value.is_ascii() || value.is_empty() => return Err(bad()),
        Kind::Opaque
            if attribute.syntax == Syntax::SecurityDescriptor && SecurityDescriptor::from_bytes(value).is_err() =>
        {
            return Err(bad());
        }
        Kind::ExactText | Kind::Octets | Kind::Opaque | Kind::Name => value.to_vec(),
    };
    in_range(kind, attribute, &stored)?;
    Ok(stored)
}

/// `rangeLower` and `rangeUpper`: of numbers their value, of text its characters, of bytes their count.
fn in_range(kind: Kind, attribute: &Attribute, stored: &[u8]) -> Result<(), Error> {
    let size = match kind {
        Kind::Integer => matching::integer(stored).unwrap_or_default(),
        Kind::Text | Kind::ExactText => {
            String::from_utf8_lossy(stored).encode_utf16().count().try_into().unwrap_or(i64::MAX)
        }
        Kind::Octets | Kind::Opaque => stored.len().try_into().unwrap_or(i64::MAX),
        _ => return Ok(()),
    };
    let low = attribute.range_lower.is_none_or(|lower| size >= i64::from(lower));
    let high = attribute.range_upper.is_none_or(|upper| size <= i64::from(upper));
    match low && high {
        true => Ok(()),
        false => Err(Error::constraint(
            win32::DS_RANGE_CONSTRAINT,
            format!("a value of {} is outside of its range", attribute.name),
        )),
    }
}

/// How many values, and no two the same.
pub(crate) fn check_count(attribute: &Attribute, values: &[Vec<u8>]) -> Result<(), Error> {
    if attribute.single_valued && values.len() > 1 {
        let comment = format!("{} has one value only", attribute.name);
        return Err(Error::constraint(win32::DS_SINGLE_VALUE_CONSTRAINT, comment));
    }
    check_given(attribute, values)?;
    check_distinct(attribute, values)
}

/// No more values than an attribute may have, be it to add them or to delete them: who sends hundreds of thousands is not answered after
/// all of them have been looked at, while others wait to write.
pub(crate) fn check_given(attribute: &Attribute, values: &[Vec<u8>]) -> Result<(), Error> {
    if values.len() <= MOST_VALUES {
        return Ok(());
    }
    Err(Error::new(
        ldap::ResultCode::ADMIN_LIMIT_EXCEEDED,
        win32::DS_ADMIN_LIMIT_EXCEEDED,
        crate::Problem::Service(5008, "ADMIN_LIMIT_EXCEEDED"),
        format!("{} would have more than {MOST_VALUES} values", attribute.name),
    ))
}

/// A link attribute that may have one value has no more.
pub(crate) fn check_one_link(attribute: &Attribute, count: usize) -> Result<(), Error> {
    match attribute.single_valued && count > 1 {
        true => {
            Err(Error::constraint(win32::DS_SINGLE_VALUE_CONSTRAINT, format!("{} has one value only", attribute.name)))
        }
        false => Ok(()),
    }
}

fn check_distinct(attribute: &Attribute, values: &[Vec<u8>]) -> Result<(), Error> {
    let kind = matching::kind(attribute);
    let mut keys: Vec<Vec<u8>> = Vec::with_capacity(values.len());
    for value in values {
        let mut key = Vec::with_capacity(value.len());
        if matching::order_key(kind, value, &mut key).is_none() {
            return Ok(());
        }
        keys.push(key);
    }
    keys.sort_unstable();
    match keys.windows(2).any(|pair| pair.first() == pair.last()) {
        false => Ok(()),
        true => Err(Error::value_exists(format!("{} has the same value twice", attribute.name))),
    }
}
