//! AWS Secrets Manager, parameters, buckets and the services that hand out access keys, when they do not do what they should.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "only tests here; failing is their job"
)]

mod servers;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use dtyp::SystemClock;
use pki::{Authority, ClientAuth, Purpose, Rotating, Validity};
use plugins::{Aws, AwsEndpoint, AwsError, KeySource, Keys, PasswordCredentials, Plugin, PluginError};
use secrecy::ExposeSecret;
use servers::{Behaviour, Server, answer, answer_with, dripping, says, silent};

const ARN: &str = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:reader";
const SPEC: &str = "arn:aws:ssm:eu-central-1:123456789012:parameter/gmsa/webapp01";
const OBJECT: &str = "arn:aws:s3:::specs/team a/webapp01.json";

/// One region of AWS on this machine.
struct Cloud {
    server: Server,
    plugin: Aws,
    waits: Arc<Mutex<Vec<u64>>>,
}

impl Cloud {
    fn new(behaviours: Vec<Behaviour>) -> Self {
        let authority = Authority::create("test", Validity::DAY, &SystemClock).unwrap();
        Self::trusting(&authority, &authority, behaviours)
    }

    fn trusting(trusted: &Authority, issuer: &Authority, behaviours: Vec<Behaviour>) -> Self {
        let identity = issuer.issue(&Purpose::server(["localhost"]), Validity::DAY, &SystemClock).unwrap();
        let tls = pki::server_config(&Rotating::new(&identity).unwrap(), ClientAuth::None).unwrap();
        let server = Server::start(Some(tls), behaviours);
        let waits = Arc::new(Mutex::new(Vec::new()));
        let waited = Arc::clone(&waits);
        let keys = Keys::new("AKIDEXAMPLE", "s3cretkey".into(), Some("s3ssion".into())).unwrap();
        let plugin =
            ["secretsmanager", "ssm", "s3"].into_iter().fold(Aws::new(KeySource::Given(keys)), |aws, service| {
                let endpoint =
                    AwsEndpoint::new(service, "eu-central-1", &format!("localhost:{}", server.port)).unwrap();
                aws.with_endpoint(endpoint.with_roots(trusted.roots()))
            });
        let plugin = plugin.with_pause(move |wait| waited.lock().unwrap().push(wait.as_secs()));
        Self { server, plugin, waits }
    }

    fn ask(&self) -> Result<PasswordCredentials, PluginError> {
        self.plugin.get_password_credentials(ARN)
    }

    fn fails(&self) -> AwsError {
        fails(&self.plugin)
    }

    fn spec(&self, arn: &str) -> Result<String, AwsError> {
        self.plugin.credential_spec(&arn.parse().unwrap(), &"eu-central-1".parse().unwrap())
    }
}

/// The error, which must not hold what was sent or answered.
fn fails(plugin: &Aws) -> AwsError {
    let error = plugin.get_password_credentials(ARN).unwrap_err();
    let text = format!("{error} {error:?}");
    assert!(!text.contains("hunter2") && !text.contains("s3cretkey") && !text.contains("s3ssion"), "{text}");
    assert!(!text.contains(['\r', '\n', '\u{1b}']), "{text}");
    let PluginError::Aws(error) = error else { panic!("{error:?}") };
    *error
}

fn secret(text: &str) -> String {
    let body = serde_json::json!({ "ARN": format!("{ARN}-AbC12x"), "Name": "reader", "SecretString": text });
    answer(200, &body.to_string())
}

const ACCOUNT: &str = r#"{"username":"ccg-reader","password":"hunter2","domainName":"contoso.com"}"#;

#[test]
fn a_secret_is_asked_for_with_a_signature_over_everything_that_is_sent() {
    let cloud = Cloud::new(vec![says(secret(ACCOUNT))]);
    let got = cloud.ask().unwrap();
    assert_eq!((got.domain.as_str(), got.username.as_str()), ("contoso.com", "ccg-reader"));
    assert_eq!(got.password.expose_secret(), "hunter2");
    assert!(got.hop.to.contains(ARN) && got.hop.how.contains("AKIDEXAMPLE"), "{:?}", got.hop);
    let question = &cloud.server.questions()[0];
    assert!(question.starts_with("POST / HTTP/1.1\r\n"), "{question}");
    assert!(question.ends_with(&format!("{{\"SecretId\":\"{ARN}\"}}")), "{question}");
    let signed = "SignedHeaders=content-type;host;x-amz-content-sha256;x-amz-date;x-amz-security-token;x-amz-target,";
    assert!(question.contains(signed) && question.contains("/eu-central-1/secretsmanager/aws4_request"), "{question}");
    assert!(question.contains("x-amz-target: secretsmanager.GetSecretValue") && !question.contains("s3cretkey"));
}

#[test]
fn every_refusal_says_what_to_do() {
    let json = |code: &str| format!(r#"{{"__type":"{code}","Message":"about hunter2"}}"#);
    type Expected = fn(&AwsError) -> bool;
    let table: [(u16, &str, Expected, &str); 12] = [
        (400, "ResourceNotFoundException", |e| matches!(e, AwsError::Missing { .. }), "create it"),
        (400, "AccessDeniedException", |e| matches!(e, AwsError::Denied { .. }), "secretsmanager:GetSecretValue"),
        (400, "UnrecognizedClientException", |e| matches!(e, AwsError::Denied { .. }), "does not know the key"),
        (400, "InvalidSignatureException", |e| matches!(e, AwsError::Denied { .. }), "clock is wrong"),
        (400, "ExpiredTokenException", |e| matches!(e, AwsError::Denied { .. }), "has expired"),
        (400, "DecryptionFailure", |e| matches!(e, AwsError::Denied { .. }), "kms:Decrypt"),
        (400, "ValidationException", |e| matches!(e, AwsError::Refused { tries: 1, .. }), "status 400"),
        (403, "", |e| matches!(e, AwsError::Denied { .. }), "did not say why"),
        (404, "", |e| matches!(e, AwsError::Refused { tries: 1, .. }), "something else listen"),
        (302, "", |e| matches!(e, AwsError::Refused { tries: 1, .. }), "redirects"),
        (500, "InternalServiceError", |e| matches!(e, AwsError::Refused { tries: 5, .. }), "try again"),
        (400, "ThrottlingException", |e| matches!(e, AwsError::Refused { tries: 5, .. }), "too often"),
    ];
    for (status, code, expected, advice) in table {
        let headers = "Location: https://evil.example/\r\n";
        let body = if code.is_empty() { "<html>hunter2</html>".to_owned() } else { json(code) };
        let cloud = Cloud::new(vec![says(answer_with(status, headers, &body))]);
        let error = cloud.fails();
        assert!(expected(&error) && error.to_string().contains(advice), "{status} {code}: {error}");
    }
}

#[test]
fn what_passes_by_itself_is_asked_again_with_a_new_signature() {
    let busy = answer(400, r#"{"__type":"ThrottlingException"}"#);
    let down = answer_with(503, "Retry-After: 3\r\n", "");
    let cloud = Cloud::new(vec![says(busy), says(down), says(secret(ACCOUNT))]);
    cloud.ask().unwrap();
    assert_eq!(*cloud.waits.lock().unwrap(), [1, 3]);
    assert_eq!(cloud.server.questions().len(), 3);
}

#[test]
fn an_answer_that_is_no_account_is_refused_and_never_quoted() {
    for (text, why) in [
        (answer(200, ""), "not a JSON object"),
        (answer(200, "<html>hunter2</html>"), "not a JSON object"),
        (answer(200, r#"{"SecretString":"hunter2"}"#), "another secret"),
        (answer(200, &format!(r#"{{"ARN":"{ARN}","SecretBinary":"aHVudGVyMg=="}}"#)), "binary"),
        (secret("hunter2"), "not a JSON object"),
        (secret(r#"{"username":"u","password":"","domainName":"d"}"#), "password is empty"),
        (secret(r#"{"username":"u","domainName":"d"}"#), "no password"),
        (answer(200, &"x".repeat(70_000)), "more than"),
        ("hunter2 is no HTTP".to_owned(), "not usable"),
    ] {
        let error = Cloud::new(vec![says(text)]).fails();
        assert!(error.to_string().contains(why), "{why}: {error}");
    }
}

#[test]
fn who_answers_slowly_or_for_another_is_not_waited_for_and_not_asked() {
    for behaviours in [silent(), dripping()] {
        let mut cloud = Cloud::new(behaviours);
        cloud.plugin = cloud.plugin.clone().with_timeout(Duration::from_millis(300));
        // Whichever comes first of the time and of more than an answer may have.
        let error = cloud.fails();
        assert!(matches!(error, AwsError::Timeout { .. } | AwsError::BadAnswer { .. }), "{error:?}");
    }
    let authority = |name| Authority::create(name, Validity::DAY, &SystemClock).unwrap();
    let cloud = Cloud::trusting(&authority("trusted"), &authority("other"), vec![says(secret(ACCOUNT))]);
    assert!(matches!(cloud.fails(), AwsError::NotTheEndpoint { .. }));
    assert_eq!(cloud.server.questions().len(), 0);
}

#[test]
fn a_credential_spec_comes_from_a_parameter_or_a_bucket() {
    let cloud = Cloud::new(vec![says(answer(200, r#"{"Parameter":{"Name":"x","Value":"{\"a\":1}"}}"#))]);
    assert_eq!(cloud.spec(SPEC).unwrap(), "{\"a\":1}");
    assert!(cloud.server.questions()[0].contains("x-amz-target: AmazonSSM.GetParameter"));

    let cloud = Cloud::new(vec![says(answer(200, "{\"b\":2}"))]);
    assert_eq!(cloud.spec(OBJECT).unwrap(), "{\"b\":2}");
    assert!(cloud.server.questions()[0].starts_with("GET /specs/team%20a/webapp01.json HTTP/1.1\r\n"));

    let missing = "<?xml version=\"1.0\"?><Error><Code>NoSuchKey</Code><Message>x</Message></Error>";
    assert!(matches!(Cloud::new(vec![says(answer(404, missing))]).spec(OBJECT), Err(AwsError::Missing { .. })));
    let moved = "<Error><Code>PermanentRedirect</Code><Endpoint>evil.example</Endpoint></Error>";
    let error = Cloud::new(vec![says(answer(301, moved))]).spec(OBJECT).unwrap_err().to_string();
    assert!(error.contains("another region"), "{error}");
    assert!(Cloud::new(vec![says(answer(200, "\u{fffd}"))]).spec(SPEC).is_err());
    let other: Result<_, _> = cloud.spec("arn:aws-cn:s3:::specs/x");
    assert!(matches!(other, Err(AwsError::Missing { .. })), "buckets of another partition are elsewhere");
}

/// An instance's metadata service.
fn instance(behaviours: Vec<Behaviour>) -> (Server, AwsError) {
    let (imds, cloud) = (Server::start(None, behaviours), Cloud::new(vec![says(secret(ACCOUNT))]));
    let address = format!("http://127.0.0.1:{}", imds.port);
    let plugin = cloud.plugin.clone().with_keys(KeySource::Instance).with_metadata_service(&address).unwrap();
    let error = fails(&plugin);
    assert_eq!(cloud.server.questions().len(), 0, "AWS must not be asked without a key");
    (imds, error)
}

#[test]
fn the_instances_role_gives_the_key_in_a_session_of_version_two() {
    let keys = r#"{"Code":"Success","AccessKeyId":"ASIAEXAMPLE","SecretAccessKey":"s3cretkey","Token":"s3ssion"}"#;
    let imds = Server::start(
        None,
        vec![says(answer(200, "T0KEN==")), says(answer(200, "guard-role")), says(answer(200, keys))],
    );
    let cloud = Cloud::new(vec![says(secret(ACCOUNT))]);
    let address = format!("http://127.0.0.1:{}", imds.port);
    let plugin = cloud.plugin.clone().with_keys(KeySource::Instance).with_metadata_service(&address).unwrap();
    let got = plugin.get_password_credentials(ARN).unwrap();
    assert!(got.hop.how.contains("ASIAEXAMPLE") && got.hop.how.contains("instance's role"), "{:?}", got.hop);
    let questions = imds.questions();
    assert!(questions[0].starts_with("PUT /latest/api/token ") && questions[0].contains("token-ttl-seconds: 60"));
    assert!(questions[2].starts_with("GET /latest/meta-data/iam/security-credentials/guard-role "));
    assert!(questions[1..].iter().all(|question| question.contains("x-aws-ec2-metadata-token: T0KEN==")));
}

#[test]
fn a_machine_without_a_role_says_so() {
    let session = || says(answer(200, "T0KEN"));
    for (behaviours, why) in [
        (vec![says(answer(403, ""))], "no session"),
        (vec![says(answer(200, ""))], "no session"),
        (vec![session(), says(answer(404, ""))], "attach an instance profile"),
        (vec![session(), says(answer(200, "../../evil"))], "names no role"),
        (vec![session(), says(answer(200, "role")), says(answer(200, "<html>hunter2"))], "not a JSON object"),
        (vec![session(), says(answer(200, "role")), says(answer(200, r#"{"Code":"Failed"}"#))], "no access key"),
    ] {
        let (_, error) = instance(behaviours);
        assert!(error.to_string().contains(why), "{why}: {error}");
    }
}
