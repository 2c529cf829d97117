//! A plugin that is a program of its own, in whatever language: one JSON object on its standard input, one on its standard output.
//!
//! Which program is called is the operator's decision, made where the guard is configured; a credential spec only says by its class that
//! it is meant, and what it is told. See docs/plugins.md.

mod error;
mod protocol;
mod run;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use dtyp::Guid;
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use crate::body::MOST_BYTES;
use crate::owned::check_owned;
use crate::{Hop, PasswordCredentials, Plugin, PluginError};
use protocol::Answer;
use run::{Ended, Stopped};

pub use error::ProcessError;

/// A program that knows where credentials are kept.
#[derive(Clone, Debug)]
pub struct Process {
    name: String,
    clsid: Guid,
    path: PathBuf,
    arguments: Vec<String>,
    timeout: Duration,
}

impl Process {
    /// The program at `path` as the plugin `name`, for credential specs that name `clsid`. It gets 20 seconds for each call.
    ///
    /// # Errors
    /// [`ProcessError::Name`], and [`ProcessError::NotOwned`] when anybody but root and this process' own user could change the program. That
    /// is checked again before each call.
    pub fn new(name: &str, clsid: Guid, path: impl Into<PathBuf>) -> Result<Self, ProcessError> {
        let path = path.into();
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if !(1..=32).contains(&name.len()) || !name.bytes().all(plain) {
            return Err(ProcessError::Name(name.chars().take(80).collect()));
        }
        check_owned(&path)?;
        Ok(Self { name: name.to_owned(), clsid, path, arguments: Vec::new(), timeout: Duration::from_secs(20) })
    }

    /// With these arguments on its command line, always the same. What a credential spec says never gets there.
    #[must_use]
    pub fn with_arguments(mut self, arguments: impl IntoIterator<Item = String>) -> Self {
        self.arguments = arguments.into_iter().collect();
        self
    }

    /// With this much time for a call, after which it is killed.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// No environment, no folder of ours, no file of ours.
    fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        command.args(&self.arguments).env_clear().current_dir("/");
        command
    }

    fn ask(&self, input: &str) -> Result<PasswordCredentials, ProcessError> {
        let request = protocol::request(input).ok_or(ProcessError::Input)?;
        check_owned(&self.path)?;
        let mut said = Zeroizing::default();
        let ended = run::run(&mut self.command(), &request, self.timeout, &mut said);
        let judged = ended.map_err(|stopped| self.explain(&stopped)).and_then(|ended| self.judge(&ended));
        self.log(&said, judged.as_ref().ok().map(|(_, _, password)| password));
        let (domain, username, password) = judged?;
        Ok(PasswordCredentials { domain, username, password, hop: self.hop() })
    }

    fn explain(&self, stopped: &Stopped) -> ProcessError {
        let path = self.path.clone();
        match stopped {
            Stopped::NotStarted(error) => ProcessError::NotStarted { path, what: error.to_string() },
            Stopped::Timeout => ProcessError::Timeout { path, seconds: self.timeout.as_secs() },
            Stopped::TooMuch => ProcessError::TooMuch { path, limit: MOST_BYTES },
        }
    }

    /// Credentials of a program that failed are not credentials; its own words count whatever its exit code.
    fn judge(&self, ended: &Ended) -> Result<(String, String, SecretString), ProcessError> {
        let path = self.path.clone();
        match protocol::answer(&ended.stdout) {
            Ok(Answer::Error(message)) => Err(ProcessError::Refused { path, message }),
            _ if !ended.status.success() => Err(ProcessError::Failed { path, status: ended.status.to_string() }),
            Ok(Answer::Credentials { domain, username, password }) => Ok((domain, username, password)),
            Err(what) => Err(ProcessError::BadAnswer { path, what }),
        }
    }

    /// What it wrote to standard error, line by line: a warning when it gave nothing else.
    fn log(&self, said: &[u8], password: Option<&SecretString>) {
        const MOST_LINES: usize = 20;
        let said = Zeroizing::new(String::from_utf8_lossy(said).into_owned());
        if password.is_some_and(|password| said.contains(password.expose_secret())) {
            tracing::warn!(plugin = self.name, "wrote the password to its standard error: that is not logged");
            return;
        }
        for line in said.lines().map(protocol::one_line).filter(|line| !line.is_empty()).take(MOST_LINES) {
            match password {
                Some(_) => tracing::info!(plugin = self.name, line, "said"),
                None => tracing::warn!(plugin = self.name, line, "said"),
            }
        }
    }

    fn hop(&self) -> Hop {
        Hop {
            to: format!("program {}", self.path.display()),
            how:
                "started by the guard as its own user, without an environment; asked over its standard input and output"
                    .to_owned(),
            authorised_by: "the operator declared it; only root and the guard's user can change it".to_owned(),
        }
    }

    /// The program.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Plugin for Process {
    fn clsid(&self) -> Guid {
        self.clsid
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn get_password_credentials(&self, input: &str) -> Result<PasswordCredentials, PluginError> {
        Ok(self.ask(input)?)
    }
}
