//! Keytabs: what decodes encodes, and decodes to as many entries again.
#![no_main]

use kerberos::keytab::Keytab;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(keytab) = Keytab::decode(bytes) {
        let again = Keytab::decode(&keytab.encode()).expect("what was encoded can be decoded");
        assert_eq!(again.entries.len(), keytab.entries.len());
    }
});
