//! The small buffers of a PAC.

use dtyp::{FileTime, Sid};

use super::PacError;

/// Whose ticket the PAC belongs to: client name and authentication time must equal the ticket's. MS-PAC 2.7 (PAC_CLIENT_INFO).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientInfo {
    /// The ticket's authentication time.
    pub client_id: FileTime,
    /// The client's principal name, without the realm.
    pub name: String,
}

impl ClientInfo {
    /// The buffer's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let name = utf16(&self.name);
        let mut out = Vec::with_capacity(10 + name.len());
        out.extend_from_slice(&self.client_id.0.to_le_bytes());
        out.extend_from_slice(&length(&name).to_le_bytes());
        out.extend_from_slice(&name);
        out
    }

    /// Reads the buffer.
    ///
    /// # Errors
    /// When it is cut short.
    pub fn decode(bytes: &[u8]) -> Result<Self, PacError> {
        let (time, rest) = bytes.split_first_chunk().ok_or(PacError::Truncated)?;
        let (length, rest) = rest.split_first_chunk().ok_or(PacError::Truncated)?;
        let name = rest.get(..usize::from(u16::from_le_bytes(*length))).ok_or(PacError::Truncated)?;
        Ok(Self { client_id: FileTime(u64::from_le_bytes(*time)), name: text(name) })
    }
}

/// The user's principal name and the domain's DNS name; extended by account name and SID. MS-PAC 2.10 (UPN_DNS_INFO).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UpnDnsInfo {
    /// The user principal name; made of account and domain when the account has none.
    pub upn: String,
    /// The domain's DNS name.
    pub dns_domain: String,
    /// Flag U: the account has no user principal name of its own.
    pub upn_is_constructed: bool,
    /// Flag S: account name and SID.
    pub account: Option<(String, Sid)>,
}

impl UpnDnsInfo {
    const CONSTRUCTED: u32 = 1;
    const EXTENDED: u32 = 2;

    /// The buffer's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut flags = if self.upn_is_constructed { Self::CONSTRUCTED } else { 0 };
        let mut parts = vec![utf16(&self.upn), utf16(&self.dns_domain)];
        if let Some((sam, sid)) = &self.account {
            flags |= Self::EXTENDED;
            parts.extend([utf16(sam), sid.to_bytes()]);
        }
        let fixed = if self.account.is_some() { 20usize } else { 12 };
        let mut head = Vec::with_capacity(fixed);
        let mut body = Vec::new();
        let start = fixed.next_multiple_of(8);
        for (index, part) in parts.iter().enumerate() {
            if index == 2 {
                head.extend_from_slice(&flags.to_le_bytes());
            }
            head.extend_from_slice(&length(part).to_le_bytes());
            head.extend_from_slice(&u16::try_from(start + body.len()).unwrap_or(u16::MAX).to_le_bytes());
            body.extend_from_slice(part);
            body.resize(body.len().next_multiple_of(8), 0);
        }
        if self.account.is_none() {
            head.extend_from_slice(&flags.to_le_bytes());
        }
        head.resize(start, 0);
        head.extend_from_slice(&body);
        head
    }

    /// Reads the buffer.
    ///
    /// # Errors
    /// When a part lies outside of it.
    pub fn decode(bytes: &[u8]) -> Result<Self, PacError> {
        let word = |at: usize| -> Result<usize, PacError> {
            let chunk = bytes.get(at..).and_then(<[u8]>::first_chunk).ok_or(PacError::Truncated)?;
            Ok(usize::from(u16::from_le_bytes(*chunk)))
        };
        let part = |at: usize| -> Result<&[u8], PacError> {
            let (length, offset) = (word(at)?, word(at + 2)?);
            bytes.get(offset..offset + length).ok_or(PacError::Truncated)
        };
        let flags = bytes.get(8..).and_then(<[u8]>::first_chunk).ok_or(PacError::Truncated)?;
        let flags = u32::from_le_bytes(*flags);
        let account = if flags & Self::EXTENDED != 0 {
            let sid = Sid::from_bytes(part(16)?).map_err(|_| PacError::Malformed("a SID is malformed"))?;
            Some((text(part(12)?), sid))
        } else {
            None
        };
        Ok(Self {
            upn: text(part(0)?),
            dns_domain: text(part(4)?),
            upn_is_constructed: flags & Self::CONSTRUCTED != 0,
            account,
        })
    }
}

/// How the PAC came into the ticket-granting ticket. MS-PAC 2.14 (PAC_ATTRIBUTES_INFO).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attributes {
    /// The flags: see the constants.
    pub flags: u32,
}

impl Attributes {
    /// The client asked for a PAC.
    pub const REQUESTED: u32 = 1;
    /// The client did not say, and got one.
    pub const GIVEN_IMPLICITLY: u32 = 2;

    /// The buffer's bytes.
    #[must_use]
    pub fn encode(self) -> Vec<u8> {
        [2u32.to_le_bytes(), self.flags.to_le_bytes()].concat()
    }

    /// Reads the buffer.
    ///
    /// # Errors
    /// When it is cut short.
    pub fn decode(bytes: &[u8]) -> Result<Self, PacError> {
        let flags = bytes.get(4..).and_then(<[u8]>::first_chunk).ok_or(PacError::Truncated)?;
        Ok(Self { flags: u32::from_le_bytes(*flags) })
    }
}

/// UTF-16LE, no more than a 16-bit length can say.
fn utf16(value: &str) -> Vec<u8> {
    value.encode_utf16().take(usize::from(u16::MAX) / 4).flat_map(u16::to_le_bytes).collect()
}

fn length(bytes: &[u8]) -> u16 {
    u16::try_from(bytes.len()).unwrap_or(u16::MAX)
}

fn text(bytes: &[u8]) -> String {
    let units = bytes.as_chunks::<2>().0.iter().map(|unit| u16::from_le_bytes(*unit));
    char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}
