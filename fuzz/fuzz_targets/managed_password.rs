//! The managed password's blob, the key envelopes, public keys and a root key's parameters: what decodes encodes, and decodes to the
//! same again.
#![no_main]

use gkdi::{DhGroup, GetKey, GroupKeyEnvelope, GroupPublicKey, KdfHash, KeyEnvelope, ManagedPasswordBlob};

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
    if let Ok(envelope) = GroupKeyEnvelope::decode(bytes) {
        assert!(GroupKeyEnvelope::decode(&envelope.encode()).as_ref() == Ok(&envelope));
    }
    if let Ok(key) = GroupPublicKey::decode(bytes) {
        assert_eq!(key.encode(), bytes);
    }
    if let Some(group) = DhGroup::decode(bytes) {
        assert_eq!(group.encode(), bytes);
    }
    if let Some((numbers, descriptor)) = bytes.split_first_chunk::<3>() {
        let _ = GetKey::new(descriptor, None, numbers.map(|number| i32::from(number as i8)));
    }
});
