//! The image of the charts, with a small static program in the binary's place: what is around it holds for whatever is in it.
#![allow(clippy::expect_used, clippy::panic, reason = "only tests here; failing is their job")]

use std::path::Path;

use pando_tests::Tool;

/// Says who it is, and tries what it must not be able to do.
const PROGRAM: &str = r#"
use std::os::unix::fs::MetadataExt;
fn main() {
    let me = std::fs::metadata("/proc/self").map(|me| (me.uid(), me.gid()));
    println!("{me:?}, writes: {}, shell: {}", std::fs::write("/x", "x").is_ok(), std::path::Path::new("/bin/sh").exists());
    println!("{:?}", std::env::args().skip(1).collect::<Vec<_>>());
}
"#;

fn podman(place: &Path) -> Tool {
    let mut tool = Tool::new("podman");
    for (flag, folder) in [("--root", "storage"), ("--runroot", "run"), ("--tmpdir", "tmp")] {
        tool = tool.arg(flag).arg(place.join(folder));
    }
    tool.args(["--runtime", "runc", "--cgroup-manager", "cgroupfs"])
}

#[test]
fn the_image_is_made_without_pulling_and_is_nobody_in_a_root_that_cannot_be_written() {
    let place = tempfile::tempdir().expect("a temporary folder can be made");
    let context = place.path().join("context");
    std::fs::create_dir(&context).expect("a folder can be made");
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let home = std::env::var("HOME").unwrap_or_default();
    let rustc = Tool::new(rustc).env("HOME", home).args(["-C", "target-feature=+crt-static", "-", "-o"]);
    rustc.arg(context.join("pando")).input(PROGRAM).ok();
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../packaging/Containerfile");
    let build = ["build", "--pull=never", "--target", "prebuilt", "--tag", "pando:test", "-f", file];
    podman(place.path()).args(build).arg(&context).ok();
    // Limits, because where tests run they cannot always be raised.
    let limits = ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=100:100"];
    let run =
        podman(place.path()).args(["run", "--rm", "--read-only", "--network=none", "--cap-drop=all"]).args(limits);
    let said = run.args(["pando:test", "dc", "run"]).ok();
    said.says("Ok((65532, 65532)), writes: false, shell: false").says(r#"["dc", "run"]"#);
}
