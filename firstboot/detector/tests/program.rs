//! The program itself, on fake machines.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use sigmavault_types::HardwareReport;
use sigmavault_types::Tier::{Bitnet7b, Bitnet7bMamba, Draft350m};
use sigmavault_types::hardware::{IsaFlag, MemorySource};
use sigmavault_types::tier::TierSource;
use tempfile::TempDir;

const XEON: &str = "processor\t: 0\nvendor_id\t: GenuineIntel\nmodel name\t: Xeon\nphysical id\t: 0\ncore id\t\t: 0\n\
                    flags\t\t: lm avx avx2 avx512f avx512bw avx512_vnni\n\n";

fn machine(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, bytes) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    folder
}

fn detector(root: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sigmavault-detector"))
        .arg("--root")
        .arg(root)
        .args(arguments)
        .output()
        .unwrap()
}

fn report(root: &Path) -> HardwareReport {
    let output = detector(root, &["--json"]);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

fn memory_total(kib: u64) -> Vec<u8> {
    format!("MemTotal: {kib} kB\nMemAvailable: {kib} kB\n").into_bytes()
}

/// A type 17 structure of SMBIOS 2.1 with one size in MiB, and the end of the table.
fn dmi(mib: u16) -> Vec<u8> {
    let mut table = vec![17, 0x15, 0, 0x11];
    table.resize(0x15, 0);
    table[0x0c..0x0e].copy_from_slice(&mib.to_le_bytes());
    table.extend([0, 0, 127, 4, 0, 0x7f, 0, 0]);
    table
}

#[test]
fn a_16_gib_machine_that_reports_15_4_gib() {
    let root = machine(&[
        ("proc/meminfo", &memory_total(16_148_480)),
        ("proc/cpuinfo", XEON.as_bytes()),
    ]);
    let report = report(root.path());
    assert_eq!(report.memory.installed_bytes, 16 << 30);
    assert_eq!(report.memory.source, MemorySource::KernelRounded);
    assert_eq!(report.model.tier, Bitnet7b);
    assert_eq!(report.model.source, TierSource::Rule);
    assert_eq!(report.model.reason, "16 GiB of memory, from 16 to below 32 GiB");
    assert_eq!(report.bandwidth, None);
    assert_eq!(report.warnings, Vec::<String>::new());
}

#[test]
fn a_raspberry_pi_4_of_4_gib() {
    let cpuinfo =
        b"processor\t: 0\nFeatures\t: fp asimd crc32\nCPU implementer\t: 0x41\nCPU architecture: 8\n\
                    CPU part\t: 0xd08\n\nModel\t\t: Raspberry Pi 4 Model B Rev 1.5\n";
    let reg: Vec<u8> = [0u32, 0, 0x3b40_0000, 0, 0x4000_0000, 0xbc00_0000]
        .iter()
        .flat_map(|n| n.to_be_bytes())
        .collect();
    let root = machine(&[
        ("proc/meminfo", &memory_total(3_881_000)),
        ("proc/cpuinfo", cpuinfo),
        ("proc/device-tree/model", b"Raspberry Pi 4 Model B Rev 1.5\0"),
        (
            "proc/device-tree/compatible",
            b"raspberrypi,4-model-b\0brcm,bcm2711\0",
        ),
        ("proc/device-tree/#address-cells", &[0, 0, 0, 2]),
        ("proc/device-tree/#size-cells", &[0, 0, 0, 1]),
        ("proc/device-tree/memory@0/reg", &reg),
    ]);
    let report = report(root.path());
    assert_eq!(report.memory.installed_bytes, 4 << 30);
    assert_eq!(report.memory.source, MemorySource::DeviceTree);
    assert_eq!(report.cpu.model.as_deref(), Some("Cortex-A72"));
    assert_eq!(report.cpu.isa, [IsaFlag::Neon]);
    assert_eq!(
        report.machine.product.as_deref(),
        Some("Raspberry Pi 4 Model B Rev 1.5")
    );
    assert_eq!(report.model.tier, Draft350m);
}

#[test]
fn a_container_of_8_gib_on_a_large_host() {
    let root = machine(&[
        ("proc/meminfo", &memory_total(65_000_000)),
        ("proc/cpuinfo", XEON.as_bytes()),
        ("proc/self/cgroup", b"0::/\n"),
        ("sys/fs/cgroup/memory.max", b"8589934592\n"),
    ]);
    let report = report(root.path());
    assert_eq!(
        (report.memory.installed_bytes, report.memory.limit_bytes),
        (8 << 30, Some(8 << 30))
    );
    assert_eq!(report.model.tier, Draft350m);
}

#[test]
fn a_virtual_machine_is_as_large_as_its_firmware_says() {
    let root = machine(&[
        ("proc/meminfo", &memory_total(15_900_000)),
        ("proc/cpuinfo", XEON.as_bytes()),
        ("sys/firmware/dmi/tables/DMI", &dmi(15_872)),
    ]);
    let report = report(root.path());
    assert_eq!(report.memory.installed_bytes, 15_872 << 20);
    assert_eq!(report.memory.source, MemorySource::SmbiosModules);
    assert_eq!(report.model.tier, Draft350m);
}

#[test]
fn override_and_bounds() {
    let root = machine(&[
        ("proc/meminfo", &memory_total(65_000_000)),
        ("proc/cpuinfo", XEON.as_bytes()),
        (
            "usr/lib/sigmavault/profile.json",
            br#"{"min-tier": "draft-350m", "max-tier": "bitnet-7b"}"#,
        ),
    ]);
    let bounded = report(root.path()).model;
    assert_eq!(
        (bounded.tier, bounded.source, bounded.by_hardware),
        (Bitnet7b, TierSource::Profile, Bitnet7bMamba)
    );

    fs::create_dir_all(root.path().join("etc/sigmavault")).unwrap();
    let file = root.path().join("etc/sigmavault/ryzan.toml");
    fs::write(&file, "[model]\ntier = \"draft-350m\"\n").unwrap();
    let overridden = report(root.path()).model;
    assert_eq!(
        (overridden.tier, overridden.source, overridden.overridden),
        (Draft350m, TierSource::Override, true)
    );

    fs::write(&file, "[model]\ntier = \"enormous\"\n").unwrap();
    let ignored = report(root.path()).model;
    assert_eq!((ignored.tier, ignored.overridden), (Bitnet7b, false));
    assert!(
        ignored.warnings[0].contains("there is no model tier \"enormous\""),
        "{:?}",
        ignored.warnings
    );
}

#[test]
fn writing_replaces_the_file_whole_and_readable_by_all() {
    let root = machine(&[
        ("proc/meminfo", &memory_total(16_148_480)),
        ("proc/cpuinfo", XEON.as_bytes()),
    ]);
    let folder = root.path().join("run/sigmavault");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("hardware.json"), "old").unwrap();
    let output = detector(root.path(), &["--write"]);
    assert!(output.status.success());
    let path = folder.join("hardware.json");
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        format!(
            "wrote {}: bitnet-7b (16 GiB of memory, from 16 to below 32 GiB)\n",
            path.display()
        )
    );
    let written: HardwareReport = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    assert_eq!(written.model.tier, Bitnet7b);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o644);
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
}

#[test]
fn failures_exit_with_1_and_wrong_usage_with_2() {
    let empty = machine(&[]);
    let failed = detector(empty.path(), &[]);
    assert_eq!(failed.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&failed.stderr).contains("cannot choose a model tier"));

    let root = machine(&[
        ("proc/meminfo", &memory_total(4_000_000)),
        ("proc/cpuinfo", XEON.as_bytes()),
    ]);
    let nowhere = root.path().join("nowhere/hardware.json");
    let failed = detector(root.path(), &["--write", "--output", nowhere.to_str().unwrap()]);
    assert_eq!(failed.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&failed.stderr).contains("name a writable file with --output"));

    assert_eq!(detector(root.path(), &["--output", "x"]).status.code(), Some(2));
    assert_eq!(detector(root.path(), &["--nonsense"]).status.code(), Some(2));
}

#[test]
fn text_for_people_is_aligned_and_plain_in_a_pipe() {
    let root = machine(&[
        ("proc/meminfo", &memory_total(16_148_480)),
        ("proc/cpuinfo", XEON.as_bytes()),
        ("sys/class/dmi/id/sys_vendor", b"Dell Inc.\n"),
        ("sys/class/dmi/id/product_name", b"PowerEdge R640\n"),
        ("sys/block/sda/size", b"7814037168\n"),
        ("sys/block/sda/device/model", b"ST4000VN006\n"),
    ]);
    let output = detector(root.path(), &[]);
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        "Machine     Dell Inc. PowerEdge R640\n\
         Processor   Xeon (x86_64)\n            1 core, 1 thread\n            avx avx2 avx512f avx512bw avx512_vnni\n\
         Memory      16 GiB (15.4 GiB seen by the kernel)\n            the kernel sees 15.4 GiB: rounded up to the next whole 2 GiB\n\
         Disks       sda  4.0 TB  other  solid state  ST4000VN006\n\
         Model tier  bitnet-7b\n            16 GiB of memory, from 16 to below 32 GiB\n"
    );
}

#[test]
fn completions_and_manual_are_made_from_the_command_line() {
    let run = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_sigmavault-detector"))
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(run(&["--completions", "bash"]).contains("--no-probe"));
    assert!(
        run(&["--man"]) == include_str!("../sigmavault-detector.8"),
        "the manual page differs; make it again: \
         cargo run -p sigmavault-detector -- --man > firstboot/detector/sigmavault-detector.8"
    );
}
