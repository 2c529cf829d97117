//! The `pando` binary under test.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The binary of this build. `cargo xtask test` has just built it and says so; otherwise it is built here, once.
pub fn pando() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let path = target().join("pando");
        if std::env::var_os("PANDO_BINARY_IS_FRESH").is_none() || !path.is_file() {
            build();
        }
        assert!(path.is_file(), "cargo built no {}", path.display());
        path
    })
}

/// The folder of this build's profile, two above the test executable in `deps`.
pub(crate) fn target() -> PathBuf {
    let test = std::env::current_exe().expect("the running test has a path");
    test.ancestors().nth(2).expect("tests run from target/PROFILE/deps").to_path_buf()
}

fn build() {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(env!("CARGO_MANIFEST_DIR")).args(["build", "--quiet", "--package", "pando"]);
    if target().ends_with("release") {
        cargo.arg("--release");
    }
    assert!(cargo.status().expect("cargo can be started").success(), "`cargo build --package pando` failed");
}
