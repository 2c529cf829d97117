//! Requests to a KDC. RFC 4120 5.4.1.

use super::fields::{
    EncryptedData, application, bits, field, header, optional, principal, read_u32, required, sequence_of, string,
    time, whole, write_application, write_flags, write_header, write_integer, write_principal, write_string,
    write_time,
};
use super::{MessageError, PaData, Ticket};
use crate::{KerberosTime, PrincipalName};
use asn1::{Reader, Tag, Writer};

const MAX_ETYPES: usize = 64;
const MAX_TICKETS: usize = 4;

/// What is asked of a KDC.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KdcReqBody {
    /// See [`super::kdc_options`].
    pub options: u32,
    /// Who asks; only in an AS request.
    pub client: Option<PrincipalName>,
    /// The service's realm; in an AS request also the client's.
    pub realm: String,
    /// The service.
    pub service: Option<PrincipalName>,
    /// From when the ticket is to hold.
    pub from: Option<KerberosTime>,
    /// Until when.
    pub till: KerberosTime,
    /// Until when it is to be renewable.
    pub renew_till: Option<KerberosTime>,
    /// Comes back in the answer.
    pub nonce: u32,
    /// The kinds of keys the client can use, best first.
    pub etypes: Vec<i32>,
    /// Authorization data for the ticket.
    pub enc_authorization_data: Option<EncryptedData>,
    /// Tickets for user-to-user and delegation.
    pub additional_tickets: Vec<Ticket>,
}

impl KdcReqBody {
    /// Its DER: what the checksum of a TGS request is made of.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::der();
        self.write(&mut w);
        w.into_bytes()
    }

    fn write(&self, w: &mut Writer) {
        w.nest(Tag::SEQUENCE, |w| {
            write_flags(w, 0, self.options);
            self.client.iter().for_each(|name| write_principal(w, 1, name));
            write_string(w, 2, &self.realm);
            self.service.iter().for_each(|name| write_principal(w, 3, name));
            self.from.iter().for_each(|t| write_time(w, 4, *t));
            write_time(w, 5, self.till);
            self.renew_till.iter().for_each(|t| write_time(w, 6, *t));
            write_integer(w, 7, i64::from(self.nonce));
            field(w, 8, |w| {
                w.nest(Tag::SEQUENCE, |w| self.etypes.iter().for_each(|e| w.integer(Tag::INTEGER, i64::from(*e))))
            });
            self.enc_authorization_data.iter().for_each(|data| field(w, 10, |w| data.write(w)));
            if !self.additional_tickets.is_empty() {
                field(w, 11, |w| w.nest(Tag::SEQUENCE, |w| self.additional_tickets.iter().for_each(|t| t.write(w))));
            }
        });
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, MessageError> {
        let mut r = r.enter(Tag::SEQUENCE)?;
        let body = Self {
            options: required(&mut r, 0, bits)?,
            client: optional(&mut r, 1, principal)?,
            realm: required(&mut r, 2, string)?,
            service: optional(&mut r, 3, principal)?,
            from: optional(&mut r, 4, time)?,
            till: required(&mut r, 5, time)?,
            renew_till: optional(&mut r, 6, time)?,
            nonce: read_u32(&mut r, 7)?,
            etypes: required(&mut r, 8, |r| sequence_of(r, MAX_ETYPES, "encryption types", etype))?,
            enc_authorization_data: {
                // Addresses say nothing behind NAT.
                r.optional(Tag::context_constructed(9))?;
                optional(&mut r, 10, EncryptedData::read)?
            },
            additional_tickets: optional(&mut r, 11, |r| sequence_of(r, MAX_TICKETS, "tickets", Ticket::read))?
                .unwrap_or_default(),
        };
        r.finish()?;
        Ok(body)
    }
}

/// A kind of key; numbers that are no kind become 0, which nobody has.
fn etype(r: &mut Reader<'_>) -> Result<i32, MessageError> {
    Ok(i32::try_from(r.integer(Tag::INTEGER)?).unwrap_or(0))
}

macro_rules! request {
    ($name:ident, $tag:literal, $doc:literal) => {
        #[doc = $doc]
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name {
            /// What goes with it.
            pub padata: Vec<PaData>,
            /// What is asked.
            pub body: KdcReqBody,
        }

        impl $name {
            /// Its DER.
            #[must_use]
            pub fn encode(&self) -> Vec<u8> {
                write_application($tag, |w| {
                    write_header(w, 1, $tag);
                    if !self.padata.is_empty() {
                        field(w, 3, |w| PaData::write_all(&self.padata, w));
                    }
                    field(w, 4, |w| self.body.write(w));
                })
            }

            /// Reads its DER.
            ///
            /// # Errors
            /// When there is something else.
            pub fn decode(bytes: &[u8]) -> Result<Self, MessageError> {
                whole(bytes, |r| {
                    let mut r = application(r, $tag)?;
                    header(&mut r, 1, $tag)?;
                    let padata = optional(&mut r, 3, PaData::read_all)?.unwrap_or_default();
                    let body = required(&mut r, 4, KdcReqBody::read)?;
                    r.finish()?;
                    Ok(Self { padata, body })
                })
            }
        }
    };
}

request!(AsReq, 10, "A request for a first ticket.");
request!(TgsReq, 12, "A request for a ticket by means of another.");

/// The bytes of the body in an encoded request: what its checksum was made of.
///
/// # Errors
/// When it is no request.
pub fn body_of(request: &[u8]) -> Result<&[u8], MessageError> {
    let mut outer = Reader::new(request);
    let message = outer.any()?;
    let mut r = Reader::new(message.value).enter(Tag::SEQUENCE)?;
    while let Some(tag) = r.peek() {
        let element = r.any()?;
        if tag == Tag::context_constructed(4) {
            return Ok(element.value);
        }
    }
    Err(MessageError::Kind)
}
