//! Distinguished names: what parses prints, and what was printed parses to the same name.
#![no_main]

use ldap::{Dn, DnOrId};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let _ = text.parse::<DnOrId>();
    if let Ok(dn) = text.parse::<Dn>() {
        let printed = dn.to_string();
        let again: Dn = printed.parse().expect("what was printed can be parsed");
        assert!(again.same(&dn), "{printed}");
        if let Some(parent) = dn.parent() {
            assert!(dn.is_within(&parent));
        }
    }
});
