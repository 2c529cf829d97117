//! What HashiCorp Vault or OpenBao answers to the plugin, and an account as a store of secrets has it.
#![no_main]

#[path = "../../crates/plugins/src/account.rs"]
mod account;
#[path = "../../crates/plugins/src/account_object.rs"]
mod account_object;
#[path = "../../crates/plugins/src/vault/answers.rs"]
mod answers;
#[path = "../../crates/plugins/src/json_texts.rs"]
mod json_texts;

use secrecy::ExposeSecret;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(token) = answers::login(bytes) {
        let token = token.expose_secret();
        assert!(!token.is_empty() && token.bytes().all(|b| b.is_ascii_graphic()), "{token:?}");
    }
    let _ = (answers::phrase(bytes), answers::is_deleted(bytes));
    let read = answers::read(bytes, None).ok().map(|read| (read.account, Some(read.version)));
    let account = read.or_else(|| account_object::parse(bytes).ok().map(|account| (account, None)));
    if let Some((account, version)) = account {
        assert!(!account.domain.is_empty() && !account.username.is_empty());
        assert!(!account.password.expose_secret().is_empty());
        assert!(version.is_none_or(|version| answers::read(bytes, u32::try_from(version).ok()).is_ok()));
    }
});
