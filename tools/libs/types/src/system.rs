//! Status and metrics of the running system.

use serde::{Deserialize, Serialize};

use crate::image::ImageInfo;
use crate::slots::Slots;
use crate::tier::TierChoice;

/// The running system at a glance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SystemStatus {
    /// When this was read (RFC 3339, UTC).
    pub time: String,
    /// Name of this machine on the network.
    pub hostname: String,
    /// The image: version, profile, root hash.
    pub image: ImageInfo,
    /// The operating system, from os-release.
    pub os: Os,
    /// The kernel.
    pub kernel: Kernel,
    /// Whether the root file system is verified.
    pub root: RootState,
    /// Seconds since the kernel started.
    pub uptime_seconds: f64,
    /// When the kernel started (RFC 3339, UTC).
    pub booted_at: String,
    /// The service manager.
    pub systemd: ServiceManager,
    /// Load averages.
    pub load: Load,
    /// Memory use.
    pub memory: MemoryUse,
    /// The language model tier; absent before the detector ran.
    pub model: Option<TierChoice>,
    /// The system slots; absent on a live medium.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slots: Option<Slots>,
}

/// The operating system, from os-release(5).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Os {
    /// `PRETTY_NAME`.
    pub name: String,
    /// `ID`, such as `debian`.
    pub id: String,
    /// `VERSION_ID`.
    pub version_id: Option<String>,
}

/// The kernel, from uname(2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Kernel {
    /// Release, such as `6.12.48+deb13-amd64`.
    pub release: String,
    /// Machine, such as `x86_64`.
    pub machine: String,
}

/// Whether the root file system is verified by dm-verity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RootState {
    /// Whether the kernel was started with a root hash and the verity device of the root is active.
    pub verified: bool,
    /// The root hash (hexadecimal) that the kernel was started with.
    pub root_hash: Option<String>,
    /// The same in one sentence.
    pub detail: String,
}

/// The state of systemd.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ServiceManager {
    /// `running`, `degraded`, `starting`, `maintenance`, `stopping`, ...; absent when systemd does not answer.
    pub state: Option<String>,
    /// Units that failed.
    pub failed_units: Vec<FailedUnit>,
    /// Why systemd does not answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// A unit that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FailedUnit {
    /// Name, such as `smbd.service`.
    pub name: String,
    /// Its description.
    pub description: String,
}

/// Load averages: processes that run or wait for a disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Load {
    /// Over one minute.
    pub one: f64,
    /// Over five minutes.
    pub five: f64,
    /// Over fifteen minutes.
    pub fifteen: f64,
}

/// Memory use, in bytes, from /proc/meminfo.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MemoryUse {
    /// All that the kernel has.
    pub total_bytes: u64,
    /// What a new program could get without swapping.
    pub available_bytes: u64,
    /// Unused.
    pub free_bytes: u64,
    /// Page cache.
    pub cached_bytes: u64,
    /// All swap space.
    pub swap_total_bytes: u64,
    /// Unused swap space.
    pub swap_free_bytes: u64,
}

/// Counters and rates of the running system.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Metrics {
    /// When the counters were read (RFC 3339, UTC).
    pub time: String,
    /// Seconds since the kernel started.
    pub uptime_seconds: f64,
    /// Processor time.
    pub cpu: CpuMetrics,
    /// Load averages.
    pub load: Load,
    /// Memory use.
    pub memory: MemoryUse,
    /// Network interfaces, by name.
    pub network: Vec<NetworkMetrics>,
    /// Whole disks, by name.
    pub disks: Vec<DiskMetrics>,
    /// Mounted file systems that keep data, by mount point.
    pub filesystems: Vec<Filesystem>,
    /// Seconds between the two samples that the rates are computed from; absent right after the start, as are the
    /// rates.
    pub interval_seconds: Option<f64>,
}

/// Processor time since the kernel started, in seconds over all cores.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CpuMetrics {
    /// Programs, niced ones included.
    pub user_seconds: f64,
    /// The kernel, interrupts included.
    pub system_seconds: f64,
    /// Nothing to do.
    pub idle_seconds: f64,
    /// Nothing to do but to wait for a disk.
    pub iowait_seconds: f64,
    /// Taken by the hypervisor.
    pub steal_seconds: f64,
    /// Cores that are online.
    pub cores: u32,
    /// Share of the time that was not idle, in percent of all cores, over the interval.
    pub busy_percent: Option<f64>,
}

/// Counters of one network interface since it appeared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NetworkMetrics {
    /// Interface name.
    pub name: String,
    /// Bytes received.
    pub received_bytes: u64,
    /// Packets received.
    pub received_packets: u64,
    /// Packets received in error or dropped.
    pub receive_errors: u64,
    /// Bytes sent.
    pub sent_bytes: u64,
    /// Packets sent.
    pub sent_packets: u64,
    /// Packets not sent because of an error or a full queue.
    pub send_errors: u64,
    /// Received over the interval, in bytes per second.
    pub received_bytes_per_second: Option<f64>,
    /// Sent over the interval, in bytes per second.
    pub sent_bytes_per_second: Option<f64>,
}

/// Counters of one disk since it appeared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DiskMetrics {
    /// Kernel name, such as `sda`.
    pub name: String,
    /// Bytes read.
    pub read_bytes: u64,
    /// Reads completed.
    pub reads: u64,
    /// Bytes written.
    pub written_bytes: u64,
    /// Writes completed.
    pub writes: u64,
    /// Time with at least one request in flight, in seconds.
    pub busy_seconds: f64,
    /// Read over the interval, in bytes per second.
    pub read_bytes_per_second: Option<f64>,
    /// Written over the interval, in bytes per second.
    pub written_bytes_per_second: Option<f64>,
    /// Share of the interval with at least one request in flight, in percent.
    pub busy_percent: Option<f64>,
}

/// One mounted file system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Filesystem {
    /// Where it is mounted.
    pub mount_point: String,
    /// Device or dataset.
    pub source: String,
    /// Type, such as `ext4` or `zfs`.
    pub kind: String,
    /// Whether it is mounted read-only.
    pub read_only: bool,
    /// Size in bytes; absent when the file system did not answer in time.
    pub size_bytes: Option<u64>,
    /// What an unprivileged program can still write, in bytes; absent when the file system did not answer in time.
    pub available_bytes: Option<u64>,
}
