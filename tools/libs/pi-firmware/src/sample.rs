//! Small disks for tests, whose file systems are written by a library that shares no code with the reader. A
//! disk that cannot be made is a mistake of the test, which ends then.
#![expect(clippy::expect_used, clippy::missing_panics_doc, reason = "for tests")]

use std::io::{Cursor, Write};

use dtoolkit::model::{DeviceTree, DeviceTreeNode, DeviceTreeProperty};
use fatfs::{FatType, FileSystem, FormatVolumeOptions, FsOptions};

const MIB: usize = 1 << 20;
const SECTOR: usize = 512;
const ESP: [u8; 16] = *b"\x28\x73\x2A\xC1\x1F\xF8\xD2\x11\xBA\x4B\x00\xA0\xC9\x3E\xC9\x3B";
const LINUX: [u8; 16] = *b"\xAF\x3D\xC6\x0F\x83\x84\x72\x47\x8E\x79\x3D\x69\xD8\x47\x7D\xE4";

/// The usual `autoboot.txt`.
pub const AUTOBOOT: &str = "[all]\ntryboot_a_b=1\nboot_partition=2\n[tryboot]\nboot_partition=3\n";

/// A partition to be.
#[derive(Debug, Clone)]
pub struct Disk {
    /// Its bytes, a multiple of a MiB.
    pub bytes: Vec<u8>,
    fat: bool,
}

impl Disk {
    /// A partition of a FAT type, not formatted.
    pub fn fat(bytes: usize) -> Self {
        Self {
            bytes: vec![0; bytes],
            fat: true,
        }
    }

    /// A partition of another type.
    pub fn other(bytes: usize) -> Self {
        Self {
            bytes: vec![0; bytes],
            fat: false,
        }
    }

    /// A FAT of a MiB with these files; folders are made.
    pub fn with(files: &[(&str, &[u8])]) -> Self {
        Self::formatted(MIB, FatType::Fat12, files)
    }

    /// A FAT of this size and kind with these files.
    pub fn formatted(bytes: usize, kind: FatType, files: &[(&str, &[u8])]) -> Self {
        let mut disk = Self::fat(bytes);
        let options = FormatVolumeOptions::new()
            .fat_type(kind)
            .bytes_per_cluster(match kind {
                FatType::Fat12 => 1024,
                FatType::Fat16 | FatType::Fat32 => 512,
            });
        fatfs::format_volume(Cursor::new(&mut disk.bytes[..]), options).expect("the size fits the kind");
        let volume = FileSystem::new(Cursor::new(&mut disk.bytes[..]), FsOptions::new());
        let volume = volume.expect("it was just formatted");
        for (path, bytes) in files {
            let mut folder = volume.root_dir();
            let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
            for part in folders.split('/').filter(|part| !part.is_empty()) {
                folder = folder.create_dir(part).expect("there is space");
            }
            let mut file = folder.create_file(name).expect("there is space");
            file.write_all(bytes).expect("there is space");
        }
        volume.unmount().expect("memory can be written");
        disk
    }
}

/// A disk with a GPT and these partitions, each at a MiB.
pub fn gpt(partitions: &[Disk]) -> Vec<u8> {
    let (mut disk, places) = laid_out(partitions);
    disk[446 + 4] = 0xEE;
    disk[446 + 8] = 1;
    disk[446 + 12..446 + 16].copy_from_slice(&[0xFF; 4]);
    disk[510..512].copy_from_slice(&[0x55, 0xAA]);
    let mut entries = vec![0; 128 * 128];
    for ((entry, part), place) in entries.chunks_exact_mut(128).zip(partitions).zip(&places) {
        entry[..16].copy_from_slice(if part.fat { &ESP } else { &LINUX });
        entry[16] = 1;
        let first = (place / SECTOR) as u64;
        let last = first + (part.bytes.len() / SECTOR) as u64 - 1;
        entry[32..40].copy_from_slice(&first.to_le_bytes());
        entry[40..48].copy_from_slice(&last.to_le_bytes());
    }
    let mut header = [0; 92];
    header[..8].copy_from_slice(b"EFI PART");
    header[10] = 1;
    header[12] = 92;
    header[24] = 1;
    header[72] = 2;
    header[80] = 128;
    header[84] = 128;
    header[88..92].copy_from_slice(&crc32fast::hash(&entries).to_le_bytes());
    let crc = crc32fast::hash(&header);
    header[16..20].copy_from_slice(&crc.to_le_bytes());
    disk[SECTOR..SECTOR + 92].copy_from_slice(&header);
    disk[2 * SECTOR..2 * SECTOR + entries.len()].copy_from_slice(&entries);
    disk
}

/// A disk with an MBR and at most four partitions, each at a MiB.
pub fn mbr(partitions: &[Disk]) -> Vec<u8> {
    let (mut disk, places) = laid_out(partitions);
    for ((nth, part), place) in partitions.iter().enumerate().zip(&places) {
        let entry = &mut disk[446 + nth * 16..446 + (nth + 1) * 16];
        entry[4] = if part.fat { 0x0C } else { 0x83 };
        let number = |bytes: usize| u32::try_from(bytes / SECTOR).unwrap_or(u32::MAX).to_le_bytes();
        entry[8..12].copy_from_slice(&number(*place));
        entry[12..16].copy_from_slice(&number(part.bytes.len()));
    }
    disk[510..512].copy_from_slice(&[0x55, 0xAA]);
    disk
}

/// The partitions one behind the other from the first MiB on, with a MiB behind them, and their places.
fn laid_out(partitions: &[Disk]) -> (Vec<u8>, Vec<usize>) {
    let mut disk = vec![0; MIB];
    let mut places = Vec::new();
    for part in partitions {
        places.push(disk.len());
        disk.extend(&part.bytes);
    }
    disk.resize(disk.len() + MIB, 0);
    (disk, places)
}

/// Bytes that pass for an ARM64 kernel with this text in it.
pub fn kernel(text: &str) -> Vec<u8> {
    let mut bytes = vec![0; 64];
    bytes[56..60].copy_from_slice(b"ARM\x64");
    bytes.extend(text.as_bytes());
    bytes
}

/// A device tree for a processor, with one device below `/soc` for each unit name.
pub fn tree(processor: &str, units: &[&str]) -> Vec<u8> {
    let mut tree = DeviceTree::new();
    tree.root.add_property(DeviceTreeProperty::new_unchecked(
        "compatible",
        &["raspberrypi,board", processor][..],
    ));
    let mut soc = DeviceTreeNode::new_unchecked("soc");
    for unit in units {
        let mut device = DeviceTreeNode::new_unchecked(*unit);
        device.add_property(DeviceTreeProperty::new_unchecked("reg", 1_u32));
        soc.add_child(device);
    }
    tree.root.add_child(soc);
    tree.to_dtb()
}
