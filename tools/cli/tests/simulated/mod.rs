//! A simulated machine in a file, for the tests of the commands on storage.

#![allow(dead_code, reason = "each test uses a part of it")]

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use sigmavault_storage_core::Simulator;
use sigmavault_types::storage::{Disk, DiskId, DiskUse};
use tempfile::TempDir;

/// 2100-01-01, ahead of the clock of this machine, so that the clock of the simulated one stands.
const LATER: i64 = 4_102_444_800;
const GIB: u64 = 1 << 30;

fn disk(name: &str, in_use: DiskUse) -> Disk {
    Disk {
        id: DiskId(format!("wwn:0x{name}")),
        name: name.to_owned(),
        device: format!("/dev/disk/by-id/ata-{name}"),
        bytes: 10 * GIB,
        model: Some("Model".to_owned()),
        serial: Some(format!("S-{name}")),
        wwn: None,
        transport: Some("sata".to_owned()),
        sector: 4096,
        rotational: true,
        drive: name.to_owned(),
        in_use,
    }
}

/// A simulated machine in a file.
pub struct Machine {
    _folder: TempDir,
    pub file: PathBuf,
}

impl Machine {
    /// Four empty disks, one with something on it, and one that the system runs from.
    pub fn new() -> Self {
        let mut disks: Vec<Disk> = ["sda", "sdb", "sdc", "sdd"]
            .map(|name| disk(name, DiskUse::Free))
            .into();
        let contents = "ntfs".to_owned();
        disks.push(disk("sde", DiskUse::Foreign { contents }));
        disks.push(disk("sdf", DiskUse::System));
        let mut simulator = Simulator::with_disks(disks);
        simulator.world.time = LATER;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("machine.json");
        let machine = Self {
            _folder: folder,
            file,
        };
        machine.write(&simulator);
        machine
    }

    /// With the pool `tank`, a mirror of sda and sdb.
    pub fn with_mirror() -> Self {
        let machine = Self::new();
        machine.done(&["pool", "create", "tank", "sda", "sdb", "--yes"]);
        machine
    }

    pub fn write(&self, simulator: &Simulator) {
        fs::write(&self.file, serde_json::to_vec(simulator).unwrap()).unwrap();
    }

    pub fn read(&self) -> Simulator {
        serde_json::from_slice(&fs::read(&self.file).unwrap()).unwrap()
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sigmavault"));
        // Whatever stands behind -- is no option.
        command.args(&arguments[..1]).arg("--simulate").arg(&self.file);
        command.args(&arguments[1..]).stdin(Stdio::null());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// What a command prints that succeeds.
    pub fn done(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// The last line of what a command says that fails, and that it changes nothing.
    pub fn refused(&self, arguments: &[&str]) -> String {
        let before = fs::read(&self.file).unwrap();
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert_eq!(String::from_utf8(output.stdout).unwrap(), "", "{arguments:?}");
        assert!(fs::read(&self.file).unwrap() == before, "{arguments:?}");
        let errors = String::from_utf8(output.stderr).unwrap();
        errors.lines().last().unwrap().to_owned()
    }

    pub fn json<T: serde::de::DeserializeOwned>(&self, arguments: &[&str]) -> T {
        let text = self.done(&[arguments, &["--json"]].concat());
        serde_json::from_str(&text).unwrap()
    }
}
