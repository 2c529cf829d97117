//! Logs go to standard error; standard output is for answers.

use crate::cli::LogFormat;
use std::fmt::Debug;
use std::io::IsTerminal;
use tracing::field::Field;
use tracing::{Metadata, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::{Writer, debug_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Kubernetes' client tells there, as a warning, whole answers that it cannot read: Secrets among them.
const NEVER: &str = "kube_client::client";

/// Starts logging. A filter that does not parse is replaced by `warn`, and said so.
pub fn start(filter: &str, format: LogFormat) {
    let (parsed, bad) = match EnvFilter::try_new(filter) {
        Ok(parsed) => (parsed, None),
        Err(error) => (EnvFilter::new("warn"), Some(error)),
    };
    match format {
        LogFormat::Text => text(parsed, std::io::stderr, std::io::stderr().is_terminal()).init(),
        LogFormat::Json => json(parsed, std::io::stderr).init(),
    }
    if let Some(error) = bad {
        tracing::warn!("the log filter {filter:?} is not understood ({error}); using `warn`");
    }
}

type Log = dyn Subscriber + Send + Sync;

fn text<W>(filter: EnvFilter, writer: W, colours: bool) -> Box<Log>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer).with_ansi(colours);
    Box::new(lines.fmt_fields(debug_fn(one_line).delimited(" ")).finish().with(filter_fn(is_told)))
}

fn json<W>(filter: EnvFilter, writer: W) -> Box<Log>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer).with_ansi(false);
    Box::new(lines.json().finish().with(filter_fn(is_told)))
}

/// Whatever the filter says that was asked for.
fn is_told(event: &Metadata<'_>) -> bool {
    event.target() != NEVER
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

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_kubernetes_client_cannot_read_is_told_at_no_level_and_for_no_filter() {
        for filter in ["warn", "trace", "kube_client=trace", "kube_client::client=trace", "[{}]=trace", "[told]=trace"]
        {
            for format in [LogFormat::Text, LogFormat::Json] {
                let page = Page::default();
                let writer = {
                    let page = page.clone();
                    move || page.clone()
                };
                let filtered = EnvFilter::new(format!("{filter},logging=info"));
                let log = match format {
                    LogFormat::Text => text(filtered, writer, false),
                    LogFormat::Json => json(filtered, writer),
                };
                tracing::subscriber::with_default(log, || {
                    let _told = tracing::info_span!(target: "logging", "told").entered();
                    tracing::warn!(target: "kube_client::client", "a-password");
                    tracing::error!(target: "kube_client::client", "a-password");
                    tracing::info!(target: "logging", "something else");
                });
                let page = String::from_utf8(page.0.lock().unwrap().clone()).unwrap();
                assert!(page.contains("something else") && !page.contains("a-password"), "{filter}: {page}");
            }
        }
    }
}
