//! How long a pass takes by its number of rows, and how many drafts pay accordingly.
//!
//! A model that is limited by memory computes a few more rows at no cost; one that is limited by computation does not. Which one it is
//! depends on the machine, the model, the threads and the length of the sequence, so it is measured during decode.

/// The most rows for which times are kept.
const ROWS: usize = 64;

/// The weight of one pass in an average.
const WEIGHT: f64 = 0.15;

/// A pass that took more than this multiple of the average was interrupted, and is clamped to it.
const INTERRUPTED: f64 = 1.5;

/// The assumed cost of another row, as a share of a pass, before anything is measured.
const UNKNOWN_ROW: f64 = 0.05;

/// The smallest speed-up that counts; less is noise.
const MARGIN: f64 = 1.03;

/// One in this many steps has no drafts, so that the time of plain steps stays known.
const PLAIN: u64 = 64;

/// The seconds of passes without prefill.
#[derive(Debug)]
pub(super) struct Pace {
    seconds: [Option<f64>; ROWS],
    steps: u64,
}

impl Pace {
    pub(super) fn new() -> Pace {
        Pace {
            seconds: [None; ROWS],
            steps: 0,
        }
    }

    /// Records a pass.
    pub(super) fn learn(&mut self, rows: usize, seconds: f64) {
        if let Some(known) = rows.checked_sub(1).and_then(|at| self.seconds.get_mut(at)) {
            *known = Some(match *known {
                None => seconds,
                Some(before) => before + (seconds.min(before * INTERRUPTED) - before) * WEIGHT,
            });
        }
    }

    /// Forgets all times, as the following passes will take another time.
    pub(super) fn forget(&mut self) {
        self.seconds = [None; ROWS];
    }

    /// Whether this step has no drafts.
    pub(super) fn is_plain(&mut self) -> bool {
        self.steps += 1;
        self.steps.is_multiple_of(PLAIN)
    }

    /// The seconds of a pass, interpolated or extrapolated from the measured ones. A pass with more rows takes no less time.
    pub(super) fn seconds(&self, rows: usize) -> f64 {
        let known = |range: std::ops::Range<usize>| range.filter_map(|at| Some((at + 1, self.seconds[at]?)));
        let rows = rows.max(1);
        let below = known(0..rows.min(ROWS)).next_back();
        let above = known(rows.min(ROWS)..ROWS).next();
        let least = known(0..rows.min(ROWS))
            .map(|(_, seconds)| seconds)
            .fold(0.0, f64::max);
        #[expect(clippy::cast_precision_loss, reason = "a few rows")]
        let between = |from: usize, to: usize| (to - from) as f64;
        let seconds = match (below, above) {
            (Some((at, seconds)), _) if at == rows => seconds,
            (Some((low, few)), Some((high, many))) => {
                few + (many - few) * between(low, rows) / between(low, high)
            }
            (Some((low, few)), None) => {
                let first = known(0..low).next().filter(|(first, _)| *first < low);
                let measured = first.map(|(first, seconds)| (few - seconds) / between(first, low));
                few + measured.unwrap_or(few * UNKNOWN_ROW).max(0.0) * between(low, rows)
            }
            (None, Some((high, many))) => many / (1.0 + UNKNOWN_ROW * between(rows, high)),
            (None, None) => 1.0 + UNKNOWN_ROW * between(1, rows),
        };
        seconds.max(least)
    }
}

/// The number of drafts, at most `most`, with the highest throughput if each is accepted with probability `rate` after those before it.
/// The pass has `others` other rows, each of which yields a token. After a rejected draft, a state that cannot be truncated sees the
/// accepted ones again in the next pass (`replays`).
pub(super) fn best_width(
    rate: f64,
    others: usize,
    most: usize,
    replays: bool,
    seconds: impl Fn(usize) -> f64,
) -> usize {
    #[expect(clippy::cast_precision_loss, reason = "a few rows")]
    let beside = others as f64;
    let plain = seconds(others + 1);
    let (mut best, mut fastest) = (0, (beside + 1.0) / plain * MARGIN);
    // The probability that all drafts so far are accepted, the tokens they yield, and the cost of replaying them.
    let (mut accepted, mut tokens, mut again) = (1.0, 1.0, 0.0);
    for width in 1..=most {
        if replays {
            again += accepted * (1.0 - rate) * (seconds(others + width) - plain);
        }
        accepted *= rate;
        tokens += accepted;
        let speed = (beside + tokens) / (seconds(others + 1 + width) + again);
        if speed > fastest {
            (best, fastest) = (width, speed);
        }
    }
    best
}

#[cfg(test)]
#[expect(clippy::cast_precision_loss, reason = "a few rows")]
mod tests {
    use super::*;

    #[test]
    fn widths_are_those_that_pay() {
        // A pass limited by memory, one whose rows cost a little, one that doubles at 4 rows, one limited by computation.
        let free = |_: usize| 1.0;
        let cheap = |rows: usize| 1.0 + 0.1 * (rows - 1) as f64;
        let step = |rows: usize| if rows <= 4 { 1.0 } else { 2.0 };
        let dear = |rows: usize| rows as f64;
        let widths = |rate, others, replays| {
            [
                best_width(rate, others, 8, replays, free),
                best_width(rate, others, 8, replays, cheap),
                best_width(rate, others, 8, replays, step),
                best_width(rate, others, 8, replays, dear),
            ]
        };
        for (rate, others, replays, expected) in [
            (0.9, 0, false, [8, 8, 3, 0]),
            (0.6, 0, false, [8, 3, 3, 0]),
            (0.2, 0, false, [8, 1, 3, 0]),
            (0.02, 0, false, [0, 0, 0, 0]),
            (1.0, 0, false, [8, 8, 8, 0]),
            // With three others, a pass reaches the limit of four rows without any draft.
            (0.9, 3, false, [8, 7, 8, 0]),
            (0.3, 3, false, [8, 0, 0, 0]),
            (0.6, 0, true, [8, 3, 3, 0]),
            (0.0, 0, true, [0, 0, 0, 0]),
        ] {
            assert_eq!(
                widths(rate, others, replays),
                expected,
                "{rate} beside {others}, replays: {replays}"
            );
        }
    }

    #[test]
    fn times_are_measured_and_told_between() {
        let mut pace = Pace::new();
        let about = |a: f64, b: f64| assert!((a - b).abs() < 1e-9, "{a} is not {b}");
        about(pace.seconds(3), 1.1);
        pace.learn(1, 0.1);
        about(pace.seconds(1), 0.1);
        about(pace.seconds(3), 0.11);
        pace.learn(5, 0.2);
        about(pace.seconds(3), 0.15);
        about(pace.seconds(9), 0.3);
        // Interruptions hardly count; consistently slow passes do.
        pace.learn(1, 9.0);
        about(pace.seconds(1), 0.1 + 0.05 * WEIGHT);
        for _ in 0..100 {
            pace.learn(1, 0.3);
        }
        about((pace.seconds(1) * 1000.0).round(), 300.0);
        // More rows are never assumed to be faster.
        assert!(pace.seconds(5) >= pace.seconds(1));
        pace.learn(0, 1.0);
        pace.learn(1000, 1.0);
        pace.forget();
        about(pace.seconds(1), 1.0);
        assert!(pace.seconds(500) > 1.0);
        assert_eq!((0..640).filter(|_| pace.is_plain()).count(), 10);
    }
}
