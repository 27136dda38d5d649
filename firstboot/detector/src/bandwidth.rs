//! Memory bandwidth: how fast all cores together read memory in order.
//!
//! That is what bounds a language model's speed: each new token reads all weights once.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use sigmavault_facts::Files;
use sigmavault_types::hardware::Bandwidth;

const MIB: u64 = 1 << 20;

/// Buffers are filled for at most this long; a virtual machine may get its memory from the host only now. What is not
/// filled in time is not read.
const FILLING: Duration = Duration::from_millis(500);

/// Buffers are read for this long.
const READING: Duration = Duration::from_millis(400);

/// Less than this would measure the caches.
const LEAST: u64 = 32 * MIB;

/// Bytes between two looks at the clock.
const BLOCK: usize = 1 << 20;

/// More threads than this fill any memory controller's queues.
const MOST_THREADS: u32 = 64;

/// How large the buffers are and how many threads read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// Threads that read, each from its own buffer.
    pub threads: u32,
    /// Size of all buffers together, in bytes.
    pub buffer_bytes: u64,
}

/// Plans a probe: four times the last-level caches, at least 256 MiB and at most 1 GiB, but never more than an eighth
/// of the available memory. `None` when that leaves too little to measure anything but a cache.
pub fn plan(available_bytes: u64, cache_bytes: u64, cores: u32) -> Option<Plan> {
    let wanted = cache_bytes.saturating_mul(4).clamp(256 * MIB, 1024 * MIB);
    let buffer_bytes = wanted.min(available_bytes / 8);
    (buffer_bytes >= LEAST).then_some(Plan {
        threads: cores.clamp(1, MOST_THREADS),
        buffer_bytes,
    })
}

/// Sum of the last-level caches in bytes, from sysfs; 0 when it does not tell.
pub fn last_level_cache_bytes(files: &Files) -> u64 {
    let mut seen = Vec::new();
    let mut total = 0u64;
    for cpu in files.names("/sys/devices/system/cpu").unwrap_or_default() {
        let cache = format!("/sys/devices/system/cpu/{cpu}/cache/index3");
        let of = |name: &str| files.attribute(format!("{cache}/{name}"));
        let (Some(size), Some(shared)) = (of("size"), of("shared_cpu_list")) else {
            continue;
        };
        let kib = size.strip_suffix('K').and_then(|kib| kib.parse::<u64>().ok());
        if let Some(kib) = kib.filter(|_| !seen.contains(&shared)) {
            seen.push(shared);
            total = total.saturating_add(kib.saturating_mul(1024));
        }
    }
    total
}

/// Runs the probe; takes less than one second. `None` when too little of the buffers could be
/// filled in time.
pub fn measure(plan: Plan) -> Option<Bandwidth> {
    let filled_by = Instant::now() + FILLING;
    let bytes_each = usize::try_from(plan.buffer_bytes / u64::from(plan.threads)).ok()? / BLOCK * BLOCK;
    let words = bytes_each.max(BLOCK) / size_of::<u64>();
    let barrier = Barrier::new(plan.threads as usize);
    let stopped = AtomicBool::new(false);
    let readings: Vec<Reading> = thread::scope(|scope| {
        let readers: Vec<_> = (0..plan.threads)
            .map(|_| scope.spawn(|| read(words, filled_by, &barrier, &stopped)))
            .collect();
        readers
            .into_iter()
            .filter_map(|reader| reader.join().ok())
            .collect()
    });
    let read = readings.iter().map(|reading| reading.bytes).sum::<u64>();
    let buffer_bytes = readings.iter().map(|reading| reading.buffer).sum::<u64>();
    let time = readings.iter().map(|reading| reading.time).max()?;
    let nanoseconds = u64::try_from(time.as_nanos()).ok().filter(|&time| time > 0)?;
    if buffer_bytes < LEAST.min(plan.buffer_bytes) || read < buffer_bytes {
        return None;
    }
    let per_second = u128::from(read) * 1_000_000_000 / u128::from(nanoseconds);
    Some(Bandwidth {
        read_bytes_per_second: u64::try_from(per_second).ok()?,
        threads: plan.threads,
        buffer_bytes,
        measured_ms: nanoseconds / 1_000_000,
    })
}

/// What one thread read.
struct Reading {
    buffer: u64,
    bytes: u64,
    time: Duration,
}

/// Fills a buffer, waits for the others, then reads it over and over until time is up. The first thread that is done
/// stops the others, so that all of them read at the same time for as long as they are counted.
fn read(words: usize, filled_by: Instant, barrier: &Barrier, stopped: &AtomicBool) -> Reading {
    let mut buffer: Vec<u64> = Vec::new();
    // Reserving takes no memory yet, writing does. Non-zero bytes are written, since zero pages may be shared.
    if buffer.try_reserve_exact(words).is_ok() {
        while buffer.len() < words && Instant::now() < filled_by {
            buffer.resize((buffer.len() + BLOCK / size_of::<u64>()).min(words), 0x5353);
        }
    }
    barrier.wait();
    let start = Instant::now();
    let end = start + READING;
    let (mut bytes, mut sum) = (0u64, 0u64);
    'time: while !buffer.is_empty() {
        for block in buffer.chunks(BLOCK / size_of::<u64>()) {
            if stopped.load(Ordering::Relaxed) || Instant::now() >= end {
                stopped.store(true, Ordering::Relaxed);
                break 'time;
            }
            sum = block.iter().fold(sum, |sum, word| sum.wrapping_add(*word));
            bytes += size_of_val(block) as u64;
        }
    }
    std::hint::black_box(sum);
    Reading {
        buffer: size_of_val(buffer.as_slice()) as u64,
        bytes,
        time: start.elapsed(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn buffers_are_larger_than_caches_and_smaller_than_memory() {
        let gib = 1024 * MIB;
        assert_eq!(
            plan(16 * gib, 32 * MIB, 8),
            Some(Plan {
                threads: 8,
                buffer_bytes: 256 * MIB
            })
        );
        assert_eq!(plan(16 * gib, 128 * MIB, 8).unwrap().buffer_bytes, 512 * MIB);
        assert_eq!(
            plan(512 * gib, 768 * MIB, 128),
            Some(Plan {
                threads: 64,
                buffer_bytes: gib
            })
        );
        assert_eq!(plan(gib, 0, 4).unwrap().buffer_bytes, 128 * MIB);
        assert_eq!(plan(128 * MIB, 0, 4), None);
    }

    #[test]
    fn a_probe_takes_less_than_a_second() {
        let start = Instant::now();
        let found = measure(Plan {
            threads: 2,
            buffer_bytes: 64 * MIB,
        })
        .unwrap();
        assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
        assert_eq!((found.threads, found.buffer_bytes), (2, 64 * MIB));
        assert!(found.read_bytes_per_second > 50 * MIB, "{found:?}");
        assert!(found.measured_ms <= 600, "{found:?}");
    }

    #[test]
    fn a_cache_shared_by_cores_counts_once() {
        let folder = tempfile::tempdir().unwrap();
        for (cpu, shared) in [("cpu0", "0-1"), ("cpu1", "0-1"), ("cpu2", "2-3")] {
            let cache = folder
                .path()
                .join("sys/devices/system/cpu")
                .join(cpu)
                .join("cache/index3");
            fs::create_dir_all(&cache).unwrap();
            fs::write(cache.join("size"), "32768K\n").unwrap();
            fs::write(cache.join("shared_cpu_list"), shared).unwrap();
        }
        assert_eq!(last_level_cache_bytes(&Files::new(folder.path())), 64 * MIB);
    }
}
