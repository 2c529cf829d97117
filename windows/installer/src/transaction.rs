//! All steps or none.

use crate::machine::{Failure, Machine};
use crate::step::Step;

/// How a run of steps that did not reach its end ended.
#[derive(Debug, thiserror::Error)]
pub enum Undone {
    /// Everything is as it was before.
    #[error("{cause}; everything is as it was before")]
    RolledBack { cause: Cause },
    /// Some steps could not be taken back.
    #[error("{cause}; and of what had been done this could not be taken back:{}", list(.left))]
    Stuck { cause: Cause, left: Vec<(Step, Failure)> },
}

/// What stopped a run.
#[derive(Debug, thiserror::Error)]
pub enum Cause {
    #[error(transparent)]
    Failed(#[from] Failure),
    #[error("the time that --timeout allows was over before all was done")]
    OutOfTime,
}

fn list(left: &[(Step, Failure)]) -> String {
    left.iter().map(|(step, failure)| format!("\n  {step}: {failure}")).collect()
}

/// Takes the steps in their order; when one fails, or time is over, takes back those before it in the opposite one.
///
/// # Errors
/// [`Undone`].
pub fn run(machine: &mut dyn Machine, steps: &[Step], in_time: &dyn Fn() -> bool) -> Result<(), Undone> {
    for (done, step) in steps.iter().enumerate() {
        let cause = if !in_time() {
            Cause::OutOfTime
        } else if let Err(failure) = machine.take(step) {
            Cause::Failed(failure)
        } else {
            continue;
        };
        return Err(roll_back(machine, steps.get(..done).unwrap_or_default(), cause));
    }
    Ok(())
}

fn roll_back(machine: &mut dyn Machine, done: &[Step], cause: Cause) -> Undone {
    let undo = done.iter().rev().map(Step::undo);
    // One that fails does not keep the others from being taken back.
    let left: Vec<_> = undo.filter_map(|step| machine.take(&step).err().map(|failure| (step, failure))).collect();
    if left.is_empty() { Undone::RolledBack { cause } } else { Undone::Stuck { cause, left } }
}
