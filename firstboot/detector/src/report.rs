//! The whole report: gathered from below a root, and written in one step.

use std::fs::{self, File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sigmavault_facts::status;
use sigmavault_facts::time::timestamp;
use sigmavault_facts::{FactError, Files};
use sigmavault_types::hardware::{HardwareReport, REPORT_VERSION};

use crate::installed::{self, Evidence};
use crate::{bandwidth, cgroup, cpu, device_tree, devices, disks, machine, rule, sensors, settings, smbios};

const DMI_TABLE: &str = "/sys/firmware/dmi/tables/DMI";

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum DetectError {
    /// Memory or processor are unknown, so no tier can be chosen.
    #[error("cannot choose a model tier: {0}; is /proc mounted?")]
    Facts(#[from] FactError),
    /// Writing the report failed.
    #[error("cannot write {}: {source}; run as root, or name a writable file with --output", path.display())]
    Write {
        /// The report's file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Reads everything below the root of `files` and chooses the tier. The bandwidth probe measures the machine that
/// this runs on, so it belongs to the root `/` only.
pub fn gather(files: &Files, now: SystemTime, probe: bool) -> Result<HardwareReport, DetectError> {
    let mut warnings = Vec::new();
    let seen = status::memory(files)?;
    let info = files.parse("/proc/cpuinfo", cpu::parse)?;
    let table = match files.bytes(DMI_TABLE) {
        Ok(table) => smbios::memory(&table),
        Err(error) => {
            if !error.is_missing() {
                warnings.push(format!("memory modules are not known: {error}"));
            }
            smbios::Memory::default()
        }
    };
    let memory = installed::memory(Evidence {
        seen: seen.total_bytes,
        modules: table.modules,
        mapped: table.mapped_bytes,
        device_tree: device_tree::memory_bytes(files),
        limit: cgroup::memory_limit(files),
    });
    let bandwidth = if probe {
        let available = seen.available_bytes.min(memory.limit_bytes.unwrap_or(u64::MAX));
        let plan = bandwidth::plan(
            available,
            bandwidth::last_level_cache_bytes(files),
            info.cpu.physical_cores,
        );
        let measured = plan.and_then(bandwidth::measure);
        if measured.is_none() {
            warnings.push(
                "memory bandwidth was not measured: too little memory is free, or it comes too slowly"
                    .to_owned(),
            );
        }
        measured
    } else {
        None
    };
    let (devices, complete) = devices::devices(files);
    if !complete {
        warnings.push(format!(
            "only {} kinds of devices are listed, there are more",
            devices.len()
        ));
    }
    let firmware = devices::firmware(files, info.cpu.arch);
    let model = rule::choose(memory.installed_bytes, &info.cpu, &settings::read(files));
    Ok(HardwareReport {
        version: REPORT_VERSION,
        detected_at: timestamp(now),
        machine: machine::machine(files),
        virtualisation: machine::virtualisation(files, info.under_hypervisor),
        memory,
        cpu: info.cpu,
        bandwidth,
        disks: disks::disks(files),
        sensors: sensors::sensors(files),
        firmware,
        devices,
        model,
        warnings,
    })
}

/// Writes the report so that a reader sees the old one or the whole new one: a temporary file beside it, flushed,
/// mode 0644, then renamed.
pub fn write(report: &HardwareReport, path: &Path) -> Result<(), DetectError> {
    let failed = |source| DetectError::Write {
        path: path.to_owned(),
        source,
    };
    let mut text = serde_json::to_vec_pretty(report).map_err(|error| failed(error.into()))?;
    text.push(b'\n');
    let name = path
        .file_name()
        .ok_or_else(|| failed(io::ErrorKind::InvalidFilename.into()))?;
    let mut temporary = name.to_owned();
    temporary.push(format!(".{}.tmp", std::process::id()));
    let temporary = path.with_file_name(temporary);
    let written = write_file(&temporary, &text).and_then(|()| fs::rename(&temporary, path));
    written.map_err(|source| {
        // The first failure is the one to report.
        let _ = fs::remove_file(&temporary);
        failed(source)
    })
}

fn write_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.set_permissions(Permissions::from_mode(0o644))?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_proc_no_tier_is_chosen() {
        let folder = tempfile::tempdir().unwrap();
        let error = gather(&Files::new(folder.path()), SystemTime::UNIX_EPOCH, false).unwrap_err();
        let path = folder.path().join("proc/meminfo");
        assert_eq!(
            error.to_string(),
            format!(
                "cannot choose a model tier: cannot read {}: No such file or directory (os error 2); is /proc mounted?",
                path.display()
            )
        );
    }
}
