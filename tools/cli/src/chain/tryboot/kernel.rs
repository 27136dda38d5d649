//! Whether the boot partition of a slot has what the firmware starts. It is read where it lies and not mounted: a boot check
//! may not mount, and a partition that is not mounted cannot be left half written.
//!
//! Of FAT32 (Microsoft's specification of 2000) that takes the short names in the root folder.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use sigmavault_facts::Files;
use sigmavault_facts::slots::tryboot::boot_device;
use sigmavault_types::slots::Slot;

/// Bytes of a directory entry.
const ENTRY: usize = 32;
/// Largest root folder that is read, in clusters.
const CLUSTERS: usize = 64;

/// The model of the board.
const MODEL: &str = "/proc/device-tree/model";
/// Boards whose boot loader reads the firmware from the boot partition; later ones have it in their flash memory.
const WITHOUT_FIRMWARE: [&str; 2] = ["Raspberry Pi 4", "Raspberry Pi Compute Module 4"];
/// The firmware that they read.
const FIRMWARE: (&str, &[u8; 11]) = ("start4.elf", b"START4  ELF");
/// The files that the firmware needs first, with their short names. The last one is the kernel.
const NEEDED: [(&str, &[u8; 11]); 5] = [
    ("config.txt", b"CONFIG  TXT"),
    ("cmdline.txt", b"CMDLINE TXT"),
    ("settings.img", b"SETTINGSIMG"),
    ("initrd.img", b"INITRD  IMG"),
    ("vmlinuz", b"VMLINUZ    "),
];

/// The size of the kernel on the boot partition of a slot in bytes, or the first file that is missing or empty.
pub fn kernel_bytes(files: &Files, slot: Slot) -> Result<u64, &'static str> {
    let device = files.path(boot_device(slot));
    let model = files.attribute(MODEL).unwrap_or_default();
    let firmware = WITHOUT_FIRMWARE.iter().any(|name| model.starts_with(name));
    let found = File::open(device).and_then(|disk| root_folder(|buffer, at| disk.read_exact_at(buffer, at)));
    let found = found.unwrap_or_default();
    let size = |name: &[u8; 11]| found.iter().find(|file| file.name == *name).map(|file| file.size);
    let mut kernel = 0;
    for (file, name) in firmware.then_some(FIRMWARE).into_iter().chain(NEEDED) {
        kernel = size(name).filter(|size| *size > 0).ok_or(file)?;
    }
    Ok(u64::from(kernel))
}

/// A file in the root folder.
#[derive(Debug, PartialEq, Eq)]
struct Short {
    /// Eight letters and three of the ending, filled with blanks.
    name: [u8; 11],
    size: u32,
}

/// The files in the root folder of a FAT32 file system.
fn root_folder(read: impl Fn(&mut [u8], u64) -> io::Result<()>) -> io::Result<Vec<Short>> {
    let mut boot = [0; 512];
    read(&mut boot, 0)?;
    let sector = u64::from(number(&boot, 11, 2));
    let per_cluster = u64::from(boot[13]);
    let table = u64::from(number(&boot, 14, 2)) * sector;
    let data = table + u64::from(boot[16]) * u64::from(number(&boot, 36, 4)) * sector;
    // FAT12 and FAT16 have a root folder of fixed size and a 16-bit length of the table.
    let is_fat32 = boot[510..] == [0x55, 0xAA]
        && [512, 1024, 2048, 4096].contains(&sector)
        && per_cluster.is_power_of_two()
        && number(&boot, 17, 2) == 0
        && number(&boot, 22, 2) == 0;
    if !is_fat32 {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut cluster = number(&boot, 44, 4) & 0x0FFF_FFFF;
    // At most 512 KiB.
    let mut bytes = vec![0; usize::try_from(per_cluster * sector).unwrap_or(0)];
    let mut files = Vec::new();
    for _ in 0..CLUSTERS {
        let Some(place) = cluster.checked_sub(2) else {
            break;
        };
        read(&mut bytes, data + u64::from(place) * per_cluster * sector)?;
        for entry in bytes.chunks_exact(ENTRY) {
            if entry[0] == 0 {
                return Ok(files);
            }
            // Deleted ones, folders, volume labels and parts of long names.
            if entry[0] == 0xE5 || entry[11] & 0x18 != 0 {
                continue;
            }
            let mut name = [0; 11];
            name.copy_from_slice(&entry[..11]);
            files.push(Short {
                name,
                size: number(entry, 28, 4),
            });
        }
        let mut next = [0; 4];
        read(&mut next, table + u64::from(cluster) * 4)?;
        cluster = u32::from_le_bytes(next) & 0x0FFF_FFFF;
        if cluster >= 0x0FFF_FFF8 {
            break;
        }
    }
    Ok(files)
}

/// A number of `len` bytes, the lowest first.
fn number(from: &[u8], at: usize, len: usize) -> u32 {
    from[at..at + len]
        .iter()
        .rev()
        .fold(0, |number, byte| number << 8 | u32::from(*byte))
}

/// A small FAT32 file system with these files, by their short names and sizes, in folders of two sectors.
#[cfg(test)]
pub fn sample(files: &[(&[u8; 11], u32)]) -> Vec<u8> {
    const SECTOR: usize = 512;
    // One boot sector, one table of one sector, clusters of two sectors.
    let mut image = vec![0; SECTOR * 40];
    image[11..13].copy_from_slice(&512_u16.to_le_bytes());
    image[13] = 2;
    image[14] = 1;
    image[16] = 1;
    image[36] = 1;
    image[44] = 2;
    image[510..512].copy_from_slice(&[0x55, 0xAA]);
    let mut entries = vec![(*b"BOOT-B     ", 0x08, 0), (*b"Av\0m\0l\0\0\0\0\0", 0x0F, 0)];
    entries.extend(files.iter().map(|(name, size)| (**name, 0x20, *size)));
    let in_cluster = SECTOR * 2 / ENTRY;
    for (at, (name, attributes, size)) in entries.iter().enumerate() {
        // The folder's first cluster is number 2, and every other one is skipped.
        let cluster = 2 + 2 * (at / in_cluster);
        let place = SECTOR * 2 + (cluster - 2) * SECTOR * 2 + at % in_cluster * ENTRY;
        image[place..place + 11].copy_from_slice(name);
        image[place + 11] = *attributes;
        image[place + 28..place + 32].copy_from_slice(&size.to_le_bytes());
        let is_last = at / in_cluster == (entries.len() - 1) / in_cluster;
        let next = if is_last {
            0x0FFF_FFFF
        } else {
            u32::try_from(cluster).unwrap() + 2
        };
        let table = SECTOR + cluster * 4;
        image[table..table + 4].copy_from_slice(&next.to_le_bytes());
    }
    image
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &[u8; 11] = b"CONFIG  TXT";
    const CMDLINE: &[u8; 11] = b"CMDLINE TXT";
    const SETTINGS: &[u8; 11] = b"SETTINGSIMG";
    const INITRD: &[u8; 11] = b"INITRD  IMG";
    const KERNEL: &[u8; 11] = b"VMLINUZ    ";

    fn bytes(image: &[u8]) -> Result<u64, &'static str> {
        bytes_on("Raspberry Pi 5 Model B Rev 1.0", image)
    }

    fn bytes_on(model: &str, image: &[u8]) -> Result<u64, &'static str> {
        let folder = tempfile::tempdir().unwrap();
        let files = Files::new(folder.path());
        for (path, bytes) in [
            (boot_device(Slot::B).as_str(), image),
            (MODEL, format!("{model}\0").as_bytes()),
        ] {
            let path = files.path(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
        assert_eq!(kernel_bytes(&files, Slot::A), {
            let first = if model.contains('4') {
                FIRMWARE.0
            } else {
                "config.txt"
            };
            Err(first)
        });
        kernel_bytes(&files, Slot::B)
    }

    #[test]
    fn a_slot_that_starts_has_its_files() {
        let whole = [
            (CONFIG, 9),
            (CMDLINE, 80),
            (SETTINGS, 512),
            (INITRD, 7),
            (KERNEL, 38_000_000),
        ];
        assert_eq!(bytes(&sample(&whole)), Ok(38_000_000));
        for (at, (file, _)) in NEEDED.iter().enumerate() {
            let mut part = whole.to_vec();
            part[at].1 = 0;
            assert_eq!(bytes(&sample(&part)), Err(*file), "empty");
            part.remove(at);
            assert_eq!(bytes(&sample(&part)), Err(*file));
        }
        assert_eq!(bytes(&sample(&[])), Err("config.txt"));
        assert_eq!(bytes(b"not FAT"), Err("config.txt"));
    }

    #[test]
    fn older_boards_read_their_firmware_too() {
        let whole = [
            (FIRMWARE.1, 2),
            (CONFIG, 9),
            (CMDLINE, 80),
            (SETTINGS, 512),
            (INITRD, 7),
            (KERNEL, 5),
        ];
        for model in [
            "Raspberry Pi 4 Model B Rev 1.5",
            "Raspberry Pi Compute Module 4 Rev 1.1",
        ] {
            assert_eq!(bytes_on(model, &sample(&whole)), Ok(5));
            assert_eq!(bytes_on(model, &sample(&whole[1..])), Err("start4.elf"));
        }
        for model in [
            "Raspberry Pi 5 Model B Rev 1.0",
            "Raspberry Pi Compute Module 5 Rev 1.0",
            "",
        ] {
            assert_eq!(bytes_on(model, &sample(&whole[1..])), Ok(5));
        }
    }

    #[test]
    fn a_folder_of_several_clusters_is_followed() {
        let many: Vec<[u8; 11]> = (0..150_u8)
            .map(|n| format!("{n:08}DTB").into_bytes().try_into().unwrap())
            .collect();
        let mut files: Vec<(&[u8; 11], u32)> = many.iter().map(|name| (name, 1)).collect();
        files.extend([
            (CONFIG, 9),
            (CMDLINE, 80),
            (SETTINGS, 512),
            (INITRD, 7),
            (KERNEL, 5),
        ]);
        assert_eq!(bytes(&sample(&files)), Ok(5));
    }

    #[test]
    fn damage_ends_the_search_and_nothing_else() {
        let whole = sample(&[
            (CONFIG, 9),
            (CMDLINE, 80),
            (SETTINGS, 512),
            (INITRD, 7),
            (KERNEL, 5),
        ]);
        // Every byte of the boot sector and the first part of the table and the folder, in its turn.
        for at in (0..64).chain([510, 511]).chain(512..544).chain(1024..1200) {
            for value in [0, 1, 0x7F, 0xFF] {
                let mut image = whole.clone();
                image[at] = value;
                let _ = bytes(&image);
            }
        }
        // A folder that goes round in a circle.
        let mut image = sample(&[(CONFIG, 9)]);
        for entry in image[1024..2048].chunks_exact_mut(ENTRY).skip(2) {
            entry[..11].copy_from_slice(b"OTHER   TXT");
        }
        image[512 + 8..512 + 12].copy_from_slice(&2_u32.to_le_bytes());
        assert_eq!(bytes(&image), Err("config.txt"));
    }
}
