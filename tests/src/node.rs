//! A Kubernetes node, as far as a CSI driver sees one: kubelet's folder, and kubelet's calls.
//!
//! The node is a mount namespace of its own, in which kubelet's folder is a shared mount. The guard has another mount namespace that takes
//! part in it, as the container of a DaemonSet does with `mountPropagation: Bidirectional`. All mounts end with their processes.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use serde_json::{Value, json};

use crate::{Cluster, Domain, GuardService, Tool, cache};

/// What the programs were made from: `xtask/src/csi.rs` has the same list.
const SOURCES: &str = concat!(include_str!("../cluster/csi/go.mod"), include_str!("../cluster/csi/go.sum"));

/// The node, which lives as long as this value.
pub struct Node {
    keeper: Child,
    folder: PathBuf,
}

/// A pod that is bound to no node, and what its kubelet has for it.
pub struct KubePod {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its service account.
    pub account: String,
    /// What the API server calls it.
    pub uid: String,
    /// Its token for the driver.
    pub token: String,
}

/// A shell in a container that has a volume on /run/pando/identity.
pub struct Container {
    process: Child,
    commands: ChildStdin,
    said: BufReader<ChildStdout>,
}

impl Node {
    /// A node whose folders are in the domain's.
    pub fn start(domain: &Domain) -> Self {
        // Through which a container's user passes.
        GuardService::folder(domain);
        let folder = domain.path("node");
        std::fs::create_dir_all(folder.join("kubelet")).expect("a folder can be made");
        open(&folder);
        let script = "mount -t tmpfs -o mode=755 kubelet $1/kubelet && mount --make-shared $1/kubelet && \
                      mkdir -m 750 $1/kubelet/pods && touch $1/up && read -r _";
        let mut keeper = Tool::new("unshare")
            .args(["--mount", "--propagation", "private", "sh", "-c", script, "sh"])
            .arg(&folder)
            .into_command();
        let mut keeper = keeper.stdin(Stdio::piped()).spawn().expect("a shell can be started");
        while !folder.join("up").exists() {
            assert!(keeper.try_wait().expect("it can be asked after").is_none(), "no node: is this root?");
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        Self { keeper, folder }
    }

    /// The node's guard, which asks the cluster in the way of this kubeconfig.
    pub fn guard(&self, domain: &Domain, kubeconfig: &Path, flags: &[&str]) -> GuardService {
        let namespace = format!("--mount={}", self.namespace().display());
        let outer = ["nsenter", &namespace, "unshare", "--mount", "--propagation", "unchanged"];
        let path = |name: &str| self.folder.join(name).display().to_string();
        let mut all = ["--csi-socket".to_owned(), path("csi/csi.sock"), "--registration-socket".into()].to_vec();
        all.extend([path("reg.sock"), "--kubelet-dir".into(), path("kubelet"), "--node-name".into()]);
        all.extend(["node-1".into(), "--kubeconfig".into(), kubeconfig.display().to_string()]);
        let all: Vec<_> = all.iter().map(String::as_str).chain(flags.iter().copied()).collect();
        GuardService::start_within(domain, &outer, &all)
    }

    fn namespace(&self) -> PathBuf {
        format!("/proc/{}/ns/mnt", self.keeper.id()).into()
    }

    /// A program of the node, which sees what kubelet sees.
    pub fn tool(&self, tool: Tool) -> Tool {
        tool.within("nsenter", &[&format!("--mount={}", self.namespace().display())])
    }

    /// A shell script of the node.
    pub fn sh(&self, script: &str) -> Tool {
        self.tool(Tool::new("sh").args(["-c", script]))
    }

    /// A path in its folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Where kubelet wants a pod's volume.
    pub fn target(&self, pod: &KubePod) -> PathBuf {
        self.path(&format!("kubelet/pods/{}/volumes/kubernetes.io~csi/pando-identity/mount", pod.uid))
    }

    /// What kubelet sends for a pod's volume, for changes.
    pub fn publication(&self, pod: &KubePod, spec: &str) -> Value {
        let tokens = json!({ "gmsa.pando.dev": { "token": pod.token, "expirationTimestamp": "2099-01-01T00:00:00Z" } });
        json!({
            "volume_id": format!("csi-{}", pod.uid),
            "target_path": self.target(pod),
            "readonly": true,
            "volume_capability": { "mount": {}, "access_mode": { "mode": "SINGLE_NODE_WRITER" } },
            "volume_context": {
                "csi.storage.k8s.io/ephemeral": "true",
                "csi.storage.k8s.io/pod.name": pod.name,
                "csi.storage.k8s.io/pod.namespace": pod.namespace,
                "csi.storage.k8s.io/pod.uid": pod.uid,
                "csi.storage.k8s.io/serviceAccount.name": pod.account,
                "csi.storage.k8s.io/serviceAccount.tokens": tokens.to_string(),
                "credentialSpecName": spec,
            },
        })
    }

    /// Has kubelet publish; it makes the folder around the volume first.
    pub fn publish(&self, publication: &Value) -> Value {
        let target = publication["target_path"].as_str().expect("there is a path");
        self.sh(&format!("mkdir -p -m 750 $(dirname {target})")).ok();
        self.call("csi.v1.Node/NodePublishVolume", publication)
    }

    /// Has kubelet take the volume down.
    pub fn unpublish(&self, publication: &Value) -> Value {
        let gone = json!({ "volume_id": publication["volume_id"], "target_path": publication["target_path"] });
        self.call("csi.v1.Node/NodeUnpublishVolume", &gone)
    }

    /// A call of kubelet, in the messages of the published interface. It gives the `code`, the `details` and the `answer`.
    pub fn call(&self, method: &str, request: &Value) -> Value {
        // Kubelet's own patience.
        self.call_within(method, request, 120)
    }

    /// The same, given up after so many seconds.
    pub fn call_within(&self, method: &str, request: &Value, seconds: u32) -> Value {
        let socket = if method.starts_with("csi.") { "csi/csi.sock" } else { "reg.sock" };
        let called = Tool::new("/usr/bin/python3")
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("cluster/kubelet.py"))
            .arg(cache::folder("csi", "made-from", SOURCES))
            .arg(self.path(socket))
            .args([method, &seconds.to_string()])
            .input(request.to_string())
            .ok();
        serde_json::from_str(&called.stdout).expect("it says what it was told")
    }

    /// The conformance tests of CSI, against the driver.
    pub fn csi_sanity(&self) -> Tool {
        self.tool(Tool::new(cache::folder("csi", "made-from", SOURCES).join("csi-sanity")))
    }

    /// Starts a container of the pod with the volume, as this user with these groups.
    pub fn container(&self, domain: &Domain, pod: &KubePod, user: &str, groups: &str) -> Container {
        let script = "mount -t tmpfs -o mode=755 run /run && mkdir -p /run/pando/identity && \
                      mount --rbind $1 /run/pando/identity && mount -o remount,bind,ro /run/pando/identity && \
                      exec setpriv --reuid $2 --regid $2 $3 sh";
        let groups = if groups.is_empty() { "--clear-groups".to_owned() } else { format!("--groups={groups}") };
        for file in ["krb5.conf", "ldap.conf"] {
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
            std::fs::set_permissions(domain.path(file), mode).expect("the mode can be set");
        }
        let tool = domain
            .tool("unshare")
            .env("KRB5CCNAME", "FILE:/run/pando/identity/krb5cc")
            .args(["--mount", "--propagation", "private", "sh", "-c", script, "sh"])
            .arg(self.target(pod))
            .args([user, &groups]);
        let mut command = self.tool(tool).into_command();
        let mut process =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a container can be started");
        let commands = process.stdin.take().expect("stdin is piped");
        let said = BufReader::new(process.stdout.take().expect("stdout is piped"));
        Container { process, commands, said }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

impl Container {
    /// Runs a script in it, and gives what it says on either stream, with its exit code in the last line.
    pub fn sh(&mut self, script: &str) -> String {
        let commands = format!("({script}) </dev/null 2>&1; echo \"ended: $?\"\n");
        self.commands.write_all(commands.as_bytes()).expect("the container reads");
        let mut said = String::new();
        while !said.lines().last().is_some_and(|line| line.starts_with("ended: ")) {
            let read = self.said.read_line(&mut said).expect("it says text");
            assert!(read > 0, "the container has ended: {said}");
        }
        said
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl KubePod {
    /// Creates a pod of this service account, and a token of it for the driver.
    #[track_caller]
    pub fn create(cluster: &Cluster, namespace: &str, name: &str, account: &str) -> Self {
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": { "namespace": namespace, "name": name },
            "spec": { "serviceAccountName": account, "containers": [{ "name": "web", "image": "web" }] },
        });
        Self::create_as(cluster, &pod).0
    }

    /// Creates this pod, and gives what the API server has made of it.
    #[track_caller]
    pub fn create_as(cluster: &Cluster, pod: &Value) -> (Self, Value) {
        let made = cluster.kubectl().args(["create", "-o", "json", "-f", "-"]).input(pod.to_string()).ok();
        let made: Value = serde_json::from_str(&made.stdout).expect("it is JSON");
        let text = |pointer: &str| made.pointer(pointer).and_then(Value::as_str).expect("it is there").to_owned();
        let (namespace, name) = (text("/metadata/namespace"), text("/metadata/name"));
        let (account, uid) = (text("/spec/serviceAccountName"), text("/metadata/uid"));
        let kubectl =
            cluster.kubectl().args(["-n", &namespace, "create", "token", &account, "--bound-object-kind=Pod"]);
        let token = kubectl.args(["--audience=gmsa.pando.dev", "--bound-object-name", &name]).ok();
        (Self { namespace, name, account, uid, token: token.stdout.trim().to_owned() }, made)
    }
}

fn open(folder: &Path) {
    let passage = std::os::unix::fs::PermissionsExt::from_mode(0o711);
    std::fs::set_permissions(folder, passage).expect("the folder's mode can be set");
}
