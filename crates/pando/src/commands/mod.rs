//! What each subcommand does.

mod account_provider;
pub mod credspec;
mod plugin;
mod stop;
#[cfg(unix)]
mod unix;

use crate::cli::{AccountProvider, Command, Credspec, Plugin};
use crate::terminal;
use std::path::Path;
use std::process::ExitCode;

pub use stop::stopped;
#[cfg(unix)]
pub use unix::Source;

/// Runs a subcommand to its end.
pub fn run(command: Command) -> ExitCode {
    match command {
        #[cfg(unix)]
        Command::Domain(command) => unix::keep(command),
        #[cfg(unix)]
        Command::Credspec(Credspec::New(args)) => in_runtime("writing the credential spec", unix::credspec::new(args)),
        Command::Credspec(Credspec::Check(args)) => credspec::check(&args),
        Command::Credspec(Credspec::Show(args)) => ended("showing the credential spec", credspec::show(&args)),
        Command::Credspec(Credspec::Convert(args)) => ended("converting the credential spec", credspec::convert(&args)),
        Command::AccountProvider(AccountProvider::Run(args)) => {
            in_runtime("running the account provider", account_provider::run(args))
        }
        Command::Plugin(Plugin::Here(command)) => installer::command::run(&command),
        Command::Plugin(Plugin::Withdraw(args)) => in_runtime("withdrawing the plugins", plugin::withdraw_all(args)),
        #[cfg(unix)]
        Command::Container(command) => unix::carry(command),
    }
}

fn ended(doing: &str, result: Result<ExitCode, Failed>) -> ExitCode {
    result.unwrap_or_else(|error| terminal::fail(doing, &*error))
}

/// Whatever ended a command; its causes are printed.
pub type Failed = Box<dyn std::error::Error + Send + Sync>;

fn in_runtime(doing: &str, work: impl Future<Output = Result<ExitCode, Failed>>) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    match runtime.map_err(Failed::from).and_then(|runtime| runtime.block_on(work)) {
        Ok(code) => code,
        Err(error) => terminal::fail(doing, &*error),
    }
}

/// Says that a service answers, and where: into a file at once and whole, or to standard output for `-`.
pub fn announce(place: Option<&Path>, ready: &serde_json::Value) -> std::io::Result<()> {
    match place {
        None => Ok(()),
        Some(place) if place == Path::new("-") => {
            terminal::say(ready);
            Ok(())
        }
        Some(place) => {
            let unfinished = place.with_extension("unfinished");
            std::fs::write(&unfinished, ready.to_string())?;
            std::fs::rename(unfinished, place)
        }
    }
}
