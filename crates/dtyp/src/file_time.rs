//! Times as Windows counts them.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::Error;

/// 100-nanosecond ticks since 1601-01-01 UTC. MS-DTYP 2.3.3.
///
/// Arithmetic with a [`Duration`] stays at the ends of the range instead of wrapping.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct FileTime(pub u64);

const TICKS_PER_SECOND: u64 = 10_000_000;
const SECONDS_1601_TO_1970: u64 = 11_644_473_600;
const SECONDS_PER_DAY: u64 = 86_400;
/// Days from 0000-03-01 (proleptic) to 1601-01-01.
const DAYS_TO_1601: u64 = 584_694;

impl FileTime {
    /// 1601-01-01. Many attributes use it for "not set".
    pub const ZERO: Self = Self(0);
    /// The greatest signed value. Attributes such as `accountExpires` use it for "never".
    pub const NEVER: Self = Self(i64::MAX as u64);

    /// The time this many seconds and nanoseconds after 1970-01-01.
    #[must_use]
    pub const fn from_unix(seconds: i64, nanos: u32) -> Self {
        let ticks = (seconds as i128 + SECONDS_1601_TO_1970 as i128) * TICKS_PER_SECOND as i128 + (nanos / 100) as i128;
        if ticks < 0 {
            Self::ZERO
        } else if ticks > u64::MAX as i128 {
            Self(u64::MAX)
        } else {
            Self(ticks as u64)
        }
    }

    /// Whole seconds after 1970-01-01, rounded down.
    #[must_use]
    pub const fn unix_seconds(self) -> i64 {
        (self.0 / TICKS_PER_SECOND) as i64 - SECONDS_1601_TO_1970 as i64
    }

    /// The nanoseconds beyond [`unix_seconds`](Self::unix_seconds).
    #[must_use]
    pub const fn subsec_nanos(self) -> u32 {
        (self.0 % TICKS_PER_SECOND) as u32 * 100
    }

    /// From the standard library's time; before 1601 is 1601.
    #[must_use]
    pub fn from_system_time(time: SystemTime) -> Self {
        let epoch = Self::from_unix(0, 0);
        match time.duration_since(UNIX_EPOCH) {
            Ok(after) => epoch.saturating_add(after),
            Err(before) => epoch.saturating_sub(before.duration()),
        }
    }

    /// To the standard library's time.
    #[must_use]
    pub fn to_system_time(self) -> SystemTime {
        let epoch = Self::from_unix(0, 0);
        if self >= epoch { UNIX_EPOCH + self.since(epoch) } else { UNIX_EPOCH - epoch.since(self) }
    }

    /// Later by `duration`, or the greatest time.
    #[must_use]
    pub const fn saturating_add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(ticks(duration)))
    }

    /// Earlier by `duration`, or 1601.
    #[must_use]
    pub const fn saturating_sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(ticks(duration)))
    }

    /// How long after `earlier` this is; nothing when it is not after.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        let ticks = self.0.saturating_sub(earlier.0);
        Duration::new(ticks / TICKS_PER_SECOND, (ticks % TICKS_PER_SECOND) as u32 * 100)
    }

    /// The generalized time of LDAP as Active Directory writes it: whole seconds, `20260102030405.0Z`. RFC 4517 3.3.13.
    ///
    /// Times after the year 9999 are written as its last second.
    #[must_use]
    pub fn generalized(self) -> String {
        let t = self.civil();
        format!("{:04}{:02}{:02}{:02}{:02}{:02}.0Z", t.year, t.month, t.day, t.hour, t.minute, t.second)
    }

    /// Reads a generalized time (`20260102030405.0Z`, any fraction, `Z` or `±hhmm`) or a UTC time (`260102030405Z`).
    ///
    /// # Errors
    /// When the text is neither, or before 1601.
    pub fn parse_generalized(text: &str) -> Result<Self, Error> {
        parse(text).ok_or_else(|| Error::TimeText(text.chars().take(64).collect()))
    }

    fn civil(self) -> Civil {
        let seconds = self.0 / TICKS_PER_SECOND;
        // Years beyond four digits cannot be written.
        let seconds = seconds.min(265_046_774_399);
        let (days, of_day) = (seconds / SECONDS_PER_DAY + DAYS_TO_1601, seconds % SECONDS_PER_DAY);
        // Years that begin on 1 March, so that the leap day is their last.
        let (era, of_era) = (days / 146_097, days % 146_097);
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted = (5 * of_year + 2) / 153;
        let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
        Civil {
            year: era * 400 + year_of_era + u64::from(month <= 2),
            month,
            day: of_year - (153 * shifted + 2) / 5 + 1,
            hour: of_day / 3_600,
            minute: of_day / 60 % 60,
            second: of_day % 60,
        }
    }
}

struct Civil {
    year: u64,
    month: u64,
    day: u64,
    hour: u64,
    minute: u64,
    second: u64,
}

const fn ticks(duration: Duration) -> u64 {
    duration.as_secs().saturating_mul(TICKS_PER_SECOND).saturating_add(duration.subsec_nanos() as u64 / 100)
}

/// Days from 1601-01-01 to a date, or nothing when there is no such date or it is earlier.
fn days_to(year: u64, month: u64, day: u64) -> Option<u64> {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let length = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return None,
    };
    if year < 1601 || day == 0 || day > length {
        return None;
    }
    let year = if month <= 2 { year - 1 } else { year };
    let shifted = if month > 2 { month - 3 } else { month + 9 };
    let of_year = (153 * shifted + 2) / 5 + day - 1;
    let days = year * 365 + year / 4 - year / 100 + year / 400 + of_year;
    days.checked_sub(DAYS_TO_1601)
}

fn parse(text: &str) -> Option<FileTime> {
    let digits_end = text.bytes().position(|b| !b.is_ascii_digit())?;
    let (digits, rest) = text.split_at_checked(digits_end)?;
    let two = |at: usize| digits.get(at..at + 2)?.parse::<u64>().ok();
    let (year, fields) = match digits.len() {
        14 => (two(0)? * 100 + two(2)?, 4),
        12 => {
            let year = two(0)?;
            (if year < 50 { 2000 + year } else { 1900 + year }, 2)
        }
        _ => return None,
    };
    let (month, day) = (two(fields)?, two(fields + 2)?);
    let (hour, minute, second) = (two(fields + 4)?, two(fields + 6)?, two(fields + 8)?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let (fraction, zone) = match rest.strip_prefix(['.', ',']) {
        Some(fraction) => {
            let end = fraction.bytes().position(|b| !b.is_ascii_digit())?;
            fraction.split_at_checked(end).filter(|(f, _)| !f.is_empty())?
        }
        None => ("", rest),
    };
    let mut sub_ticks = 0;
    let mut unit = TICKS_PER_SECOND / 10;
    for digit in fraction.bytes() {
        sub_ticks += u64::from(digit - b'0') * unit;
        unit /= 10;
    }
    let seconds = days_to(year, month, day)? * SECONDS_PER_DAY + hour * 3_600 + minute * 60 + second;
    let seconds = match offset_seconds(zone)? {
        (true, ahead) => seconds.checked_sub(ahead)?,
        (false, behind) => seconds.checked_add(behind)?,
    };
    Some(FileTime(seconds * TICKS_PER_SECOND + sub_ticks))
}

/// How far a zone is from UTC, and whether it is ahead of it.
fn offset_seconds(zone: &str) -> Option<(bool, u64)> {
    if zone == "Z" {
        return Some((true, 0));
    }
    let ahead = zone.starts_with('+');
    let digits = zone.strip_prefix(['+', '-'])?;
    if !matches!(digits.len(), 2 | 4) || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let hours: u64 = digits.get(..2)?.parse().ok()?;
    let minutes: u64 = digits.get(2..).filter(|m| !m.is_empty()).map_or(Some(0), |m| m.parse().ok())?;
    (hours < 24 && minutes < 60).then_some((ahead, hours * 3_600 + minutes * 60))
}

impl Add<Duration> for FileTime {
    type Output = Self;
    fn add(self, duration: Duration) -> Self {
        self.saturating_add(duration)
    }
}

impl Sub<Duration> for FileTime {
    type Output = Self;
    fn sub(self, duration: Duration) -> Self {
        self.saturating_sub(duration)
    }
}

/// For people: `2026-01-02 03:04:05 UTC`.
impl fmt::Display for FileTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let t = self.civil();
        write!(f, "{:04}-{:02}-{:02} {:02}:{:02}:{:02} UTC", t.year, t.month, t.day, t.hour, t.minute, t.second)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_unix_epoch_is_where_windows_says() {
        assert_eq!(FileTime::from_unix(0, 0), FileTime(116_444_736_000_000_000));
        assert_eq!(FileTime::from_unix(0, 0).generalized(), "19700101000000.0Z");
        assert_eq!(FileTime::ZERO.generalized(), "16010101000000.0Z");
    }

    #[test]
    fn known_times_are_written_and_read() {
        for (unix, text) in [
            (1_767_323_045, "20260102030405.0Z"),
            (951_782_400, "20000229000000.0Z"),
            (4_107_542_399, "21000228235959.0Z"),
            (-1, "19691231235959.0Z"),
        ] {
            let time = FileTime::from_unix(unix, 0);
            assert_eq!(time.generalized(), text);
            assert_eq!(FileTime::parse_generalized(text), Ok(time));
            assert_eq!(time.unix_seconds(), unix);
        }
    }

    #[test]
    fn fractions_zones_and_the_short_form_are_read() {
        let time = FileTime::parse_generalized("20260102030405.0Z").unwrap();
        assert_eq!(FileTime::parse_generalized("20260102030405Z"), Ok(time));
        assert_eq!(FileTime::parse_generalized("260102030405Z"), Ok(time));
        assert_eq!(FileTime::parse_generalized("20260102050405.0+0200"), Ok(time));
        assert_eq!(FileTime::parse_generalized("20260101213405.0-0530"), Ok(time));
        assert_eq!(FileTime::parse_generalized("20260102030405.1234567Z"), Ok(FileTime(time.0 + 1_234_567)));
        assert_eq!(
            FileTime::parse_generalized("20260102030405.12345678901234567890Z"),
            Ok(FileTime(time.0 + 1_234_567))
        );
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "Z",
            "20260102030405",
            "20260132030405.0Z",
            "20250229000000.0Z",
            "20260102240000.0Z",
            "16001231235959.0Z",
            "16010101000000.0+0100",
            "20260102030405.Z",
            "20260102030405.0z",
        ] {
            assert!(FileTime::parse_generalized(text).is_err(), "{text}");
        }
    }

    #[test]
    fn arithmetic_stays_in_range() {
        assert_eq!(FileTime::ZERO - Duration::from_secs(1), FileTime::ZERO);
        assert_eq!(FileTime(u64::MAX) + Duration::from_secs(1), FileTime(u64::MAX));
        assert_eq!(FileTime::ZERO.since(FileTime(5)), Duration::ZERO);
        assert_eq!(FileTime(u64::MAX).generalized(), "99991231235959.0Z");
    }

    proptest! {
        #[test]
        fn every_second_to_the_year_9999_survives_its_text(seconds in 0u64..265_046_774_400) {
            let time = FileTime(seconds * TICKS_PER_SECOND);
            prop_assert_eq!(FileTime::parse_generalized(&time.generalized()), Ok(time));
        }

        #[test]
        fn system_time_and_back(ticks in 0u64..(1 << 62)) {
            prop_assert_eq!(FileTime::from_system_time(FileTime(ticks).to_system_time()), FileTime(ticks));
        }

        #[test]
        fn any_text_is_read_or_refused(text in ".{0,40}") {
            let _ = FileTime::parse_generalized(&text);
        }
    }
}
