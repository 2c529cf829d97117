//! Tag-length-value encoding, the part of BER that LDAP and Kerberos share.
//!
//! [`Reader`] walks bytes it does not own and never looks past them; [`Writer`] appends to one buffer. Both know only
//! definite lengths: RFC 4511 5.1 forbids the indefinite form, DER (X.690 10.1) too. What the values mean is the
//! business of the `ldap` and `kerberos` rooms; nothing here allocates while reading.
//!
//! ```
//! use asn1::{Reader, Tag, Writer};
//! let mut w = Writer::der();
//! w.nest(Tag::SEQUENCE, |w| w.integer(Tag::INTEGER, 5));
//! let bytes = w.into_bytes();
//! let mut inner = Reader::new(&bytes).enter(Tag::SEQUENCE)?;
//! assert_eq!(inner.integer(Tag::INTEGER)?, 5);
//! inner.finish()?;
//! # Ok::<(), asn1::Error>(())
//! ```
#![forbid(unsafe_code)]

mod reader;
mod tag;
mod writer;

pub use reader::{Reader, Tlv, frame};
pub use tag::Tag;
pub use writer::Writer;

/// What is wrong with the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bytes end before the value does.
    #[error("the value is cut short")]
    Truncated,
    /// X.690 8.1.3.6: refused here.
    #[error("indefinite lengths are not allowed")]
    Indefinite,
    /// More length octets than four, or a length that does not fit the address space.
    #[error("the length is too large")]
    LengthTooLarge,
    /// Tag numbers above 30 appear in neither protocol.
    #[error("multi-byte tags are not allowed")]
    LongTag,
    /// Another element was due.
    #[error("expected tag {expected:#04x}, found {found:#04x}")]
    UnexpectedTag {
        /// The identifier octet that was due.
        expected: u8,
        /// The identifier octet that came.
        found: u8,
    },
    /// Bytes are left where the structure ends.
    #[error("unexpected bytes after the value")]
    TrailingBytes,
    /// An INTEGER or BOOLEAN with a wrong number of octets, or outside of the caller's range.
    #[error("the integer is malformed or out of range")]
    BadInteger,
    /// The structure nests deeper than its reader allows.
    #[error("nested too deeply")]
    TooDeep,
}
