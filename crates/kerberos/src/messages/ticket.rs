//! Tickets. RFC 4120 5.3.

use super::MessageError;
use super::fields::{
    AuthorizationData, EncryptedData, application, bits, field, key, optional, principal, required, string, time,
    version, whole, write_application, write_flags, write_integer, write_key, write_octets, write_principal,
    write_string, write_time,
};
use crate::crypto::Key;
use crate::{KerberosTime, PrincipalName};
use asn1::{Reader, Tag, Writer};

/// A ticket for a service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ticket {
    /// The service's realm.
    pub realm: String,
    /// The service.
    pub service: PrincipalName,
    /// What only the service can read.
    pub enc_part: EncryptedData,
}

impl Ticket {
    /// Its DER.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        write_application(1, |w| self.write_fields(w))
    }

    /// Reads its DER.
    ///
    /// # Errors
    /// When there is something else.
    pub fn decode(bytes: &[u8]) -> Result<Self, MessageError> {
        whole(bytes, Self::read)
    }

    pub(super) fn write(&self, w: &mut Writer) {
        w.nest(Tag::application_constructed(1), |w| w.nest(Tag::SEQUENCE, |w| self.write_fields(w)));
    }

    fn write_fields(&self, w: &mut Writer) {
        write_integer(w, 0, 5);
        write_string(w, 1, &self.realm);
        write_principal(w, 2, &self.service);
        field(w, 3, |w| self.enc_part.write(w));
    }

    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, MessageError> {
        let mut r = application(r, 1)?;
        version(&mut r, 0)?;
        let ticket = Self {
            realm: required(&mut r, 1, string)?,
            service: required(&mut r, 2, principal)?,
            enc_part: required(&mut r, 3, EncryptedData::read)?,
        };
        r.finish()?;
        Ok(ticket)
    }
}

/// What is inside a ticket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncTicketPart {
    /// See [`super::flags`].
    pub flags: u32,
    /// The session key.
    pub key: Key,
    /// The client's realm.
    pub client_realm: String,
    /// The client.
    pub client: PrincipalName,
    /// Realms on the way, compressed (RFC 4120 3.3.3.2).
    pub transited: Vec<u8>,
    /// When the client first proved who it is.
    pub auth_time: KerberosTime,
    /// From when the ticket holds.
    pub start_time: Option<KerberosTime>,
    /// Until when.
    pub end_time: KerberosTime,
    /// Until when it can be renewed.
    pub renew_till: Option<KerberosTime>,
    /// The PAC among others.
    pub authorization_data: Vec<AuthorizationData>,
}

impl EncTicketPart {
    /// Its DER.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        write_application(3, |w| {
            write_flags(w, 0, self.flags);
            write_key(w, 1, &self.key);
            write_string(w, 2, &self.client_realm);
            write_principal(w, 3, &self.client);
            field(w, 4, |w| {
                w.nest(Tag::SEQUENCE, |w| {
                    write_integer(w, 0, if self.transited.is_empty() { 0 } else { 1 });
                    write_octets(w, 1, &self.transited);
                });
            });
            write_time(w, 5, self.auth_time);
            self.start_time.iter().for_each(|t| write_time(w, 6, *t));
            write_time(w, 7, self.end_time);
            self.renew_till.iter().for_each(|t| write_time(w, 8, *t));
            if !self.authorization_data.is_empty() {
                field(w, 10, |w| AuthorizationData::write_all(&self.authorization_data, w));
            }
        })
    }

    /// Reads its DER.
    ///
    /// # Errors
    /// When there is something else.
    pub fn decode(bytes: &[u8]) -> Result<Self, MessageError> {
        whole(bytes, |r| {
            let mut r = application(r, 3)?;
            let part = Self {
                flags: required(&mut r, 0, bits)?,
                key: required(&mut r, 1, key)?,
                client_realm: required(&mut r, 2, string)?,
                client: required(&mut r, 3, principal)?,
                transited: required(&mut r, 4, transited)?,
                auth_time: required(&mut r, 5, time)?,
                start_time: optional(&mut r, 6, time)?,
                end_time: required(&mut r, 7, time)?,
                renew_till: optional(&mut r, 8, time)?,
                authorization_data: {
                    // Addresses say nothing behind NAT; Active Directory does not look at them either.
                    r.optional(Tag::context_constructed(9))?;
                    optional(&mut r, 10, AuthorizationData::read_all)?.unwrap_or_default()
                },
            };
            r.finish()?;
            Ok(part)
        })
    }

    /// The PAC, wherever it is wrapped. MS-KILE 3.3.5.6.3: in the first `AD-IF-RELEVANT`.
    #[must_use]
    pub fn pac(&self) -> Option<&[u8]> {
        let wrapped = self.authorization_data.iter().find(|data| data.kind == AuthorizationData::IF_RELEVANT)?;
        let mut list = Reader::new(&wrapped.data).enter(Tag::SEQUENCE).ok()?;
        while let Ok(mut element) = list.enter(Tag::SEQUENCE) {
            let kind = element.enter(Tag::context_constructed(0)).ok()?.integer(Tag::INTEGER).ok()?;
            let data = element.enter(Tag::context_constructed(1)).ok()?.value(Tag::OCTET_STRING).ok()?;
            if kind == i64::from(AuthorizationData::WIN2K_PAC) {
                return Some(data);
            }
        }
        None
    }

    /// Wraps a PAC as authorization data.
    #[must_use]
    pub fn wrap_pac(pac: Vec<u8>) -> Vec<AuthorizationData> {
        let inner = [AuthorizationData { kind: AuthorizationData::WIN2K_PAC, data: pac }];
        vec![AuthorizationData { kind: AuthorizationData::IF_RELEVANT, data: AuthorizationData::encode_all(&inner) }]
    }
}

fn transited(r: &mut Reader<'_>) -> Result<Vec<u8>, MessageError> {
    let mut r = r.enter(Tag::SEQUENCE)?;
    super::fields::read_i32(&mut r, 0)?;
    super::fields::read_octets(&mut r, 1)
}
