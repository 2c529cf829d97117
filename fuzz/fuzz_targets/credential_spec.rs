//! Credential specs: what parses is written back and parses to the same, in every form that it travels in.
#![no_main]

use credspec::CredentialSpec;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = credspec::check(bytes);
    if let Ok(document) = credspec::read(bytes) {
        let _ = credspec::check(&document.json);
    }
    if let Ok(spec) = CredentialSpec::parse(bytes) {
        let again = CredentialSpec::parse(spec.to_json().as_bytes()).expect("what was written can be parsed");
        assert_eq!(again.to_json(), spec.to_json());
    }
});
