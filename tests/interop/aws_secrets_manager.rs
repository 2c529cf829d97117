//! AWS Secrets Manager and credential specs that are kept in AWS: from the secret to the gMSA's ticket.
//!
//! The region is emulated by moto, which has botocore compute every signature anew and obeys the policies of users and roles.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "only tests here; failing is their job"
)]

use std::path::{Path, PathBuf};

use pando_tests::aws::{AccessKey, Aws, REGION};
use pando_tests::chain::{credential_spec, guard_fetch};
use pando_tests::{Domain, GUARD_PASSWORD, GuardService, Tool};

const ECS: &str = "{859E1386-BDB4-49E8-85C7-3070B13920E1}";
const OURS: &str = "{BCA0A85D-6669-4DC5-81F8-D916DBFF22A9}";

/// The spec of `webapp01$` with one of the two plugins in it.
fn spec(domain: &Domain, class: &str, arn: &str) -> PathBuf {
    let path = credential_spec(domain);
    let text = std::fs::read_to_string(&path).expect("the spec can be read");
    let mut spec: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
    let host = &mut spec["ActiveDirectoryConfig"]["HostAccountConfig"];
    host["PluginGUID"] = class.into();
    host["PluginInput"] = if class == ECS { serde_json::json!({ "CredentialArn": arn }) } else { arn.into() };
    std::fs::write(&path, spec.to_string()).expect("the spec can be written");
    path
}

/// `pando guard fetch` with a key in its environment, and everything logged.
fn fetch(domain: &Domain, aws: &Aws, key: &AccessKey, spec: &Path) -> Tool {
    let plugins = domain.path("plugins.toml");
    std::fs::write(&plugins, aws.plugins("credentials = 'environment'")).expect("the file can be written");
    let guard = guard_fetch(domain, spec).arg("--plugins").arg(plugins).args(["--log", "trace"]);
    let guard = guard.env("AWS_ACCESS_KEY_ID", &key.id).env("AWS_SECRET_ACCESS_KEY", &key.secret);
    guard.env("AWS_SESSION_TOKEN", &key.token).env("HTTPS_PROXY", "http://127.0.0.1:1")
}

#[test]
fn a_secret_of_aws_becomes_a_gmsas_identity() {
    let domain = Domain::start();
    let mut aws = Aws::start(&domain.path(""));
    let arn = aws.store_account("ccg-reader", "svc-guard", GUARD_PASSWORD);
    for (class, whose) in [(ECS, "reader"), (OURS, "session")] {
        let key = aws.key(whose);
        let fetched = fetch(&domain, &aws, &key, &spec(&domain, class, &arn)).ok();
        let fetched = fetched.says("AWS Secrets Manager at localhost").says(&key.id);
        fetched.never_says(GUARD_PASSWORD).never_says(&key.secret);
        domain.tool("klist").ok().says("Default principal: webapp01$@CONTOSO.COM");
    }
}

#[test]
fn a_rotated_secret_is_what_the_next_fetch_uses() {
    let domain = Domain::start();
    let mut aws = Aws::start(&domain.path(""));
    let arn = aws.store_account("ccg-reader", "svc-guard", "the-password-before");
    let (key, spec) = (aws.key("reader"), spec(&domain, OURS, &arn));
    fetch(&domain, &aws, &key, &spec).fails(1).says("the impersonation account's logon");
    aws.store_account("ccg-reader", "svc-guard", GUARD_PASSWORD);
    fetch(&domain, &aws, &key, &spec).ok();
}

#[test]
fn what_is_wrong_with_the_key_or_the_secret_is_said() {
    let domain = Domain::start();
    let mut aws = Aws::start(&domain.path(""));
    let arn = aws.store_account("ccg-reader", "svc-guard", GUARD_PASSWORD);
    let stored = aws.store(&serde_json::json!({ "secrets": { "text": GUARD_PASSWORD } }));
    let text = stored["text"].as_str().expect("it has a name").to_owned();
    let missing = format!("arn:aws:secretsmanager:{REGION}:123456789012:secret:missing");
    let elsewhere = "arn:aws:secretsmanager:evil.example:123456789012:secret:x".to_owned();
    let (reader, stranger) = (aws.key("reader"), aws.key("stranger"));
    let wrong = AccessKey { secret: "anotherSecret".into(), ..aws.key("reader") };
    let unknown = AccessKey { id: "AKIAAAAAAAAAAAAAAAAA".into(), ..aws.key("reader") };
    for (key, arn, why) in [
        (&reader, &missing, "create it"),
        (&reader, &text, "not a JSON object of texts"),
        (&reader, &elsewhere, "its region is not one of AWS"),
        (&stranger, &arn, "secretsmanager:GetSecretValue"),
        (&wrong, &arn, "the key's secret is another"),
        (&unknown, &arn, "AWS does not know the key"),
    ] {
        let refused = fetch(&domain, &aws, key, &spec(&domain, OURS, arn)).fails(1);
        refused.says(why).never_says(GUARD_PASSWORD).never_says(&key.secret);
        assert!(!domain.path("ccache").exists(), "nothing is written");
    }
}

#[test]
fn specs_by_their_names_in_aws_become_leases_that_their_callers_keys_renew() {
    let domain = Domain::start();
    let mut aws = Aws::start(&domain.path(""));
    let secret = aws.store_account("ccg-reader", "svc-guard", GUARD_PASSWORD);
    let text = std::fs::read_to_string(spec(&domain, ECS, &secret)).expect("the spec can be read");
    let other = spec(&domain, "{E4781092-F116-4B79-B55E-28EB6A224E26}", "gmsa:ccg-reader");
    let without = std::fs::read_to_string(other).expect("the spec can be read");
    aws.store(&serde_json::json!({
        "parameters": { "/gmsa/webapp01": text },
        "objects": { "team a/webapp01.json": text, "rkc.json": without },
    }));
    let plugins = domain.path("plugins.toml");
    std::fs::write(&plugins, aws.plugins("")).expect("the file can be written");
    let guard = GuardService::start_with(&domain, &["--plugins", &plugins.display().to_string()]);
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let keys = ["reader", "stranger", "session"].map(|whose| {
        let AccessKey { id, secret, token } = aws.key(whose);
        (whose.to_owned(), serde_json::json!({ "key": id, "secret": secret, "token": token }))
    });
    let keys = serde_json::Value::Object(keys.into_iter().collect()).to_string();
    let finished = Tool::new("/usr/bin/python3")
        .arg(here.join("chain/guard_arn.py"))
        .arg(guard.socket())
        .arg(here.join("../crates/guardd/proto/credentials_fetcher.proto"))
        .arg(REGION)
        .input(keys)
        .ok();
    assert_eq!(finished.stdout.lines().filter(|line| line.ends_with(": ok")).count(), 9, "{finished}");
    let (log, audit) = (guard.log(), format!("{:?}", guard.audit()));
    for secret in [GUARD_PASSWORD, &aws.key("reader").secret, &aws.key("session").token] {
        assert!(!log.contains(secret) && !audit.contains(secret), "a secret is logged");
    }
    let records = domain.path("guard/run/records");
    for record in std::fs::read_dir(records).expect("there are records").flatten() {
        let text = std::fs::read_to_string(record.path()).unwrap_or_default();
        assert!(!text.contains(&aws.key("reader").secret) && !text.contains(GUARD_PASSWORD), "a secret is kept");
    }
}
