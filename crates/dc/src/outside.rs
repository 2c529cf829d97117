//! What somebody outside said, as it may stand in a log.

use std::fmt::{self, Display, Formatter, Write};

/// How many characters of it are shown.
const SHOWN: usize = 200;

/// Shows a text from outside on one line, without anything that moves a terminal's cursor, and not all of one that is long.
pub(crate) struct Outside<T>(pub(crate) T);

impl<T: Display> Display for Outside<T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut line = Line { out: f, left: SHOWN };
        match write!(line, "{}", self.0) {
            Err(_) if line.left == 0 => f.write_char('…'),
            done => done,
        }
    }
}

struct Line<'a, 'f> {
    out: &'a mut Formatter<'f>,
    left: usize,
}

impl Write for Line<'_, '_> {
    /// Fails when there is more than is shown.
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for letter in text.chars() {
            self.left = self.left.checked_sub(1).ok_or(fmt::Error)?;
            if is_harmless(letter) {
                self.out.write_char(letter)?
            } else {
                write!(self.out, "{}", letter.escape_unicode())?
            }
        }
        Ok(())
    }
}

/// Whether a letter stays where it is written: neither a control character, nor an end of a line, nor a change of direction.
const fn is_harmless(letter: char) -> bool {
    !matches!(letter, '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_stays_on_its_line_and_does_not_grow_without_end() {
        assert_eq!(Outside("alice").to_string(), "alice");
        assert_eq!(Outside("Größe 探検").to_string(), "Größe 探検");
        assert_eq!(Outside("a\nb\r\u{1b}[2J\u{202e}").to_string(), r"a\u{a}b\u{d}\u{1b}[2J\u{202e}");
        assert_eq!(Outside("x".repeat(200)).to_string(), "x".repeat(200));
        assert_eq!(Outside("x".repeat(100_000)).to_string(), format!("{}…", "x".repeat(200)));
    }
}
