//! LDAP requests as a server reads them, with their controls.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = ldap::frame(bytes, 1 << 20);
    if let Ok(message) = ldap::Message::decode(bytes) {
        for control in &message.controls {
            let _ = control.integer();
            let _ = control.paged_results();
        }
    }
});
