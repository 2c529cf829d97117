//! The hours of the week at which an account may log on.

use dtyp::FileTime;

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

/// `logonHours`: a bit for each hour of a week; the first is Sunday's first, in universal time. MS-ADA1 2.376, MS-SAMR 2.2.6.5.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogonHours(pub [u8; 21]);

impl LogonHours {
    /// From the attribute's value. Hours of any other length bind nobody.
    #[must_use]
    pub fn from_value(value: &[u8]) -> Option<Self> {
        value.try_into().ok().map(Self)
    }

    /// Whether one may log on at this time.
    #[must_use]
    pub fn allow(&self, now: FileTime) -> bool {
        let seconds = now.unix_seconds();
        // 1970 began on a Thursday.
        let day = (seconds.div_euclid(DAY) + 4).rem_euclid(7);
        let hour = seconds.rem_euclid(DAY) / HOUR;
        let bit = usize::try_from(day * 24 + hour).unwrap_or_default();
        self.0.get(bit / 8).is_some_and(|byte| byte >> (bit % 8) & 1 != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logon_hours_count_from_sunday_in_universal_time() {
        // Tuesday 2023-11-14 22:13:20 UTC.
        let now = FileTime::from_unix(1_700_000_000, 0);
        let mut hours = LogonHours([0; 21]);
        let bit = 2 * 24 + 22;
        hours.0[bit / 8] = 1 << (bit % 8);
        assert!(hours.allow(now));
        assert!(!hours.allow(FileTime::from_unix(1_700_000_000 + HOUR, 0)));
        assert!(!hours.allow(FileTime::from_unix(1_700_000_000 - HOUR, 0)));
    }
}
