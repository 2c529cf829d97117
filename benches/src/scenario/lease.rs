//! Identities from a guard: from the request on its socket to a ccache that a container can use, and what it costs to keep many.

use std::time::{Duration, Instant};

use guardd::Caller;
use guardd::message::own::AddRequest;
use tokio::runtime::Builder;

use crate::report::Report;
use crate::server::Guard;
use crate::{Arguments, BenchError, while_doing};

/// As many as a crowded host has containers.
const MOST: u32 = 1000;

/// Makes leases one after the other, and lets the guard keep them all.
pub fn measure(arguments: &Arguments, report: &mut Report) -> Result<(), BenchError> {
    let guard = Guard::start()?;
    report.memory(guard.meter())?;
    let runtime = Builder::new_current_thread().enable_all().build().map_err(while_doing("starting a runtime"))?;
    let times = runtime.block_on(leases(&guard, arguments.users.min(MOST)))?;
    report.times("lease: from the request to a usable ccache", times);
    report.memory(guard.meter())
}

async fn leases(guard: &Guard, count: u32) -> Result<Vec<Duration>, BenchError> {
    let caller = Caller::connect(&guard.socket()).await?;
    let mut times = Vec::new();
    for _ in 0..count {
        let request = AddRequest { credspecs: vec![guard.spec().to_owned()], ..AddRequest::default() };
        let began = Instant::now();
        let lease = caller.add(request).await?;
        times.push(began.elapsed());
        if lease.folders.is_empty() {
            return Err(BenchError::Answer("a lease without a folder".to_owned()));
        }
    }
    Ok(times)
}
