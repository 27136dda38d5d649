//! From pressures to a pace.
//!
//! The decision is a pure function of the pressures, the current pace and the time since pressure became low. The pace
//! falls at once and rises one step at a time, after `calm-seconds` below three quarters of every bound.

use std::time::Duration;

use serde::Serialize;

use crate::config::YieldConfig;

/// How much of the processor the model may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Pace {
    /// Computation is paused.
    Paused,
    /// Half of the threads.
    Half,
    /// All threads.
    Full,
}

impl Pace {
    /// Threads out of `threads` at this pace; at least one unless paused.
    pub const fn threads(self, threads: usize) -> usize {
        match self {
            Self::Paused => 0,
            Self::Half => threads.div_ceil(2),
            Self::Full => threads,
        }
    }

    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Paused => "paused",
            Self::Half => "half",
            Self::Full => "full",
        }
    }

    const fn up(self) -> Self {
        match self {
            Self::Paused => Self::Half,
            Self::Half | Self::Full => Self::Full,
        }
    }
}

/// Pressures in percent of the last ten seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Pressure {
    /// Share of time in which some task waited for the processor.
    pub cpu: f32,
    /// Share of time in which some task waited for I/O: the maximum of the system and the file services.
    pub io: f32,
    /// Share of time in which all tasks waited for memory.
    pub memory: f32,
}

/// The pace that these pressures allow, regardless of history.
fn allowed(pressure: Pressure, config: &YieldConfig, scale: f32) -> Pace {
    if pressure.io >= config.io_pause * scale || pressure.memory >= config.memory_pause * scale {
        Pace::Paused
    } else if pressure.io >= config.io_halve * scale || pressure.cpu >= config.cpu_halve * scale {
        Pace::Half
    } else {
        Pace::Full
    }
}

/// The next pace, after pressure was below the lower bounds for `calm`; and whether it is below them now.
pub fn decide(pace: Pace, calm: Duration, pressure: Pressure, config: &YieldConfig) -> (Pace, bool) {
    let now = allowed(pressure, config, 1.0);
    if now < pace {
        return (now, false);
    }
    let calm_now = pace < Pace::Full && allowed(pressure, config, 0.75) > pace;
    if calm_now && calm >= Duration::from_secs(u64::from(config.calm_seconds)) {
        (pace.up(), false)
    } else {
        (pace, calm_now)
    }
}

/// `avg10` of the line that begins with `who` (`some` or `full`) in a PSI file.
pub fn average(text: &str, who: &str) -> Option<f32> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(who)?.strip_prefix(' '))?;
    let value: f32 = line
        .split_ascii_whitespace()
        .find_map(|word| word.strip_prefix("avg10="))?
        .parse()
        .ok()?;
    (0.0..=100.0).contains(&value).then_some(value)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PSI: &str =
        "some avg10=12.34 avg60=1.00 avg300=0.10 total=123\nfull avg10=0.50 avg60=0 avg300=0 total=1\n";

    fn io(io: f32) -> Pressure {
        Pressure {
            io,
            ..Pressure::default()
        }
    }

    #[test]
    fn averages_are_read_and_nonsense_is_nothing() {
        assert_eq!(average(PSI, "some"), Some(12.34));
        assert_eq!(average(PSI, "full"), Some(0.5));
        assert_eq!(average("some avg10=101.00", "some"), None);
        assert_eq!(average("some avg10=NaN", "some"), None);
        assert_eq!(average("something avg10=1", "some"), None);
        assert_eq!(average("", "some"), None);
    }

    #[test]
    fn steps_down_at_once_and_up_one_by_one() {
        let config = YieldConfig::default();
        let (short, long) = (Duration::from_secs(9), Duration::from_secs(10));
        for (pace, calm, pressure, expected) in [
            (Pace::Full, long, io(19.9), (Pace::Full, false)),
            (Pace::Full, long, io(20.0), (Pace::Half, false)),
            (Pace::Full, long, io(50.0), (Pace::Paused, false)),
            (Pace::Half, long, io(16.0), (Pace::Half, false)),
            (Pace::Half, short, io(14.9), (Pace::Half, true)),
            (Pace::Half, long, io(14.9), (Pace::Full, false)),
            (Pace::Paused, short, io(37.0), (Pace::Paused, true)),
            (Pace::Paused, long, io(37.0), (Pace::Half, false)),
            (Pace::Paused, long, io(0.0), (Pace::Half, false)),
            (Pace::Paused, long, io(40.0), (Pace::Paused, false)),
        ] {
            assert_eq!(
                decide(pace, calm, pressure, &config),
                expected,
                "{pace:?} {calm:?} {pressure:?}"
            );
        }
        let cpu = Pressure {
            cpu: 100.0,
            ..Pressure::default()
        };
        assert_eq!(decide(Pace::Full, long, cpu, &config), (Pace::Half, false));
        let memory = Pressure {
            memory: 10.0,
            ..Pressure::default()
        };
        assert_eq!(decide(Pace::Half, long, memory, &config), (Pace::Paused, false));
    }

    #[test]
    fn threads_of_each_pace() {
        assert_eq!(
            [Pace::Paused, Pace::Half, Pace::Full].map(|pace| pace.threads(1)),
            [0, 1, 1]
        );
        assert_eq!(
            [Pace::Paused, Pace::Half, Pace::Full].map(|pace| pace.threads(8)),
            [0, 4, 8]
        );
    }

    proptest! {
        #[test]
        fn no_text_is_a_trap(text in ".{0,80}") {
            let _ = average(&text, "some");
        }

        #[test]
        fn higher_pressure_never_means_a_higher_pace(low in 0.0f32..100.0, more in 0.0f32..50.0, calm in 0u64..30) {
            let config = YieldConfig::default();
            let calm = Duration::from_secs(calm);
            for pace in [Pace::Paused, Pace::Half, Pace::Full] {
                prop_assert!(decide(pace, calm, io(low + more), &config).0 <= decide(pace, calm, io(low), &config).0);
            }
        }
    }
}
