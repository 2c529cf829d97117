//! What is given to others: the static binary, and the image that all charts use.

use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;

use crate::process::{cargo_with, root, run};
use crate::{ChoreError, Outcome};

#[derive(Args)]
pub struct DistArguments {
    /// Also build the image with podman, from scratch and without pulling anything.
    #[arg(long)]
    image: bool,
    /// What the image is called.
    #[arg(long, default_value = concat!("pando:", env!("CARGO_PKG_VERSION")))]
    tag: String,
    /// The profile: `release`, or `dev` for a quick one.
    #[arg(long, default_value = "release")]
    profile: String,
    /// Where the result goes.
    #[arg(long, default_value = "target/dist")]
    out: PathBuf,
}

/// Builds what was asked for.
pub fn build(arguments: &DistArguments) -> Outcome {
    // With a target of its own, procedural macros are built without the flag, which they could not be loaded with.
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let profile = ["--profile", &arguments.profile];
    let mut cargo = cargo_with(["build", "--locked", "-p", "pando", "--target", &target]);
    cargo.args(profile);
    run(cargo.env("RUSTFLAGS", "-C target-feature=+crt-static"))?;
    let folder = if arguments.profile == "dev" { "debug" } else { &arguments.profile };
    let built = root().join("target").join(target).join(folder).join("pando");
    let doing = |what: &str, path: &Path| format!("{what} {}", path.display());
    let failed = |doing: String| move |source| ChoreError::Io { doing, source };
    let out = root().join(&arguments.out);
    std::fs::create_dir_all(&out).map_err(failed(doing("making", &out)))?;
    let binary = out.join("pando");
    std::fs::copy(&built, &binary).map_err(failed(doing("copying", &built)))?;
    println!("{}", binary.display());
    if arguments.image {
        image(&out, &arguments.tag)?;
    }
    Ok(())
}

/// The last stage only needs the binary: its folder is the whole context, and `--pull=never` proves that nothing else is asked for.
/// Then it is started once.
fn image(context: &Path, tag: &str) -> Outcome {
    let mut podman = Command::new("podman");
    podman.args(["build", "--pull=never", "--target", "prebuilt", "--tag", tag, "-f"]);
    run(podman.arg(root().join("packaging/Containerfile")).arg(context))?;
    // What a chart's pod is: no network to look for anything, nothing that can be written, nobody's powers.
    run(Command::new("podman").args([
        "run",
        "--rm",
        "--read-only",
        "--network=none",
        "--cap-drop=all",
        // Podman's own are above what a machine may allow even root.
        "--ulimit=nofile=1024:1024",
        "--ulimit=nproc=100:100",
        tag,
        "--version",
    ]))
}
