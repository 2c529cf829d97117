//! Containers with an identity: podman, which reads the guard's hook from its folder of hooks.
#![allow(clippy::expect_used, clippy::panic, reason = "only tests here; failing is their job")]

use std::path::PathBuf;

use pando_tests::chain::{AccountProvider, credential_spec};
use pando_tests::{Domain, GuardService, Tool, pando};
use serde_json::{Value, json};

/// The file that is installed, with this guard's places in it.
fn hooks(domain: &Domain, guard: &GuardService) -> PathBuf {
    let installed = concat!(env!("CARGO_MANIFEST_DIR"), "/../packaging/containers/pando-guard.json");
    let text = std::fs::read_to_string(installed).expect("the hook can be read");
    let mut hook: Value = serde_json::from_str(&text).expect("the hook is JSON");
    hook["hook"]["path"] = json!(pando());
    let places =
        [("--socket", guard.socket()), ("--krb-dir", guard.krb()), ("--credspec-dir", domain.path("credspecs"))];
    let args = hook["hook"]["args"].as_array_mut().expect("a list");
    args.extend(places.into_iter().flat_map(|(flag, path)| [json!(flag), json!(path)]));
    let folder = domain.path("hooks.d");
    std::fs::create_dir_all(&folder).expect("a folder can be made");
    std::fs::write(folder.join("pando-guard.json"), hook.to_string()).expect("the hook can be written");
    folder
}

/// `podman run` for a shell script, in a root whose programs are the host's.
fn podman(domain: &Domain, guard: &GuardService, annotations: &[&str], script: &str) -> Tool {
    let root = domain.path("rootfs");
    for inside in ["usr", "etc", "proc", "dev", "tmp", "run", "sys"] {
        std::fs::create_dir_all(root.join(inside)).expect("a folder can be made");
    }
    for link in ["bin", "sbin", "lib", "lib64"] {
        let _ = std::os::unix::fs::symlink(format!("usr/{link}"), root.join(link));
    }
    let krb5 = domain.path("krb5.conf");
    readable(&krb5);
    let mut tool = Tool::new("podman");
    for (flag, folder) in [("--root", "storage"), ("--runroot", "podman"), ("--tmpdir", "podman-tmp")] {
        tool = tool.arg(flag).arg(domain.path(folder));
    }
    tool = tool.args(["--runtime", "runc", "--cgroup-manager", "cgroupfs", "--hooks-dir"]).arg(hooks(domain, guard));
    tool = tool.args(["run", "--rm", "--read-only", "--network", "host", "--user", "12345:12345"]);
    tool = tool.args(["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=100:100", "-v", "/usr:/usr:ro"]);
    // The domain controller is on the host's loopback.
    tool = tool.args(["-v", "/etc:/etc:ro", "-v", &format!("{}:/run/krb5.conf:ro", krb5.display())]);
    tool = tool.args(["-e", "KRB5_CONFIG=/run/krb5.conf"]);
    tool = annotations.iter().fold(tool, |tool, annotation| tool.args(["--annotation", annotation]));
    tool.arg("--rootfs").arg(root).args(["sh", "-c", script])
}

fn readable(path: &std::path::Path) {
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o644)).expect("the mode can be set");
}

fn specs(domain: &Domain) {
    let (spec, folder) = (credential_spec(domain), domain.path("credspecs"));
    std::fs::create_dir_all(&folder).expect("the folder can be made");
    std::fs::copy(spec, folder.join("webapp01.json")).expect("the spec can be copied");
}

#[test]
fn podman_starts_an_annotated_container_as_the_gmsa_and_others_as_nobody() {
    let domain = Domain::start();
    let provider = AccountProvider::start(&domain);
    let guard = GuardService::start(&domain);
    specs(&domain);
    let script = "id -u; env | grep KRB5; klist && kvno ldap/dc1.contoso.com; touch /run/pando/x; ls /run";
    let annotated = ["dev.pando.credspec=webapp01.json", "dev.pando.keytab=true"];
    let finished = podman(&domain, &guard, &annotated, script).run();
    assert!(finished.stdout.starts_with("12345\n"), "{finished}\n{}", guard.log());
    finished
        .says("KRB5CCNAME=FILE:/run/pando/webapp01/krb5cc")
        .says("KRB5_KTNAME=FILE:/run/pando/webapp01/keytab")
        .says("Default principal: webapp01$@CONTOSO.COM")
        .says("ldap/dc1.contoso.com@CONTOSO.COM: kvno = ")
        .says("Read-only file system");
    assert_eq!(guard.leases().len(), 0, "the lease has ended with the container");

    podman(&domain, &guard, &[], script).run().never_says("KRB5CCNAME").never_says("webapp01");

    drop(provider);
    let refused = podman(&domain, &guard, &annotated, "echo started").run();
    assert_ne!(refused.code, Some(0), "{refused}");
    refused.never_says("started").says("the plugin and its secret source");
    assert_eq!(guard.leases().len(), 0);
}
