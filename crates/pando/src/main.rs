//! Pando: the chain of trust that carries Active Directory's service accounts into containers. One binary; each
//! subcommand is one role in the chain.
#![forbid(unsafe_code)]

mod cli;
mod commands;
mod config;
#[cfg(unix)]
mod demo;
#[cfg(unix)]
mod doctor;
mod logging;
#[cfg(unix)]
mod plugins;
#[cfg(unix)]
mod progress;
mod terminal;

use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = match config::parse_with_file(std::env::args_os()) {
        Ok(cli) => cli,
        Err(config::Stop::Usage(error)) => error.exit(),
        Err(config::Stop::File(error)) => return terminal::fail("reading the configuration file", &error),
    };
    logging::start(&cli.log, cli.log_format);
    commands::run(cli.command)
}
