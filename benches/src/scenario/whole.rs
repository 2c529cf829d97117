//! Whole runs of the binary, timed: from nothing to an answer, the demo's tour, a call of the plugin.

use std::process::Command;
use std::time::{Duration, Instant};

use plugins::{Plugin, Rkc};

use crate::report::Report;
use crate::server::{AccountProvider, Pando};
use crate::{Arguments, BenchError, What, process};

/// Measures those that are wanted.
pub fn measure(arguments: &Arguments, report: &mut Report) -> Result<(), BenchError> {
    let runs = arguments.rounds.max(1) * 3;
    if arguments.wants(What::Start) {
        eprintln!("Measuring start ...");
        report.times("start: empty folder to first answered search", several(runs, start)?);
    }
    if arguments.wants(What::Demo) {
        eprintln!("Measuring demo ...");
        report.times("demo: the whole tour", several(arguments.rounds.max(1), demo)?);
    }
    if arguments.wants(What::Plugin) {
        eprintln!("Measuring plugin ...");
        let provider = AccountProvider::start()?;
        let plugin = Rkc::new(provider.host_dir());
        report.times("plugin: one call over mutual TLS", several(runs * 20, || call(&plugin))?);
    }
    Ok(())
}

fn several(runs: usize, mut run: impl FnMut() -> Result<Duration, BenchError>) -> Result<Vec<Duration>, BenchError> {
    (0..runs).map(|_| run()).collect()
}

/// Provision, start, bind as the administrator over loopback, search for oneself.
fn start() -> Result<Duration, BenchError> {
    let began = Instant::now();
    let pando = Pando::empty()?;
    let mut connection = crate::scenario::ldap::Connection::open(pando.ldap().address)?;
    connection.bind(&format!("CN=Administrator,CN=Users,{}", pando.ldap().base), crate::server::ADMIN_PASSWORD)?;
    connection.find(pando.ldap().base, "sAMAccountName", "Administrator")?;
    Ok(began.elapsed())
}

fn demo() -> Result<Duration, BenchError> {
    let began = Instant::now();
    process::run(Command::new(crate::server::pando_binary()).args(["demo", "--exit", "--json"]))?;
    Ok(began.elapsed())
}

fn call(plugin: &Rkc) -> Result<Duration, BenchError> {
    let began = Instant::now();
    plugin.get_password_credentials(AccountProvider::INPUT)?;
    Ok(began.elapsed())
}
