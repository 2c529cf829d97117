//! What the tour shows: each link with who proved what to whom, and how long that took.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::terminal;

/// One link of the chain of trust, as it was seen to hold, or to refuse.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Link {
    /// Who authenticated.
    pub who: String,
    /// To whom.
    pub to: String,
    /// By what protocol and proof.
    pub how: String,
    /// What allows it; for a refusal, what is missing.
    pub authorised_by: String,
    /// How long it took, in milliseconds.
    pub took_ms: f64,
    /// Present when the link refused, as it had to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<Refusal>,
}

/// A link that refused.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Refusal {
    /// Which link.
    pub link: String,
    /// Why, in the words that the operator gets.
    pub why: String,
}

impl Link {
    /// A link that holds, made since `begun`.
    pub fn new(who: &str, to: &str, how: impl Into<String>, authorised_by: impl Into<String>, begun: Instant) -> Self {
        let took_ms = milliseconds(begun.elapsed());
        let (how, authorised_by) = (how.into(), authorised_by.into());
        Self { who: who.to_owned(), to: to.to_owned(), how, authorised_by, took_ms, refused: None }
    }

    /// The same link, but it refused.
    pub fn refused(mut self, link: impl Into<String>, why: impl Into<String>) -> Self {
        self.refused = Some(Refusal { link: link.into(), why: why.into() });
        self
    }
}

/// One station of the tour.
#[derive(Debug, Serialize)]
pub struct Station {
    /// Its place, from 1.
    pub number: usize,
    /// What it shows.
    pub title: &'static str,
    /// Whether it went as it must; a refusal that had to come is as it must be.
    pub ok: bool,
    /// The links it consists of.
    pub links: Vec<Link>,
    /// What went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// The whole tour.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Whether every station went as it must.
    pub ok: bool,
    /// From the empty folder to the end of the tour, in milliseconds.
    pub took_ms: f64,
    /// The stations in order; those after one that went wrong are not reached.
    pub stations: Vec<Station>,
}

/// A duration as the report has it.
pub fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

/// Prints a station for people.
pub fn show(station: &Station) {
    terminal::say(format_args!("\n{}. {}", station.number, station.title));
    station.links.iter().for_each(show_link);
    if let Some(error) = &station.error {
        terminal::say(format_args!("   FAILED   {error}"));
    }
}

fn show_link(link: &Link) {
    let verdict = if link.refused.is_some() { "refused" } else { "holds" };
    let heading = format!("{} -> {}", link.who, link.to);
    terminal::say(format_args!("   {verdict:<8} {heading}  ({:.1} ms)", link.took_ms));
    terminal::say(format_args!("            how: {}", link.how));
    match &link.refused {
        None => terminal::say(format_args!("            authorised by: {}", link.authorised_by)),
        Some(refusal) => {
            terminal::say(format_args!("            the link that refuses: {}", refusal.link));
            terminal::say(format_args!("            why: {}", refusal.why));
        }
    }
}
