//! What goes with requests and answers. RFC 4120 5.2.7; MS-KILE 2.2.

use super::fields::{
    microseconds, optional, read_i32, read_octets, required, sequence_of, string, time, whole, write_integer,
    write_octets, write_string, write_time,
};
use super::{MessageError, pa};
use crate::KerberosTime;
use asn1::{Reader, Tag, Writer};

const MAX_PADATA: usize = 64;

/// One element of pre-authentication data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaData {
    /// See [`pa`].
    pub kind: i32,
    /// Its contents.
    pub value: Vec<u8>,
}

/// How a password becomes a key of one kind. RFC 4120 5.2.7.5.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EtypeInfo2Entry {
    /// The kind.
    pub etype: i32,
    /// The salt; the principal's own if not said.
    pub salt: Option<String>,
    /// Parameters; for AES the number of iterations.
    pub s2kparams: Option<Vec<u8>>,
}

impl PaData {
    /// KERB-PA-PAC-REQUEST: whether the ticket is to have a PAC. MS-KILE 2.2.3.
    #[must_use]
    pub fn pac_request(include: bool) -> Self {
        let mut w = Writer::der();
        w.nest(Tag::SEQUENCE, |w| w.nest(Tag::context_constructed(0), |w| w.boolean(Tag::BOOLEAN, include)));
        Self { kind: pa::PAC_REQUEST, value: w.into_bytes() }
    }

    pub(super) fn write_all(all: &[Self], w: &mut Writer) {
        w.nest(Tag::SEQUENCE, |w| {
            for element in all {
                w.nest(Tag::SEQUENCE, |w| {
                    write_integer(w, 1, i64::from(element.kind));
                    write_octets(w, 2, &element.value);
                });
            }
        });
    }

    pub(super) fn read_all(r: &mut Reader<'_>) -> Result<Vec<Self>, MessageError> {
        sequence_of(r, MAX_PADATA, "pre-authentication data", |r| {
            let mut r = r.enter(Tag::SEQUENCE)?;
            let element = Self { kind: read_i32(&mut r, 1)?, value: read_octets(&mut r, 2)? };
            r.finish()?;
            Ok(element)
        })
    }
}

/// METHOD-DATA, in the error that asks for pre-authentication. RFC 4120 5.9.1.
#[must_use]
pub fn encode_method_data(all: &[PaData]) -> Vec<u8> {
    let mut w = Writer::der();
    PaData::write_all(all, &mut w);
    w.into_bytes()
}

/// Reads METHOD-DATA.
///
/// # Errors
/// When there is something else.
pub fn decode_method_data(bytes: &[u8]) -> Result<Vec<PaData>, MessageError> {
    whole(bytes, PaData::read_all)
}

/// ETYPE-INFO2.
#[must_use]
pub fn encode_etype_info2(all: &[EtypeInfo2Entry]) -> Vec<u8> {
    let mut w = Writer::der();
    w.nest(Tag::SEQUENCE, |w| {
        for entry in all {
            w.nest(Tag::SEQUENCE, |w| {
                write_integer(w, 0, i64::from(entry.etype));
                entry.salt.iter().for_each(|salt| write_string(w, 1, salt));
                entry.s2kparams.iter().for_each(|parameters| write_octets(w, 2, parameters));
            });
        }
    });
    w.into_bytes()
}

/// Reads ETYPE-INFO2.
///
/// # Errors
/// When there is something else.
pub fn decode_etype_info2(bytes: &[u8]) -> Result<Vec<EtypeInfo2Entry>, MessageError> {
    whole(bytes, |r| {
        sequence_of(r, MAX_PADATA, "encryption types", |r| {
            let mut r = r.enter(Tag::SEQUENCE)?;
            let entry = EtypeInfo2Entry {
                etype: read_i32(&mut r, 0)?,
                salt: optional(&mut r, 1, string)?,
                s2kparams: optional(&mut r, 2, |r| Ok(r.value(Tag::OCTET_STRING)?.to_vec()))?,
            };
            r.finish()?;
            Ok(entry)
        })
    })
}

/// PA-ENC-TS-ENC: a time, to be encrypted. RFC 4120 5.2.7.2.
#[must_use]
pub fn pa_enc_timestamp(at: KerberosTime, microseconds: u32) -> Vec<u8> {
    let mut w = Writer::der();
    w.nest(Tag::SEQUENCE, |w| {
        write_time(w, 0, at);
        write_integer(w, 1, i64::from(microseconds));
    });
    w.into_bytes()
}

/// Reads PA-ENC-TS-ENC.
///
/// # Errors
/// When there is something else.
pub fn decode_pa_enc_timestamp(bytes: &[u8]) -> Result<(KerberosTime, u32), MessageError> {
    whole(bytes, |r| {
        let mut r = r.enter(Tag::SEQUENCE)?;
        let at = required(&mut r, 0, time)?;
        let fraction = optional(&mut r, 1, microseconds)?.unwrap_or(0);
        r.finish()?;
        Ok((at, fraction))
    })
}

/// Reads KERB-PA-PAC-REQUEST.
///
/// # Errors
/// When there is something else.
pub fn decode_pac_request(bytes: &[u8]) -> Result<bool, MessageError> {
    whole(bytes, |r| {
        let mut r: Reader<'_> = r.enter(Tag::SEQUENCE)?;
        required(&mut r, 0, |r| Ok(r.boolean(Tag::BOOLEAN)?))
    })
}
