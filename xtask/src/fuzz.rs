//! `cargo xtask fuzz`: one parser, or each of them for a while.

use std::process::Command;

use clap::Args;

use crate::process::{root, run, succeeds};
use crate::{ChoreError, Outcome};

/// Options of `cargo xtask fuzz`.
#[derive(Args)]
pub struct FuzzArguments {
    /// The target (a file name in fuzz/fuzz_targets, without `.rs`); all of them in turn when absent.
    target: Option<String>,
    /// For how long, each.
    #[arg(default_value_t = 60)]
    seconds: u32,
    /// List the targets and stop.
    #[arg(long)]
    list: bool,
}

/// Runs the chosen targets; a crash ends the run and leaves its input in fuzz/artifacts.
pub fn run_targets(arguments: &FuzzArguments) -> Outcome {
    let all = targets()?;
    if arguments.list {
        all.iter().for_each(|target| println!("{target}"));
        return Ok(());
    }
    let chosen = match &arguments.target {
        Some(target) if all.contains(target) => vec![target.clone()],
        Some(target) => {
            return Err(ChoreError::Missing(format!("no target `{target}`; there are: {}", all.join(", "))));
        }
        None => all,
    };
    if !succeeds(Command::new("cargo").args(["+nightly", "fuzz", "--version"])) {
        return Err(ChoreError::Missing(
            "fuzzing needs `rustup toolchain install nightly` and `cargo install --locked cargo-fuzz`".to_owned(),
        ));
    }
    chosen.iter().try_for_each(|target| {
        let seconds = format!("-max_total_time={}", arguments.seconds);
        run(Command::new("cargo").current_dir(root()).args(["+nightly", "fuzz", "run", target, "--", &seconds]))
    })
}

fn targets() -> Result<Vec<String>, ChoreError> {
    let folder = root().join("fuzz").join("fuzz_targets");
    let failed = |source| ChoreError::Io { doing: format!("listing {}", folder.display()), source };
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            names.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
        }
    }
    names.sort();
    Ok(names)
}
