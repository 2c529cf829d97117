//! What can be read of a certificate: whose it is, how long it lasts, its fingerprint. RFC 5280 4.1.

use asn1::{Reader, Tag};
use dtyp::FileTime;
use rustls_pki_types::CertificateDer;
use sha2::{Digest, Sha256};

use crate::Error;

const UTC_TIME: Tag = Tag(0x17);
const UTF8_STRING: Tag = Tag(0x0c);
const PRINTABLE_STRING: Tag = Tag(0x13);
const VERSION: Tag = Tag(0xa0);
/// 2.5.4.3, commonName.
const COMMON_NAME: [u8; 3] = [0x55, 0x04, 0x03];

/// The readable part of a certificate. Nothing here says that it may be trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The common name of its subject, if it has one.
    pub common_name: Option<String>,
    /// When it begins to be valid.
    pub not_before: FileTime,
    /// When it stops.
    pub not_after: FileTime,
    /// SHA-256 of the whole certificate.
    pub sha256: [u8; 32],
}

impl Certificate {
    /// Reads a certificate.
    ///
    /// # Errors
    /// [`Error::Certificate`] when the bytes are none.
    pub fn read(der: &CertificateDer<'_>) -> Result<Self, Error> {
        let parsed = fields(der).map_err(|e| Error::Certificate(e.to_string()))?;
        let time = |(tag, text): (Tag, &[u8])| {
            // Only these two forms, and always UTC: RFC 5280 4.1.2.5.
            let text = std::str::from_utf8(text).ok().filter(|t| t.ends_with('Z') && !t.contains(['.', ',']));
            let text = text.filter(|t| matches!((tag, t.len()), (UTC_TIME, 13) | (Tag::GENERALIZED_TIME, 15)));
            text.and_then(|t| FileTime::parse_generalized(t).ok())
                .ok_or_else(|| Error::Certificate("its validity is malformed".into()))
        };
        Ok(Self {
            common_name: parsed.common_name,
            not_before: time(parsed.not_before)?,
            not_after: time(parsed.not_after)?,
            sha256: Sha256::digest(der).into(),
        })
    }

    /// Whether it is valid at `at`.
    #[must_use]
    pub fn is_valid_at(&self, at: FileTime) -> bool {
        self.not_before <= at && at <= self.not_after
    }

    /// The fingerprint in hexadecimal.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        self.sha256.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// For logs: `CN=ccg-plugin, SHA-256 3f2a…` with the first eight bytes of the fingerprint.
impl std::fmt::Display for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CN={}, SHA-256 ", self.common_name.as_deref().unwrap_or("(none)"))?;
        self.sha256.iter().take(8).try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str("…")
    }
}

struct Fields<'a> {
    common_name: Option<String>,
    not_before: (Tag, &'a [u8]),
    not_after: (Tag, &'a [u8]),
}

/// TBSCertificate up to its subject.
fn fields(der: &[u8]) -> Result<Fields<'_>, asn1::Error> {
    let mut certificate = Reader::new(der).enter(Tag::SEQUENCE)?;
    let mut tbs = certificate.enter(Tag::SEQUENCE)?;
    tbs.optional(VERSION)?;
    tbs.value(Tag::INTEGER)?;
    tbs.value(Tag::SEQUENCE)?;
    tbs.value(Tag::SEQUENCE)?;
    let mut validity = tbs.enter(Tag::SEQUENCE)?;
    let (not_before, not_after) = (validity.any()?, validity.any()?);
    let common_name = common_name(tbs.enter(Tag::SEQUENCE)?)?;
    Ok(Fields {
        common_name,
        not_before: (not_before.tag, not_before.value),
        not_after: (not_after.tag, not_after.value),
    })
}

/// The first common name of an RDNSequence. What would garble a log line is replaced.
fn common_name(mut name: Reader<'_>) -> Result<Option<String>, asn1::Error> {
    while !name.is_empty() {
        let mut rdn = name.enter(Tag::SET)?;
        while !rdn.is_empty() {
            let mut attribute = rdn.enter(Tag::SEQUENCE)?;
            let oid = attribute.value(Tag::OID)?;
            let value = attribute.any()?;
            if oid == COMMON_NAME && (value.tag == UTF8_STRING || value.tag == PRINTABLE_STRING) {
                let text = String::from_utf8_lossy(value.value);
                return Ok(Some(text.chars().take(128).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()));
            }
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use dtyp::{Clock, SystemClock};
    use proptest::prelude::*;

    use super::*;
    use crate::{Authority, Purpose, Validity};

    #[test]
    fn a_certificate_says_whose_it_is_and_how_long() {
        let authority = Authority::create("test", Validity::DAY, &SystemClock).unwrap();
        let client = authority.issue(&Purpose::client("ccg-plugin"), Validity::DAY, &SystemClock).unwrap();
        let read = Certificate::read(client.certificate()).unwrap();
        let now = SystemClock.now();
        assert_eq!(read.common_name.as_deref(), Some("ccg-plugin"));
        assert!(read.is_valid_at(now));
        assert!(!read.is_valid_at(now + Duration::from_secs(2 * 86_400)));
        assert!(!read.is_valid_at(now - Duration::from_secs(86_400)));
        assert_eq!(read.fingerprint().len(), 64);
        assert!(read.to_string().starts_with("CN=ccg-plugin, SHA-256 "));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Certificate::read(&CertificateDer::from(bytes));
        }

        #[test]
        fn a_damaged_certificate_is_read_or_refused(at in 0usize..300, bit in 0u8..8) {
            let authority = TEST.get_or_init(|| Authority::create("test", Validity::DAY, &SystemClock).unwrap());
            let mut der = authority.certificate().to_vec();
            let at = at % der.len();
            der[at] ^= 1 << bit;
            let _ = Certificate::read(&CertificateDer::from(der));
        }
    }

    static TEST: std::sync::OnceLock<Authority> = std::sync::OnceLock::new();
}
