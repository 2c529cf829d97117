//! Load for directory servers: Pando beside Debian's slapd and MIT krb5kdc, in one run, in turns.
//!
//! In reading order: [`population`], who is in every server; [`server`], how each is set up and started; [`scenario`],
//! what one operation is; [`load`], many of them at once; [`process`], what they cost the server; [`report`], the table.
//! Closed loop: each connection has one operation under way, and the next starts when it ends.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool talks to its terminal")]

mod load;
mod population;
mod process;
mod report;
mod scenario;
mod server;

use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, ValueEnum};

use report::Report;
use server::{Krb5Kdc, Pando, Slapd};

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    #[error("while {doing}: {source}")]
    Io { doing: String, source: std::io::Error },
    #[error("`{command}` failed: {said}")]
    Command { command: String, said: String },
    #[error("{server} was not ready in time: {said}")]
    NotReady { server: &'static str, said: String },
    #[error("the server's answer is not what it should be: {0}")]
    Answer(String),
    #[error("{0} ended while it was measured")]
    Gone(&'static str),
    #[error("cannot encode an answer: {0}")]
    Asn1(#[from] asn1::Error),
    #[error("no sealed connection: {0}")]
    Kerberos(#[from] client::kerberos::Error),
    #[error("on a sealed connection: {0}")]
    Ldap(#[from] client::ldap::Error),
    #[error("the plugin gave no credentials: {0}")]
    Plugin(#[from] plugins::PluginError),
    #[error("certificates: {0}")]
    Certificates(#[from] pki::Error),
    #[error("no lease: {0}")]
    Guard(#[from] guardd::CallError),
}

/// Names what was being done when the operating system refused.
pub fn while_doing(doing: impl Into<String>) -> impl FnOnce(std::io::Error) -> BenchError {
    let doing = doing.into();
    move |source| BenchError::Io { doing, source }
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum What {
    /// LDAP search by an indexed name, two attributes returned.
    Search,
    /// LDAP simple bind.
    Bind,
    /// DN resolution and bind: search on a service connection, bind as the found DN on a second one.
    Login,
    /// Kerberos AS exchange with an encrypted timestamp, over UDP.
    AsReq,
    /// An AS exchange with a wrong password, which is refused.
    AsReqWrong,
    /// The search over a connection that a ticket has sealed (SASL GSSAPI with confidentiality; Pando only).
    SealedSearch,
    /// Reads of a gMSA's password over such a connection (Pando only).
    ManagedPassword,
    /// From an empty folder to the first answered search (Pando only).
    Start,
    /// The whole tour of `pando demo --exit` (Pando only).
    Demo,
    /// Up to a thousand leases of a guard, one after the other, over the whole chain (Pando only).
    Lease,
    /// One call of the rkc plugin to the account provider over mutual TLS (Pando only).
    Plugin,
    /// Calls of the account provider after the handshake, one after the other (Pando only).
    Provider,
    /// Pods with a gMSA admitted by the webhook, 500 a second in an open loop (Pando only).
    Admission,
}

/// Load Pando, slapd and krb5kdc with the same people, in turns, and print what each did.
#[derive(Parser)]
#[command(name = "cargo xtask bench", max_term_width = 110)]
pub struct Arguments {
    /// What to measure; everything when absent.
    what: Vec<What>,
    /// How many users each server has.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=999_999))]
    users: u32,
    /// Connections (or UDP sockets), each with one operation under way.
    #[arg(long, default_value_t = 8)]
    connections: usize,
    /// Seconds of one turn.
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Turns of each server.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl Arguments {
    fn wants(&self, what: What) -> bool {
        self.what.is_empty() || self.what.contains(&what)
    }

    /// Whether anybody's password is needed. Their keys take most of the time that filling takes.
    fn needs_passwords(&self) -> bool {
        [What::Bind, What::Login, What::AsReq, What::AsReqWrong].into_iter().any(|what| self.wants(what))
    }

    fn turn(&self) -> Duration {
        Duration::try_from_secs_f64(self.seconds).unwrap_or(Duration::from_secs(5))
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(report) => {
            println!("{}", if arguments.json { report.json() } else { report.table() });
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<Report, BenchError> {
    let mut report = Report::new(arguments);
    let wants = |any: &[What]| any.iter().any(|what| arguments.wants(*what));
    let wants_ldap = wants(&[What::Search, What::Bind, What::Login]);
    let wants_kdc = wants(&[What::AsReq, What::AsReqWrong]);
    if wants_ldap || wants_kdc || wants(&[What::SealedSearch, What::ManagedPassword]) {
        eprintln!("Filling Pando with {} users (over LDAPS) ...", arguments.users);
        let pando = Pando::with_users(arguments.users, arguments.needs_passwords())?;
        report.memory(pando.meter())?;
        if wants_ldap {
            eprintln!("Filling slapd ...");
            let slapd = Slapd::with_users(arguments.users, arguments.needs_passwords())?;
            ldap(arguments, &pando, &slapd, &mut report)?;
            report.memory(slapd.meter())?;
        }
        if arguments.wants(What::SealedSearch) {
            scenario::sealed::measure(arguments, &pando, &mut report)?;
        }
        if arguments.wants(What::ManagedPassword) {
            scenario::managed_password::measure(arguments, &pando, &mut report)?;
        }
        if wants_kdc {
            eprintln!("Filling krb5kdc ...");
            let kdc = Krb5Kdc::with_users(arguments.users)?;
            for what in [What::AsReq, What::AsReqWrong] {
                if arguments.wants(what) {
                    scenario::as_req::compare(what, arguments, [pando.kdc(), kdc.kdc()], &mut report)?;
                }
            }
            report.memory(kdc.meter())?;
        }
        report.memory(pando.meter())?;
    }
    scenario::whole::measure(arguments, &mut report)?;
    if arguments.wants(What::Lease) {
        eprintln!("Measuring lease ...");
        scenario::lease::measure(arguments, &mut report)?;
    }
    if arguments.wants(What::Provider) {
        scenario::provider::measure(arguments, &mut report)?;
    }
    if arguments.wants(What::Admission) {
        scenario::admission::measure(arguments, &mut report)?;
    }
    Ok(report)
}

fn ldap(arguments: &Arguments, pando: &Pando, slapd: &Slapd, report: &mut Report) -> Result<(), BenchError> {
    for what in [What::Search, What::Bind, What::Login] {
        if arguments.wants(what) {
            scenario::ldap::compare(what, arguments, [pando.ldap(), slapd.ldap()], report)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_runs_against_every_server() {
        let arguments = Arguments { what: Vec::new(), users: 20, connections: 2, seconds: 0.2, rounds: 1, json: false };
        let report = run(&arguments).expect("a report");
        let table = report.table();
        for word in [
            "search",
            "sealed-search",
            "managed-password",
            "bind",
            "login",
            "as-req",
            "as-req-wrong",
            "start",
            "demo",
            "plugin",
            "lease",
            "provider, after the handshake",
            "admission at 500/s",
            "guard",
            "pando",
            "slapd",
            "krb5kdc",
        ] {
            assert!(table.contains(word), "{word}: {table}");
        }
        let json: serde_json::Value = serde_json::from_str(&report.json()).expect("JSON");
        assert!(json["loads"].as_array().is_some_and(|loads| loads.len() == 14), "{json:#}");
    }
}
