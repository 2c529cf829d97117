//! The demo's other processes: each is this same program in one of its roles, started as an administrator would start it.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde::de::DeserializeOwned;

use crate::commands::Failed;

/// The line that says a role answers is short.
const LONGEST: u64 = 64 * 1024;

/// A role that runs until the demo ends; dropping it stops the process.
#[derive(Debug)]
pub struct Service {
    child: Child,
}

impl Drop for Service {
    fn drop(&mut self) {
        // Either fails only when the process is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts `pando ARGS` with nothing but `environment` around it, and waits for the line by which it says that it answers. What it logs goes
/// to the file `log`.
pub fn serve<T: DeserializeOwned>(
    args: &[&str],
    environment: &[(&str, &str)],
    log: &Path,
) -> Result<(Service, T), Failed> {
    let role = role(args);
    let failed = |error: std::io::Error| format!("`pando {role}` cannot be started: {error}");
    let mut command = pando(args)?;
    command.envs(environment.iter().copied()).args(["--ready-file", "-", "--log", "info"]);
    command.stdout(Stdio::piped()).stderr(File::create(log).map_err(failed)?);
    let mut service = Service { child: command.spawn().map_err(failed)? };
    let mut line = String::new();
    if let Some(stdout) = service.child.stdout.take() {
        BufReader::new(stdout.take(LONGEST)).read_line(&mut line).map_err(failed)?;
    }
    let ready = serde_json::from_str(&line).map_err(|_| {
        let said = std::fs::read_to_string(log).unwrap_or_default();
        format!("`pando {role}` ended before it answered; it said: {}", said.trim())
    })?;
    Ok((service, ready))
}

/// What a command that ends by itself printed, and whether it succeeded.
#[derive(Debug)]
pub struct Finished {
    /// Whether it exited with zero.
    pub ok: bool,
    /// Its answer.
    pub stdout: String,
    /// Its complaints.
    pub stderr: String,
}

/// Runs `pando ARGS` to its end.
pub fn run(args: &[&str]) -> Result<Finished, Failed> {
    let output = pando(args)?.output().map_err(|error| format!("`pando {}` cannot be run: {error}", role(args)))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    Ok(Finished { ok: output.status.success(), stdout: text(&output.stdout), stderr: text(&output.stderr) })
}

/// Runs `pando ARGS`, which must succeed.
pub fn must(args: &[&str]) -> Result<String, Failed> {
    let finished = run(args)?;
    if finished.ok {
        return Ok(finished.stdout);
    }
    Err(format!("`pando {}` failed: {}", role(args), finished.stderr).into())
}

fn role(args: &[&str]) -> String {
    args.iter().take(2).copied().collect::<Vec<_>>().join(" ")
}

/// This program, with an empty environment and no input.
fn pando(args: &[&str]) -> Result<Command, Failed> {
    let mut command = Command::new(std::env::current_exe()?);
    command.env_clear().stdin(Stdio::null()).args(args);
    Ok(command)
}
