//! What calls gave, the same ones counted together.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use windows_core::HRESULT;

use crate::plugin::Credentials;
use crate::times::Times;

/// What one call gave, as far as it is shown.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Outcome {
    /// Which of the inputs, counted from zero.
    pub input: usize,
    hresult: i32,
    domain: String,
    username: String,
    password_length: usize,
    password: Option<String>,
}

/// Outcomes, and how long each call took.
#[derive(Default)]
pub struct Outcomes(BTreeMap<Outcome, Times>);

impl Outcome {
    pub fn of(input: usize, result: Result<Credentials, HRESULT>, show_password: bool) -> Self {
        match result {
            Err(hresult) => Self {
                input,
                hresult: hresult.0,
                domain: String::new(),
                username: String::new(),
                password_length: 0,
                password: None,
            },
            Ok(credentials) => Self {
                input,
                hresult: 0,
                domain: credentials.domain,
                username: credentials.username,
                password_length: credentials.password.chars().count(),
                password: show_password.then(|| credentials.password.to_string()),
            },
        }
    }
}

impl Outcomes {
    pub fn add(&mut self, outcome: Outcome, took: Duration) {
        self.0.entry(outcome).or_default().add(took);
    }

    pub fn merge(&mut self, other: Self) {
        for (outcome, times) in other.0 {
            self.0.entry(outcome).or_default().merge(&times);
        }
    }

    pub fn all_succeeded(&self) -> bool {
        !self.0.is_empty() && self.0.keys().all(|outcome| outcome.hresult == 0)
    }

    pub fn json(&self) -> Value {
        self.0.iter().map(|(outcome, took)| one(outcome, took)).collect()
    }
}

fn one(outcome: &Outcome, times: &Times) -> Value {
    let rounded = |took: Duration| (took.as_secs_f64() * 1e6).round() / 1e3;
    json!({
        "input": outcome.input,
        "hresult": hexadecimal(outcome.hresult),
        "meaning": meaning(outcome.hresult),
        "domain": outcome.domain,
        "username": outcome.username,
        "password_length": outcome.password_length,
        "password": outcome.password,
        "calls": times.calls(),
        "fastest_ms": rounded(times.fastest()),
        "median_ms": rounded(times.reached_by(50)),
        "p99_ms": rounded(times.reached_by(99)),
        "slowest_ms": rounded(times.slowest()),
    })
}

pub fn hexadecimal(hresult: i32) -> String {
    format!("0x{:08X}", hresult.cast_unsigned())
}

/// In the words of these plugins where they have any, otherwise in Windows' own.
pub fn meaning(hresult: i32) -> String {
    let known = match hresult.cast_unsigned() {
        0 => "success",
        0x8007_0057 => "PluginInput, or what it leads to, is not usable",
        0x8007_0005 => "the secret's keeper does not let this computer read it",
        0x8000_4005 => "the plugin gave no account: the event log says why",
        0x8007_139F => "PluginInput names no secret, or the plugin's settings in the registry are not usable",
        0x8004_0154 => "the plugin is not registered",
        0x8000_FFFF => "the plugin has a fault",
        _ => return HRESULT(hresult).message().trim().to_owned(),
    };
    known.to_owned()
}
