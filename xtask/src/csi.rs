//! What the tests of the CSI driver drive it with: csi-sanity, the conformance tests of CSI, and the published interfaces.
//!
//! csi-sanity is built from its own Go module, at the one release that `tests/cluster/csi/go.mod` pins; the interface of CSI comes with it,
//! and that of kubelet's plugin registration with the release of Kubernetes that the control plane of the tests has.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{root, run};
use crate::{ChoreError, Outcome, cache, cluster};

/// What decides about them, in the Go module's folder. `tests/src/cluster` reads them too.
const SOURCES: [&str; 2] = ["go.mod", "go.sum"];

fn module() -> PathBuf {
    root().join("tests/cluster/csi")
}

/// Makes sure that they are there.
pub fn ensure() -> Outcome {
    let sources: Result<Vec<_>, _> = SOURCES.iter().map(|name| cache::read(&module().join(name))).collect();
    let sources = sources?.concat();
    let home = cache::folder("csi")?;
    let stamp = home.join("made-from");
    if cache::is_fresh(&stamp, &sources) {
        return Ok(());
    }
    cluster::check_go()?;
    println!("Building the conformance tests of CSI into {} (less than a minute, once).", home.display());
    let _ = std::fs::remove_file(&stamp);
    std::fs::create_dir_all(&home)
        .map_err(|source| ChoreError::Io { doing: format!("making {}", home.display()), source })?;
    let mut go = Command::new("go");
    go.current_dir(module()).args(["build", "-mod=readonly", "-buildvcs=false", "-trimpath", "-ldflags=-s -w", "-o"]);
    run(go.arg(&home).arg("tool"))?;
    copy(&module(), "github.com/container-storage-interface/spec", "csi.proto", &home.join("csi.proto"))?;
    let registration = "pkg/apis/pluginregistration/v1/api.proto";
    copy(&cluster::module(), "k8s.io/kubelet", registration, &home.join("pluginregistration.proto"))?;
    cache::finish(&stamp, &sources)
}

/// Copies a file out of a Go module that this one depends on.
fn copy(module: &Path, dependency: &str, file: &str, to: &Path) -> Outcome {
    run(Command::new("go").current_dir(module).args(["mod", "download", dependency]))?;
    let listed =
        Command::new("go").current_dir(module).args(["list", "-mod=mod", "-m", "-f", "{{.Dir}}", dependency]).output();
    let listed = listed.map_err(|source| ChoreError::Start { command: "go list".to_owned(), source })?;
    let folder = PathBuf::from(String::from_utf8_lossy(&listed.stdout).trim());
    // Go keeps modules read-only; what is copied is not.
    let text = cache::read(&folder.join(file))?;
    std::fs::write(to, text).map_err(|source| ChoreError::Io { doing: format!("writing {}", to.display()), source })
}
