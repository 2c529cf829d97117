//! The Key Vault plugin against a metadata service and a vault that do what a test says, over real HTTP and TLS on loopback.
#![allow(clippy::unwrap_used, clippy::panic)]

mod azure;
mod servers;

use std::io::Write;
use std::net::TcpListener;
use std::time::Duration;

use azure::{Azure, IDENTITY, good_token, secret};
use dtyp::SystemClock;
use pki::{Authority, Validity};
use plugins::{AkvError, BadSecret, Plugin, PluginError};
use secrecy::ExposeSecret;
use servers::{Behaviour, Server, answer, answer_with, dripping, says, silent};

#[test]
fn a_token_opens_the_vault_and_the_report_says_who_was_asked_and_why() {
    let azure = Azure::vault_says(secret(r"contoso.com\ccg-reader:hunter2:\x"));
    let credentials = azure.ask().unwrap();
    assert_eq!((credentials.domain.as_str(), credentials.username.as_str()), ("contoso.com", "ccg-reader"));
    assert_eq!(credentials.password.expose_secret(), r"hunter2:\x");
    let hop = credentials.hop;
    assert_eq!(hop.to, format!("Key Vault localhost:{}, secret ccg-reader (version 0123)", azure.vault.port));
    assert!(hop.how.contains(IDENTITY) && hop.how.contains("metadata service"), "{}", hop.how);
    assert!(hop.authorised_by.contains(IDENTITY));

    let [token] = &azure.imds.questions()[..] else { panic!() };
    let path = format!(
        "GET /metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3A%2F%2Flocalhost&object_id={IDENTITY} HTTP/1.1\r\n"
    );
    assert!(token.starts_with(&path), "{token}");
    assert!(token.to_ascii_lowercase().contains("\r\nmetadata: true\r\n"), "{token}");
    let [secret] = &azure.vault.questions()[..] else { panic!() };
    assert!(secret.starts_with("GET /secrets/ccg-reader/?api-version=7.4 HTTP/1.1\r\n"), "{secret}");
    assert!(secret.to_ascii_lowercase().contains("\r\nauthorization: bearer t0ken\r\n"), "{secret}");
    assert_eq!(azure.waits(), [0; 0]);
}

#[test]
fn nothing_is_kept_between_calls_so_a_changed_secret_is_what_the_next_one_returns() {
    let vault = vec![says(secret(r"contoso.com\a:1")), says(secret(r"contoso.com\b:2"))];
    let azure = Azure::new(vec![says(good_token())], vault);
    assert_eq!(azure.ask().unwrap().password.expose_secret(), "1");
    let second = azure.ask().unwrap();
    assert_eq!((second.username.as_str(), second.password.expose_secret()), ("b", "2"));
    assert_eq!(azure.imds.questions().len(), 2);
}

#[test]
fn an_input_that_leads_elsewhere_gets_no_token_asked_for() {
    let azure = Azure::vault_says(secret(r"d\u:hunter2"));
    let port = azure.vault.port;
    for uri in [
        "https://evil.example/secrets/x".to_owned(),
        format!("https://127.0.0.1:{port}/secrets/x"),
        "https://localhost/secrets/x".to_owned(),
        format!("https://x.localhost:{port}/secrets/x"),
        "https://contoso.vault.azure.net.evil.example/secrets/x".to_owned(),
        format!("https://contoso.vault.azure.net:{port}/secrets/x"),
    ] {
        let error = azure.plugin.get_password_credentials(&format!("ObjectId={IDENTITY};SecretUri={uri}")).unwrap_err();
        assert!(
            matches!(&error, PluginError::Akv(error) if matches!(**error, AkvError::UnknownVault { .. })),
            "{uri}: {error:?}"
        );
    }
    for input in [
        String::new(),
        format!("ObjectId={IDENTITY};SecretUri=http://localhost:{port}/secrets/x"),
        format!("ObjectId={IDENTITY};SecretUri=https://localhost:{port}/secrets/../x"),
        format!("ObjectId={IDENTITY};SecretUri=https://localhost:{port}@evil.example/secrets/x"),
        format!("ObjectId=x;SecretUri=https://localhost:{port}/secrets/x"),
        format!("ObjectId={IDENTITY}\r\nX: y;SecretUri=https://localhost:{port}/secrets/x"),
        format!("ObjectId={IDENTITY};SecretUri=https://localhost:{port}/secrets/{}", "x".repeat(1 << 20)),
        "ObjectId=".repeat(100_000),
    ] {
        let error = azure.plugin.get_password_credentials(&input).unwrap_err();
        assert!(matches!(error, PluginError::BadInput(_)), "{input:.80}: {error:?}");
    }
    assert_eq!(azure.imds.questions(), Vec::<String>::new());
    azure.vault_was_not_asked();
}

#[test]
fn an_operators_list_narrows_what_is_asked_and_never_widens_it() {
    let azure = Azure::vault_says(secret(r"d\u:p"));
    let here = format!("localhost:{}", azure.vault.port);
    let other = "11111111-2222-3333-4444-555555555555";
    let only = |vaults: &[&str], identities: &[&str]| {
        let plugin = azure.plugin.clone().only_vaults(vaults.iter().copied()).unwrap();
        plugin.only_identities(identities.iter().copied()).unwrap()
    };
    for (vaults, identities, refused) in [
        (&["contoso.vault.azure.net", "localhost"][..], &[IDENTITY][..], "is not one of the vaults"),
        (&[], &[IDENTITY], "is not one of the vaults"),
        (&[&here], &[other], "managed identity f0f22d05-6a63-4a1e-a2d1-0fa2fa2ba1b7 is not one of those"),
        (&[&here], &[], "is not one of those"),
    ] {
        let error = azure.plugin_fails(&only(vaults, identities));
        assert!(error.to_string().contains(refused) && error.to_string().contains("nobody was asked"), "{error}");
        assert_eq!(error.windows_codes().hresult.cast_unsigned(), 0x8007_0005);
    }
    // To allow a host does not make it a vault.
    let evil = format!("ObjectId={IDENTITY};SecretUri=https://evil.example/secrets/x");
    let error = only(&["evil.example"], &[IDENTITY]).get_password_credentials(&evil).unwrap_err();
    assert!(error.to_string().contains("not a Key Vault"), "{error}");
    assert_eq!(azure.imds.questions(), Vec::<String>::new());
    azure.vault_was_not_asked();
    let upper = IDENTITY.to_uppercase();
    assert!(only(&[&here, "*.vault.azure.net"], &[other, &upper]).get_password_credentials(&azure.input()).is_ok());
    for wrong in ["", "*", "https://x.vault.azure.net", "x.vault.azure.net/secrets/a", "*.com"] {
        assert!(azure.plugin.clone().only_vaults([wrong]).is_err(), "{wrong:?}");
    }
    for wrong in ["", "x", "00000000-0000-0000-0000-000000000000"] {
        assert!(azure.plugin.clone().only_identities([wrong]).is_err(), "{wrong:?}");
    }
}

#[test]
fn a_machine_without_that_identity_is_told_so() {
    let body = r#"{"error":"invalid_request","error_description":"Identity not found hunter2"}"#;
    let azure = Azure::imds_says(answer(400, body));
    let error = azure.fails();
    assert!(matches!(&error, AkvError::NoIdentity { status: 400, code, .. } if code == "invalid_request"), "{error:?}");
    assert_eq!(azure.imds.questions().len(), 1, "a wrong question is not asked again");
    let azure = Azure::imds_says(answer(400, r#"{"error":"invalid_resource"}"#));
    assert!(azure.fails().to_string().contains("does not know that audience"));
    azure.vault_was_not_asked();
}

#[test]
fn a_busy_metadata_service_is_asked_again_and_not_for_ever() {
    for status in [404, 410, 429, 500, 503] {
        let azure = Azure::new(
            vec![says(answer(status, "")), says(answer(status, "<html>")), says(good_token())],
            vec![says(secret(r"d\u:p"))],
        );
        assert!(azure.ask().is_ok(), "{status}");
        assert_eq!(azure.waits(), [1, 2]);
        let azure = Azure::imds_says(answer(status, ""));
        let error = azure.fails();
        assert!(matches!(error, AkvError::NoToken { status: s, tries: 5, .. } if s == status), "{error:?}");
        assert_eq!(azure.waits(), [1, 2, 4, 8], "within the 25 s of a call");
        azure.vault_was_not_asked();
    }
    for status in [301, 401, 403, 418] {
        let azure = Azure::imds_says(answer_with(status, "Location: http://127.0.0.1:1/\r\n", ""));
        assert!(matches!(azure.fails(), AkvError::NoToken { tries: 1, .. }));
    }
}

#[test]
fn what_the_metadata_service_may_not_answer_gets_no_further() {
    let twice = r#"{"access_token":"T0KEN","access_token":"T0KEN2"}"#;
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n".to_owned();
    let header = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "T0KEN".repeat(10_000));
    for text in [
        answer(200, ""),
        answer(200, "<html>T0KEN</html>"),
        answer(200, "{}"),
        answer(200, twice),
        answer(200, r#"{"access_token":"T0KEN\r\nHost: evil.example"}"#),
        answer(200, r#"{"access_token":"T0KEN","token_type":"pop"}"#),
        answer(200, &format!(r#"{{"access_token":"{}"}}"#, "T0KEN".repeat(20_000))),
        "T0KEN\r\n\r\n".to_owned(),
        chunked,
        header,
    ] {
        let azure = Azure::imds_says(text.clone());
        let error = azure.fails();
        assert!(matches!(error, AkvError::BadToken { .. } | AkvError::NoAccessToken { .. }), "{text:.60}: {error:?}");
        azure.vault_was_not_asked();
    }
}

#[test]
fn off_azure_nobody_waits_long_for_a_metadata_service() {
    let azure = Azure::vault_says(secret(r"d\u:p"));
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let plugin = azure.plugin.clone().with_metadata_service(&format!("http://{closed}")).unwrap();
    let error = azure.plugin_fails(&plugin);
    assert!(
        matches!(&error, AkvError::NoMetadataService { service, .. } if service.contains(&closed.to_string())),
        "{error:?}"
    );
    assert_eq!(azure.waits(), [1]);
}

#[test]
fn a_vault_that_refuses_is_told_apart_with_what_to_do() {
    for (status, inner, advice) in [
        (401, "", "another tenant"),
        (403, "", "Key Vault Secrets User"),
        (403, r#","innererror":{"code":"ForbiddenByRbac"}"#, "Key Vault Secrets User"),
        (403, r#","innererror":{"code":"ForbiddenByFirewall"}"#, "firewall"),
        (403, r#","innererror":{"code":"SecretDisabled"}"#, "enable the secret"),
    ] {
        let body = format!(r#"{{"error":{{"code":"Forbidden","message":"hunter2"{inner}}}}}"#);
        let azure = Azure::vault_says(answer(status, &body));
        let error = azure.fails();
        assert!(matches!(error, AkvError::Denied { status: s, .. } if s == status), "{error:?}");
        assert!(error.to_string().contains(advice), "{error}");
        assert_eq!(azure.vault.questions().len(), 1);
    }
    let missing = answer(404, r#"{"error":{"code":"SecretNotFound","message":"hunter2"}}"#);
    let azure = Azure::vault_says(missing);
    assert!(matches!(azure.fails(), AkvError::NoSecret { secret, .. } if secret == "ccg-reader"));
    for status in [204, 400, 405, 418] {
        let error = Azure::vault_says(answer(status, "")).fails();
        assert!(matches!(error, AkvError::Refused { status: s, tries: 1, .. } if s == status), "{error:?}");
    }
}

#[test]
fn a_busy_vault_is_asked_again_after_as_long_as_it_says_and_not_for_ever() {
    let later = |status, seconds: &str| says(answer_with(status, &format!("Retry-After: {seconds}\r\n"), ""));
    let vault = vec![later(429, "3"), later(503, "soon"), says(answer(500, "")), says(secret(r"d\u:p"))];
    let azure = Azure::new(vec![says(good_token())], vault);
    assert!(azure.ask().is_ok());
    assert_eq!(azure.waits(), [3, 2, 4]);
    assert_eq!(azure.imds.questions().len(), 1);
    let azure = Azure::vault_says(answer_with(429, "Retry-After: 3600\r\n", ""));
    let error = azure.fails();
    assert!(matches!(error, AkvError::Refused { status: 429, tries: 1, .. }), "{error:?}");
    assert_eq!(azure.waits(), [0; 0], "nobody waits an hour");
}

#[test]
fn a_redirect_is_not_followed_and_takes_no_token_along() {
    let other = Server::start(None, vec![says(secret(r"d\u:hunter2"))]);
    for status in [301, 302, 303, 307, 308] {
        let location = format!("Location: http://127.0.0.1:{}/secrets/ccg-reader\r\n", other.port);
        let azure = Azure::vault_says(answer_with(status, &location, ""));
        let error = azure.fails();
        assert!(matches!(error, AkvError::Refused { status: s, .. } if s == status), "{error:?}");
        assert!(error.to_string().contains("redirects"), "{error}");
    }
    assert_eq!(other.questions(), Vec::<String>::new());
}

#[test]
fn what_is_no_secret_is_refused_and_never_quoted() {
    let other = r#"{"value":"d\\u:hunter2","id":"https://localhost/secrets/another/0123"}"#;
    let short = "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{\"value\":\"hunter2\"".to_owned();
    for text in [
        answer(200, ""),
        answer(200, "<html>hunter2</html>"),
        answer(200, "[]"),
        answer(200, r#"{"id":"https://localhost/secrets/ccg-reader/0123"}"#),
        answer(200, r#"{"value":["hunter2"]}"#),
        answer(200, r#"{"value":"hunter2","value":"hunter2"}"#),
        answer(200, other),
        "hunter2\r\n\r\n".to_owned(),
    ] {
        let error = Azure::vault_says(text.clone()).fails();
        assert!(matches!(error, AkvError::BadAnswer { .. } | AkvError::NoValue { .. }), "{text:.60}: {error:?}");
    }
    let error = Azure::vault_says(short).fails();
    assert!(matches!(error, AkvError::BadAnswer { .. } | AkvError::Unreachable { .. }), "{error:?}");
    let endless: Behaviour = Box::new(|_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        while stream.write_all(&[b' '; 4096]).is_ok() {}
    });
    let error = Azure::new(vec![says(good_token())], vec![endless]).fails();
    assert!(matches!(&error, AkvError::BadAnswer { what, .. } if what.contains("more than")), "{error:?}");
}

#[test]
fn a_secret_that_is_no_account_is_named_and_never_quoted() {
    for (value, expected) in [
        (r"hunter2", BadSecret::Format("it has no colon")),
        (r"\u:hunter2", BadSecret::Name("domain")),
        (r"d\:hunter2", BadSecret::Name("user")),
        (r"d\u:", BadSecret::Password),
        ("System.Security.SecureString", BadSecret::SecureString),
    ] {
        let error = Azure::vault_says(secret(value)).fails();
        assert!(matches!(&error, AkvError::BadSecret { what, .. } if *what == expected), "{value}: {error:?}");
    }
}

#[test]
fn another_servers_certificate_is_not_believed_and_sees_no_token() {
    let create = || Authority::create("test", Validity::DAY, &SystemClock).unwrap();
    let (ours, stranger) = (create(), create());
    for (issuer, name) in [(&stranger, "localhost"), (&ours, "contoso.vault.azure.net")] {
        let behaviours = || vec![says(secret(r"d\u:hunter2"))];
        let azure = Azure::with_certificate(&ours, issuer, name, vec![says(good_token())], behaviours());
        let error = azure.fails();
        assert!(matches!(error, AkvError::NotTheVault { .. }), "{error:?}");
        azure.vault_was_not_asked();
        assert_eq!(azure.waits(), [0; 0]);
    }
}

#[test]
fn a_connection_that_breaks_after_the_question_is_not_said_to_have_carried_no_token() {
    let garbled: Behaviour = Box::new(|_, stream| {
        let _ = stream.socket().write_all(&[&[0x17, 3, 3, 0, 32][..], &[0; 32]].concat());
    });
    let azure = Azure::new(vec![says(good_token())], vec![garbled]);
    let error = azure.fails();
    assert!(matches!(&error, AkvError::Unreachable { what, .. } if what.starts_with("TLS: ")), "{error:?}");
    assert!(!error.to_string().contains("token"), "{error}");
    assert_eq!(azure.vault.questions().len(), 1);
}

#[test]
fn who_says_nothing_or_too_little_is_given_up() {
    let brief = Duration::from_millis(300);
    for azure in [Azure::new(silent(), vec![says(secret(r"d\u:p"))]), Azure::new(vec![says(good_token())], silent())] {
        let error = azure.plugin_fails(&azure.plugin.clone().with_timeout(brief));
        assert!(matches!(error, AkvError::Timeout { .. } | AkvError::MetadataTimeout { .. }), "{error:?}");
    }
    let azure = Azure::new(vec![says(good_token())], dripping());
    let error = azure.plugin_fails(&azure.plugin.clone().with_timeout(brief));
    assert!(matches!(error, AkvError::Timeout { .. } | AkvError::BadAnswer { .. }), "{error:?}");
}

#[test]
fn many_at_once_never_get_each_others_accounts() {
    // A vault with two secrets, each its own account.
    let by_name: Behaviour = Box::new(|question, stream| {
        let name = question.split('/').nth(2).unwrap();
        let body = format!(r#"{{"value":"contoso.com\\{name}:{name}-password"}}"#);
        let _ = stream.write_all(answer(200, &body).as_bytes());
    });
    let azure = Azure::new(vec![says(good_token())], vec![by_name]);
    std::thread::scope(|scope| {
        for n in 0..8 {
            let azure = &azure;
            scope.spawn(move || {
                for _ in 0..5 {
                    let input = azure.input().replace("ccg-reader", &format!("reader-{n}"));
                    let credentials = azure.plugin.get_password_credentials(&input).unwrap();
                    assert_eq!(credentials.username, format!("reader-{n}"));
                    assert_eq!(credentials.password.expose_secret(), format!("reader-{n}-password"));
                }
            });
        }
    });
}
