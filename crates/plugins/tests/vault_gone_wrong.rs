//! The plugin of HashiCorp Vault and OpenBao against a server that does what a test says, over real TLS on loopback.
#![allow(clippy::unwrap_used, clippy::panic)]

mod servers;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dtyp::SystemClock;
use pki::{Authority, ClientAuth, Purpose, Rotating, Validity};
use plugins::{PasswordCredentials, Plugin, PluginError, Vault, VaultAuth, VaultError};
use secrecy::ExposeSecret;
use servers::{Behaviour, Server, answer, answer_with, dripping, says, silent};

struct Emulated {
    server: Server,
    plugin: Vault,
    waits: Arc<Mutex<Vec<u64>>>,
    folder: tempfile::TempDir,
}

fn login() -> String {
    answer(200, r#"{"auth":{"client_token":"T0KEN","renewable":true}}"#)
}

fn secret() -> String {
    let data = r#"{"domain":"contoso.com","username":"ccg-reader","password":"hunter2"}"#;
    answer(200, &format!(r#"{{"data":{{"data":{data},"metadata":{{"version":3}}}}}}"#))
}

impl Emulated {
    /// The server, which answers a login, the question for the secret, and the end of the token.
    fn new(behaviours: Vec<Behaviour>) -> Self {
        let authority = Authority::create("test", Validity::DAY, &SystemClock).unwrap();
        Self::with_certificate(&authority, &authority, behaviours)
    }

    fn with_certificate(trusted: &Authority, issuer: &Authority, behaviours: Vec<Behaviour>) -> Self {
        let identity = issuer.issue(&Purpose::server(["localhost"]), Validity::DAY, &SystemClock).unwrap();
        let tls = pki::server_config(&Rotating::new(&identity).unwrap(), ClientAuth::None).unwrap();
        let server = Server::start(Some(tls), behaviours);
        let folder = tempfile::tempdir().unwrap();
        let secret_id = folder.path().join("secret-id");
        std::fs::write(&secret_id, "S3CRET\"ID\n").unwrap();
        let (waits, address) = (Arc::<Mutex<Vec<u64>>>::default(), format!("https://localhost:{}", server.port));
        let waited = Arc::clone(&waits);
        let plugin = Vault::new(&address, VaultAuth::app_role("approle", "guard", secret_id).unwrap())
            .unwrap()
            .with_roots(trusted.roots())
            .with_pause(move |wait| waited.lock().unwrap().push(wait.as_secs()));
        Self { server, plugin, waits, folder }
    }

    fn login_says(text: impl Into<String>) -> Self {
        Self::new(vec![says(text)])
    }

    fn read_says(text: impl Into<String>) -> Self {
        Self::new(vec![says(login()), says(text), says(answer(204, ""))])
    }

    fn ask(&self) -> Result<PasswordCredentials, PluginError> {
        self.plugin.get_password_credentials("secret:ccg/webapp01")
    }

    fn fails(&self) -> VaultError {
        Self::error(self.ask())
    }

    /// The error, which must not hold what was sent or answered.
    fn error(result: Result<PasswordCredentials, PluginError>) -> VaultError {
        let error = result.unwrap_err();
        let text = format!("{error} {error:?}");
        for secret in ["hunter2", "T0KEN", "S3CRET", "\r", "\n", "\u{1b}"] {
            assert!(!text.contains(secret), "{text}");
        }
        assert!(error.windows_codes().hresult < 0, "a failure is never success");
        let PluginError::Vault(error) = error else { panic!("{error:?}") };
        *error
    }

    fn token_file(&self) -> PathBuf {
        self.folder.path().join("token")
    }
}

#[test]
fn a_login_opens_one_secret_and_its_token_ends_with_the_call() {
    let vault = Emulated::read_says(secret());
    let credentials = vault.ask().unwrap();
    assert_eq!((credentials.domain.as_str(), credentials.username.as_str()), ("contoso.com", "ccg-reader"));
    assert_eq!(credentials.password.expose_secret(), "hunter2");
    assert!(credentials.hop.to.contains("secret:ccg/webapp01 (version 3)"), "{:?}", credentials.hop);
    assert!(credentials.hop.how.contains("AppRole guard"), "{:?}", credentials.hop);
    let questions = vault.server.questions();
    let [login, read, end] = &questions[..] else { panic!("{questions:?}") };
    assert!(login.starts_with("POST /v1/auth/approle/login HTTP/1.1\r\n"), "{login}");
    assert!(read.starts_with("GET /v1/secret/data/ccg/webapp01 HTTP/1.1\r\n"), "{read}");
    assert!(end.starts_with("POST /v1/auth/token/revoke-self HTTP/1.1\r\n"), "{end}");
    for question in [read, end] {
        assert!(question.to_ascii_lowercase().contains("\r\nx-vault-token: t0ken\r\n"), "{question}");
    }
    assert!(questions.iter().all(|question| question.to_ascii_lowercase().contains("\r\nx-vault-request: true\r\n")));
}

#[test]
fn a_namespace_and_a_version_go_where_they_belong() {
    let vault = Emulated::read_says(secret());
    let plugin = vault.plugin.clone().with_namespace("team/a/").unwrap();
    plugin.get_password_credentials("secret:ccg/webapp01:3").unwrap();
    let questions = vault.server.questions();
    assert!(questions[1].starts_with("GET /v1/secret/data/ccg/webapp01?version=3 HTTP/1.1\r\n"), "{questions:?}");
    assert!(
        questions.iter().all(|question| question.to_ascii_lowercase().contains("\r\nx-vault-namespace: team/a\r\n"))
    );
    let other = Emulated::read_says(secret()).plugin.get_password_credentials("secret:ccg/webapp01:4");
    assert!(matches!(Emulated::error(other), VaultError::BadAnswer { .. }), "another version is not taken");
}

#[test]
fn a_token_from_a_file_is_used_as_it_is_and_not_ended() {
    let vault = Emulated::new(vec![says(secret())]);
    std::fs::write(vault.token_file(), "T0KEN\n").unwrap();
    let address = format!("https://localhost:{}", vault.server.port);
    let authority = Authority::create("test", Validity::DAY, &SystemClock).unwrap();
    let plugin = Vault::new(&address, VaultAuth::token_file(vault.token_file())).unwrap().with_roots(authority.roots());
    let stranger = plugin.get_password_credentials("secret:ccg/webapp01");
    assert!(matches!(Emulated::error(stranger), VaultError::NotTheVault { .. }));
    assert_eq!(vault.server.questions(), Vec::<String>::new(), "a stranger sees no token");
    for bad in ["", "a b", "a\nb", "\u{e4}"] {
        std::fs::write(vault.token_file(), bad).unwrap();
        let error = Emulated::error(plugin.get_password_credentials("secret:ccg/webapp01"));
        assert!(matches!(error, VaultError::Credential { .. }), "{bad:?}: {error:?}");
    }
    std::fs::remove_file(vault.token_file()).unwrap();
    let error = Emulated::error(plugin.get_password_credentials("secret:ccg/webapp01"));
    assert!(matches!(error, VaultError::Credential { .. }), "{error:?}");
}

#[test]
fn an_input_that_leads_elsewhere_is_not_asked_for() {
    let vault = Emulated::read_says(secret());
    for input in
        ["", "secret", "secret:../sys/x", "secret:a?version=1", "secret:a/../b", "secret:a%2f..", "secret:a\r\nX: y"]
    {
        assert!(matches!(vault.plugin.get_password_credentials(input), Err(PluginError::BadInput(_))), "{input:?}");
    }
    let error = Emulated::error(vault.plugin.get_password_credentials("cubbyhole:x"));
    assert!(matches!(&error, VaultError::UnknownMount { known, .. } if known == "secret"), "{error:?}");
    assert_eq!(vault.server.questions(), Vec::<String>::new());
}

#[test]
fn a_login_that_is_refused_says_what_to_check() {
    for (status, body, words) in [
        (400, r#"{"errors":["invalid role or secret ID hunter2"]}"#, "invalid role or secret ID"),
        (403, r#"{"errors":["permission denied"]}"#, "permission denied"),
        (404, r#"{"errors":["no handler for route \"auth/approle/login\""]}"#, "auth method approle"),
    ] {
        let vault = Emulated::login_says(answer(status, body));
        let error = vault.fails();
        assert!(matches!(error, VaultError::LoginRefused { .. }), "{error:?}");
        assert!(error.to_string().contains(words), "{error}");
        assert_eq!(vault.server.questions().len(), 1);
    }
    for body in ["", "<html>", "{}", r#"{"auth":{"client_token":"T0KEN\r\nX: y"}}"#] {
        assert!(matches!(Emulated::login_says(answer(200, body)).fails(), VaultError::BadAnswer { .. }), "{body}");
    }
}

#[test]
fn a_refusal_is_told_apart_and_the_token_ends_all_the_same() {
    let deleted = r#"{"data":{"data":null,"metadata":{"version":2,"deletion_time":"2026"}}}"#;
    let other = r#"{"data":{"data":{"password":"hunter2"},"metadata":{"version":1}}}"#;
    for (text, words) in [
        (answer(403, r#"{"errors":["permission denied hunter2"]}"#), r#"path "secret/data/ccg/webapp01""#),
        (answer(404, r#"{"errors":[]}"#), "or its engine is not mounted"),
        (answer(404, deleted), "was deleted"),
        (answer(418, ""), "status 418"),
        (answer_with(307, "Location: https://evil.example/v1/secret/data/x\r\n", ""), "it redirects"),
        (answer(200, "<html>hunter2"), "version 2 key-value engine"),
        (answer(200, r#"{"data":{"password":"hunter2"}}"#), "version 2 key-value engine"),
        (answer(200, other), "one text `domain`"),
    ] {
        let vault = Emulated::read_says(text);
        let error = vault.fails();
        assert!(error.to_string().contains(words), "{words}: {error}");
        assert_eq!(vault.waits.lock().unwrap().len(), 0);
        let questions = vault.server.questions();
        assert!(questions[2].contains("/auth/token/revoke-self"), "{questions:?}");
    }
}

#[test]
fn a_token_ends_although_the_call_ran_out_of_time() {
    let [silent] = <[Behaviour; 1]>::try_from(silent()).ok().unwrap();
    let vault = Emulated::new(vec![says(login()), silent, says(answer(204, ""))]);
    let plugin = vault.plugin.clone().with_timeout(Duration::from_secs(2));
    let error = Emulated::error(plugin.get_password_credentials("secret:ccg/webapp01"));
    assert!(matches!(error, VaultError::Timeout { .. }), "{error:?}");
    assert!(vault.server.questions()[2].contains("/auth/token/revoke-self"), "{:?}", vault.server.questions());
}

#[test]
fn who_is_busy_is_asked_again_and_not_for_ever() {
    for (status, words) in [(429, "too often"), (500, "try again"), (503, "unseal"), (472, "try again")] {
        let behaviours = vec![says(answer(status, "")), says(login()), says(answer(status, "")), says(secret())];
        let vault = Emulated::new(behaviours);
        assert!(vault.ask().is_ok(), "{status}");
        assert_eq!(*vault.waits.lock().unwrap(), [1, 1]);
        let vault = Emulated::login_says(answer(status, r#"{"errors":["Vault is sealed"]}"#));
        let error = vault.fails();
        assert!(error.to_string().contains(words) && error.to_string().contains("is sealed"), "{error}");
        assert_eq!(*vault.waits.lock().unwrap(), [1, 2, 4, 8], "within the 20 s of a call");
    }
    let vault = Emulated::login_says(answer_with(429, "Retry-After: 3600\r\n", ""));
    assert!(matches!(vault.fails(), VaultError::Refused { tries: 1, .. }), "nobody waits an hour");
}

#[test]
fn who_says_nothing_or_too_little_is_given_up() {
    let brief = Duration::from_millis(300);
    for behaviours in [silent(), dripping()] {
        let vault = Emulated::new(behaviours);
        let result = vault.plugin.clone().with_timeout(brief).get_password_credentials("secret:x");
        let error = Emulated::error(result);
        assert!(matches!(error, VaultError::Timeout { .. } | VaultError::BadAnswer { .. }), "{error:?}");
    }
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let vault = Emulated::new(silent());
    let auth = VaultAuth::app_role("approle", "guard", vault.folder.path().join("secret-id")).unwrap();
    let plugin = Vault::new(&format!("https://localhost:{closed}"), auth).unwrap().with_pause(|_| {});
    let authority = Authority::create("test", Validity::DAY, &SystemClock).unwrap();
    let error = Emulated::error(plugin.with_roots(authority.roots()).get_password_credentials("secret:x"));
    assert!(matches!(error, VaultError::Unreachable { .. }), "{error:?}");
}
