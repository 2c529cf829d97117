//! Links that break before the directory is asked: what the guard says about them.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::time::Duration;

use ccg::plugins::PluginError;
use ccg::{Cause, Guard, GuardError, Hop, Options, PasswordCredentials, Plugin, Plugins, Step};
use client::{Domain, Endpoint};
use credspec::{CredentialSpec, DomainFacts, HostAccountConfig, RKC_CLSID};
use dtyp::Guid;

/// A plugin that does what a test says.
struct Fake(Box<dyn Fn() -> Result<PasswordCredentials, PluginError> + Send + Sync>);

impl Plugin for Fake {
    fn clsid(&self) -> Guid {
        RKC_CLSID
    }

    fn name(&self) -> &str {
        "fake"
    }

    fn get_password_credentials(&self, input: &str) -> Result<PasswordCredentials, PluginError> {
        assert_eq!(input, "gmsa:ccg-reader");
        (self.0)()
    }
}

fn credentials(domain: &str, username: &str) -> PasswordCredentials {
    PasswordCredentials {
        domain: domain.to_owned(),
        username: username.to_owned(),
        password: "hunter2".to_owned().into(),
        hop: Hop { to: "a secret store".into(), how: "mutual TLS".into(), authorised_by: "a certificate".into() },
    }
}

fn plugin(answer: impl Fn() -> Result<PasswordCredentials, PluginError> + Send + Sync + 'static) -> Guard {
    Guard::new(Plugins::new().with(Fake(Box::new(answer))))
}

fn spec(host: Option<HostAccountConfig>) -> CredentialSpec {
    let facts = DomainFacts {
        sid: "S-1-5-21-1-2-3".parse().unwrap(),
        guid: "56d9b66c-d746-4f87-bd26-26760cfdca2e".parse().unwrap(),
        dns_name: "contoso.com".parse().unwrap(),
        dns_tree_name: "contoso.com".parse().unwrap(),
        net_bios_name: "CONTOSO".parse().unwrap(),
    };
    CredentialSpec::generate(&facts, &["webapp01".parse().unwrap()], host).unwrap()
}

fn rkc() -> Option<HostAccountConfig> {
    Some(HostAccountConfig::rkc(&"gmsa:ccg-reader".parse().unwrap()))
}

/// A domain where nobody answers.
fn nowhere() -> Domain {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    Domain::new("contoso.com")
        .with_kdcs([Endpoint::from(closed)])
        .with_ldap("dc1.contoso.com", [Endpoint::from(closed)])
}

async fn broken(guard: &Guard, spec: &CredentialSpec) -> GuardError {
    let error = guard.fetch(spec, &nowhere()).await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("hunter2"));
    error
}

#[tokio::test]
async fn a_spec_that_cannot_be_read_breaks_the_first_link() {
    let guard = Guard::new(Plugins::new());
    for text in ["", "{}", "[1", "\u{feff}{\"CmsPlugins\":[]}"] {
        let error = guard.fetch_json(text.as_bytes(), &nowhere()).await.unwrap_err();
        assert_eq!(error.step, Step::CredentialSpec);
        assert!(matches!(*error.cause, Cause::Spec(_)), "{error}");
    }
}

#[tokio::test]
async fn a_spec_for_another_domain_is_not_taken_there() {
    let domain = Domain::new("fabrikam.com");
    let error = plugin(|| panic!("the plugin must not be called")).fetch(&spec(rkc()), &domain).await.unwrap_err();
    assert_eq!(error.step, Step::CredentialSpec);
    assert!(matches!(*error.cause, Cause::OtherDomain { .. }), "{error}");
}

#[tokio::test]
async fn a_plugin_that_is_not_installed_is_named_with_those_that_are() {
    let clsid = "{ccc2a336-d7f3-4818-a213-272b7924213e}".parse().unwrap();
    let config = HostAccountConfig::new(clsid, credspec::PluginInput::new("x"));
    let error = broken(&plugin(|| panic!()), &spec(Some(config))).await;
    assert_eq!(error.step, Step::Plugin);
    assert!(error.to_string().contains("ccc2a336") && error.to_string().contains("only fake"), "{error}");
    assert_eq!(error.links.len(), 1);
}

#[tokio::test]
async fn a_host_without_an_identity_needs_a_plugin() {
    let error = broken(&plugin(|| panic!()), &spec(None)).await;
    assert!(matches!(*error.cause, Cause::NoHostIdentity), "{error}");
}

#[tokio::test]
async fn what_the_plugin_says_is_passed_on() {
    let error = broken(&plugin(|| Err(PluginError::Other("the vault is sealed".into()))), &spec(rkc())).await;
    assert_eq!(error.step, Step::Plugin);
    assert!(error.to_string().contains("plugin fake: the vault is sealed"), "{error}");
}

#[tokio::test]
async fn a_plugin_that_crashes_or_hangs_does_not_take_the_guard_with_it() {
    let error = broken(&plugin(|| panic!("a bug")), &spec(rkc())).await;
    assert!(matches!(*error.cause, Cause::PluginCrashed { .. }), "{error}");

    let (release, held) = std::sync::mpsc::channel::<()>();
    let held = std::sync::Mutex::new(held);
    let hanging = plugin(move || {
        let _ = held.lock().unwrap().recv();
        Err(PluginError::Other("too late".into()))
    });
    let hanging = hanging.with_options(Options { plugin: Duration::from_millis(50), ..Options::default() });
    let error = broken(&hanging, &spec(rkc())).await;
    drop(release);
    assert!(matches!(*error.cause, Cause::PluginTimeout { .. }), "{error}");
}

#[tokio::test]
async fn credentials_of_another_domain_are_not_used() {
    for domain in ["fabrikam.com", "FABRIKAM", "", "contoso.com.evil.example", "contoso"] {
        let error = broken(&plugin(move || Ok(credentials(domain, "ccg-reader"))), &spec(rkc())).await;
        match domain {
            // The NetBIOS name, whatever its case.
            "contoso" => assert_eq!(error.step, Step::ImpersonationLogon),
            _ => assert!(matches!(*error.cause, Cause::CredentialsOfOtherDomain { .. }), "{domain}: {error}"),
        }
    }
}

#[tokio::test]
async fn a_user_name_with_a_domain_in_it_is_refused() {
    for name in ["", "FABRIKAM\\admin", "admin@fabrikam.com", "host/dc1", "a:b"] {
        let error = broken(&plugin(move || Ok(credentials("contoso.com", name))), &spec(rkc())).await;
        assert_eq!(error.step, Step::Plugin);
        assert!(matches!(*error.cause, Cause::Username(_)), "{error}");
    }
}

#[tokio::test]
async fn a_kdc_that_does_not_answer_is_the_third_link() {
    let error = broken(&plugin(|| Ok(credentials("contoso.com", "ccg-reader"))), &spec(rkc())).await;
    assert_eq!(error.step, Step::ImpersonationLogon);
    assert!(matches!(*error.cause, Cause::Logon(_)), "{error}");
    let steps: Vec<_> = error.links.iter().map(|link| link.step).collect();
    assert_eq!(steps, [Step::CredentialSpec, Step::Plugin]);
    let link = error.links.last().unwrap();
    assert_eq!((link.to.as_str(), link.how.as_str()), ("a secret store", "mutual TLS"));
}
