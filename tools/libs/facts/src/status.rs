//! The system's status, combined from its parts.

use std::time::{Duration, SystemTime};

use sigmavault_types::system::{Kernel, Load, MemoryUse, ServiceManager, SystemStatus};

use crate::error::FactError;
use crate::files::Files;
use crate::time::timestamp;
use crate::{kernel, meminfo, os_release, report, slots, verity};

/// Load averages.
pub fn load(files: &Files) -> Result<Load, FactError> {
    files.parse("/proc/loadavg", kernel::loadavg)
}

/// Memory use.
pub fn memory(files: &Files) -> Result<MemoryUse, FactError> {
    files.parse("/proc/meminfo", meminfo::parse)
}

/// Seconds since the kernel started.
pub fn uptime(files: &Files) -> Result<f64, FactError> {
    files.parse("/proc/uptime", kernel::uptime)
}

/// Reads everything but the service manager's state, which the caller provides.
///
/// Facts that a healthy machine may lack (image information, hardware report, os-release) stay empty. Without `/proc`
/// this fails.
pub fn read(files: &Files, now: SystemTime, systemd: ServiceManager) -> Result<SystemStatus, FactError> {
    let uptime_seconds = uptime(files)?;
    let booted = Duration::try_from_secs_f64(uptime_seconds)
        .ok()
        .and_then(|uptime| now.checked_sub(uptime));
    let os_release = files
        .text("/etc/os-release")
        .or_else(|_| files.text("/usr/lib/os-release"));
    let sysctl = |name| files.attribute(format!("/proc/sys/kernel/{name}"));
    Ok(SystemStatus {
        time: timestamp(now),
        hostname: sysctl("hostname").unwrap_or_else(|| "localhost".to_owned()),
        image: report::image(files).unwrap_or_default(),
        os: os_release::parse(&os_release.unwrap_or_default()),
        kernel: Kernel {
            release: sysctl("osrelease").unwrap_or_else(|| "unknown".to_owned()),
            machine: sysctl("arch").unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
        },
        root: verity::root_state(files),
        uptime_seconds,
        booted_at: timestamp(booted.unwrap_or(SystemTime::UNIX_EPOCH)),
        systemd,
        load: load(files)?,
        memory: memory(files)?,
        model: report::hardware(files).ok().map(|report| report.model),
        slots: slots::recorded(files),
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn facts_come_from_below_the_root() {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in [
            ("proc/uptime", "3600.50 1.0\n"),
            ("proc/loadavg", "0.50 0.25 0.10 1/2 3\n"),
            ("proc/meminfo", "MemTotal: 1024 kB\n"),
            ("proc/sys/kernel/hostname", "nas\n"),
            ("proc/sys/kernel/osrelease", "6.12.48+deb13-amd64\n"),
            ("proc/sys/kernel/arch", "x86_64\n"),
            ("etc/os-release", "ID=debian\n"),
        ] {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let now = SystemTime::UNIX_EPOCH + Duration::from_hours(500_000);
        let systemd = ServiceManager {
            state: Some("running".into()),
            failed_units: Vec::new(),
            error: None,
        };
        let status = read(&Files::new(folder.path()), now, systemd).unwrap();
        assert_eq!(status.time, "2027-01-15T08:00:00Z");
        assert_eq!(status.booted_at, "2027-01-15T06:59:59Z");
        assert_eq!(status.hostname, "nas");
        assert_eq!(status.kernel.release, "6.12.48+deb13-amd64");
        assert_eq!(status.kernel.machine, "x86_64");
        assert_eq!(status.os.id, "debian");
        assert_eq!(status.memory.total_bytes, 1_048_576);
        assert!(!status.root.verified);
        assert_eq!(status.model, None);
        assert_eq!(status.slots, None);
    }

    #[test]
    fn without_proc_it_names_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let systemd = ServiceManager {
            state: None,
            failed_units: Vec::new(),
            error: None,
        };
        let error = read(&Files::new(folder.path()), SystemTime::UNIX_EPOCH, systemd).unwrap_err();
        assert!(error.to_string().contains("proc/uptime"), "{error}");
    }
}
