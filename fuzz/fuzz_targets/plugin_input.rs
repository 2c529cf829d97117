//! The text a credential spec has for a plugin: nothing that parses leads out of the plugin's folder, or to more than one secret of a vault.
#![no_main]

use credspec::{AkvInput, FileInput, RkcInput, VaultInput};

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Ok(input) = text.parse::<RkcInput>() {
        for name in [input.namespace.as_str(), input.secret.as_str()] {
            assert!(!name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\', ':', '\0']), "{text:?}");
        }
    }
    if let Ok(input) = text.parse::<VaultInput>() {
        assert_eq!(input.to_string(), text);
        let parts = input.mount.as_str().split('/').chain(input.path.as_str().split('/'));
        for part in parts {
            assert!(!part.is_empty() && !part.starts_with('.') && !part.contains(['?', '#', '%', '\\', ':']), "{text:?}");
        }
    }
    if let Ok(input) = text.parse::<FileInput>() {
        assert!(!input.as_str().starts_with('.') && !input.as_str().contains(['/', '\\', '\0']), "{text:?}");
    }
    if let Ok(input) = text.parse::<AkvInput>() {
        assert_eq!(input.to_string().parse().as_ref(), Ok(&input), "{text:?}");
        let host = input.secret.host();
        assert!(host.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.'), "{text:?}");
        assert!(input.secret.name().bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'), "{text:?}");
    }
});
