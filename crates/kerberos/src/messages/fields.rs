//! The fields that messages share. RFC 4120 5.2.

use super::MessageError;
use crate::crypto::{Etype, Key};
use crate::{KerberosTime, PrincipalName};
use asn1::{Reader, Tag, Writer};
use md5::{Digest, Md5};
use subtle::ConstantTimeEq;

const MAX_COMPONENTS: usize = 16;
const MAX_ITEMS: usize = 64;

/// An encrypted part. RFC 4120 5.2.9.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EncryptedData {
    /// The kind of key.
    pub etype: i32,
    /// The key's version.
    pub kvno: Option<u32>,
    /// The ciphertext.
    pub cipher: Vec<u8>,
}

/// A checksum. RFC 4120 5.2.9.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checksum {
    /// Its kind.
    pub kind: i32,
    /// Its bytes.
    pub value: Vec<u8>,
}

/// One element of authorization data. RFC 4120 5.2.6.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorizationData {
    /// Its kind.
    pub kind: i32,
    /// Its contents.
    pub data: Vec<u8>,
}

impl EncryptedData {
    /// What a key of this kind and version encrypted.
    #[must_use]
    pub fn new(etype: Etype, kvno: Option<u32>, cipher: Vec<u8>) -> Self {
        Self { etype: etype as i32, kvno, cipher }
    }

    /// Its DER.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::der();
        self.write(&mut w);
        w.into_bytes()
    }

    /// Reads its DER.
    ///
    /// # Errors
    /// When there is something else.
    pub fn decode(bytes: &[u8]) -> Result<Self, MessageError> {
        whole(bytes, Self::read)
    }

    pub(super) fn write(&self, w: &mut Writer) {
        w.nest(Tag::SEQUENCE, |w| {
            write_integer(w, 0, i64::from(self.etype));
            self.kvno.iter().for_each(|kvno| write_integer(w, 1, i64::from(*kvno)));
            write_octets(w, 2, &self.cipher);
        });
    }

    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, MessageError> {
        let mut r = r.enter(Tag::SEQUENCE)?;
        let etype = read_i32(&mut r, 0)?;
        let kvno = optional(&mut r, 1, |r| Ok(wrap(r.integer(Tag::INTEGER)?)))?;
        let cipher = read_octets(&mut r, 2)?;
        r.finish()?;
        Ok(Self { etype, kvno, cipher })
    }
}

impl Checksum {
    /// The checksum that a key makes of `data` for a usage.
    #[must_use]
    pub fn keyed(key: &Key, usage: u32, data: &[u8]) -> Self {
        Self { kind: key.etype().checksum_type(), value: key.checksum(usage, data).to_vec() }
    }

    /// `rsa-md5`. RFC 3961 6.2.5: no key goes into it.
    pub const RSA_MD5: i32 = 7;

    /// Whether it is the checksum of `data`; none when its kind is not one that this key makes. `RSA_MD5` counts too: it stands inside
    /// an encrypted authenticator, and Java's Kerberos sends no other.
    #[must_use]
    pub fn verifies(&self, key: &Key, usage: u32, data: &[u8]) -> Option<bool> {
        match self.kind {
            Self::RSA_MD5 => Some(Md5::digest(data).as_slice().ct_eq(self.value.as_slice()).into()),
            kind if kind == key.etype().checksum_type() => Some(key.verify_checksum(usage, data, &self.value)),
            _ => None,
        }
    }

    /// Its DER.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::der();
        self.write(&mut w);
        w.into_bytes()
    }

    pub(super) fn write(&self, w: &mut Writer) {
        w.nest(Tag::SEQUENCE, |w| {
            write_integer(w, 0, i64::from(self.kind));
            write_octets(w, 1, &self.value);
        });
    }

    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, MessageError> {
        let mut r = r.enter(Tag::SEQUENCE)?;
        let (kind, value) = (read_i32(&mut r, 0)?, read_octets(&mut r, 1)?);
        r.finish()?;
        Ok(Self { kind, value })
    }
}

impl AuthorizationData {
    /// `AD-IF-RELEVANT`. RFC 4120 5.2.6.1.
    pub const IF_RELEVANT: i32 = 1;
    /// `AD-WIN2K-PAC`. RFC 4120 7.5.4.
    pub const WIN2K_PAC: i32 = 128;

    /// Writes a SEQUENCE of them.
    #[must_use]
    pub fn encode_all(all: &[Self]) -> Vec<u8> {
        let mut w = Writer::der();
        Self::write_all(all, &mut w);
        w.into_bytes()
    }

    /// Reads a SEQUENCE of them.
    ///
    /// # Errors
    /// When there is something else.
    pub fn decode_all(bytes: &[u8]) -> Result<Vec<Self>, MessageError> {
        whole(bytes, Self::read_all)
    }

    pub(super) fn write_all(all: &[Self], w: &mut Writer) {
        w.nest(Tag::SEQUENCE, |w| {
            for element in all {
                w.nest(Tag::SEQUENCE, |w| {
                    write_integer(w, 0, i64::from(element.kind));
                    write_octets(w, 1, &element.data);
                });
            }
        });
    }

    pub(super) fn read_all(r: &mut Reader<'_>) -> Result<Vec<Self>, MessageError> {
        sequence_of(r, MAX_ITEMS, "authorization data", |r| {
            let mut r = r.enter(Tag::SEQUENCE)?;
            Ok(Self { kind: read_i32(&mut r, 0)?, data: read_octets(&mut r, 1)? })
        })
    }
}

/// Reads exactly one element.
pub(super) fn whole<T>(
    bytes: &[u8],
    read: impl FnOnce(&mut Reader<'_>) -> Result<T, MessageError>,
) -> Result<T, MessageError> {
    let mut r = Reader::new(bytes);
    let value = read(&mut r)?;
    r.finish()?;
    Ok(value)
}

/// Writes `[n] value`, explicit.
pub(super) fn field(w: &mut Writer, n: u8, value: impl FnOnce(&mut Writer)) {
    w.nest(Tag::context_constructed(n), value);
}

/// Reads `[n] value`.
pub(super) fn required<'a, T>(
    r: &mut Reader<'a>,
    n: u8,
    read: impl FnOnce(&mut Reader<'a>) -> Result<T, MessageError>,
) -> Result<T, MessageError> {
    let mut inner = r.enter(Tag::context_constructed(n))?;
    let value = read(&mut inner)?;
    inner.finish()?;
    Ok(value)
}

/// Reads `[n] value OPTIONAL`.
pub(super) fn optional<'a, T>(
    r: &mut Reader<'a>,
    n: u8,
    read: impl FnOnce(&mut Reader<'a>) -> Result<T, MessageError>,
) -> Result<Option<T>, MessageError> {
    if r.peek() == Some(Tag::context_constructed(n)) { required(r, n, read).map(Some) } else { Ok(None) }
}

pub(super) fn sequence_of<'a, T>(
    r: &mut Reader<'a>,
    most: usize,
    what: &'static str,
    mut read: impl FnMut(&mut Reader<'a>) -> Result<T, MessageError>,
) -> Result<Vec<T>, MessageError> {
    let mut inner = r.enter(Tag::SEQUENCE)?;
    let mut all = Vec::new();
    while !inner.is_empty() {
        if all.len() == most {
            return Err(MessageError::TooMany(what));
        }
        all.push(read(&mut inner)?);
    }
    Ok(all)
}

pub(super) fn write_integer(w: &mut Writer, n: u8, value: i64) {
    field(w, n, |w| w.integer(Tag::INTEGER, value));
}

pub(super) fn read_i32(r: &mut Reader<'_>, n: u8) -> Result<i32, MessageError> {
    required(r, n, |r| i32::try_from(r.integer(Tag::INTEGER)?).map_err(|_| MessageError::Field("number")))
}

/// UInt32, also from those who send its upper half as negative numbers.
pub(super) fn wrap(value: i64) -> u32 {
    let [.., a, b, c, d] = value.to_be_bytes();
    u32::from_be_bytes([a, b, c, d])
}

pub(super) fn read_u32(r: &mut Reader<'_>, n: u8) -> Result<u32, MessageError> {
    required(r, n, |r| Ok(wrap(r.integer(Tag::INTEGER)?)))
}

pub(super) fn write_octets(w: &mut Writer, n: u8, value: &[u8]) {
    field(w, n, |w| w.value(Tag::OCTET_STRING, value));
}

pub(super) fn read_octets(r: &mut Reader<'_>, n: u8) -> Result<Vec<u8>, MessageError> {
    required(r, n, |r| Ok(r.value(Tag::OCTET_STRING)?.to_vec()))
}

pub(super) fn string(r: &mut Reader<'_>) -> Result<String, MessageError> {
    let bytes = r.value(Tag::GENERAL_STRING)?;
    std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| MessageError::Field("text"))
}

pub(super) fn write_string(w: &mut Writer, n: u8, value: &str) {
    field(w, n, |w| w.value(Tag::GENERAL_STRING, value.as_bytes()));
}

pub(super) fn write_principal(w: &mut Writer, n: u8, name: &PrincipalName) {
    field(w, n, |w| {
        w.nest(Tag::SEQUENCE, |w| {
            write_integer(w, 0, i64::from(name.name_type));
            field(w, 1, |w| {
                w.nest(Tag::SEQUENCE, |w| {
                    name.components.iter().for_each(|c| w.value(Tag::GENERAL_STRING, c.as_bytes()))
                });
            });
        });
    });
}

pub(super) fn principal(r: &mut Reader<'_>) -> Result<PrincipalName, MessageError> {
    let mut r = r.enter(Tag::SEQUENCE)?;
    let name_type = read_i32(&mut r, 0)?;
    let components = required(&mut r, 1, |r| sequence_of(r, MAX_COMPONENTS, "parts of a name", string))?;
    r.finish()?;
    Ok(PrincipalName { name_type, components })
}

pub(super) fn write_time(w: &mut Writer, n: u8, time: KerberosTime) {
    field(w, n, |w| w.value(Tag::GENERALIZED_TIME, time.to_string().as_bytes()));
}

pub(super) fn time(r: &mut Reader<'_>) -> Result<KerberosTime, MessageError> {
    KerberosTime::parse(r.value(Tag::GENERALIZED_TIME)?).ok_or(MessageError::Field("time"))
}

/// Microseconds. RFC 4120 5.2.4.
pub(super) fn microseconds(r: &mut Reader<'_>) -> Result<u32, MessageError> {
    match u32::try_from(r.integer(Tag::INTEGER)?) {
        Ok(n) if n <= 999_999 => Ok(n),
        _ => Err(MessageError::Field("microseconds")),
    }
}

pub(super) fn write_flags(w: &mut Writer, n: u8, flags: u32) {
    let [a, b, c, d] = flags.to_be_bytes();
    field(w, n, |w| w.value(Tag::BIT_STRING, &[0, a, b, c, d]));
}

/// KerberosFlags: at least 32 bits, the first of them in the first byte's highest. RFC 4120 5.2.8.
pub(super) fn bits(r: &mut Reader<'_>) -> Result<u32, MessageError> {
    let bytes = r.value(Tag::BIT_STRING)?;
    let (unused, bits) = bytes.split_first().ok_or(MessageError::Field("flags"))?;
    if *unused > 7 || bits.len() > 16 {
        return Err(MessageError::Field("flags"));
    }
    let first = bits.iter().chain([0, 0, 0, 0].iter()).take(4);
    Ok(first.fold(0, |flags, byte| flags << 8 | u32::from(*byte)))
}

pub(super) fn write_key(w: &mut Writer, n: u8, key: &Key) {
    field(w, n, |w| {
        w.nest(Tag::SEQUENCE, |w| {
            write_integer(w, 0, key.etype() as i64);
            write_octets(w, 1, key.bytes());
        });
    });
}

pub(super) fn key(r: &mut Reader<'_>) -> Result<Key, MessageError> {
    let mut r = r.enter(Tag::SEQUENCE)?;
    let etype = Etype::from_i32(read_i32(&mut r, 0)?).ok_or(MessageError::Field("encryption type of a key"))?;
    let key =
        required(&mut r, 1, |r| Key::new(etype, r.value(Tag::OCTET_STRING)?).map_err(|_| MessageError::Field("key")))?;
    r.finish()?;
    Ok(key)
}

/// The protocol version, which is 5 in every message.
pub(super) fn version(r: &mut Reader<'_>, n: u8) -> Result<(), MessageError> {
    if read_i32(r, n)? == 5 { Ok(()) } else { Err(MessageError::Kind) }
}

/// Version and message type at the beginning of most messages.
pub(super) fn header(r: &mut Reader<'_>, first: u8, kind: i32) -> Result<(), MessageError> {
    version(r, first)?;
    if read_i32(r, first + 1)? == kind { Ok(()) } else { Err(MessageError::Kind) }
}

pub(super) fn write_header(w: &mut Writer, first: u8, kind: i64) {
    write_integer(w, first, 5);
    write_integer(w, first + 1, kind);
}

/// The SEQUENCE inside an application tag.
pub(super) fn application<'a>(r: &mut Reader<'a>, n: u8) -> Result<Reader<'a>, MessageError> {
    if r.peek() != Some(Tag::application_constructed(n)) {
        return Err(MessageError::Kind);
    }
    let mut inner = r.enter(Tag::application_constructed(n))?;
    let sequence = inner.enter(Tag::SEQUENCE)?;
    inner.finish()?;
    Ok(sequence)
}

pub(super) fn write_application(n: u8, fill: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut w = Writer::der();
    w.nest(Tag::application_constructed(n), |w| w.nest(Tag::SEQUENCE, fill));
    w.into_bytes()
}
