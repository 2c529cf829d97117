//! A Kubernetes control plane for the tests: etcd, kube-apiserver and the tools around it, built from their own Go modules.
//!
//! Each at the one release that `tests/cluster/go/go.mod` pins. They are built once for a machine, and anew when that file changes.

use std::path::PathBuf;
use std::process::Command;

use crate::process::{root, run};
use crate::{ChoreError, Outcome, cache};

/// What decides about the programs, in the Go module's folder. `tests/src/cluster` reads them too.
const SOURCES: [&str; 3] = ["go.mod", "go.sum", "etcd/main.go"];

pub fn module() -> PathBuf {
    root().join("tests/cluster/go")
}

/// Makes sure that the programs are there.
pub fn ensure() -> Outcome {
    let sources: Result<Vec<_>, _> = SOURCES.iter().map(|name| cache::read(&module().join(name))).collect();
    let sources = sources?.concat();
    let home = cache::folder("cluster")?;
    let stamp = home.join("made-from");
    if cache::is_fresh(&stamp, &sources) {
        return Ok(());
    }
    check_go()?;
    println!(
        "Building a Kubernetes control plane for the tests into {} (about ten minutes on two cores, once).",
        home.display()
    );
    let _ = std::fs::remove_file(&stamp);
    let making = |source| ChoreError::Io { doing: format!("making {}", home.display()), source };
    std::fs::create_dir_all(&home).map_err(making)?;
    let mut go = Command::new("go");
    go.current_dir(module()).args(["build", "-mod=readonly", "-buildvcs=false", "-trimpath", "-tags", "providerless"]);
    run(go.arg(format!("-ldflags=-s -w {}", version(&sources)?)).arg("-o").arg(&home).arg("tool"))?;
    cache::finish(&stamp, &sources)
}

/// Kubernetes' programs do not know their release when they are built as a module, and charts ask for it.
fn version(sources: &str) -> Result<String, ChoreError> {
    let pinned = sources.lines().find_map(|line| line.trim().strip_prefix("k8s.io/kubernetes v"));
    let pinned = pinned.and_then(|rest| rest.split_whitespace().next());
    let pinned = pinned.ok_or_else(|| ChoreError::Missing("go.mod names no k8s.io/kubernetes".to_owned()))?;
    let mut parts = pinned.split('.');
    let (major, minor) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let sets = [("gitVersion", format!("v{pinned}")), ("gitMajor", major.to_owned()), ("gitMinor", minor.to_owned())];
    let sets = sets.iter().flat_map(|(name, value)| {
        ["k8s.io/component-base", "k8s.io/client-go/pkg"].map(|package| format!("-X {package}/version.{name}={value}"))
    });
    Ok(sets.collect::<Vec<_>>().join(" "))
}

/// Go is a prerequisite: what distributions package is older than Kubernetes wants.
pub fn check_go() -> Outcome {
    let missing = |what: String| {
        ChoreError::Missing(format!(
            "the tests run a real Kubernetes API server, and build it with Go 1.25 or newer; {what}. Install Go (https://go.dev/doc/install), \
             or run `cargo test` for single packages"
        ))
    };
    let output = Command::new("go").args(["env", "GOVERSION"]).output();
    let output = output.map_err(|error| missing(format!("`go` cannot be started ({error})")))?;
    let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let mut numbers = version.trim_start_matches("go").split('.').map(|part| part.parse::<u32>().unwrap_or_default());
    match (numbers.next(), numbers.next()) {
        (Some(major), Some(minor)) if (major, minor) >= (1, 25) => Ok(()),
        _ => Err(missing(format!("this is {version:?}"))),
    }
}
