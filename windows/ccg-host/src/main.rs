//! Calls a CCG plugin as Windows' Container Credential Guard does, and says what came of it: `ccg-host --help`.
//!
//! It needs no container, no domain and no guard, so it tells a broken plugin from everything behind it.
#![allow(unsafe_code, reason = "COM is called by raw pointers; each use says why it holds")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool talks to its terminal")]

#[cfg(windows)]
mod arguments;
#[cfg(windows)]
mod calls;
#[cfg(windows)]
mod outcome;
#[cfg(windows)]
mod plugin;
#[cfg(windows)]
mod process;
#[cfg(windows)]
mod report;
#[cfg(windows)]
mod times;

#[cfg(windows)]
fn main() -> std::process::ExitCode {
    calls::run(&clap::Parser::parse())
}

#[cfg(not(windows))]
fn main() -> std::process::ExitCode {
    eprintln!("ccg-host calls COM servers, which only Windows has");
    std::process::ExitCode::FAILURE
}
