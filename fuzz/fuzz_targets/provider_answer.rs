//! What an account provider answers to the plugin.
#![no_main]

#[path = "../../crates/plugins/src/account.rs"]
mod account;
#[allow(dead_code, reason = "only its parser is of use here")]
#[path = "../../crates/plugins/src/rkc/answer.rs"]
mod answer;
#[path = "../../crates/plugins/src/json_texts.rs"]
mod json_texts;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(answer) = answer::parse(bytes) {
        assert!(!answer.username.is_empty() && !answer.domain.is_empty());
    }
});
