//! The configuration file of the command line.
#![no_main]

#[allow(dead_code, unused_imports, reason = "only its parser is of use here")]
#[path = "../../crates/pando/src/cli/mod.rs"]
mod cli;
#[allow(dead_code, reason = "only its parser is of use here")]
#[path = "../../crates/pando/src/config.rs"]
mod config;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let file = tempfile::NamedTempFile::new().expect("a temporary file can be made");
    std::fs::write(file.path(), bytes).expect("it can be written");
    let words = ["pando".into(), "--config".into(), file.path().into(), "dc".into(), "run".into()];
    let _ = config::parse_with_file(words);
});
