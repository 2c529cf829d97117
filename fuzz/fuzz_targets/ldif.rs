//! LDIF: what is read is written, and what was written is read as the same again.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Ok(records) = ldap::ldif::read(text) {
        let mut written = String::new();
        records.iter().for_each(|record| ldap::ldif::write(&mut written, record));
        let again = ldap::ldif::read(&written).expect("what was written can be read");
        assert_eq!(again, records, "{written}");
    }
});
