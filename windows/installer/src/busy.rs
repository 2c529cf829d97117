//! Whether another run of the installer is at work, from what Windows says to whoever opens its lock.

use std::time::Duration;

/// `ERROR_SHARING_VIOLATION`: another run has it open.
const OPEN: i32 = 32;
/// `ERROR_ACCESS_DENIED`: another run is just closing it, by which it is deleted; or this is no administrator.
const DENIED: i32 = 5;
/// So long the former may take. The latter should not wait longer to hear so.
const CLOSING: Duration = Duration::from_secs(3);

/// Whether to try again, after so long, of as much time as there is.
#[must_use]
pub fn is_busy(code: Option<i32>, waited: Duration, patience: Duration) -> bool {
    match code {
        Some(OPEN) => waited < patience,
        Some(DENIED) => waited < patience.min(CLOSING),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_is_ending_is_waited_for_and_who_is_no_administrator_hears_so_soon() {
        let seconds = Duration::from_secs;
        let minute = seconds(60);
        assert!(is_busy(Some(32), seconds(59), minute) && !is_busy(Some(32), minute, minute));
        assert!(is_busy(Some(5), seconds(0), minute) && !is_busy(Some(5), seconds(3), minute));
        assert!(!is_busy(Some(5), seconds(0), seconds(0)), "nobody waits who said not to");
        assert!(!is_busy(Some(3), seconds(0), minute) && !is_busy(None, seconds(0), minute));
    }
}
