//! `pando doctor`: the whole chain, and each link broken on purpose.
#![allow(clippy::expect_used, clippy::panic, reason = "only tests here; failing is their job")]

use std::path::Path;

use pando_tests::chain::{AccountProvider, credential_spec};
use pando_tests::{DnsServer, Domain, GUARD_PASSWORD, Tool, Transport, pando};
use serde_json::Value;

/// `pando doctor --json` with a domain's servers named.
fn examine(domain: &Domain, spec: &Path) -> Examination {
    let (ports, host) = (domain.ports(), domain.path("host"));
    let tool =
        domain.tool(pando().to_str().expect("a path")).args(["doctor", "--json", "--dc-host", "dc1.contoso.com"]);
    let tool = tool.args(["--kdc", &ports.kerberos.to_string(), "--ldap", &ports.ldap.to_string()]);
    Examination::of(tool.arg("--credspec").arg(spec).arg("--host-dir").arg(host))
}

/// The same by DNS.
fn examine_by_dns(domain: &Domain, spec: &Path, dns: &str) -> Examination {
    let tool = domain.tool(pando().to_str().expect("a path")).args(["doctor", "--json", "--dns", dns, "--credspec"]);
    Examination::of(tool.arg(spec).arg("--host-dir").arg(domain.path("host")))
}

#[derive(Debug)]
struct Examination {
    links: Vec<Value>,
    ok: bool,
}

impl Examination {
    fn of(tool: Tool) -> Self {
        let finished = tool.run();
        let told: Value = serde_json::from_str(&finished.stdout).unwrap_or_else(|_| panic!("no JSON: {finished}"));
        let ok = told.get("ok").and_then(Value::as_bool).expect("it says whether");
        assert_eq!(finished.code, Some(i32::from(!ok)), "{finished}");
        assert!(!finished.stdout.contains(GUARD_PASSWORD) && !finished.stderr.contains(GUARD_PASSWORD));
        let links = told.get("links").and_then(Value::as_array).expect("it lists links").clone();
        Self { links, ok }
    }

    fn with_state(&self, state: &str) -> Vec<&str> {
        let found = self.links.iter().filter(|link| link.get("state").is_some_and(|is| is == state));
        found.filter_map(|link| link.get("link")?.as_str()).collect()
    }

    /// Exactly this link is broken, and what is seen and the fix say so.
    #[track_caller]
    fn breaks(&self, link: &str, seen: &str, fix: &str) {
        assert!(!self.ok);
        assert_eq!(self.with_state("broken"), [link], "{self:#?}");
        let broken = self.links.iter().find(|found| found.get("state").is_some_and(|is| is == "broken"));
        let text = |key: &str| broken.and_then(|link| link.get(key)?.as_str()).unwrap_or_default().to_owned();
        assert!(text("seen").contains(seen), "{self:#?}");
        assert!(text("fix").contains(fix), "{self:#?}");
    }
}

#[test]
fn a_whole_chain_is_found_whole_by_dns_alone() {
    let domain = Domain::start();
    let _provider = AccountProvider::start(&domain);
    let dns = DnsServer::for_domain(&domain);
    let spec = credential_spec(&domain);
    let examined = examine_by_dns(&domain, &spec, &dns.address());
    assert!(examined.ok, "{examined:#?}");
    for link in
        ["DNS by UDP", "DNS by TCP", "Kerberos by UDP", "Kerberos by TCP", "the clocks", "LDAP", "the gMSA's logon"]
    {
        assert!(examined.with_state("holds").contains(&link), "{link}: {examined:#?}");
    }
    let table = domain.tool(pando().to_str().expect("a path")).args(["doctor", "--dns", &dns.address(), "--credspec"]);
    table.arg(&spec).arg("--host-dir").arg(domain.path("host")).ok().says("Every link holds.");
    // The guard finds its way in the same manner.
    let fetch = domain.tool(pando().to_str().expect("a path")).args(["guard", "fetch", "--dns", &dns.address()]);
    let fetch = fetch.arg("--credspec").arg(&spec).arg("--host-dir").arg(domain.path("host"));
    fetch.arg("--ccache").arg(domain.path("ccache")).ok().says("dc1.contoso.com answers");
    domain.tool("klist").ok().says("webapp01$@CONTOSO.COM");
}

#[test]
fn a_domain_alone_can_be_looked_at() {
    let domain = Domain::start();
    let dns = DnsServer::for_domain(&domain);
    let tool = Tool::new(pando()).args(["doctor", "--domain", "contoso.com", "--dns", &dns.address()]);
    tool.ok().says("Kerberos by TCP").says("Every link holds.").never_says("gMSA");
}

#[test]
fn a_dns_server_that_does_not_know_the_domain_is_the_link() {
    let domain = Domain::start();
    let spec = credential_spec(&domain);
    let _provider = AccountProvider::start(&domain);
    let dns = DnsServer::stranger();
    let examined = examine_by_dns(&domain, &spec, &dns.address());
    assert_eq!(
        examined.with_state("broken"),
        ["DNS by UDP", "DNS by TCP", "a controller that answers"],
        "{examined:#?}"
    );
    assert!(examined.with_state("not-reached").contains(&"the gMSA's logon"));
}

#[test]
fn a_dead_controller_is_the_link() {
    let mut domain = Domain::start();
    let _provider = AccountProvider::start(&domain);
    let dns = DnsServer::for_domain(&domain);
    let spec = credential_spec(&domain);
    domain.kill();
    let by_dns = examine_by_dns(&domain, &spec, &dns.address());
    by_dns.breaks("a controller that answers", "none answers", "389");
    let named = examine(&domain, &spec);
    assert_eq!(named.with_state("broken"), ["Kerberos by UDP", "Kerberos by TCP", "LDAP"], "{named:#?}");
}

#[test]
fn a_provider_that_does_not_run_is_the_link() {
    let domain = Domain::start();
    let spec = credential_spec(&domain);
    drop(AccountProvider::start(&domain));
    // Its port is left behind, and nobody listens there.
    examine(&domain, &spec).breaks("the plugin and its secret source", "", "");
}

#[test]
fn a_wrong_password_in_the_secret_is_the_link() {
    let domain = Domain::start();
    let _provider = AccountProvider::start_with(&domain, "svc-guard", "not-the-password");
    let spec = credential_spec(&domain);
    examine(&domain, &spec).breaks("the impersonation account's logon", "refused the password", "present one");
}

#[test]
fn a_gmsa_that_is_not_released_is_the_link() {
    let domain = Domain::start();
    let _provider = AccountProvider::start_with(&domain, "bob", pando_tests::BOB_PASSWORD);
    let spec = credential_spec(&domain);
    let examined = examine(&domain, &spec);
    examined.breaks("the release of the gMSA's password", "did not release", "pando gmsa explain");
    assert!(examined.with_state("holds").contains(&"the KDS root key"), "{examined:#?}");
    assert_eq!(examined.with_state("not-reached"), ["the gMSA's logon"]);
}

#[test]
fn a_spec_of_another_domain_is_the_link() {
    let domain = Domain::start();
    let _provider = AccountProvider::start(&domain);
    let spec = credential_spec(&domain);
    let text = std::fs::read_to_string(&spec).expect("it can be read");
    let guid = text.lines().find(|line| line.contains("\"Guid\"")).expect("it has a GUID");
    let other = "    \"Guid\": \"56d9b66c-d746-4f87-bd26-26760cfdca2e\",";
    std::fs::write(&spec, text.replace(guid, other)).expect("it can be written");
    examine(&domain, &spec).breaks("the domain that the spec means", "Guid", "credspec new");
    std::fs::write(&spec, "{}").expect("it can be written");
    examine(&domain, &spec).breaks("the credential spec", "CmsPlugins", "credspec new");
}

/// `pando kds` as the domain's administrator: nobody else sees a root key.
fn kds(domain: &Domain, arguments: &[&str]) -> String {
    let password = domain.path("administrator-password");
    std::fs::write(&password, pando_tests::ADMIN_PASSWORD).expect("the password file can be written");
    let ldaps = format!("localhost:{}", domain.ports().ldaps.port());
    let tool = domain.tool(pando().to_str().expect("a path")).arg("kds").args(arguments);
    let tool = tool.args(["--user", "Administrator@contoso.com", "--ldaps", &ldaps]).arg("--ca").arg(domain.ca());
    tool.arg("--password-file").arg(password).ok().stdout
}

fn root_key(domain: &Domain) -> String {
    let keys: Value = serde_json::from_str(&kds(domain, &["list", "--json"])).expect("it is JSON");
    keys.pointer("/0/id").and_then(Value::as_str).expect("there is one").to_owned()
}

#[test]
fn the_root_key_that_is_used_is_named() {
    let domain = Domain::start();
    let _provider = AccountProvider::start(&domain);
    let examined = examine(&domain, &credential_spec(&domain));
    let link = examined.links.iter().find(|found| found.get("link").is_some_and(|link| link == "the KDS root key"));
    let seen = link.and_then(|link| link.get("seen")?.as_str()).expect("it is seen");
    assert!(examined.ok && seen.contains(&root_key(&domain)), "{examined:#?}");
}

#[test]
fn a_root_key_that_is_gone_is_the_link() {
    let domain = Domain::start();
    let _provider = AccountProvider::start(&domain);
    let (spec, key) = (credential_spec(&domain), root_key(&domain));
    kds(&domain, &["retire", &key, "--force"]);
    let examined = examine(&domain, &spec);
    examined.breaks("the KDS root key", &key, "pando kds create");
    let hidden = ["the release of the gMSA's password", "the gMSA's logon"];
    assert_eq!(examined.with_state("not-reached"), hidden);
}

#[test]
fn a_root_key_that_is_not_effective_yet_is_the_link_for_those_who_see_it() {
    let domain = Domain::start();
    let _provider = AccountProvider::start_with(&domain, "Administrator", pando_tests::ADMIN_PASSWORD);
    let spec = credential_spec(&domain);
    kds(&domain, &["retire", &root_key(&domain), "--force"]);
    kds(&domain, &["create"]);
    examine(&domain, &spec).breaks("the KDS root key", "no root key is effective yet", "wait until then");
}

/// The domain is a day ahead of this machine.
#[test]
fn clocks_that_differ_are_the_link() {
    let mut domain = Domain::start();
    let _provider = AccountProvider::start(&domain);
    let spec = credential_spec(&domain);
    domain.restart_later("+1d");
    let (ports, host) = (domain.ports(), domain.path("host"));
    let tool = Tool::new(pando()).args(["doctor", "--json", "--dc-host", "dc1.contoso.com"]);
    let tool = tool.args(["--kdc", &ports.kerberos.to_string(), "--ldap", &ports.ldap.to_string()]);
    let examined = Examination::of(tool.arg("--credspec").arg(&spec).arg("--host-dir").arg(host));
    assert!(examined.with_state("broken").contains(&"the clocks"), "{examined:#?}");
}

/// The provider was stopped and its certificates have ended meanwhile.
#[test]
fn certificates_that_have_ended_are_the_link() {
    let mut domain = Domain::start();
    let spec = credential_spec(&domain);
    drop(AccountProvider::start(&domain));
    domain.restart_later("+400d");
    let examined = examine(&domain, &spec);
    assert!(examined.with_state("broken").contains(&"the provider's certificates"), "{examined:#?}");
}

#[test]
fn another_name_than_the_controllers_own_is_the_link() {
    let domain = Domain::start();
    let _provider = AccountProvider::start(&domain);
    let spec = credential_spec(&domain);
    let ports = domain.ports();
    let tool =
        domain.tool(pando().to_str().expect("a path")).args(["doctor", "--json", "--dc-host", "dc9.contoso.com"]);
    let tool = tool.args(["--kdc", &ports.kerberos.to_string(), "--ldap", &ports.ldap.to_string()]);
    let examined = Examination::of(tool.arg("--credspec").arg(&spec).arg("--host-dir").arg(domain.path("host")));
    examined.breaks("LDAP", "calls itself dc1.contoso.com", "--dc-host dc1.contoso.com");
    let disabled = domain.as_admin("ldapsearch", Transport::Ldaps).args(["-b", "", "-s", "base", "dnsHostName"]);
    disabled.ok().says("dc1.contoso.com");
}
