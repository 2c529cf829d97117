//! The text a credential spec has for the rkc plugin: nothing that parses leads out of the plugin's folder.
#![no_main]

use credspec::RkcInput;

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Ok(input) = text.parse::<RkcInput>() {
        for name in [input.namespace.as_str(), input.secret.as_str()] {
            assert!(!name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\', ':', '\0']), "{text:?}");
        }
    }
});
