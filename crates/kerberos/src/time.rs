use dtyp::FileTime;
use std::fmt;

/// A point in time to the second. RFC 4120 5.2.3. `19700101000000Z` means "never" in some fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KerberosTime {
    unix: i64,
}

impl KerberosTime {
    /// This many seconds after 1970.
    #[must_use]
    pub const fn from_unix(seconds: i64) -> Self {
        Self { unix: seconds }
    }

    /// Seconds after 1970.
    #[must_use]
    pub const fn unix(self) -> i64 {
        self.unix
    }

    /// Reads `YYYYMMDDHHMMSSZ`, the only form Kerberos allows.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let [digits @ .., b'Z'] = text else { return None };
        if digits.len() != 14 || !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let number = |from: usize, n: usize| {
            digits.iter().skip(from).take(n).fold(0i64, |value, digit| value * 10 + i64::from(digit - b'0'))
        };
        let (year, month, day) = (number(0, 4), number(4, 2), number(6, 2));
        let (hour, minute, second) = (number(8, 2), number(10, 2), number(12, 2));
        if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        Some(Self { unix: days_from_civil(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second })
    }
}

/// Days after 1970 of a date of the Gregorian calendar.
const fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    // Years begin in March, so that the leap day is their last.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The date of a day after 1970.
const fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, of_year - (153 * shifted + 2) / 5 + 1)
}

impl fmt::Display for KerberosTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil_from_days(self.unix.div_euclid(86_400));
        let second = self.unix.rem_euclid(86_400);
        write!(f, "{year:04}{month:02}{day:02}{:02}{:02}{:02}Z", second / 3600, second / 60 % 60, second % 60)
    }
}

impl From<FileTime> for KerberosTime {
    fn from(time: FileTime) -> Self {
        // The latest year of four digits is far enough for FileTime::NEVER.
        Self { unix: time.unix_seconds().clamp(0, 253_402_300_799) }
    }
}

impl From<KerberosTime> for FileTime {
    fn from(time: KerberosTime) -> Self {
        Self::from_unix(time.unix, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_dates_are_right() {
        for (text, unix) in
            [("19700101000000Z", 0), ("20260228235959Z", 1_772_323_199), ("20000229120000Z", 951_825_600)]
        {
            assert_eq!(KerberosTime::parse(text.as_bytes()), Some(KerberosTime::from_unix(unix)), "{text}");
        }
        for text in ["", "Z", "20260228235959", "20261328235959Z", "2026022823595xZ", "20260228235959.0Z"] {
            assert_eq!(KerberosTime::parse(text.as_bytes()), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back(unix in 0i64..253_402_300_799) {
            let time = KerberosTime::from_unix(unix);
            prop_assert_eq!(KerberosTime::parse(time.to_string().as_bytes()), Some(time));
        }
    }
}
