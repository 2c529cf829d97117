//! The Privilege Attribute Certificate: what a KDC tells a service about a user, and who vouches for it. MS-PAC.
//!
//! A KDC fills a [`PacBuilder`] and [signs](PacBuilder::sign) it; a service [decodes](Pac::decode) the bytes, verifies the server
//! signature and reads [`LogonInfo`]. A KDC that is shown a PAC verifies it and starts a new one with [`PacBuilder::from_pac`].

mod buffers;
mod logon_info;
mod ndr;
mod signature;
#[cfg(test)]
mod tests;

use dtyp::Sid;

pub use buffers::{Attributes, ClientInfo, UpnDnsInfo};
pub use logon_info::{GROUP_ATTRIBUTES, GroupMembership, LogonInfo, SidAndAttributes, user_flags};
pub use signature::Extra;

/// The account the ticket-granting ticket was issued for: a PAC_REQUESTOR is just its SID. MS-PAC 2.15.
pub type Requestor = Sid;

/// What is wrong with a PAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PacError {
    /// It ends too early, or a part lies outside of it.
    #[error("the PAC is cut short")]
    Truncated,
    /// Its parts contradict each other.
    #[error("the PAC is malformed: {0}")]
    Malformed(&'static str),
    /// A signature is missing, of another type than the key, or wrong.
    #[error("the {0} signature of the PAC does not hold")]
    BadSignature(&'static str),
}

/// What a buffer is. MS-PAC 2.4.
pub mod kind {
    /// [`LogonInfo`](super::LogonInfo).
    pub const LOGON_INFO: u32 = 1;
    /// Credentials (PKINIT).
    pub const CREDENTIALS: u32 = 2;
    /// Signed with the service's key.
    pub const SERVER_SIGNATURE: u32 = 6;
    /// Signed with the ticket-granting service's key.
    pub const KDC_SIGNATURE: u32 = 7;
    /// [`ClientInfo`](super::ClientInfo).
    pub const CLIENT_INFO: u32 = 10;
    /// Constrained delegation.
    pub const DELEGATION_INFO: u32 = 11;
    /// [`UpnDnsInfo`](super::UpnDnsInfo).
    pub const UPN_DNS_INFO: u32 = 12;
    /// Claims of the user.
    pub const CLIENT_CLAIMS: u32 = 13;
    /// The KDC vouches for the ticket.
    pub const TICKET_SIGNATURE: u32 = 16;
    /// [`Attributes`](super::Attributes).
    pub const ATTRIBUTES: u32 = 17;
    /// [`Requestor`](super::Requestor).
    pub const REQUESTOR: u32 = 18;
    /// The KDC vouches for the whole PAC.
    pub const FULL_SIGNATURE: u32 = 19;

    pub(super) const fn is_signature(kind: u32) -> bool {
        matches!(kind, SERVER_SIGNATURE | KDC_SIGNATURE | TICKET_SIGNATURE | FULL_SIGNATURE)
    }
}

/// More buffers than any PAC has.
const MOST_BUFFERS: usize = 64;

/// Where a buffer lies.
#[derive(Clone, Copy, Debug)]
struct Place {
    kind: u32,
    at: usize,
    length: usize,
}

/// A PAC as it came. MS-PAC 2.3 (PACTYPE).
#[derive(Clone, Debug)]
pub struct Pac<'a> {
    bytes: &'a [u8],
    places: Vec<Place>,
}

impl<'a> Pac<'a> {
    /// Finds the buffers. No kind may appear twice: which one would count?
    ///
    /// # Errors
    /// When a buffer lies outside of `bytes`, or there are too many.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, PacError> {
        let (count, rest) = bytes.split_first_chunk().ok_or(PacError::Truncated)?;
        let (version, mut rest) = rest.split_first_chunk().ok_or(PacError::Truncated)?;
        if u32::from_le_bytes(*version) != 0 {
            return Err(PacError::Malformed("its version is not 0"));
        }
        let count = usize::try_from(u32::from_le_bytes(*count)).unwrap_or(usize::MAX);
        if count > MOST_BUFFERS {
            return Err(PacError::Malformed("it has too many buffers"));
        }
        let mut places: Vec<Place> = Vec::with_capacity(count);
        for _ in 0..count {
            let (kind, after) = rest.split_first_chunk().ok_or(PacError::Truncated)?;
            let (length, after) = after.split_first_chunk().ok_or(PacError::Truncated)?;
            let (offset, after) = after.split_first_chunk().ok_or(PacError::Truncated)?;
            rest = after;
            let kind = u32::from_le_bytes(*kind);
            let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_| PacError::Truncated)?;
            let at = usize::try_from(u64::from_le_bytes(*offset)).map_err(|_| PacError::Truncated)?;
            if at.checked_add(length).is_none_or(|end| end > bytes.len()) {
                return Err(PacError::Truncated);
            }
            if at % 8 != 0 {
                return Err(PacError::Malformed("a buffer is not aligned to eight bytes"));
            }
            if places.iter().any(|place| place.kind == kind) {
                return Err(PacError::Malformed("a kind of buffer appears twice"));
            }
            places.push(Place { kind, at, length });
        }
        Ok(Self { bytes, places })
    }

    /// The bytes it came as.
    #[must_use]
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    fn places(&self) -> &[Place] {
        &self.places
    }

    /// The contents of a buffer. See [`kind`].
    #[must_use]
    pub fn buffer(&self, kind: u32) -> Option<&'a [u8]> {
        let place = self.places.iter().find(|place| place.kind == kind)?;
        self.bytes.get(place.at..place.at.checked_add(place.length)?)
    }

    /// The kinds of the buffers, in their order.
    pub fn kinds(&self) -> impl Iterator<Item = u32> + '_ {
        self.places.iter().map(|place| place.kind)
    }

    /// Who the user is.
    ///
    /// # Errors
    /// When the buffer is there but malformed.
    pub fn logon_info(&self) -> Result<Option<LogonInfo>, PacError> {
        self.buffer(kind::LOGON_INFO).map(LogonInfo::decode).transpose()
    }

    /// Whose ticket it belongs to.
    ///
    /// # Errors
    /// When the buffer is there but malformed.
    pub fn client_info(&self) -> Result<Option<ClientInfo>, PacError> {
        self.buffer(kind::CLIENT_INFO).map(ClientInfo::decode).transpose()
    }

    /// The user's names.
    ///
    /// # Errors
    /// When the buffer is there but malformed.
    pub fn upn_dns_info(&self) -> Result<Option<UpnDnsInfo>, PacError> {
        self.buffer(kind::UPN_DNS_INFO).map(UpnDnsInfo::decode).transpose()
    }

    /// How it came into the ticket.
    ///
    /// # Errors
    /// When the buffer is there but malformed.
    pub fn attributes(&self) -> Result<Option<Attributes>, PacError> {
        self.buffer(kind::ATTRIBUTES).map(Attributes::decode).transpose()
    }

    /// The account it was issued for.
    ///
    /// # Errors
    /// When the buffer is there but malformed.
    pub fn requestor(&self) -> Result<Option<Requestor>, PacError> {
        let sid = |bytes: &[u8]| Sid::from_bytes(bytes).map_err(|_| PacError::Malformed("the requestor is no SID"));
        self.buffer(kind::REQUESTOR).map(sid).transpose()
    }
}

/// A PAC in the making.
#[derive(Clone, Debug, Default)]
pub struct PacBuilder {
    buffers: Vec<(u32, Vec<u8>)>,
}

impl PacBuilder {
    /// Without any buffer.
    #[must_use]
    pub const fn new() -> Self {
        Self { buffers: Vec::new() }
    }

    /// With all of another PAC's buffers but its signatures.
    #[must_use]
    pub fn from_pac(pac: &Pac<'_>) -> Self {
        let keep = pac.kinds().filter(|kind| !kind::is_signature(*kind));
        Self { buffers: keep.filter_map(|kind| Some((kind, pac.buffer(kind)?.to_vec()))).collect() }
    }

    /// Sets a buffer, instead of the one of this kind that may be there.
    #[must_use]
    pub fn with(mut self, kind: u32, bytes: Vec<u8>) -> Self {
        self.push(kind, bytes);
        self
    }

    /// Without this buffer.
    #[must_use]
    pub fn without(mut self, kind: u32) -> Self {
        self.buffers.retain(|(k, _)| *k != kind);
        self
    }

    /// Sets who the user is.
    #[must_use]
    pub fn logon_info(self, info: &LogonInfo) -> Self {
        self.with(kind::LOGON_INFO, info.encode())
    }

    /// Sets whose ticket it belongs to.
    #[must_use]
    pub fn client_info(self, info: &ClientInfo) -> Self {
        self.with(kind::CLIENT_INFO, info.encode())
    }

    /// Sets the user's names.
    #[must_use]
    pub fn upn_dns_info(self, info: &UpnDnsInfo) -> Self {
        self.with(kind::UPN_DNS_INFO, info.encode())
    }

    /// Sets how it came into the ticket.
    #[must_use]
    pub fn attributes(self, attributes: Attributes) -> Self {
        self.with(kind::ATTRIBUTES, attributes.encode())
    }

    /// Sets the account it is issued for.
    #[must_use]
    pub fn requestor(self, sid: &Requestor) -> Self {
        self.with(kind::REQUESTOR, sid.to_bytes())
    }

    fn push(&mut self, kind: u32, bytes: Vec<u8>) {
        match self.buffers.iter_mut().find(|(k, _)| *k == kind) {
            Some((_, place)) => *place = bytes,
            None => self.buffers.push((kind, bytes)),
        }
    }

    /// Header, buffer table and buffers, each at a multiple of eight.
    fn lay_out(&self) -> (Vec<u8>, Vec<Place>) {
        let mut at = 8 + 16 * self.buffers.len();
        let mut places = Vec::with_capacity(self.buffers.len());
        let mut out = u32::try_from(self.buffers.len()).unwrap_or(u32::MAX).to_le_bytes().to_vec();
        out.extend_from_slice(&[0; 4]);
        for (kind, bytes) in &self.buffers {
            out.extend_from_slice(&kind.to_le_bytes());
            out.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes());
            out.extend_from_slice(&(at as u64).to_le_bytes());
            places.push(Place { kind: *kind, at, length: bytes.len() });
            at = (at + bytes.len()).next_multiple_of(8);
        }
        for (_, bytes) in &self.buffers {
            out.extend_from_slice(bytes);
            out.resize(out.len().next_multiple_of(8), 0);
        }
        (out, places)
    }
}
