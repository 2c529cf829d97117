//! The configuration file: the same names as the flags, because it is turned into flags before they are parsed.
//!
//! The table `[guard.fetch]` holds the flags of `pando guard fetch`; what the person types comes behind and so wins.

use crate::cli::Cli;
use clap::{CommandFactory, Parser};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// A configuration file larger than this is not one.
const MAX_FILE: u64 = 1 << 20;

/// Why there is nothing to run.
#[derive(Debug)]
pub enum Stop {
    /// clap's answer: help, version or a usage error.
    Usage(clap::Error),
    /// The file is at fault.
    File(FileError),
}

/// What is wrong with the configuration file.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("{} cannot be read: {source}", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("{} is larger than a configuration file may be ({MAX_FILE} bytes)", path.display())]
    TooLarge { path: PathBuf },
    #[error("{} is not valid TOML: {source}", path.display())]
    Syntax { path: PathBuf, source: Box<toml::de::Error> },
    #[error("{}: `{key}` in [{table}] must be a text, a number, true or false, or a list of those", path.display())]
    Value { path: PathBuf, table: String, key: String },
    #[error("{}: [{table}] has no setting `{key}`; `pando {command} --help` lists them", path.display())]
    Unknown { path: PathBuf, table: String, key: String, command: String },
}

/// Parses the command line with the configuration file's settings in front of what was typed.
pub fn parse_with_file(args: impl IntoIterator<Item = OsString>) -> Result<Cli, Stop> {
    let typed: Vec<OsString> = args.into_iter().collect();
    let Some(path) = config_path(&typed) else { return Cli::try_parse_from(typed).map_err(Stop::Usage) };
    let text = read(&path).map_err(Stop::File)?;
    let table: toml::Table =
        text.parse().map_err(|e| Stop::File(FileError::Syntax { path: path.to_owned(), source: Box::new(e) }))?;
    let merged = merge(&typed, &table, &path).map_err(Stop::File)?;
    Cli::try_parse_from(merged).map_err(Stop::Usage)
}

/// What `--config` or `PANDO_CONFIG` names, found before clap can run: required flags may be in the file.
fn config_path(typed: &[OsString]) -> Option<PathBuf> {
    let mut args = typed.iter().skip(1).take_while(|a| *a != "--");
    while let Some(arg) = args.next() {
        if arg == "--config" {
            return args.next().map(PathBuf::from);
        }
        if let Some(path) = arg.to_str().and_then(|a| a.strip_prefix("--config=")) {
            return Some(PathBuf::from(path));
        }
    }
    std::env::var_os("PANDO_CONFIG").map(PathBuf::from)
}

fn read(path: &Path) -> Result<String, FileError> {
    let unreadable = |source| FileError::Unreadable { path: path.to_owned(), source };
    if std::fs::metadata(path).map_err(unreadable)?.len() > MAX_FILE {
        return Err(FileError::TooLarge { path: path.to_owned() });
    }
    std::fs::read_to_string(path).map_err(unreadable)
}

/// The typed arguments with the file's flags right behind the subcommand they belong to.
fn merge(typed: &[OsString], file: &toml::Table, path: &Path) -> Result<Vec<OsString>, FileError> {
    let root = Cli::command();
    let (mut command, mut table, mut names) = (&root, Some(file), Vec::new());
    let mut split = 1;
    for (i, arg) in typed.iter().enumerate().skip(1) {
        let Some(next) = arg.to_str().and_then(|a| command.find_subcommand(a)) else { continue };
        names.push(next.get_name());
        table = table.and_then(|t| t.get(next.get_name())).and_then(toml::Value::as_table);
        (command, split) = (next, i + 1);
    }
    let mut merged: Vec<OsString> = typed.iter().take(split).cloned().collect();
    let rest = typed.get(split..).unwrap_or_default();
    for (key, value) in table.into_iter().flatten() {
        if typed_already(rest, key) {
            continue;
        }
        let place = || (names.join("."), key.clone());
        if !command.get_arguments().any(|a| a.get_long() == Some(key)) {
            let (table, key) = place();
            return Err(FileError::Unknown { path: path.to_owned(), table, key, command: names.join(" ") });
        }
        push_flag(&mut merged, key, value).ok_or_else(|| {
            let (table, key) = place();
            FileError::Value { path: path.to_owned(), table, key }
        })?;
    }
    merged.extend(rest.iter().cloned());
    Ok(merged)
}

/// A flag that was typed replaces the file's, lists too.
fn typed_already(rest: &[OsString], key: &str) -> bool {
    let flag = format!("--{key}");
    rest.iter()
        .filter_map(|a| a.to_str())
        .any(|a| a == flag || a.strip_prefix(&flag).is_some_and(|r| r.starts_with('=')))
}

fn push_flag(out: &mut Vec<OsString>, key: &str, value: &toml::Value) -> Option<()> {
    let text = match value {
        toml::Value::Boolean(false) => return Some(()),
        toml::Value::Boolean(true) => {
            out.push(format!("--{key}").into());
            return Some(());
        }
        toml::Value::Array(items) => return items.iter().try_for_each(|item| push_flag(out, key, item)),
        toml::Value::String(s) => s.clone(),
        toml::Value::Integer(n) => n.to_string(),
        _ => return None,
    };
    out.push(format!("--{key}={text}").into());
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{AccountProvider, Command, ProviderRun};

    const TYPED: [&str; 3] = ["pando", "account-provider", "run"];

    fn run(toml: &str, typed: &[&str]) -> Result<ProviderRun, String> {
        let table = toml.parse().unwrap();
        let typed: Vec<OsString> = TYPED.iter().chain(typed).map(OsString::from).collect();
        let merged = merge(&typed, &table, Path::new("pando.toml")).map_err(|e| e.to_string())?;
        let cli = Cli::try_parse_from(merged).map_err(|e| e.to_string())?;
        let Command::AccountProvider(AccountProvider::Run(run)) = cli.command else { panic!("another command") };
        Ok(run)
    }

    #[test]
    fn the_file_gives_what_was_not_typed() {
        let run = run("[account-provider.run]\nnamespace='team-a'\nsecrets='/s'", &["--host-dir", "/h"]).unwrap();
        assert_eq!((run.namespace.as_str(), run.secrets, run.host_dir), ("team-a", Some("/s".into()), "/h".into()));
    }

    #[test]
    fn what_is_typed_wins_over_the_file() {
        let file = "[account-provider.run]\nnamespace='team-a'\nsecrets='/s'";
        assert_eq!(run(file, &["--namespace=team-b"]).unwrap().namespace, "team-b");
    }

    #[test]
    fn a_setting_that_does_not_exist_is_named() {
        let error = run("[account-provider.run]\nsecret='x'", &[]).unwrap_err();
        assert!(error.contains("[account-provider.run] has no setting `secret`"), "{error}");
        let error = run("[account-provider.run]\nsecrets={}", &[]).unwrap_err();
        assert!(error.contains("`secrets` in [account-provider.run] must be"), "{error}");
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
