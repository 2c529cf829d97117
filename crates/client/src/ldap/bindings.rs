//! Tying a GSSAPI bind to the TLS connection beneath it. RFC 5929 4 (`tls-server-end-point`).

use asn1::{Reader, Tag};
use sha2::{Digest, Sha256, Sha384, Sha512};

use ::kerberos::gss::ChannelBindings;

/// The hash that a certificate was signed with says which hash of it counts.
enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

/// The bindings of a connection whose server showed this certificate; none where RFC 5929 leaves the hash undefined.
pub(super) fn end_point(certificate: &[u8]) -> Option<ChannelBindings> {
    let hash = match signed_with(certificate)? {
        Hash::Sha256 => Sha256::digest(certificate).to_vec(),
        Hash::Sha384 => Sha384::digest(certificate).to_vec(),
        Hash::Sha512 => Sha512::digest(certificate).to_vec(),
    };
    Some(ChannelBindings::of(&[b"tls-server-end-point:", &hash[..]].concat()))
}

/// Reads the signature algorithm of a certificate (RFC 5280 4.1.1.2).
fn signed_with(certificate: &[u8]) -> Option<Hash> {
    let mut certificate = Reader::new(certificate).enter(Tag::SEQUENCE).ok()?;
    certificate.any().ok()?;
    match certificate.enter(Tag::SEQUENCE).ok()?.value(Tag::OID).ok()? {
        // 1.2.840.113549.1.1: RSA with MD5, SHA-1, SHA-256, SHA-384, SHA-512. MD5 and SHA-1 count as SHA-256.
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 4 | 5 | 11] => Some(Hash::Sha256),
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 12] => Some(Hash::Sha384),
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 13] => Some(Hash::Sha512),
        // 1.2.840.10045.4: ECDSA with SHA-1, SHA-256, SHA-384, SHA-512.
        [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 1] | [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 3, 2] => Some(Hash::Sha256),
        [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 3, 3] => Some(Hash::Sha384),
        [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 3, 4] => Some(Hash::Sha512),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use asn1::Writer;

    fn certificate(oid: &[u8]) -> Vec<u8> {
        let mut w = Writer::der();
        w.nest(Tag::SEQUENCE, |w| {
            w.nest(Tag::SEQUENCE, |w| w.integer(Tag::INTEGER, 1));
            w.nest(Tag::SEQUENCE, |w| w.value(Tag::OID, oid));
        });
        w.into_bytes()
    }

    #[test]
    fn the_signature_s_hash_is_the_one_that_counts() {
        let bound = |hash: Vec<u8>| Some(ChannelBindings::of(&[b"tls-server-end-point:", &hash[..]].concat()));
        let sha384 = certificate(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 3, 3]);
        assert_eq!(end_point(&sha384), bound(Sha384::digest(&sha384).to_vec()));
        let sha1 = certificate(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 5]);
        assert_eq!(end_point(&sha1), bound(Sha256::digest(&sha1).to_vec()));
        assert_eq!(end_point(&certificate(&[0x2b, 0x65, 0x70])), None);
        assert_eq!(end_point(b"no certificate"), None);
    }
}
