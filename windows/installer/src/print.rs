//! Reports for people.

use std::fmt::Write;

use comfy_table::{Cell, ContentArrangement, Table, presets};

use crate::status::{State, Status};
use crate::work::Report;

/// A report as a table, and below it what is to be said about it.
#[must_use]
pub fn table(report: &Report) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(["PLUGIN", "STATE", "VERSION", "RUNS AS", "DLL"]);
    for status in &report.plugins {
        table.add_row([
            Cell::new(status.plugin),
            Cell::new(state(status.state)),
            Cell::new(status.version.as_deref().unwrap_or("-")),
            Cell::new(runs_as(status)),
            Cell::new(status.dll.as_deref().unwrap_or("-")),
        ]);
    }
    let mut text = table.to_string();
    for status in &report.plugins {
        if let Some(by) = &status.registered_by {
            let _ = write!(text, "\n{}: the class {} is registered by someone else: {by}", status.plugin, status.clsid);
        }
        for finding in &status.findings {
            let _ = write!(text, "\n{}: {}: {}", status.plugin, finding.what, finding.item);
            if let Some(is) = &finding.is {
                let _ = write!(text, ": is {is}");
            }
            if let Some(should) = &finding.should_be {
                let _ = write!(text, ": should be {should}");
            }
        }
    }
    for one in &report.downgraded {
        let _ = write!(text, "\n{}: {} was installed; now it is {}, which is older", one.plugin, one.from, one.to);
    }
    for key in &report.taken {
        let _ = write!(
            text,
            "\nHKLM\\{key} is still taken from its owner, by a run that was killed; the next gives it back"
        );
    }
    for path in &report.in_use {
        let _ = write!(text, "\n{path} is still in use by a program that loaded it; it goes later");
    }
    for path in &report.not_ours {
        let _ = write!(text, "\n{path} did not come from this installer, and was left alone");
    }
    text
}

const fn state(state: State) -> &'static str {
    match state {
        State::Installed => "installed",
        State::Absent => "absent",
        State::Incomplete => "incomplete",
        State::SomeoneElses => "someone else's",
    }
}

fn runs_as(status: &Status) -> &str {
    match (&status.run_as, status.state) {
        (Some(account), _) => account,
        (None, State::Installed) => "its caller",
        _ => "-",
    }
}
