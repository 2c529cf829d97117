//! Whether an account may be used now. MS-KILE 3.3.5.6, 3.3.5.7.1.

use dtyp::FileTime;

use super::principals::control;
use super::refusal::Revocation;
use super::{Account, Refusal};

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

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
    if account.logon_hours.is_some_and(|hours| !is_within(&hours, now)) {
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

/// `logonHours`: the first bit is Sunday's first hour, UTC. MS-ADA1 2.376, MS-SAMR 2.2.6.5.
fn is_within(hours: &[u8; 21], now: FileTime) -> bool {
    let seconds = now.unix_seconds();
    // 1970 began on a Thursday.
    let day = (seconds.div_euclid(DAY) + 4).rem_euclid(7);
    let hour = seconds.rem_euclid(DAY) / HOUR;
    let bit = usize::try_from(day * 24 + hour).unwrap_or_default();
    hours.get(bit / 8).is_some_and(|byte| byte >> (bit % 8) & 1 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logon_hours_count_from_sunday_in_universal_time() {
        // Tuesday 2023-11-14 22:13:20 UTC.
        let now = FileTime::from_unix(1_700_000_000, 0);
        let mut hours = [0; 21];
        let bit = 2 * 24 + 22;
        hours[bit / 8] = 1 << (bit % 8);
        assert!(is_within(&hours, now));
        assert!(!is_within(&hours, FileTime::from_unix(1_700_000_000 + HOUR, 0)));
        assert!(!is_within(&hours, FileTime::from_unix(1_700_000_000 - HOUR, 0)));
    }
}
