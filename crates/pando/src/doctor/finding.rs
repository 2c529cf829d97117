//! What the doctor found, and how it is told.

use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

use crate::terminal;

/// How a link stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It holds.
    Holds,
    /// It holds, but should be looked at.
    Warning,
    /// It is broken.
    Broken,
    /// A broken link before it hides it.
    NotReached,
}

impl State {
    const fn word(self) -> &'static str {
        match self {
            Self::Holds => "ok",
            Self::Warning => "look",
            Self::Broken => "BROKEN",
            Self::NotReached => "-",
        }
    }
}

/// One link.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    pub link: String,
    pub state: State,
    /// What was seen.
    pub seen: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}

/// All links, in the order of the chain.
#[derive(Debug, Default)]
pub struct Findings(Vec<Finding>);

impl Findings {
    pub fn holds(&mut self, link: &str, seen: impl Into<String>) {
        self.push(link, State::Holds, seen, None);
    }

    pub fn warning(&mut self, link: &str, seen: impl Into<String>, fix: &str) {
        self.push(link, State::Warning, seen, Some(fix.to_owned()));
    }

    pub fn broken(&mut self, link: &str, seen: impl Into<String>, fix: Option<String>) {
        self.push(link, State::Broken, seen, fix);
    }

    pub fn not_reached(&mut self, link: &str) {
        self.push(link, State::NotReached, "", None);
    }

    fn push(&mut self, link: &str, state: State, seen: impl Into<String>, fix: Option<String>) {
        self.0.push(Finding { link: link.to_owned(), state, seen: seen.into(), fix });
    }

    pub fn is_healthy(&self) -> bool {
        self.0.iter().all(|finding| finding.state != State::Broken)
    }

    /// For machines.
    pub fn json(&self) -> serde_json::Value {
        serde_json::json!({ "ok": self.is_healthy(), "links": self.0 })
    }

    /// For people: a table, then what to do.
    pub fn print(&self) {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_header(["", "LINK", "SEEN"]);
        table.set_content_arrangement(ContentArrangement::Dynamic);
        for finding in &self.0 {
            table.add_row([finding.state.word(), &finding.link, &finding.seen]);
        }
        terminal::table(&table);
        for finding in self.0.iter().filter(|finding| finding.state != State::Holds) {
            if let Some(fix) = &finding.fix {
                terminal::say(format_args!("\n{}: {fix}", finding.link));
            }
        }
        if self.is_healthy() {
            terminal::say("\nEvery link holds.");
        }
    }
}
