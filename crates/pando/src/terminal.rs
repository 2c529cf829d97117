//! The one place that writes to the terminal.
//!
//! Who has closed a stream, as `head` does when it has seen enough, is told no more, and the work goes on: what it began must end in order.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::{error::Error, process::ExitCode};

/// Whether writing an answer has failed, so that nobody hears what else is said.
static UNHEARD: AtomicBool = AtomicBool::new(false);

/// Prints an answer.
pub fn say(text: impl std::fmt::Display) {
    if writeln!(io::stdout(), "{text}").is_err() {
        UNHEARD.store(true, Ordering::Relaxed);
    }
}

/// Whether somebody has read all that was said so far, as far as is known.
#[cfg(unix)]
pub fn is_heard() -> bool {
    !UNHEARD.load(Ordering::Relaxed)
}

/// Prints a table; what fills its lines up is of no use to anybody.
pub fn table(table: &comfy_table::Table) {
    say(table.trim_fmt());
}

/// RFC 3339, to the minute.
#[cfg(unix)]
pub fn time(time: dtyp::FileTime) -> String {
    let time = time.generalized();
    let part = |range: std::ops::Range<usize>| time.get(range).unwrap_or_default();
    format!("{}-{}-{}T{}:{}Z", part(0..4), part(4..6), part(6..8), part(8..10), part(10..12))
}

/// Prints something about the work, not its answer.
#[cfg(unix)]
pub fn note(text: impl std::fmt::Display) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// Prints an error that happened while `doing`, and its causes.
pub fn fail(doing: &str, error: &dyn Error) -> ExitCode {
    let _ = writeln!(io::stderr(), "pando: {doing}: {}", chain(error));
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
    plain(&text)
}

/// A text as it may be shown whoever it comes from: a server's words must not move the cursor, or turn the line around.
pub fn plain(text: &str) -> String {
    let turns = |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let odd = |c: char| (c.is_control() && !matches!(c, '\n' | '\t')) || turns(c);
    text.chars().map(|c| if odd(c) { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_servers_words_do_nothing_to_the_terminal() {
        let error = std::io::Error::other("no:\n\tJürgen \u{1b}[2J\r\u{9b}1m\u{202e}ok");
        assert_eq!(chain(&error), "no:\n\tJürgen \u{fffd}[2J\u{fffd}\u{fffd}1m\u{fffd}ok");
    }
}
