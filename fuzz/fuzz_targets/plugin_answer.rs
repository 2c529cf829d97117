//! What a program that is a plugin answers on its standard output, and what it is asked.
#![no_main]

#[path = "../../crates/plugins/src/account.rs"]
mod account;
#[path = "../../crates/plugins/src/json_texts.rs"]
mod json_texts;
#[allow(dead_code, reason = "it has more than this uses")]
#[path = "../../crates/plugins/src/process/protocol.rs"]
mod protocol;

use protocol::Answer;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    match protocol::answer(bytes) {
        Ok(Answer::Credentials { domain, username, .. }) => {
            assert!(account::is_name(&domain) && account::is_name(&username), "{domain:?} {username:?}");
        }
        Ok(Answer::Error(message)) => assert!(!message.chars().any(char::is_control), "{message:?}"),
        Err(_) => {}
    }
    if let Some(request) = std::str::from_utf8(bytes).ok().and_then(protocol::request) {
        // One line, whatever is in it.
        assert_eq!(request.iter().filter(|byte| **byte == b'\n').count(), 1);
    }
});
