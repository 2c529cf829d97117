//! Running other programs: shown before they start, stopped at the first failure.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{ChoreError, Outcome};

/// The workspace's root folder.
pub fn root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest).to_path_buf()
}

/// The cargo that runs us, so that a chosen toolchain stays chosen.
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

/// A cargo command from its words.
pub fn cargo_with<I: AsRef<OsStr>>(words: impl IntoIterator<Item = I>) -> Command {
    let mut command = cargo();
    command.args(words);
    command
}

/// Shows and runs `command`; fails when it does.
pub fn run(command: &mut Command) -> Outcome {
    let shown = show(command);
    println!("$ {shown}");
    let status = command.status().map_err(|source| ChoreError::Start { command: shown.clone(), source })?;
    if status.success() { Ok(()) } else { Err(ChoreError::Failed { command: shown, status }) }
}

/// Runs `command` silently and says whether it succeeded.
pub fn succeeds(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

/// Where `program` is, looked up as a shell would, and in the system folders a plain user's PATH lacks.
pub fn find_program(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .map(|folder| folder.join(program))
        .find(|candidate| candidate.is_file())
}

fn show(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy();
    let words = command.get_args().map(|word| match word.to_string_lossy() {
        word if word.contains([' ', '\n', '\'']) => format!("'{}'", word.replace('\'', "'\\''")),
        word => word.into_owned(),
    });
    std::iter::once(program.into_owned()).chain(words).collect::<Vec<_>>().join(" ")
}
