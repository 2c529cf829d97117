//! What is known of each GMSACredentialSpec, as a `GMSAStatus` beside it: `kubectl get gmsastatus`.
//!
//! Two programs, because two things must stay apart. The [`Examiner`] of an impersonation account may read that account's Secret; it follows
//! the guard's own way to each gMSA whose spec names the Secret, and leaves what it saw in one `GMSAAccountReport`. The [`Controller`] reads
//! no Secret and speaks to no domain; it puts reports and what kubelets say of their nodes together, and writes the statuses.
//!
//! In reading order: [`Report`], what an examiner says; `conclude`, the status of one spec, a pure function;
//! `plan`, what is to be written, a pure function too; [`Controller`]; [`Examiner`].

mod conclude;
mod controller;
mod examiner;
mod judgement;
mod live;
mod metrics;
mod plan;
mod probes;
mod report;
mod seen;

use dtyp::FileTime;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;

pub use conclude::{Count, Nodes, Status};
pub use controller::{Controller, ControllerConfig, ControllerError, Installer};
pub use examiner::{Examiner, ExaminerConfig};
pub use report::{Examined, Report, Verdict};

/// As Kubernetes writes it: to the second.
fn time(at: FileTime) -> Time {
    Time(Timestamp::from_second(at.unix_seconds()).unwrap_or_default())
}
