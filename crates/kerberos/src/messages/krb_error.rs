//! Refusals. RFC 4120 5.9.1.

use super::MessageError;
use super::fields::{
    application, header, microseconds, optional, principal, read_i32, read_octets, required, string, time, whole,
    write_application, write_header, write_integer, write_octets, write_principal, write_string, write_time,
};
use crate::{KerberosTime, PrincipalName};
use asn1::{Reader, Tag, Writer};

/// Why a KDC or a service refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KrbError {
    /// The server's time.
    pub stime: KerberosTime,
    /// And its microseconds.
    pub susec: u32,
    /// See [`super::code`].
    pub code: i32,
    /// The client's realm.
    pub client_realm: Option<String>,
    /// The client.
    pub client: Option<PrincipalName>,
    /// The service's realm.
    pub realm: String,
    /// The service.
    pub service: PrincipalName,
    /// For people.
    pub text: Option<String>,
    /// For programs; what it is depends on the code.
    pub data: Option<Vec<u8>>,
}

/// `KERB_ERR_TYPE_EXTENDED`. MS-KILE 2.2.2.
const EXTENDED: i32 = 3;

impl KrbError {
    /// What stands in [`data`](Self::data) when Windows' own status goes with the code: KERB-EXT-ERROR in KERB-ERROR-DATA. MS-KILE
    /// 2.2.1, 2.2.2.
    #[must_use]
    pub fn extended(status: u32) -> Vec<u8> {
        let [a, b, c, d] = status.to_le_bytes();
        let mut w = Writer::der();
        w.nest(Tag::SEQUENCE, |w| {
            write_integer(w, 1, i64::from(EXTENDED));
            write_octets(w, 2, &[a, b, c, d, 0, 0, 0, 0, 1, 0, 0, 0]);
        });
        w.into_bytes()
    }

    /// The status that Windows gives with the code (an NTSTATUS), when it does.
    #[must_use]
    pub fn status(&self) -> Option<u32> {
        let mut r = Reader::new(self.data.as_deref()?).enter(Tag::SEQUENCE).ok()?;
        let kind = read_i32(&mut r, 1).ok()?;
        let value = read_octets(&mut r, 2).ok()?;
        let status = value.first_chunk().filter(|_| kind == EXTENDED && value.len() == 12)?;
        Some(u32::from_le_bytes(*status))
    }

    /// Its DER.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        write_application(30, |w| {
            write_header(w, 0, 30);
            write_time(w, 4, self.stime);
            write_integer(w, 5, i64::from(self.susec));
            write_integer(w, 6, i64::from(self.code));
            self.client_realm.iter().for_each(|realm| write_string(w, 7, realm));
            self.client.iter().for_each(|name| write_principal(w, 8, name));
            write_string(w, 9, &self.realm);
            write_principal(w, 10, &self.service);
            self.text.iter().for_each(|text| write_string(w, 11, text));
            self.data.iter().for_each(|data| write_octets(w, 12, data));
        })
    }

    /// Reads its DER.
    ///
    /// # Errors
    /// When there is something else.
    pub fn decode(bytes: &[u8]) -> Result<Self, MessageError> {
        whole(bytes, |r| {
            let mut r = application(r, 30)?;
            header(&mut r, 0, 30)?;
            // The client's own time, which it knows.
            r.optional(Tag::context_constructed(2))?;
            r.optional(Tag::context_constructed(3))?;
            let error = Self {
                stime: required(&mut r, 4, time)?,
                susec: required(&mut r, 5, microseconds)?,
                code: read_i32(&mut r, 6)?,
                client_realm: optional(&mut r, 7, string)?,
                client: optional(&mut r, 8, principal)?,
                realm: required(&mut r, 9, string)?,
                service: required(&mut r, 10, principal)?,
                text: optional(&mut r, 11, string)?,
                data: if r.peek() == Some(Tag::context_constructed(12)) {
                    Some(read_octets(&mut r, 12)?)
                } else {
                    None
                },
            };
            r.optional(Tag::context_constructed(13))?;
            r.finish()?;
            Ok(error)
        })
    }
}
