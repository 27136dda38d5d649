//! What goes through a whole pool: scrubs, resilvers, expansions, removals.

use serde::Deserialize;

use crate::json;

/// What a scan is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Function {
    /// Reading everything to find what is damaged.
    Scrub,
    /// Writing what a device lacks.
    Resilver,
    /// Another word, or none.
    #[default]
    Other,
}

/// How far a job is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum State {
    /// It runs.
    Running,
    /// It waits to be continued.
    Paused,
    /// It is done.
    Finished,
    /// It was given up.
    Cancelled,
    /// There is none.
    #[default]
    None,
}

impl State {
    fn of(word: &str) -> Self {
        match word {
            "SCANNING" | "ERRORSCRUBBING" => Self::Running,
            "FINISHED" => Self::Finished,
            "CANCELED" => Self::Cancelled,
            _ => Self::None,
        }
    }

    fn paused_if(self, paused: bool) -> Self {
        match self {
            Self::Running if paused => Self::Paused,
            state => state,
        }
    }
}

/// The scrub or resilver that runs or was the last. Times are Unix seconds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "PrintedScan")]
pub struct Scan {
    /// What it is for.
    pub function: Function,
    /// How far it is.
    pub state: State,
    /// When it was started.
    pub started: Option<u64>,
    /// When it ended.
    pub ended: Option<u64>,
    /// When it was paused; kept after it was stopped.
    pub paused: Option<u64>,
    /// When it was continued last, or started.
    pub pass_started: Option<u64>,
    /// Seconds of this pass that it was paused.
    pub pass_paused: u64,
    /// Bytes to go through.
    pub to_examine: u64,
    /// Bytes whose addresses were found.
    pub examined: u64,
    /// Bytes that need not be read.
    pub skipped: u64,
    /// Bytes that were read.
    pub issued: u64,
    /// Bytes that were read since it was continued last.
    pub pass_issued: u64,
    /// Bytes that were written to repair or to fill a device.
    pub repaired: u64,
    /// Blocks that could not be read.
    pub errors: u64,
    /// The error scrub that runs or was the last.
    pub error_scrub: Option<ErrorScrub>,
}

impl Scan {
    /// Bytes a second since it was continued last, at this time in Unix seconds; none in its first second.
    pub fn rate(&self, now: u64) -> Option<u64> {
        let passed = now
            .checked_sub(self.pass_started?)?
            .checked_sub(self.pass_paused)?;
        self.pass_issued.checked_div(passed)
    }

    /// Seconds that it will still take, at this time in Unix seconds; none while that cannot be told.
    pub fn left(&self, now: u64) -> Option<u64> {
        if self.state != State::Running {
            return None;
        }
        let done = self.issued.saturating_add(self.skipped);
        self.to_examine.saturating_sub(done).checked_div(self.rate(now)?)
    }
}

/// A scrub of only the blocks that are known to be damaged (`zpool scrub -e`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ErrorScrub {
    /// How far it is.
    pub state: State,
    /// When it was started.
    pub started: Option<u64>,
    /// When it ended.
    pub ended: Option<u64>,
    /// When it was paused.
    pub paused: Option<u64>,
    /// Blocks that were read.
    pub examined: u64,
    /// Blocks to read. ZFS counts it down, below 0 too, which it prints as a number near 2^64: that is 0 here.
    pub to_examine: u64,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct PrintedScan {
    function: String,
    state: String,
    #[serde(deserialize_with = "json::time")]
    start_time: Option<u64>,
    #[serde(deserialize_with = "json::time")]
    end_time: Option<u64>,
    #[serde(deserialize_with = "json::time")]
    scrub_pause: Option<u64>,
    #[serde(deserialize_with = "json::time")]
    pass_start: Option<u64>,
    #[serde(deserialize_with = "json::count")]
    scrub_spent_paused: u64,
    #[serde(deserialize_with = "json::count")]
    to_examine: u64,
    #[serde(deserialize_with = "json::count")]
    examined: u64,
    #[serde(deserialize_with = "json::count")]
    skipped: u64,
    #[serde(deserialize_with = "json::count")]
    processed: u64,
    #[serde(deserialize_with = "json::count")]
    issued: u64,
    #[serde(deserialize_with = "json::count")]
    issued_bytes_per_scan: u64,
    #[serde(deserialize_with = "json::count")]
    errors: u64,
    err_scrub_state: Option<String>,
    #[serde(deserialize_with = "json::time")]
    err_scrub_start_time: Option<u64>,
    #[serde(deserialize_with = "json::time")]
    err_scrub_end_time: Option<u64>,
    #[serde(deserialize_with = "json::time")]
    err_scrub_pause: Option<u64>,
    #[serde(deserialize_with = "json::count")]
    err_scrub_examined: u64,
    #[serde(deserialize_with = "json::count")]
    err_scrub_to_examine: u64,
}

impl From<PrintedScan> for Scan {
    fn from(printed: PrintedScan) -> Self {
        let error_scrub = printed.err_scrub_state.map(|state| ErrorScrub {
            state: State::of(&state).paused_if(printed.err_scrub_pause.is_some()),
            started: printed.err_scrub_start_time,
            ended: printed.err_scrub_end_time,
            paused: printed.err_scrub_pause,
            examined: printed.err_scrub_examined,
            to_examine: Some(printed.err_scrub_to_examine)
                .filter(|blocks| i64::try_from(*blocks).is_ok())
                .unwrap_or(0),
        });
        Self {
            function: match printed.function.as_str() {
                "SCRUB" => Function::Scrub,
                "RESILVER" => Function::Resilver,
                _ => Function::Other,
            },
            state: State::of(&printed.state).paused_if(printed.scrub_pause.is_some()),
            started: printed.start_time,
            ended: printed.end_time,
            paused: printed.scrub_pause,
            pass_started: printed.pass_start,
            pass_paused: printed.scrub_spent_paused,
            to_examine: printed.to_examine,
            examined: printed.examined,
            skipped: printed.skipped,
            issued: printed.issued,
            pass_issued: printed.issued_bytes_per_scan,
            repaired: printed.processed,
            errors: printed.errors,
            error_scrub,
        }
    }
}

/// The expansion of a RAID-Z vdev by one more disk that runs or was the last. Times are Unix seconds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "PrintedJob")]
pub struct Expansion {
    /// Number of the vdev among those with data.
    pub vdev: u64,
    /// How far it is.
    pub state: State,
    /// When it was started.
    pub started: Option<u64>,
    /// When it ended.
    pub ended: Option<u64>,
    /// Bytes to move.
    pub to_move: u64,
    /// Bytes that were moved.
    pub moved: u64,
    /// Whether it waits for a resilver.
    pub waits_for_resilver: bool,
}

/// The removal of a vdev that runs or was the last. Times are Unix seconds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "PrintedJob")]
pub struct Removal {
    /// Name of the vdev; `indirect` when it is gone.
    pub vdev: String,
    /// How far it is.
    pub state: State,
    /// When it was started.
    pub started: Option<u64>,
    /// When it ended.
    pub ended: Option<u64>,
    /// Bytes to move to the other vdevs.
    pub to_move: u64,
    /// Bytes that were moved.
    pub moved: u64,
    /// Bytes of memory for the table of where everything is now.
    pub mapping_memory: u64,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct PrintedJob {
    name: String,
    state: String,
    #[serde(deserialize_with = "json::count")]
    expanding_vdev: u64,
    #[serde(deserialize_with = "json::time")]
    start_time: Option<u64>,
    #[serde(deserialize_with = "json::time")]
    end_time: Option<u64>,
    #[serde(deserialize_with = "json::count", alias = "to_reflow")]
    to_copy: u64,
    #[serde(deserialize_with = "json::count", alias = "reflowed")]
    copied: u64,
    #[serde(deserialize_with = "json::truth")]
    waiting_for_resilver: bool,
    #[serde(deserialize_with = "json::count")]
    mapping_memory: u64,
}

impl From<PrintedJob> for Expansion {
    fn from(printed: PrintedJob) -> Self {
        Self {
            vdev: printed.expanding_vdev,
            state: State::of(&printed.state),
            started: printed.start_time,
            ended: printed.end_time,
            to_move: printed.to_copy,
            moved: printed.copied,
            waits_for_resilver: printed.waiting_for_resilver,
        }
    }
}

impl From<PrintedJob> for Removal {
    fn from(printed: PrintedJob) -> Self {
        Self {
            vdev: printed.name,
            state: State::of(&printed.state),
            started: printed.start_time,
            ended: printed.end_time,
            to_move: printed.to_copy,
            moved: printed.copied,
            mapping_memory: printed.mapping_memory,
        }
    }
}
