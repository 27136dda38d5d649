//! A machine made of files, and clients for it.

#![allow(clippy::unwrap_used, dead_code)]

use std::fs;
use std::path::Path;

use tempfile::TempDir;

/// Root hash on the kernel's command line of the fake machine.
pub const ROOT_HASH: &str = "5b1ab0d0eb26c4e3a1a4ff0a1f6de2c17d5a2bc93b9e3bb1d2be57d7e0e1fd02";

/// A hardware report as the detector writes it.
pub const HARDWARE: &str = r#"{
  "version": 1, "detected_at": "2026-11-20T09:00:00Z",
  "machine": {"vendor": "QEMU", "product": "Standard PC", "board": null},
  "virtualisation": {"hypervisor": "kvm", "container": null},
  "memory": {"installed_bytes": 17179869184, "seen_bytes": 16481083392, "limit_bytes": null,
             "source": "smbios-modules", "how": "one module of 16 GiB RAM (SMBIOS)", "modules": []},
  "cpu": {"vendor": "AuthenticAMD", "model": "EPYC", "arch": "x86_64", "physical_cores": 4, "logical_cores": 8,
          "isa": ["avx", "avx2"]},
  "bandwidth": null, "disks": [], "sensors": [],
  "model": {"tier": "bitnet-7b", "source": "rule", "overridden": false, "by_hardware": "bitnet-7b",
            "reason": "16 GiB of memory, from 16 to below 32 GiB", "warnings": []},
  "warnings": []
}"#;

const MOUNTS: &str = "22 1 254:0 / / ro shared:1 - erofs /dev/mapper/root ro\n\
                      23 22 8:3 / /var ro shared:2 - ext4 /dev/sda3 rw\n24 22 0:5 / /proc rw - proc proc rw\n";

/// Writes a file below `root`, with its folders.
pub fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// A healthy machine.
pub fn machine() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let cmdline = format!("root=/dev/mapper/root roothash={ROOT_HASH} quiet\n");
    let net = "Inter-| Receive | Transmit\n face |bytes\n  eth0: 1000 10 0 0 0 0 0 0 2000 20 0 0 0 0 0 0\n";
    for (path, text) in [
        ("proc/uptime", "3600.00 100.00\n"),
        ("proc/loadavg", "0.50 0.25 0.10 1/100 1234\n"),
        (
            "proc/stat",
            "cpu  1000 0 500 8000 100 0 0 0 0 0\ncpu0 1 1 1 1\ncpu1 1 1 1 1\n",
        ),
        (
            "proc/meminfo",
            "MemTotal: 16000000 kB\nMemFree: 8000000 kB\nMemAvailable: 12000000 kB\n",
        ),
        ("proc/net/dev", net),
        (
            "proc/diskstats",
            "   8 0 sda 10 0 2000 1 20 0 4000 2 0 1500 3\n   8 1 sda1 1 0 1 1 1 0 1 1 0 1 1\n",
        ),
        ("proc/self/mountinfo", MOUNTS),
        ("proc/cmdline", &cmdline),
        ("proc/sys/kernel/hostname", "nas\n"),
        ("proc/sys/kernel/osrelease", "6.12.48+deb13-amd64\n"),
        ("proc/sys/kernel/arch", "x86_64\n"),
        (
            "etc/os-release",
            "PRETTY_NAME=\"SigmaVault NAS OS\"\nID=debian\nVERSION_ID=13\n",
        ),
        (
            "usr/lib/sigmavault/image.json",
            "{\"version\": \"0.1.0\", \"profile\": \"pc-gnome\"}",
        ),
        ("sys/block/sda/size", "100\n"),
        ("sys/block/dm-0/dm/name", "root\n"),
        ("sys/block/dm-0/dm/uuid", "CRYPT-VERITY-0011-root\n"),
        ("run/sigmavault/hardware.json", HARDWARE),
    ] {
        write(folder.path(), path, text);
    }
    folder
}
