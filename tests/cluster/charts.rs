//! The charts: linted, rendered with every switch, installed into a real API server, upgraded, and taken away without a trace.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "only tests here; failing is their job"
)]

use std::path::PathBuf;

use pando_tests::{Cluster, Finished, Tool, pando};
use serde_json::json;

const CHARTS: [&str; 3] = ["pando-gmsa-webhook", "rancher-gmsa-account-provider", "pando-gmsa-controller"];

const GUARD: &str = "pando-guard";

/// What an account provider's release is told.
const ACCOUNT: &str = "\
impersonationAccount: {username: svc-guard, password: Watches-the-containers-5}
domain: {dnsName: contoso.com, netBiosName: CONTOSO, guid: 244818ae-87ac-4fcd-92ec-e79e5252348a, sid: S-1-5-21-2126449477-2524075714-3094792973}
gmsas: [{name: webapp01, also: [webapp02]}, {name: batch, account: Batch01}]
linux: {enabled: true}
";

fn chart(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../charts")).join(name)
}

fn helm(cluster: &Cluster, words: &[&str], name: &str) -> Tool {
    cluster.helm().args(words).arg(chart(name))
}

/// As the API server would be asked to take it, but nothing is stored.
fn rendered(cluster: &Cluster, name: &str, sets: &[&str]) -> Finished {
    let tool = helm(cluster, &["template", "release"], name).args(["--namespace", "gmsa", "--kube-version", "1.35"]);
    sets.iter().fold(tool, |tool, set| tool.args(["--set", set])).run()
}

/// With what it does not render without.
fn every_chart() -> [(&'static str, &'static str); 6] {
    [
        (CHARTS[0], "nameOverride=x"),
        (CHARTS[1], "nameOverride=x"),
        (CHARTS[2], "nameOverride=x"),
        (GUARD, "domains={contoso.com}"),
        ("pando-directory", "domain.dnsName=contoso.com,administrator.secretName=admin"),
        ("rancher-ccg-dll-installer", "nameOverride=x"),
    ]
}

/// It does not guess whose identities it may fetch.
#[test]
fn the_guards_chart_wants_a_domain_and_renders_with_every_switch() {
    let cluster = Cluster::shared();
    let domain = "domains={contoso.com}";
    helm(cluster, &["lint", "--strict", "--set", domain], GUARD).ok();
    assert!(chart(GUARD).join("README.md").is_file());
    rendered(cluster, GUARD, &[]).says("name the domains whose gMSAs pods may be");
    for (switch, said) in [
        ("domains={contoso.com\\,kdc=10.0.0.5}", "--domain=contoso.com,kdc=10.0.0.5"),
        ("dns={10.0.0.53:53}", "--dns=10.0.0.53:53"),
        ("fsGroupRequired=true", "--fs-group-required"),
        ("kubeletDir=/data/kubelet", "--csi-socket=/data/kubelet/plugins/gmsa.pando.dev/csi.sock"),
        ("metrics=127.0.0.1:9477", "--metrics=127.0.0.1:9477"),
        ("metrics=127.0.0.1:9477", r#"livenessProbe: {httpGet: {"host":"127.0.0.1","path":"/livez","port":9477}"#),
        ("metrics=[::]:9477", r#"readinessProbe: {httpGet: {"path":"/livez","port":9477}"#),
        ("nodeSelector.a=b", "a: b"),
        ("global.cattle.systemDefaultRegistry=registry.example", "registry.example/pando:"),
    ] {
        let finished = rendered(cluster, GUARD, &[domain, switch]);
        assert_eq!(finished.code, Some(0), "{switch}: {finished}");
        finished.says(said);
    }
    rendered(cluster, GUARD, &[domain, "auditLog="]).never_says("--audit-log");
    rendered(cluster, GUARD, &["domains={-x y}"]).says("does not match pattern");
}

#[test]
fn every_chart_is_clean_and_renders_with_every_switch() {
    let cluster = Cluster::shared();
    for name in CHARTS {
        helm(cluster, &["lint", "--strict"], name).ok();
        assert!(chart(name).join("README.md").is_file(), "{name} has no README");
        assert_eq!(rendered(cluster, name, &[]).code, Some(0), "{name}");
    }
    let switches = [
        ("pando-gmsa-webhook", "certificates.certManager.enabled=true"),
        ("pando-gmsa-webhook", "certificates.caBundle=AAAA"),
        ("pando-gmsa-webhook", "policy.enabled=false"),
        ("pando-gmsa-webhook", "podDisruptionBudget.enabled=false"),
        ("pando-gmsa-webhook", "podDisruptionBudget.maxUnavailable=1"),
        ("pando-gmsa-webhook", "podDisruptionBudget.minAvailable=50%"),
        ("pando-gmsa-webhook", "randomHostname=true"),
        ("pando-gmsa-webhook", "events=false"),
        ("pando-gmsa-webhook", "qps=30.5"),
        ("pando-gmsa-webhook", "clientCA.configMap=api-server-ca"),
        ("pando-gmsa-webhook", "nodeSelector.a=b"),
        ("pando-gmsa-webhook", "priorityClassName=system-cluster-critical"),
        ("pando-gmsa-webhook", "global.systemDefaultRegistry=registry.example"),
        ("pando-gmsa-controller", "installer.namespace=gmsa,installer.name=dll"),
        ("pando-gmsa-controller", "viewerRole=true"),
        ("pando-gmsa-controller", "replicaCount=2"),
        ("pando-gmsa-controller", "nodeSelector.a=b"),
        ("rancher-gmsa-account-provider", "windows.enabled=false"),
        ("rancher-gmsa-account-provider", "examiner.enabled=true,domain.dnsName=contoso.com"),
        ("rancher-gmsa-account-provider", "linux.enabled=true"),
        ("rancher-gmsa-account-provider", "forNamespace=true,linux.enabled=true"),
        ("rancher-gmsa-account-provider", "nodeSelector.a=b"),
        ("rancher-gmsa-account-provider", "auditLog="),
        ("rancher-gmsa-account-provider", "rotation.enabled=true"),
        ("rancher-gmsa-account-provider", "directory=contoso.com,dns={10.0.0.53:53}"),
        ("rancher-gmsa-account-provider", "probes.enabled=false"),
        ("rancher-gmsa-account-provider", "global.cattle.systemDefaultRegistry=registry.example"),
    ];
    for (name, switch) in switches {
        let finished = rendered(cluster, name, &[switch]);
        assert_eq!(finished.code, Some(0), "{name} {switch}: {finished}");
    }
}

/// What lies in a release's folder opens its Secret.
#[test]
fn a_release_sees_its_own_folder_on_the_node_and_no_other_release() {
    let cluster = Cluster::shared();
    let name = "rancher-gmsa-account-provider";
    let folders = |sets: &[&str]| -> Vec<String> {
        let text = rendered(cluster, name, &[&["linux.enabled=true,windows.enabled=false"], sets].concat()).stdout;
        let workloads = cluster.workloads(&text);
        let volumes = workloads[0].template["spec"]["volumes"].as_array().cloned().unwrap_or_default();
        volumes.iter().filter_map(|one| Some(one.pointer("/hostPath/path")?.as_str()?.to_owned())).collect()
    };
    let own = "/var/lib/rancher/gmsa/gmsa/releases/release-creds";
    assert_eq!(folders(&[]), [own]);
    assert_eq!(folders(&["forNamespace=true"]), [own, "/var/lib/rancher/gmsa/gmsa"]);
    // Which would have the others' as well, were they not covered.
    let covered = rendered(cluster, name, &["linux.enabled=true,forNamespace=true"]);
    covered.says("{name: others, mountPath: /var/lib/rancher/gmsa/gmsa/releases}").says("emptyDir: {medium: Memory");
    let audit = "/var/log/pando/account-provider/gmsa/release";
    assert_eq!(folders(&["auditLog=file"]), [own, audit]);
    rendered(cluster, name, &["auditLog=file"]).says(&format!("--audit-log={audit}/audit.json"));
    // Its pod is root, and may write all of what it is given.
    for others in ["/x.json", "/var/log/pando.json", "/etc/pando/audit.json", "/var/log/pando/../x/y.json"] {
        let finished = rendered(cluster, name, &["linux.enabled=true", &format!("auditLog={others}")]);
        assert_ne!(finished.code, Some(0), "{others}");
        finished.says("auditLog");
    }

    let install = |release: &str| {
        let tool =
            helm(cluster, &["install", release], name).args(["--namespace", "for-namespace", "--create-namespace"]);
        tool.args(["--set", "linux.enabled=true,windows.enabled=false,forNamespace=true"]).run()
    };
    assert_eq!(install("one").code, Some(0));
    install("two").says("the release one is the provider of the namespace for-namespace already");
    cluster.helm().args(["uninstall", "one", "--namespace", "for-namespace"]).ok();
    assert_eq!(install("two").code, Some(0));
}

/// Rancher sets one, everybody else the other.
#[test]
fn every_chart_takes_images_from_the_registry_that_is_named_in_either_way() {
    let cluster = Cluster::shared();
    for (name, needed) in every_chart() {
        for key in ["global.systemDefaultRegistry", "global.cattle.systemDefaultRegistry"] {
            rendered(cluster, name, &[needed, &format!("{key}=registry.example")]).says("registry.example/pando:");
        }
        rendered(cluster, name, &[needed]).never_says("registry.example");
    }
}

/// The book names lines of the log, and those are to be there.
#[test]
fn every_pod_logs_what_the_book_says_and_as_much_as_its_owner_wants() {
    let cluster = Cluster::shared();
    for (name, needed) in every_chart().into_iter().filter(|(name, _)| *name != "rancher-ccg-dll-installer") {
        rendered(cluster, name, &[needed]).says("- \"--log=info\"");
        rendered(cluster, name, &[needed, "log=info\\,pando_kube=debug"]).says("- \"--log=info,pando_kube=debug\"");
        rendered(cluster, name, &[needed, "log=a b"]).says("log");
    }
    let examiner = "examiner.enabled=true,domain.dnsName=contoso.com,windows.enabled=false";
    rendered(cluster, CHARTS[1], &[examiner]).says("- \"--log=info\"");
}

/// What belongs to no namespace is of one release.
#[test]
fn releases_whose_names_meet_in_no_namespace_do_not_meet_in_the_cluster() {
    let cluster = Cluster::shared();
    let switches = [
        (CHARTS[0], "viewerRole=true"),
        (CHARTS[1], "examiner.enabled=true,domain.dnsName=contoso.com"),
        (CHARTS[2], "viewerRole=true"),
        (GUARD, "domains={contoso.com}"),
    ];
    let kinds = [
        "ClusterRole",
        "ClusterRoleBinding",
        "MutatingWebhookConfiguration",
        "ValidatingWebhookConfiguration",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
    ];
    for (name, switch) in switches {
        let names = |release: &str, namespace: &str| -> Vec<String> {
            let tool = helm(cluster, &["template", release], name).args(["--namespace", namespace]);
            let text = tool.args(["--kube-version", "1.35", "--set", switch]).ok().stdout;
            let all = cluster.documents(&text, &kinds);
            all.iter().map(|one| format!("{} {}", one["kind"], one["metadata"]["name"])).collect()
        };
        let all =
            [names("b-x", "a"), names("x", "a-b"), names("x", "a"), names("x-running", "a"), names("x-viewer", "a")]
                .concat();
        let mut once = all.clone();
        once.sort();
        once.dedup();
        assert!(!all.is_empty() && once.len() == all.len(), "{all:?}");
    }
}

/// By default by port; to whom, their owner says.
#[test]
fn pods_reach_whom_their_owner_names_and_nobody_else() {
    let cluster = Cluster::shared();
    let policy = |chart: &str, sets: &[&str]| {
        let text = rendered(cluster, chart, sets).stdout;
        let policies = cluster.documents(&text, &["NetworkPolicy"]);
        assert_eq!(policies.len(), 1, "{chart}");
        cluster
            .kubectl()
            .args(["apply", "--dry-run=server", "-n", "default", "-f", "-"])
            .input(policies[0].to_string())
            .ok();
        policies[0]["spec"].clone()
    };
    let tcp = |ports: &[u16]| ports.iter().map(|port| json!({ "port": port, "protocol": "TCP" })).collect::<Vec<_>>();
    for (chart, at, values) in [
        ("pando-gmsa-webhook", "networkPolicy", "viewerRole=false"),
        ("pando-gmsa-controller", "networkPolicy", "viewerRole=false"),
        ("rancher-gmsa-account-provider", "examiner.networkPolicy", "examiner.enabled=true,domain.dnsName=contoso.com"),
    ] {
        let open = policy(chart, &[values]);
        assert_eq!(open["egress"][0], json!({ "ports": tcp(&[443, 6443]) }), "{chart}");
        let peer = "[0].ipBlock.cidr=10.0.0.10/32";
        let api = format!("{at}.apiServer.to{peer},{at}.apiServer.ports={{6443}},{at}.probesFrom{peer}");
        let closed = policy(chart, &[values, &api]);
        let there = json!([{ "ipBlock": { "cidr": "10.0.0.10/32" } }]);
        assert_eq!(closed["egress"][0], json!({ "ports": tcp(&[6443]), "to": there }), "{chart}");
        let ingress = closed["ingress"].as_array().and_then(|all| all.last()).expect("there is one");
        assert_eq!(*ingress, json!({ "ports": [{ "port": "probes" }], "from": there }), "{chart}");
        rendered(cluster, chart, &[values, &format!("{at}.apiServer.to[0].cidr=10.0.0.10/32")]).says("networkPolicy");
    }
    let webhook = policy("pando-gmsa-webhook", &["networkPolicy.from[0].ipBlock.cidr=10.0.0.10/32"]);
    assert_eq!(webhook["ingress"][0]["from"], json!([{ "ipBlock": { "cidr": "10.0.0.10/32" } }]));
    assert_eq!(webhook["egress"].as_array().map(Vec::len), Some(1), "it looks up no names");
    let values = "examiner.enabled=true,domain.dnsName=contoso.com,examiner.networkPolicy.directory.to[0].ipBlock.cidr=10.0.0.0/28";
    let examiner = policy("rancher-gmsa-account-provider", &[values]);
    assert_eq!(examiner["egress"][1]["to"][0]["podSelector"]["matchLabels"]["k8s-app"], "kube-dns");
    assert_eq!(examiner["egress"][2]["to"], json!([{ "ipBlock": { "cidr": "10.0.0.0/28" } }]));
}

/// It may write its Secret only where it changes the password itself.
#[test]
fn the_secret_is_written_where_rotation_is_on_only() {
    let cluster = Cluster::shared();
    let name = "rancher-gmsa-account-provider";
    rendered(cluster, name, &[]).says("verbs: [\"get\", \"list\", \"watch\"]").never_says("--rotate-after");
    let on = rendered(cluster, name, &["rotation.enabled=true,rotation.days=7,domain.dnsName=contoso.com"]);
    let on = on.says("verbs: [\"get\", \"list\", \"watch\", \"update\"]").says("--rotate-after=604800");
    on.says("--domain=contoso.com").says("fieldPath: spec.nodeName");
    rendered(cluster, name, &["rotation.days=0"]).says("rotation");
}

#[test]
fn what_the_webhook_is_told_is_what_the_values_say() {
    let cluster = Cluster::shared();
    let name = CHARTS[0];
    let told = |sets: &[&str]| rendered(cluster, name, sets);
    told(&[]).says("--listen=[::]:8443").says("--probes=[::]:8081").says("--linger=10").never_says("--also-called");
    told(&[]).says("terminationGracePeriodSeconds: 30").says("maxUnavailable: 1\n").never_says("minAvailable:");
    told(&["lingerSeconds=0"]).says("--linger=0").says("terminationGracePeriodSeconds: 20");
    told(&["webhook.url=https://hooks.example:8443/gmsa"]).says("--also-called=hooks.example\n");
    told(&["webhook.url=https://[fd00::7]:8443"]).says("--also-called=fd00::7\n");
    told(&["podDisruptionBudget.maxUnavailable=0"]).says("maxUnavailable: 0\n");
    told(&["podDisruptionBudget.minAvailable=1"]).says("minAvailable: 1\n");
    told(&[]).says("kind: NetworkPolicy");
    told(&["networkPolicy.enabled=false"]).never_says("NetworkPolicy");
    // It fills a Secret that is there, and whoever else keeps the certificate makes that.
    let secrets = |sets: &[&str]| cluster.documents(&told(sets).stdout, &["Secret"]).len();
    assert_eq!((secrets(&[]), secrets(&["certificates.certManager.enabled=true"])), (1, 0));
    assert_eq!(secrets(&["certificates.caBundle=AAAA"]), 0);
}

/// In either kind of address; the kubelet asks on the node.
#[test]
fn an_accounts_probes_are_where_its_values_say() {
    let cluster = Cluster::shared();
    for (address, listens, asked) in
        [("0.0.0.0", "0.0.0.0", "127.0.0.1"), ("::", "[::]", "127.0.0.1"), ("fd00::7", "[fd00::7]", "fd00::7")]
    {
        let told = rendered(cluster, CHARTS[1], &[&format!("probes.address={address},probes.port=20001")]);
        told.says(&format!("--probes={listens}:20001")).says(&format!("host: \"{asked}\""));
    }
}

/// Releases share the node's network.
#[test]
fn each_release_has_a_probes_port_of_its_own_and_legacy_mode_keeps_its_authority() {
    let cluster = Cluster::shared();
    let name = CHARTS[1];
    let port = |finished: &Finished| -> String {
        let line = finished.stdout.lines().find(|line| line.contains("hostPort")).expect("there is a port");
        line.rsplit(' ').next().expect("it ends with it").trim_end_matches('}').to_owned()
    };
    let first = rendered(cluster, name, &[]);
    let other =
        helm(cluster, &["template", "other"], name).args(["--namespace", "gmsa", "--kube-version", "1.35"]).ok();
    let (one, two) = (port(&first), port(&other));
    let of = |release: &str| {
        port(
            &helm(cluster, &["template", release], name)
                .args(["--namespace", "gmsa"])
                .args(["--kube-version", "1.35"])
                .ok(),
        )
    };
    let mut ports: Vec<_> = (0..20).map(|number| of(&format!("webapp{number}"))).collect();
    ports.sort();
    ports.dedup();
    assert!(ports.len() == 20, "of twenty usual names none meet: {}", ports.len());
    assert!(one != two && port(&rendered(cluster, name, &[])) == one, "{one} {two}");
    first.says(&format!("--probes=127.0.0.1:{one}")).never_says("--legacy");
    let public = rendered(cluster, name, &["probes.address=0.0.0.0", "probes.port=9480"]);
    public.says("--probes=0.0.0.0:9480").says("host: \"127.0.0.1\"");
    let legacy = rendered(cluster, name, &["legacy.enabled=true", "linux.enabled=true"]);
    legacy.says("--legacy").says("--state=/var/lib/pando/account-provider/gmsa/release");
}

#[test]
fn wrong_values_are_refused_before_anything_is_rendered() {
    let cluster = Cluster::shared();
    let wrong = [
        ("pando-gmsa-webhook", "replicaCount=0", "replicaCount"),
        ("pando-gmsa-webhook", "webhook.failurePolicy=Maybe", "failurePolicy"),
        ("pando-gmsa-webhook", "webhook.url=http://x", "url"),
        ("pando-gmsa-webhook", "typo=1", "typo"),
        ("pando-gmsa-webhook", "burst=0", "burst"),
        ("pando-gmsa-webhook", "clientCA.names={kube-apiserver}", "clientCA.names says nothing without"),
        (
            "pando-gmsa-webhook",
            "podDisruptionBudget.minAvailable=1,podDisruptionBudget.maxUnavailable=1",
            "give either",
        ),
        ("rancher-gmsa-account-provider", "domain.sid=S-1-5-32-544", "sid"),
        ("rancher-gmsa-account-provider", "domain.guid=x", "guid"),
        ("rancher-gmsa-account-provider", "pluginGUID=E4781092-F116-4B79-B55E-28EB6A224E26", "pluginGUID"),
        ("rancher-gmsa-account-provider", "impersonationAccount.username=CONTOSO\\svc", "username"),
        ("rancher-gmsa-account-provider", "impersonationAccount.username=svc", "both username and password"),
        ("rancher-gmsa-account-provider", "gmsas[0].name=webapp01", "domain.dnsName is needed"),
        ("rancher-gmsa-account-provider", "gmsas[0].name=web$", "name"),
        ("rancher-gmsa-account-provider", "examiner.enabled=true", "examiner: name the domain"),
        ("pando-gmsa-controller", "installer.name=dll", "give both namespace and name"),
        ("pando-gmsa-controller", "typo=1", "typo"),
        ("rancher-gmsa-account-provider", "probes.address=localhost", "address"),
        ("rancher-gmsa-account-provider", "auditLog=relative", "auditLog"),
    ];
    for (name, set, word) in wrong {
        let finished = rendered(cluster, name, &[set]);
        assert_ne!(finished.code, Some(0), "{name} {set}");
        finished.says(word);
    }
}

#[test]
fn an_account_comes_with_its_secret_and_specs_and_goes_without_a_trace() {
    let cluster = Cluster::shared();
    let crds = chart("pando-gmsa-webhook").join("crds");
    cluster.kubectl().args(["apply", "-f"]).arg(&crds).ok();
    cluster.kubectl().args(["wait", "--for=condition=Established", "--timeout=60s", "-f"]).arg(crds).ok();
    cluster.namespace("team");
    let values = cluster.path("values.yaml");
    std::fs::write(&values, ACCOUNT).expect("the values can be written");
    let release = |verb: &str, more: &[&str]| {
        let tool = helm(cluster, &[verb, "webapp"], CHARTS[1]).args(["--namespace", "team", "--values"]).arg(&values);
        tool.args(more).ok()
    };
    release("install", &[]);

    // The specs are what they should be, says the one who reads them on the node.
    for (name, account) in [("webapp01", "webapp01"), ("batch", "Batch01")] {
        let spec = cluster.kubectl().args(["get", "gmsa", name, "-o", "json"]).ok();
        let file = cluster.path("spec.json");
        std::fs::write(&file, &spec.stdout).expect("the spec can be written");
        Tool::new(pando()).args(["credspec", "check"]).arg(&file).ok();
        let shown = Tool::new(pando()).args(["credspec", "show"]).arg(&file).ok();
        shown.says(account).says("the secret webapp-creds of the namespace team");
    }

    let me = cluster.kubeconfig_of("team", "webapp");
    let may = |words: &[&str]| {
        cluster.kubectl_with(&me).args(["-n", "team", "auth", "can-i"]).args(words).run().stdout.trim() == "yes"
    };
    for allowed in [["get", "secret/webapp-creds"], ["watch", "secret/webapp-creds"]] {
        assert!(may(&allowed), "{allowed:?}");
    }
    for denied in [
        ["get", "secret/other"],
        ["list", "secrets"],
        ["update", "secret/webapp-creds"],
        ["delete", "secret/webapp-creds"],
        ["get", "gmsacredentialspecs.windows.k8s.io"],
        ["create", "pods"],
        ["get", "configmaps"],
    ] {
        assert!(!may(&denied), "{denied:?}");
    }

    release("upgrade", &["--set", "windows.enabled=false,impersonationAccount.password=Another-guard-entirely-7"]);
    let objects = [
        "-n",
        "team",
        "get",
        "secret,serviceaccount,role,rolebinding,daemonset",
        "-l",
        "app.kubernetes.io/instance=webapp",
        "-o",
        "name",
    ];
    let listed = cluster.kubectl().args(objects).ok();
    assert_eq!(listed.count("daemonset"), 1, "{listed}");
    assert_eq!(listed.count(""), 5, "{listed}");

    cluster.helm().args(["uninstall", "webapp", "--namespace", "team"]).ok();
    assert_eq!(cluster.kubectl().args(objects).ok().stdout, "");
    assert_eq!(cluster.kubectl().args(["get", "gmsa", "-o", "name"]).ok().stdout, "");
}

/// The namespace forbids what is not restricted, and warns of nothing.
#[test]
fn the_webhooks_pods_are_restricted() {
    let cluster = Cluster::shared();
    cluster.namespace("strict");
    let enforce = "pod-security.kubernetes.io/enforce=restricted";
    cluster
        .kubectl()
        .args(["label", "namespace", "strict", enforce, "pod-security.kubernetes.io/warn=restricted"])
        .ok();
    let all = rendered(cluster, CHARTS[0], &[]);
    let dry = ["-n", "strict", "apply", "--dry-run=server", "-f", "-"];
    let deployment: String = all.stdout.split("\n---").filter(|part| part.contains("\nkind: Deployment")).collect();
    let deployment = deployment.replace("namespace: gmsa", "namespace: strict");
    cluster.kubectl().args(dry).input(deployment).ok().never_says("would violate");
}
