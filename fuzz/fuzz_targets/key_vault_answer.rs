//! What the metadata service and a Key Vault answer to the plugin, and what a secret holds.
#![no_main]

#[path = "../../crates/plugins/src/account.rs"]
mod account;
#[path = "../../crates/plugins/src/akv/answers.rs"]
mod answers;
#[path = "../../crates/plugins/src/json_texts.rs"]
mod json_texts;
#[allow(dead_code, reason = "only its parser is of use here")]
#[path = "../../crates/plugins/src/akv/secret_text.rs"]
mod secret_text;

use secrecy::{ExposeSecret, SecretString};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(token) = answers::token(bytes) {
        let token = token.expose_secret();
        assert!(!token.is_empty() && token.bytes().all(|b| b.is_ascii_graphic()), "{token:?}");
    }
    assert!(answers::code(bytes).bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'));
    let asked = "https://v.vault.azure.net/secrets/s".parse().expect("it is one");
    let value = answers::value(bytes, &asked).map(|value| {
        assert!(value.version.is_none_or(|version| version.bytes().all(|b| b.is_ascii_alphanumeric())));
        value.value
    });
    let text = value.ok().or_else(|| std::str::from_utf8(bytes).ok().map(SecretString::from));
    if let Some(Ok(account)) = text.map(|text| secret_text::parse(&text)) {
        assert!(!account.domain.is_empty() && !account.username.contains(':') && !account.domain.contains('\\'));
    }
});
