//! A closed loop of operations on several connections at once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::BenchError;
use crate::process::Meter;

/// One connection's worth of work.
pub trait Worker: Send {
    /// Does one operation and waits for its result.
    fn operation(&mut self) -> Result<(), BenchError>;
}

/// What several turns of one server added up to.
#[derive(Default)]
pub struct Sample {
    /// How long each operation took, in nanoseconds.
    latencies: Vec<u32>,
    elapsed: Duration,
    server_cpu: Duration,
    /// System calls and operations of the traced turn.
    traced: Option<(u64, u64)>,
}

/// What of a turn does not count.
const WARM_UP: Duration = Duration::from_millis(300);

impl Sample {
    /// Adds one turn of `length` on the server that `meter` watches.
    pub fn turn(&mut self, workers: &mut [Box<dyn Worker>], length: Duration, meter: &Meter) -> Result<(), BenchError> {
        all(workers, WARM_UP.min(length))?;
        let (cpu, began) = (meter.cpu()?, Instant::now());
        let latencies = all(workers, length)?;
        self.elapsed += began.elapsed();
        self.server_cpu += meter.cpu()?.saturating_sub(cpu);
        self.latencies.extend(latencies);
        Ok(())
    }

    /// Adds a turn that somebody else has measured.
    pub fn add(&mut self, latencies: Vec<u32>, elapsed: Duration, server_cpu: Duration) {
        self.elapsed += elapsed;
        self.server_cpu += server_cpu;
        self.latencies.extend(latencies);
    }

    /// Counts the server's system calls in a short extra turn, where they can be counted.
    pub fn traced_turn(&mut self, workers: &mut [Box<dyn Worker>], meter: &Meter) -> Result<(), BenchError> {
        let Some(trace) = meter.trace()? else { return Ok(()) };
        let operations = all(workers, Duration::from_secs(1))?.len();
        self.traced = Some((trace.finish()?, operations as u64));
        Ok(())
    }

    /// Operations a second.
    pub fn throughput(&self) -> f64 {
        self.latencies.len() as f64 / self.elapsed.as_secs_f64()
    }

    /// Microseconds of server CPU an operation.
    pub fn cpu_per_operation(&self) -> f64 {
        self.server_cpu.as_secs_f64() * 1e6 / self.latencies.len().max(1) as f64
    }

    /// System calls an operation.
    pub fn calls_per_operation(&self) -> Option<f64> {
        self.traced.map(|(calls, operations)| calls as f64 / operations.max(1) as f64)
    }

    /// How many operations were measured.
    pub fn operations(&self) -> usize {
        self.latencies.len()
    }

    /// The latencies in microseconds below which each of `shares` of the operations were.
    pub fn quantiles<const N: usize>(&mut self, shares: [f64; N]) -> [f64; N] {
        self.latencies.sort_unstable();
        shares.map(|share| {
            let last = self.latencies.len().saturating_sub(1);
            let at = (last as f64 * share).round() as usize;
            self.latencies.get(at).map_or(0.0, |nanoseconds| f64::from(*nanoseconds) / 1e3)
        })
    }
}

/// Runs every worker for `length`; the latencies of all of them. The first failure ends the turn.
fn all(workers: &mut [Box<dyn Worker>], length: Duration) -> Result<Vec<u32>, BenchError> {
    let stop = AtomicBool::new(false);
    let each: Vec<Result<Vec<u32>, BenchError>> = thread::scope(|scope| {
        let running: Vec<_> =
            workers.iter_mut().map(|worker| scope.spawn(|| one(worker.as_mut(), length, &stop))).collect();
        running
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    });
    let mut latencies = Vec::new();
    for one in each {
        latencies.extend(one?);
    }
    Ok(latencies)
}

fn one(worker: &mut dyn Worker, length: Duration, stop: &AtomicBool) -> Result<Vec<u32>, BenchError> {
    let mut latencies = Vec::with_capacity(1 << 17);
    let began = Instant::now();
    let mut before = began;
    while before.duration_since(began) < length && !stop.load(Ordering::Relaxed) {
        worker.operation().inspect_err(|_| stop.store(true, Ordering::Relaxed))?;
        let after = Instant::now();
        latencies.push(u32::try_from(after.duration_since(before).as_nanos()).unwrap_or(u32::MAX));
        before = after;
    }
    Ok(latencies)
}
