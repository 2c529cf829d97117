//! What is made once for a machine and kept outside this clone.

use std::path::{Path, PathBuf};

use crate::ChoreError;

/// The folder of this name. The tests look there by the same rule (`tests/src/cache.rs`).
pub fn folder(name: &str) -> Result<PathBuf, ChoreError> {
    let variable = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = variable("XDG_CACHE_HOME").or_else(|| variable("HOME").map(|home| home.join(".cache")));
    let cache = cache.ok_or_else(|| ChoreError::Missing("HOME is not set: where would a cache be?".to_owned()))?;
    Ok(cache.join("pando").join(name))
}

/// Whether what it was made from, as its stamp says, is what is wanted.
pub fn is_fresh(stamp: &Path, wanted: &str) -> bool {
    std::fs::read_to_string(stamp).is_ok_and(|made_from| made_from == wanted)
}

/// Says what a folder was made from. Written last: a folder without it was never finished.
pub fn finish(stamp: &Path, made_from: &str) -> Result<(), ChoreError> {
    std::fs::write(stamp, made_from)
        .map_err(|source| ChoreError::Io { doing: format!("writing {}", stamp.display()), source })
}

/// A file of this repository.
pub fn read(path: &Path) -> Result<String, ChoreError> {
    std::fs::read_to_string(path)
        .map_err(|source| ChoreError::Io { doing: format!("reading {}", path.display()), source })
}
