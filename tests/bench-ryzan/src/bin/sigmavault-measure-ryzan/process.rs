//! The kernel's facts about a process.

use std::fs::{self, File};
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use memmap2::Mmap;
use nix::errno::Errno;
use nix::libc;
use nix::unistd::{SysconfVar, sysconf};
use serde::Serialize;

/// Memory of a process, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Memory {
    /// Resident set size.
    pub rss: u64,
    /// Proportional set size: shared pages are divided among their users.
    pub pss: u64,
    /// Anonymous memory.
    pub anonymous: u64,
}

/// Current memory of a process.
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

/// Bytes of a file in the page cache.
#[allow(unsafe_code, reason = "the system call has no safe form")]
pub fn page_cache(path: &Path) -> anyhow::Result<u64> {
    let failed = || format!("cannot see what is in memory of {}", path.display());
    let file = File::open(path).with_context(failed)?;
    // SAFETY: nothing is read from the map.
    let map = unsafe { Mmap::map(&file) }.with_context(failed)?;
    let page = sysconf(SysconfVar::PAGE_SIZE)?.context("pages have no size")?;
    let page = usize::try_from(page)?;
    let mut pages = vec![0_u8; map.len().div_ceil(page)];
    // SAFETY: the range is mapped, and there is a byte for each of its pages.
    let result = unsafe { libc::mincore(map.as_ptr().cast_mut().cast(), map.len(), pages.as_mut_ptr()) };
    Errno::result(result).with_context(failed)?;
    Ok((pages.iter().filter(|&&state| state & 1 == 1).count() * page) as u64)
}

/// CPU time of all running threads of a process, to the nanosecond. Ended threads are not counted.
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
    fn what_was_written_just_now_is_in_the_page_cache() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), vec![1; 100_000]).unwrap();
        let cached = page_cache(file.path()).unwrap();
        assert!((100_000..300_000).contains(&cached), "{cached}");
    }

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
