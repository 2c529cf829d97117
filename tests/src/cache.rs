//! What `cargo xtask test` has made for this machine.

use std::path::PathBuf;

/// The folder of this name: `xtask/src/cache.rs` has the same rule. It must have been made from `wanted`, as its `stamp` says.
pub(crate) fn folder(name: &str, stamp: &str, wanted: &str) -> PathBuf {
    let variable = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = variable("XDG_CACHE_HOME").or_else(|| variable("HOME").map(|home| home.join(".cache")));
    let home = cache.expect("there is a cache folder").join("pando").join(name);
    let made_from = std::fs::read_to_string(home.join(stamp)).unwrap_or_default();
    assert!(made_from == wanted, "`cargo xtask test` makes {name}, which this test needs, in {}", home.display());
    home
}
