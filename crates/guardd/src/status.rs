//! The guard's errors in gRPC's terms, in one place.

use ccg::{Cause, GuardError, LeaseError, Step};
use tonic::{Code, Status};

/// What a caller is told.
pub(crate) fn status(error: LeaseError) -> Status {
    let code = match &error {
        LeaseError::Guard(error) => of_chain(error),
        LeaseError::NoSpecs
        | LeaseError::TooManySpecs(_)
        | LeaseError::SameAccount(_)
        | LeaseError::OtherDomain { .. } => Code::InvalidArgument,
        LeaseError::Full(_) | LeaseError::FullFor { .. } => Code::ResourceExhausted,
        LeaseError::Exists(_) => Code::AlreadyExists,
        LeaseError::Unknown(_) | LeaseError::NothingToRenew { .. } => Code::NotFound,
        LeaseError::Owner { .. } | LeaseError::Name | LeaseError::NotServed { .. } => Code::PermissionDenied,
        _ => Code::Internal,
    };
    let text = match &error {
        LeaseError::Guard(broken) => match broken.fix() {
            Some(fix) => format!("{error}. {fix}"),
            None => error.to_string(),
        },
        _ => error.to_string(),
    };
    Status::new(code, text)
}

/// Whether the request, the domain's state, or only the moment is at fault.
fn of_chain(error: &GuardError) -> Code {
    use client::{kerberos, ldap};
    match (error.step, error.cause.as_ref()) {
        (Step::CredentialSpec, _) => Code::InvalidArgument,
        (Step::Handover, _) => Code::Internal,
        (_, Cause::PluginTimeout { .. } | Cause::Logon(kerberos::Error::Unreachable { .. })) => Code::Unavailable,
        (
            _,
            Cause::Directory(
                ldap::Error::Connect { .. }
                | ldap::Error::Timeout { .. }
                | ldap::Error::Broken { .. }
                | ldap::Error::Closed { .. },
            ),
        ) => Code::Unavailable,
        _ => Code::FailedPrecondition,
    }
}
