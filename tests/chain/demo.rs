//! `pando demo`, the command the README begins with.
#![allow(clippy::expect_used, clippy::panic, reason = "only tests here; failing is their job")]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use pando_tests::{Tool, pando};
use serde_json::Value;
use tempfile::TempDir;

#[test]
fn the_tour_ends_well_and_says_so_to_machines() {
    let folder = TempDir::new().expect("a temporary folder can be made");
    let finished = Tool::new(pando()).env("TMPDIR", folder.path()).args(["demo", "--exit", "--json"]).ok();
    let report: Value = serde_json::from_str(&finished.stdout).expect("--json prints one JSON document");
    assert_eq!(report["ok"], true, "{report:#}");
    let stations = report["stations"].as_array().expect("stations");
    assert_eq!(stations.len(), 6);
    let links: Vec<&Value> =
        stations.iter().flat_map(|station| station["links"].as_array().into_iter().flatten()).collect();
    for link in &links {
        for field in ["who", "to", "how"] {
            assert!(link[field].as_str().is_some_and(|text| !text.is_empty()), "{field} of {link}");
        }
        assert!(link["took_ms"].is_f64(), "{link}");
        let refused = &link["refused"];
        let reason = if refused.is_null() { &link["authorised_by"] } else { &refused["why"] };
        assert!(reason.as_str().is_some_and(|text| !text.is_empty()), "{link}");
    }
    let broken: Vec<&str> = stations[5]["links"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|link| link["refused"]["link"].as_str())
        .collect();
    let release = "the release of the gMSA's password";
    let connection = "the encrypted connection to the directory";
    assert_eq!(broken, ["the plugin and its secret source", release, connection, release]);
    let left = std::fs::read_dir(folder.path()).expect("the folder is there").count();
    assert_eq!(left, 0, "the demo leaves nothing behind");
}

#[test]
fn the_tour_with_a_key_vault_is_the_same_and_calls_what_stands_for_azure_emulated() {
    let folder = TempDir::new().expect("a temporary folder can be made");
    let tour = Tool::new(pando()).env("TMPDIR", folder.path());
    let finished = tour.args(["demo", "--plugin", "akv", "--exit", "--json"]).ok();
    let report: Value = serde_json::from_str(&finished.stdout).expect("--json prints one JSON document");
    assert_eq!(report["ok"], true, "{report:#}");
    let asks = report["stations"].get(2).expect("the plugin's station");
    assert!(asks["title"].as_str().is_some_and(|title| title.contains("emulated Azure Key Vault")), "{asks:#}");
    let links = asks["links"].as_array().expect("links");
    let says = |text: &str| links.iter().any(|link| link.to_string().contains(text));
    assert!(says("emulated, by this program") && says("plugin akv") && says("managed identity"), "{asks:#}");
    let refused = &report["stations"].get(5).expect("the refusals")["links"];
    let first = refused.get(0).expect("a refusal").to_string();
    assert!(first.contains("the emulated vault") && first.contains("no access token was sent"), "{refused:#}");
    assert_eq!(refused.as_array().map(Vec::len), Some(4));
}

#[test]
fn who_has_heard_enough_ends_the_demo_and_is_told_of_no_fault() {
    let folder = TempDir::new().expect("a temporary folder can be made");
    let script = "set -o pipefail; \"$0\" demo --plugin akv | head -n 2; \"$0\" demo --help | head -n 1";
    // It would serve on for ever, for nobody.
    let tool = Tool::new("bash").env("TMPDIR", folder.path()).args(["-c", script]).arg(pando());
    let finished = tool.within("timeout", &["300"]).ok();
    finished.says("1. A domain").never_says("panicked");
    let left = std::fs::read_dir(folder.path()).expect("the folder is there").count();
    assert_eq!(left, 0, "the demo leaves nothing behind");
}

#[test]
fn a_folder_that_is_not_empty_is_left_alone() {
    let folder = TempDir::new().expect("a temporary folder can be made");
    std::fs::write(folder.path().join("mine"), "").expect("a file can be written");
    let refused = Tool::new(pando()).args(["demo", "--exit", "--dir"]).arg(folder.path()).run();
    assert_ne!(refused.code, Some(0), "{refused}");
    refused.says("not empty");
}

/// A demo that took its tour and goes on serving.
struct Serving {
    process: Child,
    /// What it printed.
    said: String,
}

impl Serving {
    fn start(folder: &TempDir) -> Self {
        let mut serving = Self {
            process: Command::new(pando())
                .args(["demo", "--dir"])
                .arg(folder.path())
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .spawn()
                .expect("pando can be started"),
            said: String::new(),
        };
        let output = serving.process.stdout.take().expect("it is piped");
        for line in BufReader::new(output).lines() {
            let line = line.expect("text");
            serving.said.push_str(&line);
            serving.said.push('\n');
            if line.contains("The logs and files") {
                return serving;
            }
        }
        panic!("the demo ended early:\n{}", serving.said);
    }

    /// The command lines that it invites to paste, in order.
    fn commands(&self) -> Vec<String> {
        let invitation = self.said.split("In another terminal:").nth(1).expect("an invitation");
        let known = ["export ", "echo ", "ldapsearch ", "LDAPTLS_CACERT", "KRB5CCNAME="];
        let start = |line: &str| known.iter().filter_map(|word| line.find(word)).min();
        invitation.lines().filter_map(|line| start(line).map(|at| line[at..].to_owned())).collect()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // Asked to end, it ends its other processes too.
        let _ = Command::new("kill").arg(self.process.id().to_string()).status();
        let _ = self.process.wait();
    }
}

#[test]
fn what_the_demo_invites_to_paste_works() {
    let folder = TempDir::new().expect("a temporary folder can be made");
    let serving = Serving::start(&folder);
    let commands = serving.commands();
    assert_eq!(commands.len(), 6, "{commands:#?}");
    let script = format!("set -e\n{}", commands.join("\n"));
    Tool::new("sh")
        .env("HOME", folder.path())
        .args(["-c", &script])
        .ok()
        .says("Default principal: alice@CONTOSO.COM")
        .says("memberOf: CN=rate-limit-admins,OU=Engineering,DC=contoso,DC=com")
        .says(r"u:CONTOSO\bob")
        .says("Default principal: webapp01$@CONTOSO.COM")
        .says(r"u:CONTOSO\webapp01$");
    let page = serving.said.lines().find_map(|line| line.split("open ").nth(1)).expect("the page's address");
    Tool::new("curl").args(["--silent", "--show-error", "--fail", "--location", page]).ok().says("<form");
}

#[test]
fn help_tells_the_story() {
    let help = Tool::new(pando()).arg("--help").ok();
    help.says("demo").says("domain").says("guard").says("credential spec");
    for command in
        [&["domain", "provision"][..], &["dc", "run"], &["account-provider", "run"], &["guard", "fetch"], &["demo"]]
    {
        Tool::new(pando()).args(command).arg("--help").ok().says("Usage:");
    }
}
