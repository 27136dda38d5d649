//! Samples of counters over time, so that rates are available without waiting.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use log::warn;
use sigmavault_facts::counters::{self, is_hardware_disk};
use sigmavault_facts::{FactError, Files};
use sigmavault_types::system::{CpuMetrics, DiskMetrics, NetworkMetrics};

use crate::sources::clock::Clock;

/// Time between two samples.
pub const INTERVAL: Duration = Duration::from_secs(5);

/// Minimum time over which rates are averaged.
const SHORTEST: Duration = Duration::from_secs(1);

/// Number of samples kept.
const KEPT: usize = 2;

/// Counters at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Monotonic time.
    pub at: Duration,
    /// Processor time.
    pub cpu: CpuMetrics,
    /// Network interfaces.
    pub network: Vec<NetworkMetrics>,
    /// Disks.
    pub disks: Vec<DiskMetrics>,
}

impl Sample {
    /// Reads the counters now.
    pub fn read(files: &Files, at: Duration) -> Result<Self, FactError> {
        Ok(Self {
            at,
            cpu: files.parse("/proc/stat", counters::cpu)?,
            network: files.parse("/proc/net/dev", counters::network)?,
            disks: files.parse("/proc/diskstats", |text| {
                counters::disks(text, |name| is_disk(files, name))
            })?,
        })
    }

    /// Fills in the rates since an earlier sample. A counter that decreased (a device that was removed and reattached)
    /// has no rate.
    pub fn with_rates(mut self, earlier: &Self) -> (Self, f64) {
        let seconds = self.at.saturating_sub(earlier.at).as_secs_f64();
        let cpu = |cpu: &CpuMetrics| {
            let busy = cpu.user_seconds + cpu.system_seconds + cpu.steal_seconds;
            (busy, busy + cpu.idle_seconds + cpu.iowait_seconds)
        };
        let ((busy, all), (busy_before, all_before)) = (cpu(&self.cpu), cpu(&earlier.cpu));
        if all > all_before {
            self.cpu.busy_percent =
                Some(((busy - busy_before) / (all - all_before) * 100.0).clamp(0.0, 100.0));
        }
        for interface in &mut self.network {
            if let Some(before) = earlier
                .network
                .iter()
                .find(|before| before.name == interface.name)
            {
                interface.received_bytes_per_second =
                    rate(before.received_bytes, interface.received_bytes, seconds);
                interface.sent_bytes_per_second = rate(before.sent_bytes, interface.sent_bytes, seconds);
            }
        }
        for disk in &mut self.disks {
            if let Some(before) = earlier.disks.iter().find(|before| before.name == disk.name) {
                disk.read_bytes_per_second = rate(before.read_bytes, disk.read_bytes, seconds);
                disk.written_bytes_per_second = rate(before.written_bytes, disk.written_bytes, seconds);
                let busy = disk.busy_seconds - before.busy_seconds;
                disk.busy_percent = (busy >= 0.0).then(|| (busy / seconds * 100.0).min(100.0));
            }
        }
        (self, seconds)
    }
}

/// Whole disks that the kernel lists in `/sys/block`; `/proc/diskstats` has their partitions too.
fn is_disk(files: &Files, name: &str) -> bool {
    is_hardware_disk(name) && files.exists(format!("/sys/block/{name}"))
}

/// Bytes per second; exact enough as floating point.
#[allow(clippy::cast_precision_loss)]
fn rate(before: u64, now: u64, seconds: f64) -> Option<f64> {
    now.checked_sub(before).map(|bytes| bytes as f64 / seconds)
}

/// The last samples, oldest first.
#[derive(Debug, Default)]
pub struct Sampler {
    samples: Mutex<VecDeque<Sample>>,
}

impl Sampler {
    /// Adds a sample, dropping the oldest one.
    pub fn keep(&self, sample: Sample) {
        let mut samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        if samples.len() == KEPT {
            samples.pop_front();
        }
        samples.push_back(sample);
    }

    /// Adds rates since the oldest sample to this one, and returns the seconds between them; without rates if the oldest
    /// is too recent.
    pub fn compare(&self, sample: Sample) -> (Sample, Option<f64>) {
        let samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        match samples
            .front()
            .filter(|earlier| sample.at >= earlier.at + SHORTEST)
        {
            None => (sample, None),
            Some(earlier) => {
                let (sample, seconds) = sample.with_rates(earlier);
                (sample, Some(seconds))
            }
        }
    }
}

/// Takes samples while polled.
pub async fn run(files: Files, clock: Arc<dyn Clock>, sampler: Arc<Sampler>) {
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut failing = false;
    loop {
        ticks.tick().await;
        match Sample::read(&files, clock.monotonic()) {
            Ok(sample) => {
                sampler.keep(sample);
                failing = false;
            }
            Err(error) if !failing => {
                warn!("metrics have no rates for now: {error}");
                failing = true;
            }
            Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(at: u64, busy: f64, idle: f64, bytes: u64) -> Sample {
        Sample {
            at: Duration::from_secs(at),
            cpu: CpuMetrics {
                user_seconds: busy,
                idle_seconds: idle,
                ..CpuMetrics::default()
            },
            network: vec![NetworkMetrics {
                name: "eth0".into(),
                received_bytes: bytes,
                received_packets: 0,
                receive_errors: 0,
                sent_bytes: 2 * bytes,
                sent_packets: 0,
                send_errors: 0,
                received_bytes_per_second: None,
                sent_bytes_per_second: None,
            }],
            disks: vec![DiskMetrics {
                name: "sda".into(),
                read_bytes: bytes,
                reads: 0,
                written_bytes: bytes,
                writes: 0,
                busy_seconds: busy,
                read_bytes_per_second: None,
                written_bytes_per_second: None,
                busy_percent: None,
            }],
        }
    }

    #[test]
    fn rates_are_averages_over_the_interval() {
        let (now, seconds) = sample(14, 13.0, 37.0, 5000).with_rates(&sample(4, 10.0, 30.0, 1000));
        assert!((seconds - 10.0).abs() < 1e-9);
        assert_eq!(now.cpu.busy_percent, Some(30.0));
        assert_eq!(now.network[0].received_bytes_per_second, Some(400.0));
        assert_eq!(now.network[0].sent_bytes_per_second, Some(800.0));
        assert_eq!(now.disks[0].read_bytes_per_second, Some(400.0));
        assert_eq!(now.disks[0].busy_percent, Some(30.0));
    }

    #[test]
    fn counters_that_went_back_have_no_rate() {
        let (now, _) = sample(14, 1.0, 37.0, 10).with_rates(&sample(4, 10.0, 30.0, 1000));
        assert_eq!(now.network[0].received_bytes_per_second, None);
        assert_eq!(now.disks[0].busy_percent, None);
    }

    #[test]
    fn the_oldest_kept_sample_is_compared_with() {
        let sampler = Sampler::default();
        assert_eq!(sampler.compare(sample(1, 0.0, 0.0, 0)).1, None);
        for at in [1, 2, 3] {
            sampler.keep(sample(at, 0.0, 0.0, 0));
        }
        assert_eq!(sampler.compare(sample(6, 0.0, 1.0, 0)).1, Some(4.0));
        assert_eq!(sampler.compare(sample(2, 0.0, 1.0, 0)).1, None);
    }
}
