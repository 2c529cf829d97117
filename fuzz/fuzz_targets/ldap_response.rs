//! LDAP responses as a client reads them.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = ldap::client::Message::decode(bytes);
});
