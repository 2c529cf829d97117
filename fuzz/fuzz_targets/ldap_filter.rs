//! Filter text: what parses prints, and what was printed parses to the same filter.
#![no_main]

use ldap::FilterBuf;

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Ok(filter) = text.parse::<FilterBuf>() {
        let printed = filter.as_filter().to_string();
        let again: FilterBuf = printed.parse().expect("what was printed can be parsed");
        assert_eq!(again.as_bytes(), filter.as_bytes(), "{printed}");
    }
});
