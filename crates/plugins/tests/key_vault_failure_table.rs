//! Every way in which the metadata service and the vault can fail: the error's words, and what Windows is told. A failure is never success.
#![allow(clippy::unwrap_used, clippy::panic)]

mod azure;
mod servers;

use std::time::Duration;

use azure::{Azure, IDENTITY, good_token, secret};
use plugins::{Plugin, PluginError};
use servers::{Behaviour, answer, answer_with, says, silent};

const E_FAIL: u32 = 0x8000_4005;
const E_ACCESSDENIED: u32 = 0x8007_0005;
const E_INVALIDARG: u32 = 0x8007_0057;
const E_NOT_VALID_STATE: u32 = 0x8007_139F;

fn told(error: &PluginError, what: &str, words: &str, hresult: u32, event: u32) {
    let codes = error.windows_codes();
    assert!(error.to_string().contains(words), "{what}: {error}");
    assert_eq!((codes.hresult.cast_unsigned(), codes.event), (hresult, event), "{what}: {error:?}");
    assert!(codes.hresult < 0, "{what} is a success");
}

/// What one of the two servers answers, the error's words, `HRESULT` and event, and how long the plugin waited between tries.
struct Row(&'static str, String, &'static str, u32, u32, &'static [u64]);

impl Row {
    fn check(&self, azure: &Azure) {
        let Self(what, _, words, hresult, event, waits) = self;
        let error = azure.ask().unwrap_err();
        told(&error, what, words, *hresult, *event);
        assert_eq!(azure.waits(), *waits, "{what}");
    }
}

const NO_WAIT: &[u64] = &[];
const ALL_WAITS: &[u64] = &[1, 2, 4, 8];

#[test]
fn the_metadata_service_fails_in_every_way() {
    let elsewhere = "Location: http://127.0.0.1:1/\r\n";
    let token = |rest: &str| answer(200, &format!("{{{rest}}}"));
    for row in [
        Row(
            "400",
            answer(400, r#"{"error":"invalid_request"}"#),
            "has no managed identity",
            E_INVALIDARG,
            1003,
            NO_WAIT,
        ),
        Row(
            "400, audience",
            answer(400, r#"{"error":"invalid_resource"}"#),
            "does not know that audience",
            E_FAIL,
            1000,
            NO_WAIT,
        ),
        Row("403", answer(403, ""), "status 403", E_FAIL, 1000, NO_WAIT),
        Row("404", answer(404, ""), "not a machine of Azure", E_FAIL, 1000, ALL_WAITS),
        Row("410", answer(410, ""), "within 70 seconds", E_FAIL, 1000, ALL_WAITS),
        Row("429", answer(429, ""), "too often", E_FAIL, 1000, ALL_WAITS),
        Row("429, 3 s", answer_with(429, "Retry-After: 3\r\n", ""), "too often", E_FAIL, 1000, &[3, 3, 4, 8]),
        Row("429, 9 h", answer_with(429, "Retry-After: 32400\r\n", ""), "in 1 tries", E_FAIL, 1000, NO_WAIT),
        Row("500", answer(500, "oops"), "try again", E_FAIL, 1000, ALL_WAITS),
        Row("302", answer_with(302, elsewhere, ""), "status 302", E_FAIL, 1000, NO_WAIT),
        Row("no JSON", answer(200, "<html>"), "not a JSON object", E_FAIL, 1001, NO_WAIT),
        Row("broken JSON", answer(200, r#"{"access_token":"T0"#), "not a JSON object", E_FAIL, 1001, NO_WAIT),
        Row("nothing", answer(200, ""), "not a JSON object", E_FAIL, 1001, NO_WAIT),
        Row("no token", token(r#""token_type":"Bearer""#), "no access_token", E_FAIL, 1002, NO_WAIT),
        Row("token of no text", token(r#""access_token":7"#), "no access_token", E_FAIL, 1002, NO_WAIT),
        Row("empty token", token(r#""access_token":"""#), "is empty", E_FAIL, 1001, NO_WAIT),
        Row("wrong type", token(r#""access_token":"T","token_type":"pop""#), "not Bearer", E_FAIL, 1001, NO_WAIT),
        Row("no HTTP", "T0KEN\r\n\r\n".to_owned(), "not usable", E_FAIL, 1001, NO_WAIT),
    ] {
        let azure = Azure::imds_says(row.1.clone());
        row.check(&azure);
        azure.vault_was_not_asked();
    }
}

#[test]
fn the_vault_fails_in_every_way() {
    let elsewhere = "Location: https://evil.example/secrets/ccg-reader\r\n";
    let refusal = |status, code: &str| answer(status, &format!(r#"{{"error":{{"code":"{code}"}}}}"#));
    let firewall = r#"{"error":{"code":"Forbidden","innererror":{"code":"ForbiddenByFirewall"}}}"#;
    for row in [
        Row("400", refusal(400, "BadParameter"), "status 400 BadParameter", E_FAIL, 1008, NO_WAIT),
        Row("401", refusal(401, "Unauthorized"), "another tenant", E_FAIL, 1008, NO_WAIT),
        Row("403", refusal(403, "Forbidden"), "Key Vault Secrets User", E_ACCESSDENIED, 1007, NO_WAIT),
        Row("403, firewall", answer(403, firewall), "firewall", E_ACCESSDENIED, 1007, NO_WAIT),
        Row("404", refusal(404, "SecretNotFound"), "has no secret ccg-reader", E_FAIL, 1008, NO_WAIT),
        Row("429", refusal(429, "Throttled"), "too often", E_FAIL, 1008, ALL_WAITS),
        Row("429, 3 s", answer_with(429, "Retry-After: 3\r\n", ""), "too often", E_FAIL, 1008, &[3, 3, 4, 8]),
        Row("429, 9 h", answer_with(429, "Retry-After: 32400\r\n", ""), "in 1 tries", E_FAIL, 1008, NO_WAIT),
        Row("500", answer(500, "oops"), "try again", E_FAIL, 1008, ALL_WAITS),
        Row("307", answer_with(307, elsewhere, ""), "it redirects", E_FAIL, 1008, NO_WAIT),
        Row("no JSON", answer(200, "<html>"), "not a JSON object", E_FAIL, 1004, NO_WAIT),
        Row("broken JSON", answer(200, r#"{"value":"d\\u:"#), "not a JSON object", E_FAIL, 1004, NO_WAIT),
        Row("no value", answer(200, "{}"), "has no value", E_FAIL, 1005, NO_WAIT),
        Row("value of no text", answer(200, r#"{"value":7}"#), "not a text", E_FAIL, 1005, NO_WAIT),
        Row("empty value", secret(""), "no colon", E_INVALIDARG, 1006, NO_WAIT),
        Row("no account", secret("hunter2"), "no colon", E_INVALIDARG, 1006, NO_WAIT),
        Row("colon first", secret(r"red:mond\x:y"), "before its first colon", E_INVALIDARG, 1006, NO_WAIT),
        Row("a type", secret("System.Security.SecureString"), "the name of a type", E_INVALIDARG, 1006, NO_WAIT),
        Row(
            "another",
            answer(200, r#"{"value":"d\\u:p","id":"https://localhost/secrets/x/1"}"#),
            "another secret",
            E_FAIL,
            1004,
            NO_WAIT,
        ),
    ] {
        row.check(&Azure::vault_says(row.1.clone()));
    }
}

#[test]
fn who_is_slow_or_away_is_told_apart() {
    let brief = Duration::from_millis(300);
    let good = || -> Vec<Behaviour> { vec![says(good_token())] };
    let ask = |azure: &Azure, plugin: &plugins::Akv| plugin.get_password_credentials(&azure.input()).unwrap_err();

    let azure = Azure::new(silent(), vec![says(secret(r"d\u:p"))]);
    let slow = ask(&azure, &azure.plugin.clone().with_timeout(brief));
    told(&slow, "slow metadata", "metadata service at http://127.0.0.1", E_FAIL, 1009);
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let away = ask(&azure, &azure.plugin.clone().with_metadata_service(&format!("http://{closed}")).unwrap());
    told(&away, "no metadata", "is this a machine of Azure", E_FAIL, 1009);

    let azure = Azure::new(good(), silent());
    let slow = ask(&azure, &azure.plugin.clone().with_timeout(brief));
    told(&slow, "slow vault", "the vault localhost", E_FAIL, 1010);
    let create = || pki::Authority::create("test", pki::Validity::DAY, &dtyp::SystemClock).unwrap();
    let azure = Azure::with_certificate(&create(), &create(), "localhost", good(), vec![says(secret(r"d\u:p"))]);
    told(&azure.ask().unwrap_err(), "a stranger", "is not that vault", E_FAIL, 1010);
}

#[test]
fn an_input_that_is_wrong_is_told_apart() {
    let uri = "https://contoso.vault.azure.net/secrets/x";
    for (input, words, hresult, event) in [
        (String::new(), "no ObjectId", E_INVALIDARG, 1013),
        (format!("SecretUri={uri}"), "no ObjectId", E_INVALIDARG, 1013),
        (format!("ObjectId=;SecretUri={uri}"), "ObjectId", E_INVALIDARG, 1013),
        (format!("ObjectId={IDENTITY}"), "no SecretUri", E_NOT_VALID_STATE, 1014),
        (format!("ObjectId={IDENTITY};SecretUri="), "no SecretUri", E_NOT_VALID_STATE, 1014),
        (
            format!("ObjectId={IDENTITY};SecretUri=http://contoso.vault.azure.net/secrets/x"),
            "https://",
            E_INVALIDARG,
            1015,
        ),
        (
            format!("ObjectId={IDENTITY};SecretUri=https://evil.example/secrets/x"),
            "no access token",
            E_INVALIDARG,
            1018,
        ),
    ] {
        let error = plugins::Akv::new().get_password_credentials(&input).unwrap_err();
        told(&error, &input, words, hresult, event);
    }
    let error = plugins::Rkc::new("/nowhere").get_password_credentials("a:b:c").unwrap_err();
    told(&error, "a:b:c", "namespace", E_INVALIDARG, 301);
    let error = plugins::Rkc::new("/nowhere").get_password_credentials("a:b").unwrap_err();
    told(&error, "a:b", "no account provider", E_FAIL, 301);
}
