//! Containers with an identity: runc with the guard's hooks.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "only tests here; failing is their job"
)]

use std::path::{Path, PathBuf};

use pando_tests::chain::{AccountProvider, credential_spec};
use pando_tests::{Domain, Finished, GuardService, Tool, pando};
use serde_json::{Value, json};

const USER: u32 = 12345;

/// A container whose programs are the host's, read-only, and that runs one shell script.
struct Bundle {
    folder: PathBuf,
    config: Value,
}

impl Bundle {
    fn new(domain: &Domain, name: &str, script: &str) -> Self {
        let folder = domain.path(name);
        let root = folder.join("rootfs");
        for inside in ["usr", "etc", "proc", "dev", "tmp", "run"] {
            std::fs::create_dir_all(root.join(inside)).expect("a folder can be made");
        }
        for link in ["bin", "sbin", "lib", "lib64"] {
            std::os::unix::fs::symlink(format!("usr/{link}"), root.join(link)).expect("a link can be made");
        }
        let host =
            |path: &str| json!({ "destination": path, "source": path, "type": "bind", "options": ["rbind", "ro"] });
        let domains = domain.path("");
        let mut config = json!({
            "ociVersion": "1.0.2",
            "process": {
                "user": { "uid": USER, "gid": USER },
                "args": ["sh", "-c", script],
                "env": ["PATH=/usr/bin:/bin", format!("KRB5_CONFIG={}", domain.path("krb5.conf").display())],
                "cwd": "/",
            },
            "root": { "path": "rootfs", "readonly": true },
            "mounts": [
                host("/usr"), host("/etc"), host("/dev"),
                { "destination": "/proc", "type": "proc", "source": "proc" },
                { "destination": "/run", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "nodev"] },
                { "destination": "/tmp", "type": "tmpfs", "source": "tmpfs" },
            ],
            // The domain controller is on the host's loopback.
            "linux": { "namespaces": [{ "type": "mount" }, { "type": "pid" }, { "type": "ipc" }, { "type": "uts" }] },
            "annotations": { "dev.pando.credspec": "webapp01.json", "dev.pando.keytab": "true" },
        });
        let krb5 = domain.path("krb5.conf").display().to_string();
        std::fs::create_dir_all(root.join(domains.strip_prefix("/").expect("it is absolute")))
            .expect("a folder can be made");
        let mounts = config["mounts"].as_array_mut().expect("a list");
        mounts.push(json!({ "destination": krb5, "source": krb5, "type": "bind", "options": ["bind", "ro"] }));
        Self { folder, config }
    }

    /// Has the guard add its hooks.
    fn edit(&mut self, domain: &Domain, guard: &GuardService) -> Finished {
        let edited = Tool::new(pando())
            .args(["guard", "hook", "edit", "--socket"])
            .arg(guard.socket())
            .arg("--krb-dir")
            .arg(guard.krb())
            .arg("--credspec-dir")
            .arg(domain.path("credspecs"))
            .input(self.config.to_string())
            .run();
        if edited.code == Some(0) {
            self.config = serde_json::from_str(&edited.stdout).expect("it is JSON");
        }
        edited
    }

    fn run(&self, name: &str) -> Finished {
        std::fs::write(self.folder.join("config.json"), self.config.to_string()).expect("the file can be written");
        let name = format!("{name}-{}", std::process::id());
        let state = self.folder.join("state");
        Tool::new("runc").arg("--root").arg(state).args(["run", "--bundle"]).arg(&self.folder).arg(name).run()
    }
}

fn specs(domain: &Domain) -> PathBuf {
    let (spec, folder) = (credential_spec(domain), domain.path("credspecs"));
    std::fs::create_dir_all(&folder).expect("the folder can be made");
    std::fs::copy(spec, folder.join("webapp01.json")).expect("the spec can be copied");
    readable(&domain.path("krb5.conf"));
    folder
}

fn readable(path: &Path) {
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o644)).expect("the mode can be set");
}

#[test]
fn an_annotated_container_is_the_gmsa_and_its_lease_ends_with_it() {
    let domain = Domain::start();
    let _provider = AccountProvider::start(&domain);
    let guard = GuardService::start(&domain);
    specs(&domain);
    let script = "id -u && env | grep KRB5 && klist && kvno ldap/dc1.contoso.com; klist -k; touch /run/pando/x; ls -ld /run/pando/webapp01";
    let mut bundle = Bundle::new(&domain, "bundle", script);
    let edited = bundle.edit(&domain, &guard);
    assert_eq!(edited.code, Some(0), "{edited}");
    let finished = bundle.run("annotated");
    assert!(finished.stdout.starts_with("12345\n"), "{finished}\n{}", guard.log());
    finished
        .says("KRB5CCNAME=FILE:/run/pando/webapp01/krb5cc")
        .says("Default principal: webapp01$@CONTOSO.COM")
        .says("ldap/dc1.contoso.com@CONTOSO.COM: kvno = ")
        .says("Keytab name: FILE:/run/pando/webapp01/keytab")
        .says("Read-only file system");
    assert_eq!(guard.leases().len(), 0, "the lease has ended with the container");
    assert_eq!(std::fs::read_dir(guard.krb()).expect("it is there").count(), 0);
}

#[test]
fn a_container_without_the_annotation_is_left_alone() {
    let domain = Domain::start();
    let guard = GuardService::start(&domain);
    let mut bundle = Bundle::new(&domain, "plain", "ls /run; env");
    bundle.config["annotations"] = json!({});
    let before = bundle.config.clone();
    bundle.edit(&domain, &guard);
    assert_eq!(bundle.config, before);
    let finished = bundle.run("plain");
    assert_eq!(finished.code, Some(0), "{finished}");
    finished.never_says("pando").never_says("KRB5CCNAME");
}

/// The provider does not run, so the chain breaks; the container must not start as nobody.
#[test]
fn without_an_identity_the_container_does_not_start_and_the_broken_link_is_said() {
    let domain = Domain::start();
    let guard = GuardService::start(&domain);
    specs(&domain);
    let mut bundle = Bundle::new(&domain, "refused", "echo started");
    bundle.edit(&domain, &guard);
    let finished = bundle.run("refused");
    assert_ne!(finished.code, Some(0), "{finished}");
    finished.never_says("started").says("the plugin and its secret source");
    assert_eq!(guard.leases().len(), 0);
}

/// The machine lost its guard, or the runtime was killed, when the container ended.
#[test]
fn a_container_whose_end_the_guard_did_not_hear_of_starts_again() {
    let domain = Domain::start();
    let _provider = AccountProvider::start(&domain);
    let guard = GuardService::start(&domain);
    let specs = specs(&domain);
    let bundle = Bundle::new(&domain, "again", "echo started");
    std::fs::write(bundle.folder.join("config.json"), bundle.config.to_string()).expect("the file can be written");
    let state = json!({ "ociVersion": "1.0.2", "id": "again", "status": "creating", "pid": 1, "bundle": bundle.folder,
                        "annotations": bundle.config["annotations"] });
    let create = || {
        let hook = Tool::new(pando()).args(["guard", "hook", "create", "--socket"]).arg(guard.socket());
        hook.arg("--credspec-dir").arg(&specs).input(state.to_string()).ok();
        guard.leases()
    };
    let (first, second) = (create(), create());
    assert_eq!((first.len(), second.len()), (1, 1));
    assert_eq!(first[0]["lease"], second[0]["lease"]);
}

/// The runtime was killed together with the container, or its configuration lost the hook.
#[test]
fn a_lease_ends_with_its_container_also_when_no_hook_says_so() {
    let domain = Domain::start();
    let _provider = AccountProvider::start(&domain);
    let guard = GuardService::start(&domain);
    specs(&domain);
    let mut bundle = Bundle::new(&domain, "forgotten", "klist && kill -9 $$");
    bundle.edit(&domain, &guard);
    bundle.config["hooks"].as_object_mut().expect("there are hooks").remove("poststop");
    bundle.run("forgotten").says("Default principal: webapp01$@CONTOSO.COM");
    assert!(guard.leases()[0]["pid"].as_i64().is_some(), "{:?}", guard.leases());
    guard.await_leases("released", <[Value]>::is_empty);
    assert_eq!(std::fs::read_dir(guard.krb()).expect("it is there").count(), 0);
    assert_eq!(guard.audit().last().expect("there are lines")["outcome"], "released");
}

#[test]
fn an_annotation_cannot_name_a_file_outside_of_the_folder() {
    let domain = Domain::start();
    let guard = GuardService::start(&domain);
    specs(&domain);
    let mut bundle = Bundle::new(&domain, "outside", "echo started");
    bundle.config["annotations"]["dev.pando.credspec"] = json!("../credspec.json");
    let refused = bundle.edit(&domain, &guard);
    assert_eq!(refused.code, Some(1), "{refused}");
    refused.says("it may not lead elsewhere");
}

/// An image is not trusted: a link in it must not make the guard's hook mount over the host.
#[test]
fn a_link_in_the_image_does_not_lead_out_of_it() {
    let domain = Domain::start();
    let _provider = AccountProvider::start(&domain);
    let guard = GuardService::start(&domain);
    specs(&domain);
    let outside = domain.path("outside");
    std::fs::create_dir(&outside).expect("a folder can be made");
    let mut bundle = Bundle::new(&domain, "hostile", "echo started");
    bundle.config["mounts"].as_array_mut().expect("a list").retain(|mount| mount["destination"] != "/run");
    let run = bundle.folder.join("rootfs/run");
    std::fs::remove_dir(&run).expect("it is empty");
    std::os::unix::fs::symlink(&outside, &run).expect("a link can be made");
    bundle.edit(&domain, &guard);
    let finished = bundle.run("hostile");
    assert_ne!(finished.code, Some(0), "{finished}");
    assert_eq!(std::fs::read_dir(&outside).expect("it is there").count(), 0);
    assert_eq!(guard.leases().len(), 0, "what was made for it is released");
}
