//! What operations cost the server: CPU time from /proc, system calls from strace.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::{BenchError, while_doing};

/// Watches one server process.
pub struct Meter {
    server: &'static str,
    pid: u32,
}

/// A clock tick of /proc, which Linux fixes at a hundredth of a second for user space.
const TICK: Duration = Duration::from_millis(10);

impl Meter {
    /// Watches the process `pid` of `server`.
    pub fn new(server: &'static str, pid: u32) -> Self {
        Self { server, pid }
    }

    /// The server's name.
    pub fn server(&self) -> &'static str {
        self.server
    }

    /// User and system time of all the server's threads so far.
    pub fn cpu(&self) -> Result<Duration, BenchError> {
        let text =
            std::fs::read_to_string(format!("/proc/{}/stat", self.pid)).map_err(|_| BenchError::Gone(self.server))?;
        // The second field is the program's name in brackets and may hold anything; utime and stime are the 14th and 15th.
        let after_name = text.rsplit_once(')').map_or("", |(_, rest)| rest);
        let ticks: u32 =
            after_name.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u32>().ok()).sum();
        Ok(TICK * ticks)
    }

    /// What it has in memory, in bytes: its own, and what of its files is mapped. The latter the system takes back when it needs it.
    pub fn memory(&self) -> Result<[u64; 2], BenchError> {
        let text =
            std::fs::read_to_string(format!("/proc/{}/status", self.pid)).map_err(|_| BenchError::Gone(self.server))?;
        Ok(["RssAnon:", "RssFile:"].map(|field| {
            let line = text.lines().find_map(|line| line.strip_prefix(field));
            line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) * 1024
        }))
    }

    /// Starts counting system calls; `None` where strace is missing or may not attach.
    pub fn trace(&self) -> Result<Option<Trace>, BenchError> {
        let folder = TempDir::new().map_err(while_doing("making a temporary folder"))?;
        let summary = folder.path().join("summary");
        let started = Command::new("strace")
            .args(["-f", "-c", "-o"])
            .arg(&summary)
            .args(["-p", &self.pid.to_string()])
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        let Ok(mut strace) = started else { return Ok(None) };
        let Some(said) = strace.stderr.take() else { return Ok(None) };
        let mut line = String::new();
        let attached = BufReader::new(said).read_line(&mut line).is_ok() && line.contains("attached");
        let trace = Trace { strace, summary, _folder: folder };
        Ok(attached.then_some(trace))
    }
}

/// A running strace.
pub struct Trace {
    strace: Child,
    summary: PathBuf,
    _folder: TempDir,
}

impl Trace {
    /// Ends it; how many system calls there were.
    pub fn finish(mut self) -> Result<u64, BenchError> {
        let interrupt = Command::new("kill").args(["-INT", &self.strace.id().to_string()]).status();
        interrupt.map_err(while_doing("ending strace"))?;
        self.strace.wait().map_err(while_doing("waiting for strace"))?;
        let text = std::fs::read_to_string(&self.summary).map_err(while_doing("reading strace's summary"))?;
        // The last line: 100.00  seconds  usecs/call  calls  [errors]  total
        let total = text.lines().rev().find(|line| line.trim_end().ends_with("total"));
        let calls = total.and_then(|line| line.split_whitespace().nth(3)?.parse().ok());
        calls.ok_or_else(|| BenchError::Answer(format!("strace's summary has no total: {text}")))
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        let _ = self.strace.kill();
        let _ = self.strace.wait();
    }
}

/// Runs a command to its end and returns what it said; fails when it does.
pub fn run(command: &mut Command) -> Result<String, BenchError> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(while_doing(format!("starting {name}")))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        let said = [output.stdout, output.stderr].concat();
        Err(BenchError::Command { command: name, said: String::from_utf8_lossy(&said).into_owned() })
    }
}

/// The same with `input` on its standard input, from a file so that neither side waits for the other.
pub fn run_with_input(command: &mut Command, input: &[u8]) -> Result<String, BenchError> {
    let mut file = tempfile::tempfile().map_err(while_doing("making a temporary file"))?;
    std::io::Write::write_all(&mut file, input).map_err(while_doing("writing a temporary file"))?;
    std::io::Seek::rewind(&mut file).map_err(while_doing("rewinding a temporary file"))?;
    run(command.stdin(file))
}
