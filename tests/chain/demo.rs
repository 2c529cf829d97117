//! `pando demo`, the command the README begins with.

use pando_tests::{Tool, pando};
use tempfile::TempDir;

#[test]
fn the_tour_ends_well_and_says_so_to_machines() {
    let folder = TempDir::new().expect("a temporary folder can be made");
    let finished = Tool::new(pando()).env("TMPDIR", folder.path()).args(["demo", "--exit", "--json"]).ok();
    let report: serde_json::Value = serde_json::from_str(&finished.stdout).expect("--json prints one JSON document");
    let text = report.to_string();
    for word in ["webapp01", "contoso.com", "alice", "bob", "mallory"] {
        assert!(text.contains(word), "the tour should mention {word}: {report:#}");
    }
    let left = std::fs::read_dir(folder.path()).expect("the folder is there").count();
    assert_eq!(left, 0, "the demo leaves nothing behind");
}

#[test]
fn the_tour_is_readable_by_people() {
    let folder = TempDir::new().expect("a temporary folder can be made");
    let finished = Tool::new(pando()).env("TMPDIR", folder.path()).args(["demo", "--exit"]).ok();
    assert!(finished.stdout.lines().count() > 20, "{finished}");
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
