//! What an attempt to fetch an identity says about the directory, the release of the password and the logon.

use ccg::{Cause, GuardError, Identity, Step};
use client::kerberos::Error as Kerberos;

use super::report::Verdict;

/// The three verdicts of a spec.
pub(super) struct Judgement {
    pub(super) directory: Verdict,
    pub(super) retrieval: Verdict,
    pub(super) logon: Verdict,
}

impl Judgement {
    /// The chain holds.
    pub(super) fn holds(identity: &Identity) -> Self {
        let accounts: Vec<_> = identity.accounts().map(ccg::Account::principal).collect();
        let accounts = accounts.join(", ");
        Self {
            directory: Verdict::holds("Connected", "a controller of the spec's domain answers, encrypted"),
            retrieval: Verdict::holds("Released", format!("the directory released the password of {accounts}")),
            logon: Verdict::holds("LoggedOn", format!("the KDC gave {accounts} a ticket")),
        }
    }

    /// It breaks.
    pub(super) fn broken(error: &GuardError) -> Self {
        let why = match error.fix() {
            Some(fix) => format!("{} ({fix})", error.cause),
            None => error.cause.to_string(),
        };
        let later = || Verdict::unknown("NotReached", format!("a link before it breaks: {}", error.step));
        let reached = || Verdict::holds("Connected", "a controller of the domain answers");
        match error.step {
            Step::CredentialSpec | Step::Plugin => {
                Self { directory: Verdict::unknown("NotAsked", why), retrieval: later(), logon: later() }
            }
            Step::Location => Self::unreachable("NotLocated", why, &later),
            Step::ImpersonationLogon if is_unreachable(&error.cause) => Self::unreachable("NoKdcAnswers", why, &later),
            Step::ImpersonationLogon => Self {
                directory: reached(),
                retrieval: Verdict::fails("ImpersonationLogonRefused", why),
                logon: later(),
            },
            Step::Directory => Self::unreachable("NotConnected", why, &later),
            Step::Domain => Self::unreachable("OtherDomain", why, &later),
            Step::Password => {
                Self { directory: reached(), retrieval: Verdict::fails("NotReleased", why), logon: later() }
            }
            Step::GmsaLogon | Step::Handover => Self {
                directory: reached(),
                retrieval: Verdict::holds("Released", "the directory released the password"),
                logon: Verdict::fails("LogonRefused", why),
            },
        }
    }

    fn unreachable(reason: &str, why: String, later: &dyn Fn() -> Verdict) -> Self {
        Self { directory: Verdict::fails(reason, why), retrieval: later(), logon: later() }
    }
}

/// No server has answered, which says nothing about the account.
fn is_unreachable(cause: &Cause) -> bool {
    matches!(cause, Cause::Logon(Kerberos::Unreachable { .. } | Kerberos::NoKdc { .. }))
}

/// Whether a domain has refused the account: to ask once more with the same password could lock it out.
pub(super) fn is_refused(error: &GuardError) -> bool {
    error.step == Step::ImpersonationLogon && !is_unreachable(&error.cause)
}
