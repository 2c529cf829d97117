//! Whether an account may be used now. MS-KILE 3.3.5.6, 3.3.5.7.1.

use dtyp::FileTime;

use super::principals::control;
use super::refusal::Revocation;
use super::{Account, Refusal};

/// Refuses an account that is disabled, locked out, expired or out of its hours: in a first request and in every one after it.
pub(super) fn check(account: &Account, now: FileTime) -> Result<(), Refusal> {
    let revoked = |why| Err(Refusal::Revoked(why));
    if account.has(control::ACCOUNT_DISABLE) {
        return revoked(Revocation::Disabled);
    }
    if account.locked_until.is_some_and(|until| now < until) {
        return revoked(Revocation::LockedOut);
    }
    if account.expires.is_some_and(|expires| expires <= now) {
        return revoked(Revocation::Expired);
    }
    if account.logon_hours.is_some_and(|hours| !hours.allow(now)) {
        return revoked(Revocation::LogonHours);
    }
    Ok(())
}

/// Refuses a password that may only be changed any more.
pub(super) fn check_password(account: &Account, now: FileTime) -> Result<(), Refusal> {
    if account.must_change_password {
        return Err(Refusal::MustChange);
    }
    if account.password_expires.is_some_and(|expires| expires <= now) {
        return Err(Refusal::PasswordExpired);
    }
    Ok(())
}
