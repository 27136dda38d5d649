//! What the kernel tells of a process.

use std::fs;
use std::time::Duration;

use anyhow::Context;
use serde::Serialize;

/// Memory of a process, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Memory {
    /// All that is in RAM.
    pub rss: u64,
    /// The same with what is shared divided among those who share it.
    pub pss: u64,
    /// What no file stands behind.
    pub anonymous: u64,
}

/// Memory of a process now.
pub fn memory(id: u32) -> anyhow::Result<Memory> {
    let path = format!("/proc/{id}/smaps_rollup");
    Ok(rollup(
        &fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?,
    ))
}

fn rollup(text: &str) -> Memory {
    let kib = |name: &str| {
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let number = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
        number.unwrap_or(0) * 1024
    };
    Memory {
        rss: kib("Rss"),
        pss: kib("Pss"),
        anonymous: kib("Anonymous"),
    }
}

/// Time that all threads of a process have run, to the nanosecond. Threads that have ended are not counted.
pub fn processor_time(id: u32) -> anyhow::Result<Duration> {
    let path = format!("/proc/{id}/task");
    let mut total = 0;
    for thread in fs::read_dir(&path).with_context(|| format!("cannot read {path}"))? {
        let statistics = fs::read_to_string(thread?.path().join("schedstat")).unwrap_or_default();
        let ran = statistics
            .split(' ')
            .next()
            .and_then(|ran| ran.parse::<u64>().ok());
        total += ran.unwrap_or(0);
    }
    Ok(Duration::from_nanos(total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rollup_is_read() {
        let text = "55-7f ---p 0 00:00 0 [rollup]\nRss:     2048 kB\nPss:  1024 kB\nPss_Anon: 7 kB\nAnonymous:   512 kB\n";
        let expected = Memory {
            rss: 2 << 20,
            pss: 1 << 20,
            anonymous: 1 << 19,
        };
        assert_eq!(rollup(text), expected);
    }
}
