//! The command line of `pando-ccg-installer`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};

use crate::class::{CLASSES, Class};
use crate::files::whole;

/// What there is to do. The exit code says how it went.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Install plugins, or upgrade them. What is already as it should be is not touched; a run that fails leaves everything as it was.
    Install(Install),
    /// Upgrade plugins that are installed.
    Upgrade(Install),
    /// Take plugins away, and all that came with them.
    Uninstall(Uninstall),
    /// Say what is installed, and what is missing or different.
    Status(StatusArgs),
    /// Stay, and keep plugins installed, or away, until stopped: for the pod of a node.
    Keep(Keep),
}

/// A day is longer than anybody waits.
const SECONDS: fn(&str) -> Result<u64, String> = |text| match text.parse() {
    Ok(seconds @ 0..=86_400) => Ok(seconds),
    _ => Err("a number from 0 to 86400".to_owned()),
};

/// The end of each command's help.
pub const EXIT_CODES: &str = "\
Exit codes:
  0  done, or nothing was to be done; for `status`: as it should be
  1  failed, and everything is as it was before
  2  the command line is wrong
  3  refused, and nothing was touched: someone else has the class, something is in the way, or there is no CCG
  4  failed, and something could not be put back: it says what
  5  `status` only: not as it should be";

/// Which of the plugins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PluginName {
    /// Kubernetes, {E4781092-F116-4B79-B55E-28EB6A224E26}.
    Rkc,
    /// Azure Key Vault, {CCC2A336-D7F3-4818-A213-272B7924213E}.
    Akv,
}

/// What every command needs.
#[derive(Args, Clone, Debug)]
pub struct Which {
    /// The plugin. May be repeated; all if not given.
    #[arg(long, value_enum, value_name = "NAME")]
    pub plugin: Vec<PluginName>,
    /// Where plugins are, each version in a folder of its own. If not given: where they have been installed; for new ones, Pando\ccg in
    /// the folder of the computer's programs.
    #[arg(long, value_name = "DIR", value_parser = whole)]
    pub dir: Option<String>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// How to install.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXIT_CODES)]
pub struct Install {
    #[command(flatten)]
    pub which: Which,
    /// The folder with the DLLs and their SHA256SUMS; the program's own if not given.
    #[arg(long, value_name = "DIR")]
    pub from: Option<PathBuf>,
    /// Take the class over from whoever has it registered: the plugin of Rancher, or of AKS.
    #[arg(long)]
    pub replace: bool,
    /// The account that runs the plugin: `NT AUTHORITY\NetworkService`, or `caller` for CCG's own. As the plugin that has the class today,
    /// if not given: NetworkService for rkc, the caller for akv.
    #[arg(long, value_name = "ACCOUNT")]
    pub run_as: Option<String>,
    /// After so many seconds, undo what was done and give up; another run of the installer is waited for as long.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = SECONDS)]
    pub timeout: u64,
}

#[derive(Args, Clone, Debug)]
#[command(after_help = EXIT_CODES)]
pub struct Uninstall {
    #[command(flatten)]
    pub which: Which,
    /// For so many seconds, wait for another run of the installer, and for programs that have a DLL loaded; then Windows removes the file
    /// when it starts next.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = SECONDS)]
    pub timeout: u64,
}

#[derive(Args, Clone, Debug)]
#[command(after_help = EXIT_CODES)]
pub struct StatusArgs {
    #[command(flatten)]
    pub which: Which,
    /// How it should be, for the exit code.
    #[arg(long, value_enum, env = "PANDO_PLUGIN_STATE", default_value_t = Kept::Installed)]
    pub expect: Kept,
}

#[derive(Args, Clone, Debug)]
#[command(after_help = EXIT_CODES)]
pub struct Keep {
    #[command(flatten)]
    pub install: Install,
    /// What to keep: plugins installed, or none.
    #[arg(long, value_enum, env = "PANDO_PLUGIN_STATE", default_value_t = Kept::Installed)]
    pub state: Kept,
    /// How often to look, and put right what is not so.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub every: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kept {
    Installed,
    Absent,
}

impl Which {
    /// The chosen classes.
    #[must_use]
    pub fn classes(&self) -> Vec<&'static Class> {
        let name = |plugin: &PluginName| if *plugin == PluginName::Rkc { "rkc" } else { "akv" };
        let chosen = |class: &&Class| self.plugin.is_empty() || self.plugin.iter().any(|one| name(one) == class.name);
        CLASSES.iter().filter(chosen).collect()
    }
}

impl Install {
    /// The account that the surrogate of a class runs as.
    #[must_use]
    pub fn run_as(&self, class: &Class) -> Option<String> {
        match self.run_as.as_deref() {
            Some(account) if account.eq_ignore_ascii_case("caller") => None,
            Some(account) => Some(account.to_owned()),
            None => class.run_as.map(str::to_owned),
        }
    }
}

/// Runs a command on this computer.
#[cfg(windows)]
#[must_use]
pub fn run(command: &Command) -> ExitCode {
    crate::windows::run(command)
}

/// Elsewhere there is nothing to install on.
#[cfg(not(windows))]
#[must_use]
pub fn run(_: &Command) -> ExitCode {
    use std::io::Write;
    let text = "pando: plugins of CCG are installed on Windows, by `pando-ccg-installer.exe`; \
                on Linux `pando guard` has them built in, and needs no installing";
    // Who has closed standard error does not want to know.
    let _ = writeln!(std::io::stderr(), "{text}");
    ExitCode::from(3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_waits_longer_than_a_day() {
        assert!(SECONDS("86400").is_ok() && SECONDS("86401").is_err() && SECONDS("18446744073709551615").is_err());
    }
}
