//! The managed password's blob and the key envelope: what decodes encodes, and decodes to the same again.
#![no_main]

use gkdi::{KdfHash, KeyEnvelope, ManagedPasswordBlob};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = KdfHash::decode(bytes);
    if let Ok(blob) = ManagedPasswordBlob::decode(bytes) {
        let again = ManagedPasswordBlob::decode(&blob.encode()).expect("what was encoded can be decoded");
        assert!(again.current.as_bytes() == blob.current.as_bytes());
        let _ = (blob.current.kerberos_utf8(), blob.current.nt_hash());
    }
    if let Ok(envelope) = KeyEnvelope::decode(bytes) {
        assert_eq!(KeyEnvelope::decode(&envelope.encode()).as_ref(), Ok(&envelope));
    }
});
