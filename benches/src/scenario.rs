//! What one operation is, and how servers take turns at it.

pub mod admission;
pub mod as_req;
pub mod ldap;
pub mod lease;
pub mod managed_password;
pub mod provider;
pub mod sealed;
pub mod whole;

use crate::load::{Sample, Worker};
use crate::process::Meter;
use crate::report::Report;
use crate::{Arguments, BenchError};

/// One server's side of a comparison.
pub struct Side<'a> {
    /// The server's process.
    pub meter: &'a Meter,
    /// Its connections.
    pub workers: Vec<Box<dyn Worker>>,
}

/// Lets the servers take turns, then counts system calls, then reports.
pub fn take_turns(
    what: &'static str,
    arguments: &Arguments,
    mut sides: Vec<Side<'_>>,
    report: &mut Report,
) -> Result<(), BenchError> {
    eprintln!("Measuring {what} ...");
    let mut samples: Vec<Sample> = sides.iter().map(|_| Sample::default()).collect();
    for _ in 0..arguments.rounds {
        for (side, sample) in sides.iter_mut().zip(&mut samples) {
            sample.turn(&mut side.workers, arguments.turn(), side.meter)?;
        }
    }
    for (side, mut sample) in sides.iter_mut().zip(samples) {
        sample.traced_turn(&mut side.workers, side.meter)?;
        report.load(what, side.meter.server(), sample);
    }
    Ok(())
}
