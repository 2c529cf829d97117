//! The guard as systemd runs it: its units, its socket handed over, and no more privileges than its unit leaves it.
#![allow(clippy::expect_used, clippy::panic, reason = "only tests here; failing is their job")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use pando_tests::chain::{AccountProvider, credential_spec};
use pando_tests::{Domain, GuardService, Tool, pando};

fn units() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/systemd")
}

#[test]
fn systemd_accepts_the_units_and_finds_them_hardened() {
    let place = tempfile::tempdir().expect("a folder can be made");
    let program = pando().display().to_string();
    let mut copies = Vec::new();
    for unit in ["pando-guard.service", "pando-guard.socket"] {
        let text = std::fs::read_to_string(units().join(unit)).expect("the unit is there");
        let copy = place.path().join(unit);
        std::fs::write(&copy, text.replace("/usr/bin/pando", &program)).expect("it can be copied");
        copies.push(copy);
    }
    let finished = Tool::new("systemd-analyze").arg("verify").args(&copies).ok();
    assert_eq!(finished.stderr, "", "{finished}");
    let service = copies.first().expect("there are two");
    Tool::new("systemd-analyze").args(["security", "--offline=true", "--threshold=30"]).arg(service).ok();
}

/// The capabilities that the unit leaves, as `setpriv` writes them.
fn bounding_set() -> String {
    let text = std::fs::read_to_string(units().join("pando-guard.service")).expect("the unit is there");
    let line = text.lines().find_map(|line| line.strip_prefix("CapabilityBoundingSet=")).expect("it has one");
    let names = line.split(' ').map(|name| format!(",+{}", name.trim_start_matches("CAP_").to_ascii_lowercase()));
    format!("-all{}", names.collect::<String>())
}

struct Activated(Child);

impl Drop for Activated {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_first_call_at_the_socket_starts_it_with_few_privileges() {
    let domain = Domain::start();
    let _provider = AccountProvider::start(&domain);
    let spec = credential_spec(&domain);
    let folder = GuardService::folder(&domain);
    let (socket, log) = (folder.join("activated.sock"), folder.join("log"));
    let output = std::fs::File::create(&log).expect("the log can be made");
    let started = Command::new("systemd-socket-activate")
        .arg("--listen")
        .arg(&socket)
        .args(["setpriv", "--bounding-set", &bounding_set(), "--no-new-privs"])
        .arg(pando())
        .args(GuardService::arguments(&domain))
        .stdin(Stdio::null())
        .stdout(output.try_clone().expect("the log can be shared"))
        .stderr(output)
        .spawn();
    let _activated = Activated(started.expect("`cargo xtask test` installs systemd"));
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while !socket.exists() {
        assert!(std::time::Instant::now() < deadline, "no socket: {:?}", std::fs::read_to_string(&log));
        std::thread::yield_now();
    }
    let ask = |command: &str| Tool::new(pando()).args(["guard", command, "--socket"]).arg(&socket);
    let owner = ["--uid", "12345", "--gid", "12345", "--json"];
    let added = ask("add").arg("--credspec").arg(&spec).args(owner).run();
    assert_eq!(added.code, Some(0), "{added}\n{:?}", std::fs::read_to_string(&log));
    let added: serde_json::Value = serde_json::from_str(&added.stdout).expect("it is JSON");
    let identity = added.pointer("/folders/0").and_then(|folder| folder.as_str()).expect("a folder");
    let owned = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(format!("{identity}/krb5cc")).expect("a file"));
    assert_eq!(owned, 12345);
    ask("release").arg(added.get("lease").and_then(|lease| lease.as_str()).expect("a name")).ok();
    assert!(!Path::new(identity).exists());
}
