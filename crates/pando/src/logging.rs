//! Logs go to standard error; standard output is for answers.

use crate::cli::LogFormat;
use std::fmt::Debug;
use std::io::IsTerminal;
use tracing::field::Field;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::fmt::format::{Writer, debug_fn};

/// Starts logging. A filter that does not parse is replaced by `warn`, and said so.
pub fn start(filter: &str, format: LogFormat) {
    let (parsed, bad) = match EnvFilter::try_new(filter) {
        Ok(parsed) => (parsed, None),
        Err(error) => (EnvFilter::new("warn"), Some(error)),
    };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(parsed)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    match format {
        LogFormat::Text => builder.fmt_fields(debug_fn(one_line).delimited(" ")).init(),
        LogFormat::Json => builder.json().init(),
    }
    if let Some(error) = bad {
        tracing::warn!("the log filter {filter:?} is not understood ({error}); using `warn`");
    }
}

/// Writes a field so that nothing in it begins another line or moves a terminal's cursor, whoever its text comes from.
fn one_line(writer: &mut Writer<'_>, field: &Field, value: &dyn Debug) -> std::fmt::Result {
    if field.name() != "message" {
        write!(writer, "{field}=")?;
    }
    let text = format!("{value:?}");
    for letter in text.chars() {
        if letter.is_control() { write!(writer, "{}", letter.escape_unicode())? } else { writer.write_char(letter)? }
    }
    Ok(())
}
