//! The frame around the first tokens: RFC 2743 3.1, RFC 4121 4.1.

use asn1::{Reader, Tag, Writer};

use super::GssError;

/// 1.2.840.113554.1.2.2, Kerberos V5 (RFC 4121).
pub const KERBEROS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x02];
/// 1.2.840.48018.1.2.2, the same mechanism under the number that Windows 2000 gave it by mistake. MS-SPNG.
pub const MS_KERBEROS: &[u8] = &[0x2a, 0x86, 0x48, 0x82, 0xf7, 0x12, 0x01, 0x02, 0x02];
/// 1.3.6.1.5.5.2, the negotiation itself (RFC 4178).
pub const SPNEGO: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x02];

/// What stands in the frame. RFC 4121 4.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenId {
    ApReq,
    ApRep,
    Error,
}

impl TokenId {
    const fn bytes(self) -> [u8; 2] {
        match self {
            Self::ApReq => [1, 0],
            Self::ApRep => [2, 0],
            Self::Error => [3, 0],
        }
    }
}

const FRAME: Tag = Tag::application_constructed(0);
/// The first byte of an AP-REQ (RFC 4120 5.5.1).
const AP_REQ: Tag = Tag::application_constructed(14);

pub(super) fn frame(id: TokenId, message: &[u8]) -> Vec<u8> {
    let mut w = Writer::der();
    w.nest(FRAME, |w| {
        w.value(Tag::OID, KERBEROS);
        w.raw(&id.bytes());
        w.raw(message);
    });
    w.into_bytes()
}

/// Takes the frame off.
pub(super) fn unframe(token: &[u8]) -> Result<(TokenId, &[u8]), GssError> {
    let mut r = Reader::new(token).enter(FRAME)?;
    let oid = r.value(Tag::OID)?;
    if oid != KERBEROS && oid != MS_KERBEROS {
        return Err(GssError::Mechanism);
    }
    let (id, message) = r.rest().split_first_chunk().ok_or(GssError::Malformed("the token is cut short"))?;
    let id = [TokenId::ApReq, TokenId::ApRep, TokenId::Error]
        .into_iter()
        .find(|known| known.bytes() == *id)
        .ok_or(GssError::Malformed("the token is of no known kind"))?;
    Ok((id, message))
}

/// A first token's AP-REQ, and whether it came in a frame. Clients that make their tokens by hand leave the frame out inside SPNEGO, which
/// Windows and MIT's library take too.
pub(super) fn request(token: &[u8]) -> Result<(&[u8], bool), GssError> {
    if token.first() == Some(&AP_REQ.0) {
        return Ok((token, false));
    }
    match unframe(token)? {
        (TokenId::ApReq, message) => Ok((message, true)),
        _ => Err(GssError::Malformed("the first token is no request")),
    }
}

/// The mechanism a first token is for.
#[must_use]
pub fn mechanism(token: &[u8]) -> Option<&[u8]> {
    Reader::new(token).enter(FRAME).ok()?.value(Tag::OID).ok()
}
