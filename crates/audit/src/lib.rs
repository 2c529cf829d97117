//! Audits as lines of JSON, for the services that keep one: a file that others may rotate, and a bound on what refusals may fill.

mod lines;
mod restraint;

pub use lines::Lines;
pub use restraint::Restraint;
