//! Controls: what changes the meaning of a request. RFC 4511 4.1.11; MS-ADTS 3.1.1.3.4.1.

use crate::{DecodeError, text};
use asn1::{Reader, Tag, Writer};

/// How many controls one message may carry.
pub const MAX_CONTROLS: usize = 32;

/// Paged results. RFC 2696.
pub const PAGED_RESULTS: &str = "1.2.840.113556.1.4.319";
/// Deleted objects too. MS-ADTS 3.1.1.3.4.1.14.
pub const SHOW_DELETED: &str = "1.2.840.113556.1.4.417";
/// Deleted objects too, and those of which only the name is left. MS-ADTS 3.1.1.3.4.1.26.
pub const SHOW_RECYCLED: &str = "1.2.840.113556.1.4.2064";
/// Links to and from deleted objects too. MS-ADTS 3.1.1.3.4.1.25.
pub const SHOW_DEACTIVATED_LINKS: &str = "1.2.840.113556.1.4.2065";
/// Which parts of a security descriptor. MS-ADTS 3.1.1.3.4.1.11.
pub const SD_FLAGS: &str = "1.2.840.113556.1.4.801";
/// Names with GUID and SID. MS-ADTS 3.1.1.3.4.1.5.
pub const EXTENDED_DN: &str = "1.2.840.113556.1.4.529";
/// No referrals. MS-ADTS 3.1.1.3.4.1.4.
pub const DOMAIN_SCOPE: &str = "1.2.840.113556.1.4.1339";
/// Adding what is there is no error. MS-ADTS 3.1.1.3.4.1.8.
pub const PERMISSIVE_MODIFY: &str = "1.2.840.113556.1.4.1413";
/// Delete with everything beneath. MS-ADTS 3.1.1.3.4.1.15.
pub const TREE_DELETE: &str = "1.2.840.113556.1.4.805";
/// Acknowledge before the disk has it: taken, and not made use of. MS-ADTS 3.1.1.3.4.1.7.
pub const LAZY_COMMIT: &str = "1.2.840.113556.1.4.619";
/// Where a search goes. MS-ADTS 3.1.1.3.4.1.12.
pub const SEARCH_OPTIONS: &str = "1.2.840.113556.1.4.1340";
/// Treat referral objects as any other. RFC 3296.
pub const MANAGE_DSA_IT: &str = "2.16.840.1.113730.3.4.2";

/// A control, borrowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Control<'a> {
    /// Which.
    pub oid: &'a str,
    /// Whether the request must fail when it is not understood.
    pub critical: bool,
    /// Its value, in a form of its own.
    pub value: Option<&'a [u8]>,
}

/// The value of the paged results control. RFC 2696 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PagedResults<'a> {
    /// In a request the page's size, in an answer an estimate of the whole, 0 when unknown.
    pub size: u32,
    /// Empty in the first request and in the last answer.
    pub cookie: &'a [u8],
}

impl<'a> Control<'a> {
    pub(crate) fn decode_all(mut reader: Reader<'a>) -> Result<Vec<Self>, DecodeError> {
        let mut all = Vec::new();
        while !reader.is_empty() {
            if all.len() == MAX_CONTROLS {
                return Err(DecodeError::TooMany("controls"));
            }
            let mut inner = reader.enter(Tag::SEQUENCE)?;
            let oid = text(inner.value(Tag::OCTET_STRING)?)?;
            let critical = if inner.peek() == Some(Tag::BOOLEAN) { inner.boolean(Tag::BOOLEAN)? } else { false };
            let value = inner.optional(Tag::OCTET_STRING)?;
            inner.finish()?;
            all.push(Self { oid, critical, value });
        }
        Ok(all)
    }

    pub(crate) fn encode(&self, w: &mut Writer) {
        w.nest(Tag::SEQUENCE, |w| {
            w.value(Tag::OCTET_STRING, self.oid.as_bytes());
            if self.critical {
                w.boolean(Tag::BOOLEAN, true);
            }
            self.value.iter().for_each(|value| w.value(Tag::OCTET_STRING, value));
        });
    }

    /// The one INTEGER in the value's SEQUENCE: SD flags, extended DN, search options.
    ///
    /// # Errors
    /// When there is something else.
    pub fn integer(&self) -> Result<Option<u32>, DecodeError> {
        let Some(value) = self.value.filter(|value| !value.is_empty()) else { return Ok(None) };
        let mut inner = Reader::new(value).enter(Tag::SEQUENCE)?;
        let number = inner.integer(Tag::INTEGER)?;
        inner.finish()?;
        u32::try_from(number).map(Some).map_err(|_| DecodeError::OutOfRange("the control's flags"))
    }

    /// The value of the paged results control.
    ///
    /// # Errors
    /// When there is something else.
    pub fn paged_results(&self) -> Result<PagedResults<'a>, DecodeError> {
        PagedResults::decode(self.value.ok_or(DecodeError::Malformed("paged results control"))?)
    }
}

impl<'a> PagedResults<'a> {
    /// Reads the control's value.
    ///
    /// # Errors
    /// When it is malformed.
    pub fn decode(value: &'a [u8]) -> Result<Self, DecodeError> {
        let mut inner = Reader::new(value).enter(Tag::SEQUENCE)?;
        let size = u32::try_from(inner.integer(Tag::INTEGER)?).map_err(|_| DecodeError::OutOfRange("the page size"))?;
        let cookie = inner.value(Tag::OCTET_STRING)?;
        inner.finish()?;
        Ok(Self { size, cookie })
    }

    /// Writes the control's value.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::der();
        w.nest(Tag::SEQUENCE, |w| {
            w.integer(Tag::INTEGER, i64::from(self.size));
            w.value(Tag::OCTET_STRING, self.cookie);
        });
        w.into_bytes()
    }
}
