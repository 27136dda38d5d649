//! Work that goes through a whole pool: zpool-scrub(8), zpool-trim(8), zpool-initialize(8).

use super::command::{option, zpool};
use crate::run::Invocation;

/// What is done to work of this kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// It is started, or continued.
    Start,
    /// It is paused; `Start` continues it.
    Pause,
    /// It is ended.
    Stop,
}

/// Starts, pauses or stops a scrub.
pub fn scrub(pool: &str, step: Step) -> Invocation {
    let option = match step {
        Step::Start => None,
        Step::Pause => Some("-p"),
        Step::Stop => Some("-s"),
    };
    zpool("scrub").args(option).args(["--", pool])
}

/// Scrubs only the blocks that are known to be damaged: what could be repaired meanwhile is no error any more.
pub fn error_scrub(pool: &str) -> Invocation {
    zpool("scrub").args(["-e", "--", pool])
}

/// Resilvers from the beginning.
pub fn resilver(pool: &str) -> Invocation {
    zpool("resilver").args(["--", pool])
}

/// Tells the disks of a pool, or one of them, which blocks are free. `rate` is in bytes a second for each disk.
pub fn trim(pool: &str, device: Option<&str>, step: Step, rate: Option<u64>) -> Invocation {
    let rate = rate.map(|bytes| bytes.to_string());
    zpool("trim")
        .args(letter(step))
        .args(rate.into_iter().flat_map(|rate| ["-r".to_owned(), rate]))
        .args(["--", pool])
        .args(device)
}

/// Writes to the free space of the disks of a pool, or of one of them, once.
pub fn initialize(pool: &str, device: Option<&str>, step: Step) -> Invocation {
    zpool("initialize")
        .args(letter(step))
        .args(["--", pool])
        .args(device)
}

/// Forgets that disks were initialised, so that they can be again.
pub fn uninitialize(pool: &str) -> Invocation {
    zpool("initialize").args(option(true, "-u")).args(["--", pool])
}

const fn letter(step: Step) -> Option<&'static str> {
    match step {
        Step::Start => None,
        Step::Pause => Some("-s"),
        Step::Stop => Some("-c"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        for (invocation, line) in [
            (scrub("tank", Step::Start), "scrub -- tank"),
            (scrub("tank", Step::Pause), "scrub -p -- tank"),
            (scrub("tank", Step::Stop), "scrub -s -- tank"),
            (error_scrub("tank"), "scrub -e -- tank"),
            (
                trim("tank", None, Step::Start, Some(1 << 20)),
                "trim -r 1048576 -- tank",
            ),
            (
                trim("tank", Some("/dev/a"), Step::Pause, None),
                "trim -s -- tank /dev/a",
            ),
            (trim("tank", None, Step::Stop, None), "trim -c -- tank"),
            (initialize("tank", None, Step::Stop), "initialize -c -- tank"),
            (uninitialize("tank"), "initialize -u -- tank"),
        ] {
            assert_eq!(invocation.quoted(), format!("zpool {line}"));
        }
    }
}
