//! What the tests drive and Debian has not, from the Python Package Index: in a virtual environment of its own.
//!
//! It is kept outside this clone, so that it is made once for a machine, and made anew when the pinned versions change.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{run, succeeds};
use crate::{ChoreError, Outcome, process};

/// What is installed, with versions. `tests/src/python.rs` reads it too.
const REQUIREMENTS: &str = "tests/interop/requirements.txt";

/// Where the environment is. `tests/src/python.rs` looks there.
fn home() -> Result<PathBuf, ChoreError> {
    let variable = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = variable("XDG_CACHE_HOME").or_else(|| variable("HOME").map(|home| home.join(".cache")));
    let cache = cache.ok_or_else(|| ChoreError::Missing("HOME is not set: where would a cache be?".to_owned()))?;
    Ok(cache.join("pando").join("interop-python"))
}

/// Makes sure that the environment is there with exactly the pinned versions.
pub fn ensure() -> Outcome {
    let wanted = read(&process::root().join(REQUIREMENTS))?;
    let home = home()?;
    // Written last: an environment without it was never finished.
    let stamp = home.join("requirements.txt");
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) && starts(&home) {
        return Ok(());
    }
    println!("Installing the Python programs of the tests into {}.", home.display());
    // Debian's own Python: another one may come first on the PATH.
    run(Command::new("/usr/bin/python3").args(["-m", "venv", "--clear"]).arg(&home))?;
    let mut pip = Command::new(home.join("bin/pip"));
    pip.args(["install", "--quiet", "--disable-pip-version-check", "--no-deps", "--requirement"]);
    run(pip.arg(process::root().join(REQUIREMENTS)))?;
    std::fs::write(&stamp, wanted)
        .map_err(|source| ChoreError::Io { doing: format!("writing {}", stamp.display()), source })
}

/// Whether its Python still runs: that of the machine beneath it may have been replaced.
fn starts(home: &Path) -> bool {
    succeeds(Command::new(home.join("bin/python")).args(["-c", "import impacket"]))
}

fn read(path: &Path) -> Result<String, ChoreError> {
    std::fs::read_to_string(path)
        .map_err(|source| ChoreError::Io { doing: format!("reading {}", path.display()), source })
}
