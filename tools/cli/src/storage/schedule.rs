//! Schedules on the command line: a period, with a day and a time where they are not the first ones.

use sigmavault_storage_core::schedule::check;
use sigmavault_types::storage::Schedule;

/// The days of a week, from 1 (ISO 8601).
pub const DAYS: [&str; 7] = [
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
];

/// How a schedule is written.
pub const FORM: &str =
    "write hour[@MINUTE], day[@HOUR:MINUTE], week[:DAY][@HOUR] or month[:DAY][@HOUR], such as week:sunday@3";

/// A schedule such as `hour@30`, `day@03:15`, `weekly`, `week:sunday@3` or `month:15@4`. Without a time it is due when its period begins.
pub fn schedule(text: &str) -> Result<Schedule, String> {
    let wrong = || format!("'{text}' is no schedule: {FORM}");
    let (period, time) = match text.split_once('@') {
        Some((period, time)) => (period, Some(time)),
        None => (text, None),
    };
    let (period, day) = match period.split_once(':') {
        Some((period, day)) => (period, Some(day)),
        None => (period, None),
    };
    let number = |digits: &str| -> Result<u8, String> {
        let plain = (1..=2).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse().ok().filter(|_| plain).ok_or_else(wrong)
    };
    let hour = |time: Option<&str>| match time {
        None => Ok(0),
        Some(time) => match time.split_once(':') {
            None => number(time),
            Some((hour, "00" | "0")) => number(hour),
            Some(_) => Err(format!("'{text}' is not on the hour: {FORM}")),
        },
    };
    let schedule = match (period, day) {
        ("hour" | "hourly", None) => Schedule::Hour {
            minute: time.map_or(Ok(0), number)?,
        },
        ("day" | "daily", None) => {
            let (hour, minute) = match time {
                None => (0, 0),
                Some(time) => match time.split_once(':') {
                    Some((hour, minute)) => (number(hour)?, number(minute)?),
                    None => (number(time)?, 0),
                },
            };
            Schedule::Day { hour, minute }
        }
        ("week" | "weekly", day) => Schedule::Week {
            day: day.map_or(Ok(1), |day| weekday(day).map_or_else(|| number(day), Ok))?,
            hour: hour(time)?,
        },
        ("month" | "monthly", day) => Schedule::Month {
            day: day.map_or(Ok(1), number)?,
            hour: hour(time)?,
        },
        _ => return Err(wrong()),
    };
    check(schedule)?;
    Ok(schedule)
}

/// A schedule, or none for `never`.
pub fn schedule_or_never(text: &str) -> Result<Due, String> {
    if text == "never" {
        Ok(Due(None))
    } else {
        schedule(text).map(|schedule| Due(Some(schedule)))
    }
}

/// When something is due, if it is at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due(pub Option<Schedule>);

fn weekday(name: &str) -> Option<u8> {
    let name = name.to_ascii_lowercase();
    let at = DAYS
        .iter()
        .position(|day| *day == name || (name.len() == 3 && day.starts_with(&name)))?;
    u8::try_from(at + 1).ok()
}

/// A schedule for a person.
pub fn words(schedule: Schedule) -> String {
    match schedule {
        Schedule::Hour { minute } => format!("each hour at minute {minute}"),
        Schedule::Day { hour, minute } => format!("each day at {hour:02}:{minute:02}"),
        Schedule::Week { day, hour } => {
            let name = DAYS.get(usize::from(day).wrapping_sub(1)).copied();
            let name = name.map_or_else(|| format!("day {day} of the week"), capital);
            format!("each {name} at {hour:02}:00")
        }
        Schedule::Month { day, hour } => format!("each month on day {day} at {hour:02}:00"),
    }
}

fn capital(name: &str) -> String {
    let (first, rest) = name.split_at(1);
    first.to_ascii_uppercase() + rest
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_text_is_a_possible_schedule_or_refused(
            text in r"\PC*|(hour|day|week|month)(:[a-z0-9]{0,6})?(@[0-9:]{0,5})?"
        ) {
            if let Ok(possible) = schedule(&text) {
                prop_assert_eq!(check(possible), Ok(()));
            }
        }
    }

    #[test]
    fn schedules() {
        for (text, expected, said) in [
            ("hourly", Schedule::Hour { minute: 0 }, "each hour at minute 0"),
            ("hour@30", Schedule::Hour { minute: 30 }, "each hour at minute 30"),
            ("day", Schedule::Day { hour: 0, minute: 0 }, "each day at 00:00"),
            (
                "daily@03:15",
                Schedule::Day { hour: 3, minute: 15 },
                "each day at 03:15",
            ),
            (
                "day@22",
                Schedule::Day { hour: 22, minute: 0 },
                "each day at 22:00",
            ),
            (
                "weekly",
                Schedule::Week { day: 1, hour: 0 },
                "each Monday at 00:00",
            ),
            (
                "week:Sunday@3",
                Schedule::Week { day: 7, hour: 3 },
                "each Sunday at 03:00",
            ),
            (
                "week:wed@04:00",
                Schedule::Week { day: 3, hour: 4 },
                "each Wednesday at 04:00",
            ),
            (
                "month:15@4",
                Schedule::Month { day: 15, hour: 4 },
                "each month on day 15 at 04:00",
            ),
            (
                "monthly",
                Schedule::Month { day: 1, hour: 0 },
                "each month on day 1 at 00:00",
            ),
        ] {
            assert_eq!(schedule(text), Ok(expected), "{text}");
            assert_eq!(words(expected), said);
        }
        assert_eq!(schedule_or_never("never"), Ok(Due(None)));
    }

    #[test]
    fn what_is_no_schedule() {
        for text in [
            "",
            "year",
            "day:1",
            "hour:5",
            "hour@1:2",
            "week:+1",
            "month:1@",
            "day@3:5:1",
            "week:s",
        ] {
            assert_eq!(
                schedule(text),
                Err(format!("'{text}' is no schedule: {FORM}")),
                "{text}"
            );
        }
        assert_eq!(
            schedule("month:31"),
            Err("day is 31, and must be from 1 to 28".to_owned())
        );
        assert_eq!(
            schedule("week@3:30"),
            Err(format!("'week@3:30' is not on the hour: {FORM}"))
        );
    }
}
