//! The Python packages that tests drive and Debian has not: in a virtual environment of their own, below `target`.

use std::fs;
use std::process::Command;

use crate::process::{root, run};
use crate::{ChoreError, Outcome};

/// Makes sure that `target/python` has what tests/interop/requirements.txt lists.
pub fn ensure() -> Outcome {
    let (wanted, folder) = (root().join("tests/interop/requirements.txt"), root().join("target/python"));
    let installed = folder.join("installed.txt");
    let failed = |source| ChoreError::Io { doing: format!("preparing {}", folder.display()), source };
    let list = fs::read_to_string(&wanted).map_err(failed)?;
    if fs::read_to_string(&installed).is_ok_and(|done| done == list) {
        return Ok(());
    }
    // Debian's own Python: another one on the PATH may be of any age.
    run(Command::new("/usr/bin/python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
    run(Command::new(folder.join("bin/pip")).args(["install", "--quiet", "--requirement"]).arg(&wanted))?;
    fs::write(installed, list).map_err(failed)
}
