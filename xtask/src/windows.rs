//! The programs and DLLs for Windows, built on Linux.
//!
//! With the target's standard library from rustup where it is installed (`rustup target add x86_64-pc-windows-gnu`); otherwise with
//! Debian's rustc-web and cargo-web, which build the standard library from rust-web-src first. The linker is mingw-w64's in both cases.

use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;

use crate::process::{cargo_with, root, run, succeeds};
use crate::{ChoreError, Outcome, packages};

/// What is built: the package and the file that comes of it. A further program for Windows is one more line here.
pub const PROGRAMS: &[(&str, &str)] = &[
    ("pando-ccg-rkc", "CCGRKC.dll"),
    ("pando-ccg-akv", "CCGAKVPlugin.dll"),
    ("pando-ccg-host", "ccg-host.exe"),
    ("pando-ccg-installer", "pando-ccg-installer.exe"),
    ("pando", "pando.exe"),
];

/// Options of `cargo xtask windows`.
#[derive(Args)]
pub struct WindowsArguments {
    /// Then have a plugin called under Wine, 1,000 times by one thread and 100,000 times by eight at once, and print how long the calls
    /// took, and what the process holds before and after.
    #[arg(long)]
    soak: bool,
}

/// Builds them, and calls them.
pub fn run_chore(arguments: &WindowsArguments) -> Outcome {
    build(true)?;
    if !arguments.soak {
        return Ok(());
    }
    for (threads, calls) in [("1", "1000"), ("8", "12500")] {
        let mut test =
            cargo_with(["test", "--workspace", "--test", "ccg_plugins", "--", "--nocapture", "threads_at_once"]);
        run(test.env("PANDO_CALLING_THREADS", threads).env("PANDO_CALLS_PER_THREAD", calls))?;
    }
    Ok(())
}

const TARGET: &str = "x86_64-pc-windows-gnu";
/// The profile in Cargo.toml that is for them.
const PROFILE: &str = "windows";

/// Where the built files are. The tests look there too (`tests/src/windows.rs`).
pub fn folder() -> PathBuf {
    target_folder().join(TARGET).join(PROFILE)
}

/// A folder of their own: another compiler's files among ours would have both built anew each time.
fn target_folder() -> PathBuf {
    root().join("target/windows")
}

/// The standard library, made small, and without what reads symbols for backtraces: the programs have none.
const STANDARD_LIBRARY: [&str; 2] =
    ["-Zbuild-std=std,panic_unwind", "-Zbuild-std-features=panic-unwind,optimize_for_size"];

/// Makes sure that all of them are there, and up to date.
pub fn build(install: bool) -> Outcome {
    let rustup = rustup_has_the_target();
    if install {
        packages::ensure(packages::FOR_WINDOWS)?;
        if !rustup {
            packages::ensure(packages::FOR_WINDOWS_WITHOUT_RUSTUP)?;
        }
    }
    let mut cargo = if rustup { crate::process::cargo() } else { debians_cargo()? };
    cargo.args(["build", "--locked", "--target", TARGET, "--profile", PROFILE, "--target-dir"]).arg(target_folder());
    cargo.args(PROGRAMS.iter().flat_map(|(package, _)| ["--package", package]));
    run(&mut cargo)?;
    gather()
}

/// What is given to others: those files alone, in a folder of their own, with their checksums.
fn gather() -> Outcome {
    let release = target_folder().join("release");
    let failed = |source| ChoreError::Io { doing: format!("gathering a release in {}", release.display()), source };
    std::fs::create_dir_all(&release).map_err(failed)?;
    for (_, file) in PROGRAMS {
        let built = folder().join(file);
        if !built.is_file() {
            return Err(ChoreError::Missing(format!("cargo built no {}", built.display())));
        }
        std::fs::copy(built, release.join(file)).map_err(failed)?;
    }
    let sums = Command::new("sha256sum").current_dir(&release).args(PROGRAMS.iter().map(|(_, file)| file)).output();
    let sums = sums.map_err(|source| ChoreError::Start { command: "sha256sum".to_owned(), source })?;
    std::fs::write(release.join("SHA256SUMS"), sums.stdout).map_err(failed)
}

/// Whether the toolchain that runs us can build for Windows by itself.
fn rustup_has_the_target() -> bool {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let found = Command::new(rustc).current_dir(root()).args(["--print", "target-libdir", "--target", TARGET]).output();
    found.is_ok_and(|found| Path::new(String::from_utf8_lossy(&found.stdout).trim()).is_dir())
}

/// Debian's cargo and rustc, whatever else is on the PATH. `-Zbuild-std` is not stable, and asks for the variable.
fn debians_cargo() -> Result<Command, ChoreError> {
    let (cargo, rustc) = ("/usr/bin/cargo", "/usr/bin/rustc");
    if !succeeds(Command::new(rustc).arg("--version")) {
        return Err(ChoreError::Missing(format!(
            "the programs for Windows need `rustup target add {TARGET}`, or Debian's packages rustc-web, cargo-web and rust-web-src"
        )));
    }
    let mut command = Command::new(cargo);
    command.current_dir(root()).env("RUSTC", rustc).env("RUSTC_BOOTSTRAP", "1").args(STANDARD_LIBRARY);
    // Those of the cargo that runs us would lead to its own toolchain.
    for variable in ["CARGO", "RUSTUP_TOOLCHAIN", "RUSTUP_HOME", "RUSTC_WRAPPER", "RUSTDOC", "RUSTFLAGS"] {
        command.env_remove(variable);
    }
    command.env_remove("CARGO_ENCODED_RUSTFLAGS").env_remove("LD_LIBRARY_PATH");
    Ok(command)
}
