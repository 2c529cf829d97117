//! The programs and DLLs for Windows, built on Linux.
//!
//! With the target's standard library from rustup where it is installed (`rustup target add x86_64-pc-windows-gnu`); otherwise with
//! Debian's rustc-web and cargo-web, which build the standard library from rust-web-src first. The linker is mingw-w64's in both cases.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{root, run, succeeds};
use crate::{ChoreError, Outcome, packages};

/// What is built: the package and the file that comes of it. A further program for Windows is one more line here.
pub const PROGRAMS: &[(&str, &str)] = &[
    ("pando-ccg-rkc", "CCGRKC.dll"),
    ("pando-ccg-akv", "CCGAKVPlugin.dll"),
    ("pando-ccg-host", "ccg-host.exe"),
    ("pando-ccg-installer", "pando-ccg-installer.exe"),
    ("pando", "pando.exe"),
];

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
    let missing = PROGRAMS.iter().map(|(_, file)| folder().join(file)).find(|path| !path.is_file());
    missing.map_or(Ok(()), |path| Err(ChoreError::Missing(format!("cargo built no {}", path.display()))))
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
    command.current_dir(root()).env("RUSTC", rustc).env("RUSTC_BOOTSTRAP", "1").arg("-Zbuild-std=std,panic_unwind");
    // Those of the cargo that runs us would lead to its own toolchain.
    for variable in ["CARGO", "RUSTUP_TOOLCHAIN", "RUSTUP_HOME", "RUSTC_WRAPPER", "RUSTDOC", "RUSTFLAGS"] {
        command.env_remove(variable);
    }
    command.env_remove("CARGO_ENCODED_RUSTFLAGS").env_remove("LD_LIBRARY_PATH");
    Ok(command)
}
