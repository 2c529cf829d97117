//! The chart `pando-directory`: rendered, taken by the API server, and its containers' own commands run as plain processes.
#![allow(clippy::expect_used, clippy::panic, reason = "only tests here; failing is their job")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use pando_tests::{Cluster, Finished, Tool, Workload, pando};
use serde_json::Value;

const VALUES: &str = "domain.dnsName=contoso.com,administrator.secretName=admin,backups.everySeconds=60";
const PASSWORD: &str = "Rules-the-forest-1";

fn chart() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../charts/pando-directory"))
}

fn rendered(cluster: &Cluster, values: &str) -> Finished {
    let tool =
        cluster.helm().args(["template", "dc"]).arg(chart()).args(["--namespace", "ad", "--kube-version", "1.35"]);
    tool.args(["--set", values]).run()
}

/// The volumes of the pod as folders, and its containers as processes.
struct Pod {
    folder: tempfile::TempDir,
    controller: Workload,
    verify: Workload,
    running: Option<(Child, Value)>,
    is_without_ipv4: bool,
}

impl Pod {
    fn new(cluster: &Cluster) -> Self {
        let workloads = cluster.workloads(&rendered(cluster, VALUES).stdout);
        let named =
            |kind: &str| workloads.iter().find(|workload| workload.name.starts_with(kind)).expect("the chart has it");
        let (verify, controller) = (named("CronJob").clone(), named("StatefulSet").clone());
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        for volume in ["data", "key", "backups", "administrator", "scratch"] {
            std::fs::create_dir(folder.path().join(volume)).expect("a volume can be made");
        }
        std::fs::write(folder.path().join("administrator/password"), PASSWORD).expect("the password can be written");
        Self { folder, controller, verify, running: None, is_without_ipv4: false }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A container's own command line, with the volumes where they are here, and ports that are free.
    fn command(&self, workload: &Workload, container: &str) -> Vec<String> {
        let here = |argument: String| match argument.split_once('=') {
            Some((flag, value)) if value.starts_with('/') => {
                Some(format!("{flag}={}{value}", self.folder.path().display()))
            }
            Some((_, value)) if value.starts_with("0.0.0.0:") && self.is_without_ipv4 => None,
            Some((flag, value)) if value.starts_with("0.0.0.0:") => Some(format!("{flag}=127.0.0.1:0")),
            Some((flag, value)) if value.starts_with("[::]:") => Some(format!("{flag}=[::1]:0")),
            _ => Some(argument),
        };
        workload.arguments(container).into_iter().filter_map(here).collect()
    }

    fn provision(&self) -> Finished {
        Tool::new(pando()).args(self.command(&self.controller, "provision")).run()
    }

    fn verified(&self) -> Finished {
        Tool::new(pando()).args(self.command(&self.verify, "verify")).run()
    }

    fn start(&mut self) {
        let ready = self.path("ready.json");
        let _ = std::fs::remove_file(&ready);
        let mut command = Command::new(pando());
        command.args(self.command(&self.controller, "domain-controller")).arg("--ready-file").arg(&ready);
        let mut child = command.stdin(Stdio::null()).stderr(Stdio::null()).spawn().expect("pando can be started");
        let told = awaited(|| {
            assert!(child.try_wait().expect("it can be asked after").is_none(), "the domain controller ended");
            serde_json::from_slice(&std::fs::read(&ready).ok()?).ok()
        });
        self.running = Some((child, told));
    }

    fn told(&self, key: &str) -> String {
        let (_, told) = self.running.as_ref().expect("it runs");
        told[key].as_str().expect("it says so").to_owned()
    }

    fn kill(&mut self) {
        if let Some((mut child, _)) = self.running.take() {
            child.kill().expect("it can be killed");
            child.wait().expect("it can be waited for");
        }
    }

    fn probe(&self, path: &str) -> Finished {
        let url = format!("http://{}{path}", self.told("probes"));
        Tool::new("curl").args(["-sS", "-w", "\n%{http_code}", &url]).ok()
    }

    /// The common names of the users, by LDAPS with the built-in authority.
    fn users(&self) -> String {
        let port = self.told("ldaps").rsplit(':').next().expect("a port").to_owned();
        let search =
            Tool::new("ldapsearch").env("LDAPTLS_CACERT", self.told("ca")).args(["-x", "-LLL", "-w", PASSWORD]);
        let search = search.args(["-H", &format!("ldaps://localhost:{port}"), "-D", "Administrator@contoso.com"]);
        search.args(["-b", "CN=Users,DC=contoso,DC=com", "(objectClass=user)", "cn"]).ok().stdout
    }

    fn add(&self, name: &str) {
        let port = self.told("ldaps").rsplit(':').next().expect("a port").to_owned();
        let add = Tool::new("ldapadd").env("LDAPTLS_CACERT", self.told("ca")).args(["-x", "-w", PASSWORD]);
        let add = add.args(["-H", &format!("ldaps://localhost:{port}"), "-D", "Administrator@contoso.com"]);
        let entry = format!("dn: CN={name},CN=Users,DC=contoso,DC=com\nobjectClass: user\nsAMAccountName: {name}\n");
        add.input(entry).ok();
    }
}

impl Drop for Pod {
    fn drop(&mut self) {
        self.kill();
    }
}

#[track_caller]
fn awaited<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "it did not happen");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn copies(folder: &Path) -> usize {
    std::fs::read_dir(folder).expect("the volume is there").count()
}

#[test]
fn the_chart_is_clean_wants_to_be_told_what_it_cannot_guess_and_is_taken_by_the_api_server() {
    let cluster = Cluster::start();
    cluster.helm().args(["lint", "--strict"]).arg(chart()).args(["--set", VALUES, "--kube-version", "1.35"]).ok();
    assert!(chart().join("README.md").is_file());
    rendered(&cluster, "domain.dnsName=contoso.com").says("administrator.secretName is needed");
    rendered(&cluster, "administrator.secretName=admin").says("domain.dnsName is needed");
    for (wrong, word) in [("domain.dnsName=contoso", "dnsName"), ("storage.data=8GB", "data"), ("typo=1", "typo")] {
        let refused = rendered(&cluster, &format!("{VALUES},{wrong}"));
        assert_ne!(refused.code, Some(0), "{wrong}");
        refused.says(word);
    }
    let tls = rendered(&cluster, &format!("{VALUES},tls.secretName=ldaps"));
    tls.says("--tls-cert=/tls/tls.crt").says("secretName: ldaps");
    rendered(&cluster, &format!("{VALUES},backups.verify.enabled=false")).never_says("CronJob");

    cluster.namespace("ad");
    cluster.kubectl().args(["label", "namespace", "ad", "pod-security.kubernetes.io/enforce=restricted"]).ok();
    cluster
        .helm()
        .args(["install", "dc"])
        .arg(chart())
        .args(["--namespace", "ad", "--set", VALUES])
        .ok()
        .never_says("would violate");
    cluster.helm().args(["upgrade", "dc"]).arg(chart()).args(["--namespace", "ad", "--set", VALUES]).ok();
    cluster.helm().args(["uninstall", "dc", "--namespace", "ad"]).ok();
}

#[test]
fn the_containers_commands_make_a_domain_serve_it_back_it_up_and_it_comes_back_from_a_backup() {
    let cluster = Cluster::start();
    let mut pod = Pod::new(&cluster);
    let provisioned = pod.provision();
    assert_eq!(provisioned.code, Some(0), "{provisioned}");
    assert!(
        pod.path("key/directory.key").is_file() && !pod.path("data/domain/directory.key").exists(),
        "the key is apart"
    );

    pod.start();
    pod.probe("/readyz").says("200");
    pod.probe("/livez").says("200");
    pod.probe("/other").says("404");
    pod.add("before");
    // The first backup is made at once; it may be from before that user.
    awaited(|| (copies(&pod.path("backups")) == 1).then_some(()));
    pod.kill();
    std::fs::remove_dir_all(pod.path("backups")).expect("the backup can be taken away");
    std::fs::create_dir(pod.path("backups")).expect("the volume is there");

    // It starts again where it was: provisioning finds it done.
    let again = pod.provision();
    assert_eq!(again.code, Some(0), "{again}");
    pod.start();
    let shown = pod.users();
    assert!(shown.contains("cn: before"), "{shown}");
    awaited(|| (copies(&pod.path("backups")) == 1 && pod.probe("/metrics").stdout.contains("seconds 1")).then_some(()));
    pod.add("after");
    pod.kill();

    // Every night somebody tries.
    let verified = pod.verified();
    assert_eq!(verified.code, Some(0), "{verified}");
    assert_eq!(copies(&pod.path("scratch")), 0, "nothing is left of the attempt");

    // The volume with the directory is lost. Provisioning anew is not what anybody wants then: a restore comes first.
    std::fs::rename(pod.path("data/domain"), pod.path("lost")).expect("it can be lost");
    let restore = Tool::new(pando()).args(["domain", "restore", "--backup"]).arg(pod.path("backups"));
    let restore =
        restore.arg("--data").arg(pod.path("data/domain")).arg("--key-file").arg(pod.path("key/directory.key"));
    restore.ok();
    let found = pod.provision();
    assert_eq!(found.code, Some(0), "{found}");
    pod.start();
    let users = pod.users();
    assert!(users.contains("cn: before") && !users.contains("cn: after"), "{users}");

    // What is damaged, or of another key, is said to be.
    pod.kill();
    std::fs::write(pod.path("key/directory.key"), [7; 32]).expect("the key can be lost");
    let refused = pod.verified();
    assert_ne!(refused.code, Some(0), "{refused}");
    refused.says("the key file is not this directory's");
}

/// As in a cluster that has no other.
#[test]
fn ldap_ldaps_kerberos_and_probes_answer_over_ipv6_alone() {
    let cluster = Cluster::start();
    let mut pod = Pod::new(&cluster);
    pod.is_without_ipv4 = true;
    let provisioned = pod.provision();
    assert_eq!(provisioned.code, Some(0), "{provisioned}");
    pod.start();
    pod.probe("/readyz").says("200");
    let login =
        ["-x", "-LLL", "-w", PASSWORD, "-D", "Administrator@contoso.com", "-b", "DC=contoso,DC=com", "-s", "base"];
    for scheme in ["ldap", "ldaps"] {
        let url = format!("{scheme}://{}", pod.told(scheme));
        assert!(url.contains("://[::1]:"), "{url}");
        // The certificate is for names.
        let search = Tool::new("ldapsearch").env("LDAPTLS_REQCERT", "never").args(["-H", &url]).args(login);
        search.ok().says("dn: DC=contoso,DC=com");
    }
    for datagrams in ["1", "1465"] {
        let config = format!(
            "[libdefaults]\n default_realm = CONTOSO.COM\n dns_lookup_kdc = false\n udp_preference_limit = {datagrams}\n\
             [realms]\n CONTOSO.COM = {{\n kdc = {}\n }}\n",
            pod.told("kerberos")
        );
        std::fs::write(pod.path("krb5.conf"), config).expect("krb5.conf can be written");
        let kinit = Tool::new("kinit").env("KRB5_CONFIG", pod.path("krb5.conf")).arg("Administrator");
        kinit.env("KRB5CCNAME", pod.path("ccache")).input(format!("{PASSWORD}\n")).ok();
    }
}

#[test]
fn a_first_start_that_was_interrupted_begins_again() {
    let cluster = Cluster::start();
    let pod = Pod::new(&cluster);
    // As a crash in the middle leaves it: a key, and half of a directory beside its place.
    let mut child = Command::new(pando())
        .args(pod.command(&pod.controller, "provision"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("pando can be started");
    awaited(|| pod.path("key/directory.key").exists().then_some(()));
    child.kill().expect("it can be killed");
    child.wait().expect("it can be waited for");
    let again = pod.provision();
    assert_eq!(again.code, Some(0), "{again}");
    assert!(pod.path("data/domain/directory.mdb").is_file() && !pod.path("data/domain.unfinished").exists());
}
