//! What a disk is and what it holds, as lsblk and blkid tell.

use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use indicatif::BinaryBytes;
use serde::Serialize;
use sigmavault_host::ParseError;
use sigmavault_host::blkid::{self, Probed};
use sigmavault_host::lsblk::{self, Column, Device};
use sigmavault_host::run::{Run, RunError};

use crate::gpt::SECTOR;

const COLUMNS: &[Column] = &[
    Column::Name,
    Column::Kname,
    Column::Path,
    Column::Type,
    Column::Size,
    Column::Ro,
    Column::Rm,
    Column::LogSec,
    Column::Tran,
    Column::Vendor,
    Column::Model,
    Column::Serial,
    Column::Wwn,
    Column::Fstype,
    Column::Label,
    Column::Pttype,
    Column::Pkname,
    Column::Mountpoints,
];

/// Why a disk could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum DiskError {
    /// No such path.
    #[error("there is no {}; `lsblk` shows the disks of this machine", path.display())]
    Missing {
        /// The path.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file or folder.
    #[error("{} is not a block device; name a whole disk like /dev/sdb", .0.display())]
    NotBlock(PathBuf),
    /// lsblk did not run.
    #[error("{0}; install util-linux")]
    NoLsblk(RunError),
    /// lsblk failed.
    #[error("{0}; check that the disk is still attached")]
    Lsblk(RunError),
    /// lsblk printed something else than its JSON.
    #[error("{0}; install util-linux 2.37 or later")]
    Parse(ParseError),
    /// lsblk does not list it.
    #[error("lsblk does not list {}; attach the disk again, or name it by its node in /dev", .0.display())]
    NotListed(PathBuf),
}

/// A disk, and everything on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Disk {
    /// Kernel name, like `sdb`.
    pub name: String,
    /// Device node.
    pub path: String,
    /// What lsblk calls it: `disk`, `part`, `loop`, `rom`, `crypt`, ...
    pub kind: String,
    /// The disk that a partition is on.
    pub parent: Option<String>,
    /// Vendor and model.
    pub model: Option<String>,
    /// Serial number, else WWN; a loop device's name.
    pub serial: Option<String>,
    /// Transport: `usb`, `sata`, `nvme`, ...
    pub bus: Option<String>,
    /// Size in bytes.
    pub size: u64,
    /// Bytes of a logical sector.
    pub logical_sector: u64,
    /// Cannot be written.
    pub read_only: bool,
    /// Its medium or itself can be taken out.
    pub removable: bool,
    /// Kind of partition table.
    pub partition_table: Option<String>,
    /// What is directly on it.
    pub content: Content,
    /// Partitions and what is built on them, from the outside in.
    pub parts: Vec<Part>,
}

/// What stands on a disk or a partition.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Content {
    /// Kind of file system, or of membership.
    pub file_system: Option<String>,
    /// Its label.
    pub label: Option<String>,
    /// Where it is mounted; `[SWAP]` for swap in use.
    pub mounted: Vec<String>,
}

/// A partition, or a device built on one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Part {
    /// Kernel name.
    pub name: String,
    /// `part`, `crypt`, `lvm`, `raid1`, ...
    pub kind: String,
    /// Size in bytes.
    pub size: u64,
    /// What stands on it.
    pub content: Content,
}

impl Disk {
    /// Looks at a disk; a link like those in /dev/disk/by-id is followed.
    pub fn look(run: &dyn Run, path: &Path) -> Result<Self, DiskError> {
        let missing = |source| DiskError::Missing {
            path: path.to_owned(),
            source,
        };
        let real = path.canonicalize().map_err(missing)?;
        if !real.metadata().map_err(missing)?.file_type().is_block_device() {
            return Err(DiskError::NotBlock(path.to_owned()));
        }
        let list = lsblk::tree(COLUMNS, Some(&real.to_string_lossy()));
        let text = run.text(&list).map_err(|error| match error {
            RunError::Start { .. } => DiskError::NoLsblk(error),
            _ => DiskError::Lsblk(error),
        })?;
        let mut disk = Self::parse(&text, &real)?;
        disk.probe(run);
        if disk.serial.is_none() {
            disk.serial = serial_from_sysfs(&disk.name);
        }
        Ok(disk)
    }

    /// Asks blkid where lsblk says nothing: without udev's database it knows no contents.
    fn probe(&mut self, run: &dyn Run) {
        let unknown = |content: &Content| content.file_system.is_none();
        if unknown(&self.content) && self.partition_table.is_none() {
            let found = probe(run, &self.path);
            self.content.file_system = found.kind;
            self.content.label = found.label;
            self.partition_table = found.table;
        }
        for part in self.parts.iter_mut().filter(|part| unknown(&part.content)) {
            let found = probe(run, &format!("/dev/{}", part.name));
            part.content.file_system = found.kind;
            part.content.label = found.label;
        }
    }

    /// The disk in lsblk's JSON.
    pub fn parse(json: &str, path: &Path) -> Result<Self, DiskError> {
        let listed = lsblk::parse(json).map_err(DiskError::Parse)?;
        let node = listed.into_iter().find(|node| Path::new(&node.path) == path);
        let node = node.ok_or_else(|| DiskError::NotListed(path.to_owned()))?;
        let parts = node.with_descendants().into_iter().skip(1).map(part).collect();
        let on_it = content(&node);
        let words = [&node.vendor, &node.model]
            .into_iter()
            .flatten()
            .map(|word| word.trim());
        let model = words
            .filter(|word| !word.is_empty())
            .collect::<Vec<_>>()
            .join(" ");
        let serial = if node.kind == "loop" {
            Some(node.kname.clone())
        } else {
            text(node.serial).or(text(node.wwn))
        };
        Ok(Self {
            content: on_it,
            name: node.kname,
            path: node.path,
            kind: node.kind,
            parent: text(node.pkname),
            model: text(Some(model)),
            serial,
            // An external disk says that it is fixed; its bus says otherwise.
            removable: node.removable || node.transport.as_deref() == Some("usb"),
            bus: text(node.transport),
            size: node.size,
            // 512 unless lsblk says otherwise.
            logical_sector: Some(node.logical_sector)
                .filter(|bytes| *bytes > 0)
                .unwrap_or(SECTOR),
            read_only: node.read_only,
            partition_table: text(node.pttype),
            parts,
        })
    }

    /// What it is, in one line.
    pub fn summary(&self) -> String {
        let serial = self.serial.as_ref().map_or_else(
            || "no serial number".to_owned(),
            |serial| format!("serial {serial}"),
        );
        let words = [
            self.model.clone().unwrap_or_else(|| "unnamed disk".to_owned()),
            serial,
            self.bus.clone().unwrap_or_else(|| self.kind.clone()),
            BinaryBytes(self.size).to_string(),
            if self.removable {
                "removable"
            } else {
                "not removable"
            }
            .to_owned(),
        ];
        words.join(", ")
    }

    /// What would be lost, a line each.
    pub fn losses(&self) -> Vec<String> {
        let table = self
            .partition_table
            .iter()
            .map(|table| format!("partition table {table}"));
        let whole = self
            .content
            .describe()
            .map(|content| format!("{}: {content}", self.name));
        let parts = self.parts.iter().map(|part| {
            let content = part
                .content
                .describe()
                .unwrap_or_else(|| "nothing recognised".to_owned());
            format!("{}: {content}, {}", part.name, BinaryBytes(part.size))
        });
        table.chain(whole).chain(parts).collect()
    }

    /// Every content on it, with the device it is on.
    pub fn contents(&self) -> impl Iterator<Item = (&str, &Content)> {
        let parts = self.parts.iter().map(|part| (part.name.as_str(), &part.content));
        std::iter::once((self.name.as_str(), &self.content)).chain(parts)
    }
}

impl Content {
    fn describe(&self) -> Option<String> {
        let kind = self.file_system.clone()?;
        Some(
            self.label
                .as_ref()
                .map_or_else(|| kind.clone(), |label| format!("{kind} \"{label}\"")),
        )
    }
}

/// What blkid finds on a device; nothing when it cannot look.
fn probe(run: &dyn Run, path: &str) -> blkid::Signature {
    match run.run(&blkid::probe(path)).map(|output| blkid::probed(&output)) {
        Ok(Probed::Found(signature)) => signature,
        Ok(Probed::Ambivalent) => blkid::Signature {
            kind: Some("several kinds of content".to_owned()),
            ..blkid::Signature::default()
        },
        Ok(Probed::Nothing) | Err(_) => blkid::Signature::default(),
    }
}

fn serial_from_sysfs(name: &str) -> Option<String> {
    let places = ["serial", "device/serial"];
    places
        .iter()
        .find_map(|place| text(std::fs::read_to_string(format!("/sys/block/{name}/{place}")).ok()))
}

fn part(device: &Device) -> Part {
    Part {
        name: device.kname.clone(),
        kind: device.kind.clone(),
        size: device.size,
        content: content(device),
    }
}

fn content(device: &Device) -> Content {
    Content {
        file_system: text(device.fstype.clone()),
        label: text(device.label.clone()),
        mounted: device.mountpoints.clone(),
    }
}

fn text(value: Option<String>) -> Option<String> {
    value
        .map(|text| text.trim().to_owned())
        .filter(|text| !text.is_empty())
}

/// A removable disk with one partition, for tests.
#[cfg(test)]
pub fn sample(name: &str) -> Disk {
    Disk {
        name: name.to_owned(),
        path: format!("/dev/{name}"),
        kind: "disk".to_owned(),
        parent: None,
        model: Some("SanDisk Ultra".to_owned()),
        serial: Some("4C53".to_owned()),
        bus: Some("usb".to_owned()),
        size: 30_752_636_928,
        logical_sector: 512,
        read_only: false,
        removable: true,
        partition_table: Some("gpt".to_owned()),
        content: Content::default(),
        parts: vec![Part {
            name: format!("{name}1"),
            kind: "part".to_owned(),
            size: 512 << 20,
            content: Content {
                file_system: Some("vfat".to_owned()),
                label: Some("BOOT".to_owned()),
                mounted: Vec::new(),
            },
        }],
    }
}

#[cfg(test)]
mod tests {
    use sigmavault_host::run::{Invocation, Local, Output, Scripted};

    use super::*;

    #[test]
    fn lsblk_of_a_stick() {
        let json = r#"{"blockdevices": [{"name":"sdb", "kname":"sdb", "path":"/dev/sdb", "type":"disk", "size":30752636928, "log-sec":512,
            "ro":false, "rm":true, "tran":"usb", "vendor":"SanDisk ", "model":"Ultra", "serial":"4C53", "wwn":null,
            "fstype":null, "label":null, "pttype":"gpt", "pkname":null, "mountpoints":[null],
            "children":[{"name":"sdb1", "kname":"sdb1", "path":"/dev/sdb1", "type":"part", "size":536870912, "ro":false,
            "rm":true, "fstype":"vfat", "label":"BOOT", "mountpoints":[null]}]}]}"#;
        assert_eq!(Disk::parse(json, Path::new("/dev/sdb")).unwrap(), sample("sdb"));
    }

    #[test]
    fn older_lsblk_prints_strings() {
        let json = r#"{"blockdevices": [{"name":"sdb", "kname":"sdb", "path":"/dev/sdb", "type":"disk", "size":"1024",
            "ro":"1", "rm":"0", "tran":"usb", "mountpoints":["/mnt"]}]}"#;
        let disk = Disk::parse(json, Path::new("/dev/sdb")).unwrap();
        assert_eq!((disk.size, disk.read_only, disk.removable), (1024, true, true));
        assert_eq!(disk.content.mounted, ["/mnt"]);
        assert_eq!(disk.serial, None);
    }

    #[test]
    fn what_is_built_on_a_partition_is_found() {
        let json = r#"{"blockdevices": [{"kname":"nvme0n1", "path":"/dev/nvme0n1", "type":"disk", "size":1, "wwn":"eui.1",
            "children":[{"kname":"nvme0n1p2", "path":"/dev/nvme0n1p2", "type":"part", "fstype":"crypto_LUKS",
            "children":[{"kname":"dm-0", "path":"/dev/mapper/x", "type":"crypt", "fstype":"ext4", "mountpoints":["/"]}]}]}]}"#;
        let disk = Disk::parse(json, Path::new("/dev/nvme0n1")).unwrap();
        assert_eq!(disk.serial.as_deref(), Some("eui.1"));
        let kinds: Vec<_> = disk
            .parts
            .iter()
            .map(|part| (part.name.as_str(), part.kind.as_str()))
            .collect();
        assert_eq!(kinds, [("nvme0n1p2", "part"), ("dm-0", "crypt")]);
        assert_eq!(disk.parts[1].content.mounted, ["/"]);
    }

    #[test]
    fn a_loop_device_is_named_by_its_serial() {
        let json = r#"{"blockdevices": [{"kname":"loop3", "path":"/dev/loop3", "type":"loop", "size":1024, "serial":null}]}"#;
        let disk = Disk::parse(json, Path::new("/dev/loop3")).unwrap();
        assert_eq!(disk.serial.as_deref(), Some("loop3"));
        assert!(!disk.removable);
    }

    #[test]
    fn blkid_is_asked_where_lsblk_says_nothing() {
        let run = Scripted(|invocation: &Invocation| match invocation.quoted().as_str() {
            "blkid -p -o export /dev/sdb" => Output::success("PTTYPE=gpt\nPTUUID=1\n"),
            "blkid -p -o export /dev/sdb1" => Output::success("LABEL=ke\\ ep\\\"x\nTYPE=ext4\n"),
            "blkid -p -o export /dev/sdb2" => Output::failure(8, ""),
            _ => Output::failure(2, ""),
        });
        let mut disk = sample("sdb");
        disk.partition_table = None;
        let unknown = |name: &str| Part {
            name: name.to_owned(),
            content: Content::default(),
            ..disk.parts[0].clone()
        };
        disk.parts = vec![
            unknown("sdb1"),
            unknown("sdb2"),
            unknown("sdb3"),
            disk.parts[0].clone(),
        ];
        disk.probe(&run);
        assert_eq!(
            disk.losses(),
            [
                "partition table gpt",
                "sdb1: ext4 \"ke ep\"x\", 512.00 MiB",
                "sdb2: several kinds of content, 512.00 MiB",
                "sdb3: nothing recognised, 512.00 MiB",
                "sdb1: vfat \"BOOT\", 512.00 MiB",
            ]
        );
    }

    #[test]
    fn files_are_not_disks() {
        let error = Disk::look(&Local, Path::new("/etc/hostname"))
            .unwrap_err()
            .to_string();
        assert_eq!(
            error,
            "/etc/hostname is not a block device; name a whole disk like /dev/sdb"
        );
        let error = Disk::look(&Local, Path::new("/dev/none"))
            .unwrap_err()
            .to_string();
        assert_eq!(
            error,
            "there is no /dev/none; `lsblk` shows the disks of this machine"
        );
    }
}
