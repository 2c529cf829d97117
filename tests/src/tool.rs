//! An external program, run to its end, with everything it said kept for the failure message.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::process::{Command, Stdio};

/// A program about to run. Its environment is empty but for PATH and what its maker put in.
pub struct Tool {
    command: Command,
    input: Vec<u8>,
    is_outlived: bool,
}

/// What a program did.
#[derive(Debug)]
pub struct Finished {
    /// The command line, for messages.
    pub command: String,
    /// The exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Tool {
    /// `program` with an environment of PATH and a C locale only.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        let mut command = Command::new(program);
        let path = std::env::var("PATH").unwrap_or_default();
        command.env_clear().env("PATH", format!("{path}:/usr/sbin:/sbin")).env("LC_ALL", "C");
        Self { command, input: Vec::new(), is_outlived: false }
    }

    /// One more argument.
    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    /// More arguments.
    #[must_use]
    pub fn args<I: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = I>) -> Self {
        self.command.args(arguments);
        self
    }

    /// One more environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// What the program reads from standard input.
    #[must_use]
    pub fn input(mut self, text: impl Into<Vec<u8>>) -> Self {
        self.input = text.into();
        self
    }

    /// Has `outer` start it, as `nice` or `setpriv` do.
    #[must_use]
    pub fn within(self, outer: &str, arguments: &[&str]) -> Self {
        let mut command = Command::new(outer);
        command.args(arguments).arg(self.command.get_program()).args(self.command.get_args()).env_clear();
        command.envs(self.command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        Self { command, ..self }
    }

    /// What it starts may live on and keep its output open, as Wine's services do: what counts is what was said when it has ended itself.
    #[must_use]
    pub fn is_outlived(mut self) -> Self {
        self.is_outlived = true;
        self
    }

    /// As the standard library has it, to be started by hand.
    pub fn into_command(self) -> Command {
        self.command
    }

    /// Runs it to its end.
    pub fn run(mut self) -> Finished {
        let words = std::iter::once(self.command.get_program()).chain(self.command.get_args());
        let command = words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ");
        let files = self.is_outlived.then(|| [0, 1].map(|_| tempfile::tempfile().expect("a file can be made")));
        let stream = |at: usize| match &files {
            Some(files) => Stdio::from(files[at].try_clone().expect("a file can be shared")),
            None => Stdio::piped(),
        };
        let child = self.command.stdin(Stdio::piped()).stdout(stream(0)).stderr(stream(1)).spawn();
        let mut child = child.unwrap_or_else(|error| {
            panic!("`{command}` cannot be started ({error}): `cargo xtask test` installs what the tests need")
        });
        // A program that ends without reading its input closes the pipe: what it says then is what counts.
        let _ = child.stdin.take().expect("stdin is piped").write_all(&self.input);
        let mut output = child.wait_with_output().expect("the program can be waited for");
        if let Some([out, err]) = &files {
            (output.stdout, output.stderr) = (whole(out), whole(err));
        }
        Finished {
            command,
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Runs it; it must succeed.
    #[track_caller]
    pub fn ok(self) -> Finished {
        let finished = self.run();
        assert_eq!(finished.code, Some(0), "should have succeeded: {finished}");
        finished
    }

    /// Runs it; it must end with `code`.
    #[track_caller]
    pub fn fails(self, code: i32) -> Finished {
        let finished = self.run();
        assert_eq!(finished.code, Some(code), "should have failed with {code}: {finished}");
        finished
    }
}

/// All that is in a file, wherever who writes to it is.
pub(crate) fn whole(file: &File) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(file.metadata().expect("it is open").len()).expect("it fits")];
    file.read_exact_at(&mut bytes, 0).expect("a file can be read");
    bytes
}

impl Finished {
    /// Asserts that `text` is in what the program said, on either stream.
    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(self.said(text), "should have said `{text}`: {self}");
        self
    }

    /// Asserts that `text` is in nothing that the program said.
    #[track_caller]
    pub fn never_says(self, text: &str) -> Self {
        assert!(!self.said(text), "should not have said `{text}`: {self}");
        self
    }

    fn said(&self, text: &str) -> bool {
        self.stdout.contains(text) || self.stderr.contains(text)
    }

    /// How many lines of standard output start with `prefix`.
    pub fn count(&self, prefix: &str) -> usize {
        self.stdout.lines().filter(|line| line.starts_with(prefix)).count()
    }

    /// The values of `attribute` in LDIF output, as they stand there (base64 ones keep their second colon).
    pub fn values<'a>(&'a self, attribute: &str) -> Vec<&'a str> {
        let prefix = format!("{attribute}:");
        self.stdout.lines().filter_map(|line| line.strip_prefix(&prefix)).map(str::trim).collect()
    }

    /// The one value of `attribute` in LDIF output.
    #[track_caller]
    pub fn value<'a>(&'a self, attribute: &str) -> &'a str {
        match self.values(attribute)[..] {
            [value] => value,
            _ => panic!("should have exactly one `{attribute}`: {self}"),
        }
    }
}

impl std::fmt::Display for Finished {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "`{}` ended with {:?}", self.command, self.code)?;
        writeln!(f, "--- stdout\n{}", self.stdout)?;
        write!(f, "--- stderr\n{}", self.stderr)
    }
}
