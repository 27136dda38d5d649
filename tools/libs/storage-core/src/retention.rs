//! Which snapshots of a policy are kept.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use sigmavault_types::storage::{Keep, Snapshot};

/// Why nothing is thrown away: the clock cannot be trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClockDoubt {
    /// A snapshot is from a time that is still to come.
    #[error(
        "{0} was made later than it is now: the clock was put back, or was ahead then; set the clock, and destroy that snapshot"
    )]
    Future(String),
    /// A later snapshot has an earlier time.
    #[error(
        "{0} was made after another one and has an earlier time: the clock jumped between them; destroy one of both"
    )]
    Order(String),
    /// There was no snapshot for longer than anything is kept.
    #[error(
        "the newest snapshot is {days} days old, and everything would expire at once: check the clock, then make a snapshot by hand"
    )]
    Jump {
        /// Days since the newest snapshot.
        days: i64,
    },
}

/// Seconds of a day.
const DAY: i64 = 86_400;
/// Days without any snapshot after which a clock that jumped is likelier than a machine that was off.
const LONG: i64 = 400;

/// The snapshots of one dataset and one policy that are no longer kept: all but the newest of each of the last so many hours, days, weeks,
/// months and years that have one. The newest of all always stays.
///
/// With a clock that jumped, ages are wrong: then nothing expires, and the reason is told.
pub fn expired<'a>(
    snapshots: &[&'a Snapshot],
    keep: Keep,
    now: i64,
    zone: &TimeZone,
) -> Result<Vec<&'a Snapshot>, ClockDoubt> {
    let mut ordered = snapshots.to_vec();
    ordered.sort_by_key(|snapshot| snapshot.transaction);
    trust(&ordered, now)?;
    let kept = kept(&ordered, keep, zone);
    ordered.retain(|snapshot| !kept.contains(snapshot.name.as_str()));
    Ok(ordered)
}

/// Whether the times of snapshots, oldest first, agree with the order in which they were made and with the clock.
fn trust(ordered: &[&Snapshot], now: i64) -> Result<(), ClockDoubt> {
    if let Some(ahead) = ordered.iter().find(|snapshot| snapshot.created > now) {
        return Err(ClockDoubt::Future(ahead.name.clone()));
    }
    let jumped = ordered.windows(2).find(|pair| pair[1].created < pair[0].created);
    if let Some(pair) = jumped {
        return Err(ClockDoubt::Order(pair[1].name.clone()));
    }
    let days = ordered.last().map_or(0, |newest| (now - newest.created) / DAY);
    if days > LONG {
        return Err(ClockDoubt::Jump { days });
    }
    Ok(())
}

/// What tells periods of one kind from each other.
type Period = fn(DateTime) -> (i16, i16);

fn kept<'a>(ordered: &[&'a Snapshot], keep: Keep, zone: &TimeZone) -> BTreeSet<&'a str> {
    let mut kept: BTreeSet<&str> = ordered
        .last()
        .map(|newest| newest.name.as_str())
        .into_iter()
        .collect();
    let periods: [(u32, Period); 5] = [
        (keep.hourly, |time| {
            (time.year(), time.day_of_year() * 24 + i16::from(time.hour()))
        }),
        (keep.daily, |time| (time.year(), time.day_of_year())),
        (keep.weekly, |time| {
            let week = time.date().iso_week_date();
            (week.year(), i16::from(week.week()))
        }),
        (keep.monthly, |time| (time.year(), i16::from(time.month()))),
        (keep.yearly, |time| (time.year(), 0)),
    ];
    for (count, period) in periods {
        let mut seen = BTreeSet::new();
        // The newest of a period is met first.
        for snapshot in ordered.iter().rev() {
            let Ok(time) = Timestamp::from_second(snapshot.created) else {
                continue;
            };
            let new = seen.insert(period(zone.to_datetime(time)));
            if seen.len() > usize::try_from(count).unwrap_or(usize::MAX) {
                break;
            }
            if new {
                kept.insert(&snapshot.name);
            }
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOUR: i64 = 3_600;

    fn snapshots(times: &[i64]) -> Vec<Snapshot> {
        let snapshot = |(number, created): (u64, &i64)| Snapshot {
            id: sigmavault_types::storage::Guid(number),
            name: format!("tank@{number}"),
            created: *created,
            transaction: number,
            used: 0,
            referenced: 0,
            holds: BTreeSet::new(),
            clones: BTreeSet::new(),
            policy: None,
            locked_until: None,
        };
        (0..).zip(times).map(snapshot).collect()
    }

    fn left(times: &[i64], keep: Keep, now: i64) -> Result<Vec<i64>, ClockDoubt> {
        let all = snapshots(times);
        let all: Vec<&Snapshot> = all.iter().collect();
        let gone = expired(&all, keep, now, &TimeZone::UTC)?;
        let kept = all
            .iter()
            .filter(|one| !gone.iter().any(|gone| gone.id == one.id));
        Ok(kept.map(|one| one.created).collect())
    }

    #[test]
    fn the_newest_of_each_period() {
        // 2026-11-29 (a Sunday) to 2026-12-01, each six hours.
        let start = "2026-11-29T00:00:00Z".parse::<Timestamp>().unwrap().as_second();
        let times: Vec<i64> = (0..10).map(|step| start + step * 6 * HOUR).collect();
        let hours = |kept: &[i64]| kept.iter().map(|time| (time - start) / HOUR).collect::<Vec<_>>();
        let now = start + 60 * HOUR;
        let keep = |hourly, daily, weekly, monthly| Keep {
            hourly,
            daily,
            weekly,
            monthly,
            yearly: 0,
        };
        for (keep, expected) in [
            (keep(0, 0, 0, 0), vec![54]),
            (keep(2, 0, 0, 0), vec![48, 54]),
            (keep(0, 2, 0, 0), vec![42, 54]),
            (keep(0, 9, 0, 0), vec![18, 42, 54]),
            (keep(0, 0, 2, 0), vec![18, 54]),
            (keep(0, 0, 0, 2), vec![42, 54]),
            (keep(3, 3, 3, 3), vec![18, 42, 48, 54]),
        ] {
            assert_eq!(hours(&left(&times, keep, now).unwrap()), expected, "{keep:?}");
        }
    }

    #[test]
    fn a_clock_that_jumped_expires_nothing() {
        let keep = Keep {
            daily: 1,
            ..Keep::default()
        };
        let (day, now) = (DAY, 1_000 * DAY);
        let cases = [
            (vec![now - day, now + 1], ClockDoubt::Future("tank@1".to_owned())),
            (
                vec![now - day, now - 2 * day],
                ClockDoubt::Order("tank@1".to_owned()),
            ),
            (
                vec![now - 500 * day, now - 450 * day],
                ClockDoubt::Jump { days: 450 },
            ),
        ];
        for (times, doubt) in cases {
            assert_eq!(left(&times, keep, now), Err(doubt));
        }
    }

    proptest! {
        #[test]
        fn the_newest_stays_and_no_more_than_asked_for(
            gaps in proptest::collection::vec(0..40 * DAY, 1..80),
            hourly in 0..30_u32, daily in 0..30_u32, weekly in 0..10_u32, monthly in 0..10_u32, yearly in 0..5_u32,
        ) {
            let mut time = 0;
            let times: Vec<i64> = gaps.iter().map(|gap| { time += gap; time }).collect();
            let keep = Keep { hourly, daily, weekly, monthly, yearly };
            let kept = left(&times, keep, time).unwrap();
            prop_assert_eq!(kept.last(), times.last());
            let most = (hourly + daily + weekly + monthly + yearly).max(1) as usize;
            prop_assert!(kept.len() <= most.max(1));
            // What is kept now is kept when nothing came in between.
            prop_assert_eq!(left(&kept, keep, time).unwrap(), kept);
        }
    }
}
