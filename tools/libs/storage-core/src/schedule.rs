//! When something is due.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use sigmavault_types::storage::Schedule;

/// Whether a schedule's numbers are possible, and which are.
pub fn check(schedule: Schedule) -> Result<(), String> {
    let within = |name, value, least, most| {
        if (least..=most).contains(&value) {
            Ok(())
        } else {
            Err(format!("{name} is {value}, and must be from {least} to {most}"))
        }
    };
    match schedule {
        Schedule::Hour { minute } => within("minute", minute, 0, 59),
        Schedule::Day { hour, minute } => {
            within("hour", hour, 0, 23)?;
            within("minute", minute, 0, 59)
        }
        Schedule::Week { day, hour } => {
            within("day", day, 1, 7)?;
            within("hour", hour, 0, 23)
        }
        Schedule::Month { day, hour } => {
            within("day", day, 1, 28)?;
            within("hour", hour, 0, 23)
        }
    }
}

/// The last time at or before `now` at which a schedule was due, in seconds since 1970 (UTC); none for times that no calendar has.
///
/// A time that the clocks skip in spring is due when they have been put forward, and one that they show twice in autumn is due the first
/// time.
pub fn last_due(schedule: Schedule, now: i64, zone: &TimeZone) -> Option<i64> {
    let now = Timestamp::from_second(now).ok()?;
    let local = zone.to_datetime(now);
    // The latest of this period, or of the one before when that is still to come. A period more is for clocks that are put back.
    let candidates = (0..3).filter_map(|back| zone.to_timestamp(due_in(schedule, local, back)?).ok());
    candidates
        .filter(|due| *due <= now)
        .max()
        .map(Timestamp::as_second)
}

/// Whether a run is due that was not made: none since the schedule was last due. Missed runs are made up by one.
pub fn is_due(schedule: Schedule, last_run: Option<i64>, now: i64, zone: &TimeZone) -> bool {
    let due = last_due(schedule, now, zone);
    due.is_some_and(|due| last_run.is_none_or(|run| run < due))
}

/// When a schedule is due in the period of a time, or in one before it.
fn due_in(schedule: Schedule, local: DateTime, back: i64) -> Option<DateTime> {
    let at = |date: Date, hour: u8, minute: u8| {
        Some(date.at(i8::try_from(hour).ok()?, i8::try_from(minute).ok()?, 0, 0))
    };
    match schedule {
        Schedule::Hour { minute } => {
            let hour = local.checked_sub(back.hours()).ok()?;
            at(hour.date(), u8::try_from(hour.hour()).ok()?, minute)
        }
        Schedule::Day { hour, minute } => at(local.date().checked_sub(back.days()).ok()?, hour, minute),
        Schedule::Week { day, hour } => {
            let today = i64::from(local.date().weekday().to_monday_one_offset());
            let days = today - i64::from(day) + 7 * back;
            at(local.date().checked_sub(days.days()).ok()?, hour, 0)
        }
        Schedule::Month { day, hour } => {
            let month = local.date().first_of_month().checked_sub(back.months()).ok()?;
            at(month.checked_add((i64::from(day) - 1).days()).ok()?, hour, 0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn berlin() -> TimeZone {
        // Central European Time as POSIX writes it, so that no database of time zones is needed.
        TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap()
    }

    fn at(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_second()
    }

    #[test]
    fn the_last_time_that_was_due() {
        let hour = Schedule::Hour { minute: 30 };
        let day = Schedule::Day { hour: 2, minute: 30 };
        let week = Schedule::Week { day: 7, hour: 3 };
        let month = Schedule::Month { day: 1, hour: 0 };
        for (schedule, now, due) in [
            (hour, "2026-12-01T12:29:59Z", "2026-12-01T11:30:00Z"),
            (hour, "2026-12-01T12:30:00Z", "2026-12-01T12:30:00Z"),
            (day, "2026-12-01T01:29:00Z", "2026-11-30T01:30:00Z"),
            (day, "2026-12-01T01:30:00Z", "2026-12-01T01:30:00Z"),
            // 2026-12-01 is a Tuesday; the Sunday before is 2026-11-29.
            (week, "2026-12-01T12:00:00Z", "2026-11-29T02:00:00Z"),
            (month, "2026-12-01T12:00:00Z", "2026-11-30T23:00:00Z"),
            (month, "2026-11-30T22:59:59Z", "2026-10-31T23:00:00Z"),
            // 2:30 does not exist on 2026-03-29: the clocks go from 2 to 3.
            (day, "2026-03-29T12:00:00Z", "2026-03-29T01:30:00Z"),
            // 2:30 is there twice on 2026-10-25: first as summer time.
            (day, "2026-10-25T12:00:00Z", "2026-10-25T00:30:00Z"),
        ] {
            assert_eq!(
                last_due(schedule, at(now), &berlin()),
                Some(at(due)),
                "{schedule:?} at {now}"
            );
        }
    }

    #[test]
    fn missed_runs_are_made_up_once() {
        let day = Schedule::Day { hour: 2, minute: 0 };
        let now = at("2026-12-01T12:00:00Z");
        let due = |last: Option<&str>| is_due(day, last.map(at), now, &berlin());
        assert!(due(None));
        assert!(due(Some("2026-11-20T01:00:00Z")), "the machine was off for days");
        assert!(!due(Some("2026-12-01T01:00:00Z")));
        assert!(!due(Some("2026-12-01T11:00:00Z")));
    }

    #[test]
    fn impossible_numbers() {
        assert_eq!(
            check(Schedule::Hour { minute: 60 }),
            Err("minute is 60, and must be from 0 to 59".to_owned())
        );
        assert_eq!(
            check(Schedule::Week { day: 0, hour: 1 }),
            Err("day is 0, and must be from 1 to 7".to_owned())
        );
        assert_eq!(
            check(Schedule::Month { day: 29, hour: 1 }),
            Err("day is 29, and must be from 1 to 28".to_owned())
        );
        assert_eq!(check(Schedule::Day { hour: 23, minute: 59 }), Ok(()));
    }
}
