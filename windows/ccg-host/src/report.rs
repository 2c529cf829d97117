//! What is printed at the end.

use std::io::Write;

use serde_json::{Value, json};
use windows_core::Error;

use crate::outcome::{Outcomes, hexadecimal, meaning};
use crate::process::Holdings;

pub struct Report {
    pub outcomes: Outcomes,
    /// Before, in the middle, and after.
    pub holdings: [Holdings; 3],
    /// Whether the DLL let itself be unloaded, where it was loaded by hand.
    pub unloaded: Option<bool>,
}

impl Report {
    pub fn succeeded(&self) -> bool {
        self.outcomes.all_succeeded()
    }
}

pub fn print(report: &Result<Report, Error>, as_json: bool) {
    let document = match report {
        Ok(Report { outcomes, holdings, unloaded }) => {
            json!({ "results": outcomes.json(), "process": holdings.map(Holdings::json), "unloaded": unloaded })
        }
        Err(error) => {
            let hresult = error.code().0;
            json!({ "error": { "hresult": hexadecimal(hresult), "meaning": meaning(hresult), "windows": error.message() } })
        }
    };
    let text = if as_json { format!("{document}\n") } else { lines(&document) };
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// The same for people.
fn lines(document: &Value) -> String {
    if let Some(error) = document.get("error") {
        return format!("no object of that class: {} ({})\n", plain(&error["hresult"]), plain(&error["meaning"]));
    }
    let mut lines = String::new();
    for result in document["results"].as_array().into_iter().flatten() {
        let who = match (plain(&result["domain"]), plain(&result["username"])) {
            (domain, user) if domain.is_empty() && user.is_empty() => String::new(),
            (domain, user) => {
                let password = result["password"].as_str().map(|password| format!(": {password}"));
                let length = plain(&result["password_length"]);
                format!("{domain}\\{user}, a password of {length} characters{}; ", password.unwrap_or_default())
            }
        };
        lines += &format!(
            "input {}: {who}{} ({}); {} calls of {} ms (the slowest {} ms)\n",
            plain(&result["input"]),
            plain(&result["hresult"]),
            plain(&result["meaning"]),
            plain(&result["calls"]),
            plain(&result["median_ms"]),
            plain(&result["slowest_ms"]),
        );
    }
    for (when, held) in ["before", "halfway", "after"].iter().zip(document["process"].as_array().into_iter().flatten())
    {
        lines += &format!("{when}: {} handles, {} kB\n", plain(&held["handles"]), plain(&held["kilobytes"]));
    }
    match document["unloaded"].as_bool() {
        Some(true) => lines += "the DLL was unloaded\n",
        Some(false) => lines += "the DLL stays loaded, as it says itself\n",
        None => {}
    }
    lines
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
