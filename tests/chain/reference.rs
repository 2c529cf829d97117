//! `docs/reference.md` is what `pando --help` says, command by command.
#![allow(clippy::expect_used, clippy::panic, reason = "only tests here; failing is their job")]

use std::fmt::Write;

use pando_tests::{Tool, pando};

/// The names in the section "Commands" of a help text.
fn subcommands(help: &str) -> Vec<String> {
    let section = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let names = section.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    names.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help").map(str::to_owned).collect()
}

fn describe(command: &[String], page: &mut String) {
    let help = Tool::new(pando()).args(command).arg("--help").ok().stdout;
    let name = std::iter::once("pando").chain(command.iter().map(String::as_str)).collect::<Vec<_>>().join(" ");
    let _ = write!(page, "\n{} `{name}`\n\n```text\n{}\n```\n", "#".repeat(command.len() + 2), help.trim_end());
    for subcommand in subcommands(&help) {
        describe(&[command, &[subcommand]].concat(), page);
    }
}

#[test]
fn the_reference_says_what_the_help_says() {
    let mut page = "# The command line\n\nGenerated from `pando --help` by the test that compares them; \
                    `PANDO_WRITE_REFERENCE=1 cargo test -p pando-tests --test reference` writes it anew.\n"
        .to_owned();
    describe(&[], &mut page);
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/reference.md");
    if std::env::var_os("PANDO_WRITE_REFERENCE").is_some() {
        std::fs::write(path, &page).expect("the reference can be written");
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(written == page, "docs/reference.md is out of date: write it anew with PANDO_WRITE_REFERENCE=1");
}
