//! What the tests drive and Debian has not, from the Python Package Index: in a virtual environment of its own.
//!
//! It is kept outside this clone, so that it is made once for a machine, and made anew when the pinned versions change.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{run, succeeds};
use crate::{ChoreError, Outcome, cache, process};

/// What is installed, with versions. `tests/src/python.rs` reads it too.
const REQUIREMENTS: &str = "tests/interop/requirements.txt";

/// Makes sure that the environment is there with exactly the pinned versions.
pub fn ensure() -> Outcome {
    let wanted = cache::read(&process::root().join(REQUIREMENTS))?;
    let home = cache::folder("interop-python")?;
    let stamp = home.join("requirements.txt");
    if cache::is_fresh(&stamp, &wanted) && starts(&home) {
        return Ok(());
    }
    println!("Installing the Python programs of the tests into {}.", home.display());
    // Debian's own Python: another one may come first on the PATH.
    run(Command::new("/usr/bin/python3").args(["-m", "venv", "--clear"]).arg(&home))?;
    let mut pip = Command::new(home.join("bin/pip"));
    pip.args(["install", "--quiet", "--disable-pip-version-check", "--no-deps", "--requirement"]);
    run(pip.arg(process::root().join(REQUIREMENTS)))?;
    cache::finish(&stamp, &wanted)
}

/// The installer of its packages.
pub fn pip() -> Result<PathBuf, ChoreError> {
    Ok(cache::folder("interop-python")?.join("bin/pip"))
}

/// Whether its Python still runs: that of the machine beneath it may have been replaced.
fn starts(home: &Path) -> bool {
    succeeds(Command::new(home.join("bin/python")).args(["-c", "import impacket"]))
}
