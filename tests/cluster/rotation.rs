//! The impersonation account's own password, changed by its provider: in real directories and a real cluster, and through kills.
#![allow(clippy::expect_used, clippy::panic, reason = "only tests here; failing is their job")]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use pando_tests::chain::{AccountProvider, NAMESPACE, SECRET, credential_spec, guard_fetch};
use pando_tests::{Cluster, Domain, FABRIKAM, FABRIKAM_DC, Front, GUARD_PASSWORD, Mood, Samba};

/// The annotations that people write, and that they read.
const ASK: &str = "gmsa.pando.dev/rotate-password=now";
const NOT_BEFORE: &str = "gmsa.pando.dev/password-rotation-not-before";
const ROTATES: &str = "gmsa.pando.dev/password-rotates";

/// A cluster with the Secret, a domain for its account, and a service account that may do this with the Secret.
struct Site {
    cluster: Cluster,
    domain: Domain,
    kubeconfig: PathBuf,
}

fn site(verbs: &str) -> Site {
    let (cluster, domain) = (Cluster::start(), Domain::start());
    cluster.namespace(NAMESPACE);
    cluster.service_account(NAMESPACE, "provider");
    cluster.apply(format!(
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {{name: own, namespace: {NAMESPACE}}}\nrules:\n\
         - {{apiGroups: [''], resources: [secrets], resourceNames: [{SECRET}], verbs: [{verbs}]}}\n"
    ));
    let bind = ["-n", NAMESPACE, "create", "rolebinding", "own", "--role=own"];
    cluster.kubectl().args(bind).arg(format!("--serviceaccount={NAMESPACE}:provider")).ok();
    let kubeconfig = cluster.kubeconfig_of(NAMESPACE, "provider");
    Site { cluster, domain, kubeconfig }
}

const ALL: &str = "get, list, watch, update";

impl Site {
    /// The Secret as somebody has typed it.
    fn secret(&self, domain_name: &str) {
        self.cluster.apply(format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{name: {SECRET}, namespace: {NAMESPACE}}}\n\
             stringData: {{username: svc-guard, password: {GUARD_PASSWORD}, domainName: {domain_name}}}\n"
        ));
    }

    fn annotate(&self, annotation: &str) {
        self.cluster.kubectl().args(["-n", NAMESPACE, "annotate", "--overwrite", "secret", SECRET, annotation]).ok();
    }

    fn show(&self, template: &str) -> String {
        let template = format!("go-template={template}");
        self.cluster.kubectl().args(["-n", NAMESPACE, "get", "secret", SECRET, "-o", &template]).ok().stdout
    }

    fn annotation(&self, name: &str) -> String {
        self.show(&format!("{{{{with index .metadata.annotations \"{name}\"}}}}{{{{.}}}}{{{{end}}}}"))
    }

    /// The present password, and the next one or nothing.
    fn passwords(&self) -> (String, String) {
        let template = "{{.data.password | base64decode}} {{with .data.nextPassword}}{{. | base64decode}}{{end}}";
        let got = self.show(template);
        let (password, next) = got.split_once(' ').expect("there is a space");
        (password.to_owned(), next.to_owned())
    }

    /// Waits until there is one password, and not that one.
    #[track_caller]
    fn rotated_from(&self, old: &str, provider: &AccountProvider) -> String {
        let deadline = Instant::now() + Duration::from_secs(120);
        loop {
            let (password, next) = self.passwords();
            if password != old && next.is_empty() {
                return password;
            }
            assert!(Instant::now() < deadline, "{}", provider.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn place(&self) -> String {
        let (kdc, ldap) = (self.domain.ports().kerberos, self.domain.ports().ldap);
        format!("contoso.com,kdc={kdc},ldap={ldap},dc-host=dc1.contoso.com")
    }

    fn provider(&self, node: &str) -> AccountProvider {
        AccountProvider::start_rotating(&self.domain, &self.kubeconfig, node, &self.place())
    }

    /// Whether the account logs on with it.
    fn takes(&self, password: &str) -> bool {
        self.domain.kinit("svc-guard", password).run().code == Some(0)
    }
}

#[test]
fn a_password_that_somebody_typed_becomes_one_that_nobody_knows_and_the_chain_holds() {
    let site = site(ALL);
    site.secret("contoso.com");
    site.annotate(ASK);
    let spec = credential_spec(&site.domain);
    let provider = site.provider("node-1");
    // A domain's passwords stay for a day at least, and that is asked before anything is written.
    provider.says("minimum password age");
    guard_fetch(&site.domain, &spec).ok();
    assert_eq!(site.passwords(), (GUARD_PASSWORD.to_owned(), String::new()));
    site.domain.no_minimum_age();
    site.annotate(&format!("{NOT_BEFORE}-"));
    let password = site.rotated_from(GUARD_PASSWORD, &provider);
    assert_eq!(password.len(), 64);
    assert!(site.takes(&password) && !site.takes(GUARD_PASSWORD));
    guard_fetch(&site.domain, &spec).ok().says("webapp01$@CONTOSO.COM");
    assert!(site.annotation(ROTATES).starts_with("20"), "it is written down when the next one is due");

    provider.says("\"rotation\":\"rotated\"");
    let metrics = AccountProvider::metrics(&site.domain);
    for line in [
        "pando_account_provider_rotations_total{secret=\"webapp-creds\",outcome=\"rotated\"} 1",
        "pando_account_provider_rotation_pending{secret=\"webapp-creds\"} 0",
        "pando_account_provider_rotation_last_timestamp_seconds{secret=\"webapp-creds\"} 1",
        "pando_account_provider_rotation_next_timestamp_seconds{secret=\"webapp-creds\"} 1",
    ] {
        assert!(metrics.contains(line), "{line}:\n{metrics}");
    }
    let log = provider.log();
    assert!(!log.contains(&password) && !log.contains(GUARD_PASSWORD), "no password is logged");
}

/// The front lets so many writes through and holds the next: of who is at it, of the next password, of its taking the present one's place. At
/// that moment the provider is killed.
#[test]
fn wherever_a_provider_is_killed_calls_get_the_password_in_force_and_another_finishes() {
    let site = site(ALL);
    site.secret("contoso.com");
    site.domain.no_minimum_age();
    let front = Front::start(&site.cluster);
    let through = front.kubeconfig(&site.cluster, &site.kubeconfig);
    let spec = credential_spec(&site.domain);
    let mut password = GUARD_PASSWORD.to_owned();
    for writes in 0..3 {
        site.annotate(ASK);
        front.becomes(Mood::HoldsWritesAfter(writes));
        let killed = AccountProvider::start_rotating(&site.domain, &through, "node-1", &site.place());
        front.await_held();
        drop(killed);
        front.becomes(Mood::Passes);
        let (present, next) = site.passwords();
        assert_eq!((&present, next.is_empty()), (&password, writes < 2), "{writes}");
        // The last write comes after the directory's.
        assert!(site.takes(if writes < 2 { &present } else { &next }));

        // One that only hands out, and one that finishes.
        let other = AccountProvider::start_placed(&site.domain, &site.kubeconfig, &site.place());
        guard_fetch(&site.domain, &spec).ok();
        drop(other);
        let successor = site.provider("node-1");
        let rotated = site.rotated_from(&password, &successor);
        assert!(next.is_empty() || rotated == next, "a next password is never replaced by another");
        guard_fetch(&site.domain, &spec).ok();
        assert!(site.takes(&rotated));
        password = rotated;
    }
}

/// A password that is to be changed now, and a way to the API server that may be broken.
fn due_behind_a_front() -> (Site, Front, PathBuf) {
    let site = site(ALL);
    site.secret("contoso.com");
    site.domain.no_minimum_age();
    site.annotate(ASK);
    let front = Front::start(&site.cluster);
    let through = front.kubeconfig(&site.cluster, &site.kubeconfig);
    (site, front, through)
}

/// The directory has the next password, and the write that puts it in its place is held; then a pipeline writes its own manifest back.
#[test]
fn who_writes_the_secret_in_the_middle_of_a_change_does_not_cost_the_account() {
    let (site, front, through) = due_behind_a_front();
    front.becomes(Mood::HoldsWritesAfter(2));
    let provider = AccountProvider::start_rotating(&site.domain, &through, "node-1", &site.place());
    front.await_held();
    assert!(!site.takes(GUARD_PASSWORD), "the directory has the next one");
    let back = r#"{"data":{"nextPassword":null},"metadata":{"annotations":null}}"#;
    site.cluster.kubectl().args(["-n", NAMESPACE, "patch", "secret", SECRET, "--type=merge", "-p", back]).ok();
    assert_eq!(site.passwords(), (GUARD_PASSWORD.to_owned(), String::new()));
    front.becomes(Mood::Passes);
    let password = site.rotated_from(GUARD_PASSWORD, &provider);
    assert!(site.takes(&password));
    provider.says("somebody has written the Secret webapp-creds while its password was being changed");
    guard_fetch(&site.domain, &credential_spec(&site.domain)).ok();
}

#[test]
fn who_may_not_write_the_secret_hands_it_out_all_the_same_and_says_what_is_wrong() {
    let site = site("get, list, watch");
    site.secret("contoso.com");
    site.annotate(ASK);
    let provider = site.provider("node-1");
    provider.says("is forbidden");
    guard_fetch(&site.domain, &credential_spec(&site.domain)).ok();
    assert_eq!(site.passwords(), (GUARD_PASSWORD.to_owned(), String::new()));
    assert!(AccountProvider::metrics(&site.domain).contains("outcome=\"failed\"} "));
}

#[test]
fn an_api_server_that_is_busy_broken_or_gone_delays_it_and_nothing_more() {
    let (site, front, through) = due_behind_a_front();
    front.becomes(Mood::Says(429));
    let provider = AccountProvider::start_rotating(&site.domain, &through, "node-1", &site.place());
    for mood in [Mood::Says(429), Mood::Says(500), Mood::Gone] {
        front.becomes(mood);
        front.await_requests(2);
    }
    front.becomes(Mood::Passes);
    let password = site.rotated_from(GUARD_PASSWORD, &provider);
    assert!(site.takes(&password));
    guard_fetch(&site.domain, &credential_spec(&site.domain)).ok();
}

/// Samba's directory has policies that ours has not, and its own way of saying so.
#[test]
fn an_account_of_samba_changes_its_password_as_the_domains_policy_allows() {
    let (site, samba) = (site(ALL), Samba::start());
    let address = samba.address();
    let place = format!("fabrikam.test,kdc={address},ldap={address},dc-host={FABRIKAM_DC}");
    let policy = |attribute: &str, value: &str| {
        let change = format!("dn: {FABRIKAM}\nchangetype: modify\nreplace: {attribute}\n{attribute}: {value}\n");
        samba.as_admin("ldapmodify").input(change).ok();
    };
    site.secret("fabrikam.test");
    site.annotate(ASK);
    let provider = AccountProvider::start_rotating(&site.domain, &site.kubeconfig, "node-1", &place);
    provider.says("minimum password age");
    policy("minPwdAge", "0");
    policy("minPwdLength", "100");
    site.annotate(&format!("{NOT_BEFORE}-"));
    provider.says("0000052D");
    let (present, next) = site.passwords();
    assert_eq!((present.as_str(), next.len()), (GUARD_PASSWORD, 64));
    samba.kinit("svc-guard", GUARD_PASSWORD).ok();
    policy("minPwdLength", "7");
    site.annotate(&format!("{NOT_BEFORE}-"));
    assert_eq!(site.rotated_from(GUARD_PASSWORD, &provider), next);
    samba.kinit("svc-guard", &next).ok();
    assert_ne!(samba.kinit("svc-guard", GUARD_PASSWORD).run().code, Some(0));
}

#[test]
fn the_charts_service_account_may_update_that_one_secret_where_rotation_is_on_and_nothing_else() {
    let cluster = Cluster::start();
    cluster.kubectl().args(["create", "namespace", NAMESPACE]).ok();
    let chart = concat!(env!("CARGO_MANIFEST_DIR"), "/../charts/rancher-gmsa-account-provider");
    let helm = |word: &str, set: &str| {
        let tool = cluster.helm().args([word, "webapp", chart, "--namespace", NAMESPACE, "--set", set]);
        tool.args(["--set", "domain.dnsName=contoso.com"]).run()
    };
    assert_eq!(helm("install", "rotation.enabled=false").code, Some(0));
    let own = cluster.kubeconfig_of(NAMESPACE, "webapp");
    let may = |words: &[&str]| {
        let asked = cluster.kubectl_with(&own).args(["auth", "can-i"]).args(words).args(["-n", NAMESPACE]).run();
        asked.stdout.trim() == "yes"
    };
    assert!(may(&["get", "secret/webapp-creds"]) && !may(&["update", "secret/webapp-creds"]));
    assert_eq!(helm("upgrade", "rotation.enabled=true").code, Some(0));
    assert!(may(&["get", "secret/webapp-creds"]) && may(&["update", "secret/webapp-creds"]));
    for denied in [
        ["patch", "secret/webapp-creds"],
        ["delete", "secret/webapp-creds"],
        ["update", "secret/other-creds"],
        ["update", "secrets"],
        ["create", "secrets"],
        ["get", "secret/other-creds"],
        ["list", "secrets"],
        ["update", "serviceaccounts/webapp"],
        ["update", "roles/webapp"],
        ["create", "leases"],
    ] {
        assert!(!may(&denied), "{denied:?}");
    }
    // The first password would come back with each upgrade.
    let both = "rotation.enabled=true,impersonationAccount.username=svc-guard,impersonationAccount.password=x";
    helm("upgrade", both).says("make the Secret yourself");
}
