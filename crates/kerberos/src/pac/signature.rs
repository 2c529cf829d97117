//! Who vouches for a PAC. MS-PAC 2.8 (PAC_SIGNATURE_DATA), 2.8.1 (order), 2.8.2 to 2.8.5.
//!
//! The ticket signature covers the ticket without the PAC and comes first; the full one covers the PAC with the other three signature
//! fields (not the ticket's) zero; the server's covers the PAC with the full signature in it and its own and the KDC's zero; the KDC's
//! covers the server's signature.

use crate::crypto::{Etype, Key};

use super::{Pac, PacBuilder, PacError, kind};

/// KERB_NON_KERB_CKSUM_SALT. MS-KILE 3.1.5.9.
const KEY_USAGE: u32 = 17;
/// The length of an HMAC-SHA1-96 checksum.
const CHECKSUM: usize = 12;

/// Which signatures of the KDC a ticket carries besides the two that every PAC has.
#[derive(Clone, Copy, Debug, Default)]
pub struct Extra<'a> {
    /// The DER of the EncTicketPart with the PAC's `ad-data` replaced by one zero byte: adds a ticket signature. Service tickets carry
    /// one, ticket-granting tickets do not.
    pub ticket: Option<&'a [u8]>,
    /// Adds a full signature. Service tickets carry one, ticket-granting tickets do not.
    pub full: bool,
}

impl PacBuilder {
    /// The PAC's bytes, signed by the service's key `server` and the ticket-granting service's key `kdc`.
    #[must_use]
    pub fn sign(mut self, server: &Key, kdc: &Key, extra: Extra<'_>) -> Vec<u8> {
        self.buffers.retain(|(kind, _)| !kind::is_signature(*kind));
        self.push(kind::SERVER_SIGNATURE, empty_signature(server));
        self.push(kind::KDC_SIGNATURE, empty_signature(kdc));
        if let Some(ticket) = extra.ticket {
            let mut signature = signature_type(kdc).to_le_bytes().to_vec();
            signature.extend_from_slice(&kdc.checksum(KEY_USAGE, ticket));
            self.push(kind::TICKET_SIGNATURE, signature);
        }
        if extra.full {
            self.push(kind::FULL_SIGNATURE, empty_signature(kdc));
        }
        let (mut bytes, places) = self.lay_out();
        if extra.full {
            let full = kdc.checksum(KEY_USAGE, &bytes);
            fill(&mut bytes, &places, kind::FULL_SIGNATURE, &full);
        }
        let by_server = server.checksum(KEY_USAGE, &bytes);
        let by_kdc = kdc.checksum(KEY_USAGE, &by_server);
        fill(&mut bytes, &places, kind::SERVER_SIGNATURE, &by_server);
        fill(&mut bytes, &places, kind::KDC_SIGNATURE, &by_kdc);
        bytes
    }
}

impl Pac<'_> {
    /// Whether the service's key made the server signature.
    ///
    /// # Errors
    /// [`PacError::BadSignature`], also when there is none or its type is not the key's.
    pub fn verify_server(&self, server: &Key) -> Result<(), PacError> {
        let zeroed = self.zeroed(&[kind::SERVER_SIGNATURE, kind::KDC_SIGNATURE]);
        self.check(kind::SERVER_SIGNATURE, "server", server, &zeroed)
    }

    /// Whether the ticket-granting service's key made the KDC signature.
    ///
    /// # Errors
    /// As [`verify_server`](Self::verify_server).
    pub fn verify_kdc(&self, kdc: &Key) -> Result<(), PacError> {
        let server = self.buffer(kind::SERVER_SIGNATURE).ok_or(PacError::BadSignature("server"))?;
        let signed = signature_part(server).ok_or(PacError::BadSignature("server"))?;
        self.check(kind::KDC_SIGNATURE, "KDC", kdc, signed)
    }

    /// Whether the KDC vouches for the ticket around the PAC: `ticket` is the DER of the EncTicketPart with the PAC's `ad-data`
    /// replaced by one zero byte.
    ///
    /// # Errors
    /// As [`verify_server`](Self::verify_server).
    pub fn verify_ticket(&self, kdc: &Key, ticket: &[u8]) -> Result<(), PacError> {
        self.check(kind::TICKET_SIGNATURE, "ticket", kdc, ticket)
    }

    /// Whether the KDC vouches for the whole PAC.
    ///
    /// # Errors
    /// As [`verify_server`](Self::verify_server).
    pub fn verify_full(&self, kdc: &Key) -> Result<(), PacError> {
        let zeroed = self.zeroed(&[kind::SERVER_SIGNATURE, kind::KDC_SIGNATURE, kind::FULL_SIGNATURE]);
        self.check(kind::FULL_SIGNATURE, "full", kdc, &zeroed)
    }

    fn check(&self, kind: u32, name: &'static str, key: &Key, signed: &[u8]) -> Result<(), PacError> {
        let data = self.buffer(kind).ok_or(PacError::BadSignature(name))?;
        let (found, _) = data.split_first_chunk().ok_or(PacError::BadSignature(name))?;
        let checksum = signature_part(data).ok_or(PacError::BadSignature(name))?;
        if u32::from_le_bytes(*found) != signature_type(key) || !key.verify_checksum(KEY_USAGE, signed, checksum) {
            return Err(PacError::BadSignature(name));
        }
        Ok(())
    }

    /// The PAC's bytes with these signatures' checksums zero (their types stay).
    fn zeroed(&self, kinds: &[u32]) -> Vec<u8> {
        let mut bytes = self.bytes().to_vec();
        for place in self.places().iter().filter(|place| kinds.contains(&place.kind)) {
            if let Some(checksum) = bytes.get_mut(place.at.saturating_add(4)..place.at.saturating_add(4 + CHECKSUM)) {
                checksum.fill(0);
            }
        }
        bytes
    }
}

/// The checksum in a PAC_SIGNATURE_DATA; a read-only domain controller's identifier may follow it.
fn signature_part(data: &[u8]) -> Option<&[u8]> {
    data.get(4..4 + CHECKSUM)
}

/// HMAC_SHA1_96_AES128 or HMAC_SHA1_96_AES256. MS-PAC 2.8.
fn signature_type(key: &Key) -> u32 {
    match key.etype() {
        Etype::Aes128 => 15,
        Etype::Aes256 => 16,
    }
}

fn empty_signature(key: &Key) -> Vec<u8> {
    let mut data = signature_type(key).to_le_bytes().to_vec();
    data.resize(4 + CHECKSUM, 0);
    data
}

fn fill(bytes: &mut [u8], places: &[super::Place], kind: u32, checksum: &[u8]) {
    for place in places.iter().filter(|place| place.kind == kind) {
        if let Some(to) = bytes.get_mut(place.at + 4..place.at + 4 + checksum.len()) {
            to.copy_from_slice(checksum);
        }
    }
}
