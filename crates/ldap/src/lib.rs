//! LDAPv3 without I/O: bytes in, typed requests and responses out, and back.
//!
//! In reading order: [`frame`] finds a message in a stream; [`Message`] is one, borrowed from its bytes; [`Request`] what a client asks,
//! with [`Filter`] and [`Control`]; [`response`] writes answers into a buffer, entries value by value; [`client`] is the other side of
//! both; [`Dn`] is a parsed distinguished name.
//!
//! Every length, depth and count is bounded while reading, nothing is allocated for a request but the filter's nodes and the lists of
//! names, and no bytes make it panic.
//!
//! ```
//! use ldap::{Dn, FilterBuf};
//! let dn: Dn = "CN=alice,OU=Engineering,DC=contoso,DC=com".parse()?;
//! assert_eq!(dn.parent().unwrap().to_string(), "OU=Engineering,DC=contoso,DC=com");
//! let filter: FilterBuf = "(&(objectClass=user)(sAMAccountName=ali*))".parse()?;
//! assert_eq!(filter.as_filter().to_string(), "(&(objectClass=user)(sAMAccountName=ali*))");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Specifications: RFC 4511 (protocol), 4514 (names), 4515 (filters), 2849 (LDIF), 2696 (paged results), MS-ADTS 3.1.1.3.4.1 (controls).
#![forbid(unsafe_code)]

pub mod client;
pub mod control;
pub mod dn;
pub mod filter;
mod filter_text;
pub mod ldif;
pub mod message;
pub mod response;
mod result;

pub use control::Control;
pub use dn::{Dn, DnOrId, Rdn};
pub use filter::{Filter, FilterBuf};
pub use message::{Message, Request};
pub use result::ResultCode;

/// Operations by OID (RFC 4511 4.12), and the one unsolicited notification.
pub mod oid {
    /// StartTLS. RFC 4511 4.14.
    pub const START_TLS: &str = "1.3.6.1.4.1.1466.20037";
    /// Who am I? RFC 4532.
    pub const WHO_AM_I: &str = "1.3.6.1.4.1.4203.1.11.3";
    /// Notice of disconnection. RFC 4511 4.4.1.
    pub const NOTICE_OF_DISCONNECTION: &str = "1.3.6.1.4.1.1466.20036";
}

/// Why bytes are no LDAP message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// Not BER, or not in the order RFC 4511 wants.
    #[error("malformed encoding: {0}")]
    Encoding(#[from] asn1::Error),
    /// An operation that RFC 4511 does not have.
    #[error("unknown operation tag {0:#04x}")]
    UnknownOperation(u8),
    /// A name, OID or attribute description that is not UTF-8.
    #[error("a text is not UTF-8")]
    NotText,
    /// A number outside of what the field allows.
    #[error("{0} is out of range")]
    OutOfRange(&'static str),
    /// More of something than one request may hold.
    #[error("too many {0}")]
    TooMany(&'static str),
    /// A filter that nests deeper than [`filter::MAX_DEPTH`].
    #[error("the filter nests too deeply")]
    FilterTooDeep,
    /// A structure that breaks a rule of RFC 4511.
    #[error("malformed {0}")]
    Malformed(&'static str),
}

/// How many bytes the first message of a stream takes; `None` while more bytes are needed to know.
///
/// # Errors
/// When the bytes cannot begin a message, or it would be longer than `limit`.
pub fn frame(bytes: &[u8], limit: usize) -> Result<Option<usize>, DecodeError> {
    match bytes.first() {
        None => return Ok(None),
        Some(0x30) => {}
        Some(found) => return Err(asn1::Error::UnexpectedTag { expected: 0x30, found: *found }.into()),
    }
    Ok(asn1::frame(bytes, limit)?)
}

pub(crate) fn text(bytes: &[u8]) -> Result<&str, DecodeError> {
    std::str::from_utf8(bytes).map_err(|_| DecodeError::NotText)
}
