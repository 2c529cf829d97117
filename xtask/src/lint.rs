//! `cargo xtask lint`: what must hold before a change is looked at.

use std::process::Command;

use crate::process::{cargo, cargo_with, run, succeeds};
use crate::{ChoreError, Outcome};

/// Runs every check; the cheap ones first.
pub fn run_all() -> Outcome {
    run(&mut cargo_with(["fmt", "--all", "--check"]))?;
    deny()?;
    run(&mut cargo_with(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    run(cargo_with(["doc", "--workspace", "--no-deps", "--document-private-items"]).env("RUSTDOCFLAGS", "-D warnings"))
}

/// Licences, bans and sources. Advisories need a database from the network: see CONTRIBUTING.md.
fn deny() -> Outcome {
    if !succeeds(Command::new("cargo-deny").arg("--version")) {
        return Err(ChoreError::Missing(
            "cargo-deny is not installed: run `cargo install --locked cargo-deny` (about four minutes)".to_owned(),
        ));
    }
    run(cargo().args(["deny", "--all-features", "check", "licenses", "bans", "sources"]))
}
