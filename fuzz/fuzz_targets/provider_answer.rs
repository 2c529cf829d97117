//! What an account provider answers to the plugin.
#![no_main]

#[allow(dead_code, reason = "only its parser is of use here")]
#[path = "../../crates/plugins/src/rkc/answer.rs"]
mod answer;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(answer) = answer::parse(bytes) {
        assert!(!answer.username.is_empty() && !answer.domain.is_empty());
    }
});
