//! `strftime` for templates that contain the date.

use std::time::{SystemTime, UNIX_EPOCH};

use minijinja::{Error, ErrorKind};

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = [
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
];

/// A moment in UTC.
struct Moment {
    year: u64,
    month: usize,
    day: u64,
    weekday: usize,
    second: u64,
}

/// The civil date of a number of days since 1970-01-01, by the era method of Howard Hinnant's `civil_from_days`.
fn moment(now: SystemTime) -> Moment {
    let seconds = now.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    let days = seconds / 86_400;
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let of_era = shifted % 146_097;
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    // 1970-01-01 was a Thursday.
    let weekday = usize::try_from((days + 3) % 7).unwrap_or(0);
    Moment {
        year,
        month: usize::try_from(month).unwrap_or(1),
        day,
        weekday,
        second: seconds % 86_400,
    }
}

/// Formats `now`, in UTC, by a `strftime` pattern.
pub(super) fn format(now: SystemTime, pattern: &str) -> Result<String, Error> {
    let m = moment(now);
    let (hour, minute, second) = (m.second / 3600, m.second / 60 % 60, m.second % 60);
    let half = if hour % 12 == 0 { 12 } else { hour % 12 };
    let (month, day) = (MONTHS[m.month - 1], DAYS[m.weekday]);
    let mut out = String::new();
    let mut letters = pattern.chars();
    while let Some(c) = letters.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let mut letter = letters.next();
        let bare = letter == Some('-');
        if bare {
            letter = letters.next();
        }
        let two = |n: u64| if bare { n.to_string() } else { format!("{n:02}") };
        let part = match letter {
            Some('Y') => m.year.to_string(),
            Some('y') => two(m.year % 100),
            Some('m') => two(m.month as u64),
            Some('d') => two(m.day),
            Some('e') => format!("{:2}", m.day),
            Some('H') => two(hour),
            Some('I') => two(half),
            Some('M') => two(minute),
            Some('S') => two(second),
            Some('p') => String::from(if hour < 12 { "AM" } else { "PM" }),
            Some('B') => month.to_owned(),
            Some('b' | 'h') => month[..3].to_owned(),
            Some('A') => day.to_owned(),
            Some('a') => day[..3].to_owned(),
            Some('F') => format!("{}-{:02}-{:02}", m.year, m.month, m.day),
            Some('T') => format!("{hour:02}:{minute:02}:{second:02}"),
            Some('Z') => "UTC".to_owned(),
            Some('z') => "+0000".to_owned(),
            Some('%') => "%".to_owned(),
            other => {
                let letter = other.map_or_else(String::new, String::from);
                return Err(Error::new(
                    ErrorKind::InvalidOperation,
                    format!("strftime_now does not support %{letter}"),
                ));
            }
        };
        out.push_str(&part);
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn at(seconds: u64, pattern: &str) -> String {
        format(UNIX_EPOCH + Duration::from_secs(seconds), pattern).unwrap()
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!(at(0, "%A %d %B %Y"), "Thursday 01 January 1970");
        assert_eq!(at(951_782_400, "%a %-d %b %y"), "Tue 29 Feb 00");
        assert_eq!(
            at(1_798_761_599, "%Y-%m-%d %H:%M:%S %I %p"),
            "2026-12-31 23:59:59 11 PM"
        );
        assert_eq!(at(4_107_542_400, "%F"), "2100-03-01");
        assert!(format(UNIX_EPOCH, "%Q").is_err());
    }
}
