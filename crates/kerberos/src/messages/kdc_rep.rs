//! Answers of a KDC. RFC 4120 5.4.2.

use super::fields::{
    EncryptedData, application, bits, field, header, key, optional, principal, read_i32, read_u32, required,
    sequence_of, string, time, whole, write_application, write_flags, write_header, write_integer, write_key,
    write_principal, write_string, write_time,
};
use super::{MessageError, PaData, Ticket};
use crate::crypto::Key;
use crate::{KerberosTime, PrincipalName};
use asn1::{Reader, Tag, Writer};

/// When something about the client last happened: kind and time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastReq {
    /// What happened.
    pub kind: i32,
    /// When.
    pub at: KerberosTime,
}

/// What the client needs to know about its ticket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncKdcRepPart {
    /// The session key.
    pub key: Key,
    /// When what last happened.
    pub last_req: Vec<LastReq>,
    /// The request's.
    pub nonce: u32,
    /// When the client's password expires.
    pub key_expiration: Option<KerberosTime>,
    /// See [`super::flags`].
    pub flags: u32,
    /// When the client first proved who it is.
    pub auth_time: KerberosTime,
    /// From when the ticket holds.
    pub start_time: Option<KerberosTime>,
    /// Until when.
    pub end_time: KerberosTime,
    /// Until when it can be renewed.
    pub renew_till: Option<KerberosTime>,
    /// The service's realm.
    pub realm: String,
    /// The service.
    pub service: PrincipalName,
    /// RFC 6806 11: answers that are protected with the rest.
    pub encrypted_padata: Vec<PaData>,
}

impl EncKdcRepPart {
    /// Its DER in an answer to an AS request.
    #[must_use]
    pub fn encode_as(&self) -> Vec<u8> {
        write_application(25, |w| self.write(w))
    }

    /// Its DER in an answer to a TGS request.
    #[must_use]
    pub fn encode_tgs(&self) -> Vec<u8> {
        write_application(26, |w| self.write(w))
    }

    fn write(&self, w: &mut Writer) {
        write_key(w, 0, &self.key);
        field(w, 1, |w| {
            w.nest(Tag::SEQUENCE, |w| {
                for last in &self.last_req {
                    w.nest(Tag::SEQUENCE, |w| {
                        write_integer(w, 0, i64::from(last.kind));
                        write_time(w, 1, last.at);
                    });
                }
            });
        });
        write_integer(w, 2, i64::from(self.nonce));
        self.key_expiration.iter().for_each(|t| write_time(w, 3, *t));
        write_flags(w, 4, self.flags);
        write_time(w, 5, self.auth_time);
        self.start_time.iter().for_each(|t| write_time(w, 6, *t));
        write_time(w, 7, self.end_time);
        self.renew_till.iter().for_each(|t| write_time(w, 8, *t));
        write_string(w, 9, &self.realm);
        write_principal(w, 10, &self.service);
        if !self.encrypted_padata.is_empty() {
            field(w, 12, |w| PaData::write_all(&self.encrypted_padata, w));
        }
    }

    /// Reads its DER. Some KDCs use the TGS tag for both (RFC 4120 5.4.2), so either is taken.
    ///
    /// # Errors
    /// When there is something else.
    pub fn decode(bytes: &[u8]) -> Result<Self, MessageError> {
        let tag = if bytes.first() == Some(&Tag::application_constructed(25).0) { 25 } else { 26 };
        whole(bytes, |r| {
            let mut r = application(r, tag)?;
            let part = Self {
                key: required(&mut r, 0, key)?,
                last_req: required(&mut r, 1, |r| sequence_of(r, 64, "last requests", last_req))?,
                nonce: read_u32(&mut r, 2)?,
                key_expiration: optional(&mut r, 3, time)?,
                flags: required(&mut r, 4, bits)?,
                auth_time: required(&mut r, 5, time)?,
                start_time: optional(&mut r, 6, time)?,
                end_time: required(&mut r, 7, time)?,
                renew_till: optional(&mut r, 8, time)?,
                realm: required(&mut r, 9, string)?,
                service: required(&mut r, 10, principal)?,
                encrypted_padata: {
                    r.optional(Tag::context_constructed(11))?;
                    optional(&mut r, 12, PaData::read_all)?.unwrap_or_default()
                },
            };
            r.finish()?;
            Ok(part)
        })
    }
}

fn last_req(r: &mut Reader<'_>) -> Result<LastReq, MessageError> {
    let mut r = r.enter(Tag::SEQUENCE)?;
    Ok(LastReq { kind: read_i32(&mut r, 0)?, at: required(&mut r, 1, time)? })
}

macro_rules! reply {
    ($name:ident, $tag:literal, $doc:literal) => {
        #[doc = $doc]
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name {
            /// What goes with it.
            pub padata: Vec<PaData>,
            /// The client's realm.
            pub client_realm: String,
            /// The client.
            pub client: PrincipalName,
            /// The ticket.
            pub ticket: Ticket,
            /// An [`EncKdcRepPart`].
            pub enc_part: EncryptedData,
        }

        impl $name {
            /// Its DER.
            #[must_use]
            pub fn encode(&self) -> Vec<u8> {
                write_application($tag, |w| {
                    write_header(w, 0, $tag);
                    if !self.padata.is_empty() {
                        field(w, 2, |w| PaData::write_all(&self.padata, w));
                    }
                    write_string(w, 3, &self.client_realm);
                    write_principal(w, 4, &self.client);
                    field(w, 5, |w| self.ticket.write(w));
                    field(w, 6, |w| self.enc_part.write(w));
                })
            }

            /// Reads its DER.
            ///
            /// # Errors
            /// When there is something else.
            pub fn decode(bytes: &[u8]) -> Result<Self, MessageError> {
                whole(bytes, |r| {
                    let mut r = application(r, $tag)?;
                    header(&mut r, 0, $tag)?;
                    let reply = Self {
                        padata: optional(&mut r, 2, PaData::read_all)?.unwrap_or_default(),
                        client_realm: required(&mut r, 3, string)?,
                        client: required(&mut r, 4, principal)?,
                        ticket: required(&mut r, 5, Ticket::read)?,
                        enc_part: required(&mut r, 6, EncryptedData::read)?,
                    };
                    r.finish()?;
                    Ok(reply)
                })
            }
        }
    };
}

reply!(AsRep, 11, "The answer to an AS request.");
reply!(TgsRep, 13, "The answer to a TGS request.");
