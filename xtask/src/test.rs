//! `cargo xtask test`: the real clients, the `pando` binary, then every test of the workspace.

use clap::Args;

use crate::{Outcome, cluster, csi, openbao, packages, process, python, windows};

/// Options of `cargo xtask test`.
#[derive(Args)]
pub struct TestArguments {
    /// Do not look for, or install, Debian and Python packages and the Kubernetes control plane.
    #[arg(long)]
    no_install: bool,
    /// Passed on to `cargo test --workspace` (a filter, `-- --nocapture`, ...).
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    cargo_test: Vec<String>,
}

/// Runs every test.
///
/// One build with every target serves both the binary under test and the tests: building `pando` by itself
/// would resolve other features and compile its dependencies twice.
pub fn run(arguments: &TestArguments) -> Outcome {
    if !arguments.no_install {
        packages::ensure(packages::FOR_TESTS)?;
        python::ensure()?;
        openbao::ensure()?;
        cluster::ensure()?;
        csi::ensure()?;
    }
    windows::build(!arguments.no_install)?;
    process::run(&mut process::cargo_with(["build", "--workspace", "--all-targets"]))?;
    let mut test = process::cargo_with(["test", "--workspace", "--no-fail-fast"]);
    process::run(test.args(&arguments.cargo_test).env("PANDO_BINARY_IS_FRESH", "1"))
}
