//! The one place that writes to the terminal.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::{error::Error, process::ExitCode};

/// Prints an answer.
pub fn say(text: impl std::fmt::Display) {
    println!("{text}");
}

/// Prints something about the work, not its answer.
pub fn note(text: impl std::fmt::Display) {
    eprintln!("{text}");
}

/// Prints an error that happened while `doing`, and its causes.
pub fn fail(doing: &str, error: &dyn Error) -> ExitCode {
    eprintln!("pando: {doing}: {}", chain(error));
    ExitCode::FAILURE
}

/// An error and its causes in one line, each said once.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}
