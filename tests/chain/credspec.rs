//! `pando credspec`: written from the directory, shown, and taken from one form into another.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "only tests here; failing is their job"
)]

use std::path::{Path, PathBuf};

use pando_tests::{ALICE_PASSWORD, Domain, Tool, pando};

const VAULT: &str = "ObjectId=56d9b66c-d746-4f87-bd26-26760cfdca2e;SecretUri=https://v.vault.azure.net/secrets/s";

/// `pando credspec new` as alice, into a file.
fn new(domain: &Domain, flags: &[&str]) -> (Tool, PathBuf) {
    let (password, out) = (domain.path("alice-password"), domain.path("spec"));
    std::fs::write(&password, ALICE_PASSWORD).expect("a file can be written");
    let ldaps = format!("localhost:{}", domain.ports().ldaps.port());
    let tool = Tool::new(pando()).args(["credspec", "new", "--account", "webapp01", "--user", "alice@contoso.com"]);
    let tool = tool.args(["--ldaps", &ldaps]).arg("--ca").arg(domain.ca()).arg("--password-file").arg(password);
    (tool.arg("--out").arg(&out).args(flags), out)
}

fn credspec(command: &str, file: &Path) -> Tool {
    Tool::new(pando()).args(["credspec", command]).arg(file)
}

#[test]
fn a_spec_is_written_shown_and_converted_there_and_back() {
    let domain = Domain::start();
    let (tool, spec) =
        new(&domain, &["--plugin", "rkc", "--plugin-input", "gmsa:ccg", "--also", "app2@fabrikam.com/FABRIKAM"]);
    tool.ok();
    credspec("check", &spec).ok().says("can be used");
    let shown = credspec("show", &spec).ok();
    let json = credspec("show", &spec).arg("--json").ok();
    let json: serde_json::Value = serde_json::from_str(&json.stdout).expect("--json prints JSON");
    assert_eq!(
        (&json["account"], &json["domain"], &json["form"]),
        (&"webapp01$".into(), &"contoso.com".into(), &"file".into())
    );
    assert_eq!(json["foreign_accounts"][0], serde_json::json!({ "account": "app2$", "domain": "fabrikam.com" }));
    shown.says("webapp01$").says("app2$ of fabrikam.com").says("the secret ccg of the namespace gmsa").says("CONTOSO");

    let original = std::fs::read_to_string(&spec).expect("it can be read");
    let (docker, resource) = (domain.path("docker"), domain.path("resource.yaml"));
    credspec("convert", &spec).args(["--to", "docker", "--out"]).arg(&docker).ok();
    credspec("convert", &docker).args(["--to", "kubernetes", "--name", "team-a.webapp", "--out"]).arg(&resource).ok();
    credspec("show", &resource).ok().says("the GMSACredentialSpec team-a.webapp of Kubernetes");
    credspec("check", &resource).ok().says("can be used");
    let back = credspec("convert", &resource).args(["--to", "file"]).ok();
    assert_eq!(back.stdout.trim(), original.trim());
    // Whoever uses one reads each form as well; nothing is served here, and its plugin is what fails.
    let fetch = |spec: &Path| {
        let tool = Tool::new(pando()).args(["guard", "fetch", "--kdc", "127.0.0.1:1", "--host-dir"]);
        tool.arg(domain.path("nothing")).arg("--credspec").arg(spec).arg("--ccache").arg(domain.path("out")).fails(1)
    };
    assert_eq!(fetch(&resource).stderr, fetch(&spec).stderr);
    fetch(&docker).says("port.txt");
    credspec("convert", &spec).args(["--to", "kubernetes", "--name", "Team_A"]).fails(1).says("--name");
}

#[test]
fn a_spec_for_a_gmsa_that_is_not_there_is_written_and_said_to_be_early() {
    let domain = Domain::start();
    let (tool, spec) = new(&domain, &["--account", "webap01"]);
    let note = tool.ok().says("There is no gMSA webap01$ in contoso.com yet").never_says("webapp01$");
    assert_eq!(note.stdout, "");
    credspec("check", &spec).ok();
}

#[test]
fn the_resource_is_what_other_readers_of_yaml_read() {
    let domain = Domain::start();
    let (tool, spec) = new(&domain, &["--plugin", "akv", "--plugin-input", VAULT, "--form", "kubernetes"]);
    tool.ok();
    let script = "import sys, yaml, json; d = yaml.safe_load(open(sys.argv[1])); \
                  print(d['apiVersion'], d['kind'], d['metadata']['name'], d['credspec']['DomainJoinConfig']['NetBiosName'], \
                  d['credspec']['ActiveDirectoryConfig']['HostAccountConfig']['PluginInput'], \
                  d['credspec']['ActiveDirectoryConfig']['HostAccountConfig']['PortableCcgVersion'] == '1')";
    let read = Tool::new("/usr/bin/python3").args(["-c", script]).arg(&spec).ok();
    read.says(&format!("windows.k8s.io/v1 GMSACredentialSpec webapp01 CONTOSO {VAULT} True"));
}

#[test]
fn a_plugins_input_that_may_be_a_password_is_not_shown() {
    let domain = Domain::start();
    let plugin = "{12345678-d746-4f87-bd26-26760cfdca2e}";
    let (tool, spec) = new(&domain, &["--plugin", plugin, "--plugin-input", "contoso.com:ccg:hunter2"]);
    tool.ok();
    credspec("show", &spec).ok().says("not shown").never_says("hunter2");
}

#[test]
fn what_a_plugin_would_not_understand_is_not_written() {
    let domain = Domain::start();
    let refused = |plugin: &str, input: &str| new(&domain, &["--plugin", plugin, "--plugin-input", input]).0.fails(1);
    refused("rkc", "only-one-part").never_says("panicked");
    refused("akv", "SecretUri=http://evil.test/").never_says("panicked");
    refused("aws", "arn:aws:secretsmanager:evil.test/:123456789012:secret:x").says("its region is not one of AWS");
    refused("ecs", "ccg/reader").says("CredentialArn");
    refused("keepass", "x").says("rkc, akv, aws, ecs, vault, file or a GUID");
}

#[test]
fn secrets_of_aws_are_named_in_either_grammar_and_what_is_wrong_is_what_the_plugin_would_say() {
    const ARN: &str = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:ccg/reader-AbC12x";
    let domain = Domain::start();
    for (plugin, written) in
        [("aws", format!("\"{ARN}\"")), ("ecs", format!("{{\n        \"CredentialArn\": \"{ARN}\"\n      }}"))]
    {
        let (tool, spec) = new(&domain, &["--plugin", plugin, "--plugin-input", ARN]);
        tool.ok();
        let text = std::fs::read_to_string(&spec).expect("it can be read");
        assert!(text.contains(&format!("\"PluginInput\": {written}")), "{text}");
        credspec("check", &spec).ok().says("can be used");
        credspec("show", &spec).ok().says(&format!("the plugin {plugin} (AWS Secrets Manager): the secret {ARN}"));

        std::fs::write(&spec, text.replace(":123456789012:", ":1234:")).expect("it can be written");
        let problem =
            "the plugin input names no secret of AWS Secrets Manager: its account is not a number of twelve digits";
        credspec("check", &spec).fails(1).says(problem).says("cannot be used");
    }
}
