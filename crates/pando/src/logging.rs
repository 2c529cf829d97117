//! Logs go to standard error; standard output is for answers.

use crate::cli::LogFormat;
use tracing_subscriber::EnvFilter;

/// Starts logging. A filter that does not parse is replaced by `warn`, and said so.
pub fn start(filter: &str, format: LogFormat) {
    let (parsed, bad) = match EnvFilter::try_new(filter) {
        Ok(parsed) => (parsed, None),
        Err(error) => (EnvFilter::new("warn"), Some(error)),
    };
    let builder = tracing_subscriber::fmt().with_env_filter(parsed).with_writer(std::io::stderr);
    match format {
        LogFormat::Text => builder.init(),
        LogFormat::Json => builder.json().init(),
    }
    if let Some(error) = bad {
        tracing::warn!("the log filter {filter:?} is not understood ({error}); using `warn`");
    }
}
