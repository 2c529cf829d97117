//! The exchange between client and service. RFC 4120 5.5.

use super::fields::{
    AuthorizationData, Checksum, EncryptedData, application, bits, field, header, key, microseconds, optional,
    principal, read_u32, required, string, time, version, whole, wrap, write_application, write_flags, write_header,
    write_integer, write_key, write_principal, write_string, write_time,
};
use super::{MessageError, Ticket};
use crate::crypto::Key;
use crate::{KerberosTime, PrincipalName};
use asn1::Tag;

/// `mutual-required` of the AP options.
const MUTUAL_REQUIRED: u32 = 1 << 29;

/// A client's request to a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApReq {
    /// Whether the service must prove itself too.
    pub mutual_required: bool,
    /// The ticket.
    pub ticket: Ticket,
    /// The proof that the client knows the ticket's key.
    pub authenticator: EncryptedData,
}

impl ApReq {
    /// Its DER.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        write_application(14, |w| {
            write_header(w, 0, 14);
            write_flags(w, 2, if self.mutual_required { MUTUAL_REQUIRED } else { 0 });
            field(w, 3, |w| self.ticket.write(w));
            field(w, 4, |w| self.authenticator.write(w));
        })
    }

    /// Reads its DER.
    ///
    /// # Errors
    /// When there is something else.
    pub fn decode(bytes: &[u8]) -> Result<Self, MessageError> {
        whole(bytes, |r| {
            let mut r = application(r, 14)?;
            header(&mut r, 0, 14)?;
            let mutual_required = required(&mut r, 2, bits)? & MUTUAL_REQUIRED != 0;
            let ticket = required(&mut r, 3, Ticket::read)?;
            let authenticator = required(&mut r, 4, EncryptedData::read)?;
            r.finish()?;
            Ok(Self { mutual_required, ticket, authenticator })
        })
    }
}

/// What proves that a client knows its ticket's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authenticator {
    /// The client's realm.
    pub realm: String,
    /// The client.
    pub name: PrincipalName,
    /// A checksum of what goes with it.
    pub checksum: Option<Checksum>,
    /// The microseconds of its time.
    pub cusec: u32,
    /// Its time.
    pub ctime: KerberosTime,
    /// A key for this session alone.
    pub subkey: Option<Key>,
    /// The first sequence number.
    pub sequence: Option<u32>,
    /// More about what the client may do.
    pub authorization_data: Vec<AuthorizationData>,
}

impl Authenticator {
    /// Its DER.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        write_application(2, |w| {
            write_integer(w, 0, 5);
            write_string(w, 1, &self.realm);
            write_principal(w, 2, &self.name);
            self.checksum.iter().for_each(|c| field(w, 3, |w| c.write(w)));
            write_integer(w, 4, i64::from(self.cusec));
            write_time(w, 5, self.ctime);
            self.subkey.iter().for_each(|k| write_key(w, 6, k));
            self.sequence.iter().for_each(|n| write_integer(w, 7, i64::from(*n)));
            if !self.authorization_data.is_empty() {
                field(w, 8, |w| AuthorizationData::write_all(&self.authorization_data, w));
            }
        })
    }

    /// Reads its DER.
    ///
    /// # Errors
    /// When there is something else.
    pub fn decode(bytes: &[u8]) -> Result<Self, MessageError> {
        whole(bytes, |r| {
            let mut r = application(r, 2)?;
            version(&mut r, 0)?;
            let authenticator = Self {
                realm: required(&mut r, 1, string)?,
                name: required(&mut r, 2, principal)?,
                checksum: optional(&mut r, 3, Checksum::read)?,
                cusec: required(&mut r, 4, microseconds)?,
                ctime: required(&mut r, 5, time)?,
                subkey: optional(&mut r, 6, key)?,
                sequence: optional(&mut r, 7, |r| Ok(wrap(r.integer(Tag::INTEGER)?)))?,
                authorization_data: optional(&mut r, 8, AuthorizationData::read_all)?.unwrap_or_default(),
            };
            r.finish()?;
            Ok(authenticator)
        })
    }
}

/// A service's proof of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApRep {
    /// What only the service can have made.
    pub enc_part: EncryptedData,
}

impl ApRep {
    /// Its DER.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        write_application(15, |w| {
            write_header(w, 0, 15);
            field(w, 2, |w| self.enc_part.write(w));
        })
    }

    /// Reads its DER.
    ///
    /// # Errors
    /// When there is something else.
    pub fn decode(bytes: &[u8]) -> Result<Self, MessageError> {
        whole(bytes, |r| {
            let mut r = application(r, 15)?;
            header(&mut r, 0, 15)?;
            let enc_part = required(&mut r, 2, EncryptedData::read)?;
            r.finish()?;
            Ok(Self { enc_part })
        })
    }
}

/// What is inside an [`ApRep`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncApRepPart {
    /// The authenticator's time.
    pub ctime: KerberosTime,
    /// And its microseconds.
    pub cusec: u32,
    /// A key for this session alone.
    pub subkey: Option<Key>,
    /// The service's first sequence number.
    pub sequence: Option<u32>,
}

impl EncApRepPart {
    /// Its DER.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        write_application(27, |w| {
            write_time(w, 0, self.ctime);
            write_integer(w, 1, i64::from(self.cusec));
            self.subkey.iter().for_each(|k| write_key(w, 2, k));
            self.sequence.iter().for_each(|n| write_integer(w, 3, i64::from(*n)));
        })
    }

    /// Reads its DER.
    ///
    /// # Errors
    /// When there is something else.
    pub fn decode(bytes: &[u8]) -> Result<Self, MessageError> {
        whole(bytes, |r| {
            let mut r = application(r, 27)?;
            let ctime = required(&mut r, 0, time)?;
            let cusec = required(&mut r, 1, microseconds)?;
            let subkey = optional(&mut r, 2, key)?;
            let sequence = if r.is_empty() { None } else { Some(read_u32(&mut r, 3)?) };
            r.finish()?;
            Ok(Self { ctime, cusec, subkey, sequence })
        })
    }
}
