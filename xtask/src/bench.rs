//! `cargo xtask bench`: release builds of `pando` and the load generator, then the run.

use clap::Args;

use crate::{Outcome, packages, process};

/// Options of `cargo xtask bench`.
#[derive(Args)]
#[command(disable_help_flag = true)]
pub struct BenchArguments {
    /// Arguments of the load generator; `cargo xtask bench --help` is answered by it.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// Builds and runs the load generator.
pub fn run(arguments: &BenchArguments) -> Outcome {
    let asks_for_help = arguments.arguments.iter().any(|argument| argument == "--help" || argument == "-h");
    if !asks_for_help {
        packages::ensure(packages::FOR_BENCHMARKS)?;
        process::run(&mut process::cargo_with(["build", "--release", "-p", "pando"]))?;
    }
    let mut bench = process::cargo_with(["run", "--quiet", "--release", "-p", "pando-benches", "--"]);
    process::run(bench.args(&arguments.arguments))
}
