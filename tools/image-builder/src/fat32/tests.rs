use proptest::prelude::*;

use super::sample::fat32;
use super::*;

const LONG: &str = "EFI/Linux/sigmavault_10.20.30.efi";

fn big() -> Vec<u8> {
    (0..5000_u32).map(|at| (at % 251).to_le_bytes()[0]).collect()
}

fn disk(scattered: bool) -> Vec<u8> {
    fat32(
        &[
            ("EFI/BOOT/BOOTX64.EFI", b"loader"),
            (LONG, &big()),
            ("EFI/Linux/empty.conf", b""),
        ],
        scattered,
    )
}

fn read(disk: &[u8], path: &str) -> Result<Vec<u8>, FatError> {
    let volume = Fat32::open(disk)?;
    let entry = volume
        .find(path)?
        .ok_or_else(|| FatError::NotFound(path.to_owned()))?;
    let content = volume.content(&entry)?;
    let mut bytes = vec![0; usize::try_from(content.size()).unwrap()];
    content.read_exact_at(&mut bytes, 0).map_err(failed(0))?;
    Ok(bytes)
}

#[test]
fn files_are_read_by_short_and_long_names() {
    for scattered in [false, true] {
        let disk = disk(scattered);
        assert_eq!(read(&disk, "efi/boot/bootx64.efi").unwrap(), b"loader");
        assert_eq!(read(&disk, LONG).unwrap(), big(), "{scattered}");
        assert_eq!(read(&disk, "/EFI/Linux/empty.conf").unwrap(), b"");
        let volume = Fat32::open(&disk[..]).unwrap();
        let names = volume
            .folder("EFI/Linux")
            .unwrap()
            .into_iter()
            .map(|entry| entry.name)
            .collect::<Vec<_>>();
        assert_eq!(names, ["empty.conf", "sigmavault_10.20.30.efi"]);
        assert_eq!(volume.find("EFI/Linux/none").unwrap(), None);
        assert_eq!(volume.find("EFI/BOOT/BOOTX64.EFI/x").unwrap(), None);
    }
}

#[test]
fn a_part_of_a_file_is_read_across_its_clusters() {
    let disk = disk(true);
    let volume = Fat32::open(&disk[..]).unwrap();
    let entry = volume.find(LONG).unwrap().unwrap();
    let content = volume.content(&entry).unwrap();
    let mut bytes = [0; 1030];
    content.read_exact_at(&mut bytes, 500).unwrap();
    assert_eq!(bytes[..], big()[500..1530]);
    let error = content.read_exact_at(&mut bytes, 4000).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
}

#[test]
fn other_and_damaged_file_systems_are_told() {
    let told = |change: fn(&mut Vec<u8>)| {
        let mut disk = disk(false);
        change(&mut disk);
        read(&disk, LONG).unwrap_err().to_string()
    };
    assert_eq!(told(|disk| disk[510] = 0), "it is not a FAT32 file system");
    // A 16-bit length of the table: FAT16.
    assert_eq!(told(|disk| disk[22] = 1), "it is not a FAT32 file system");
    // Every cluster follows itself.
    assert_eq!(
        told(|disk| {
            for nth in 2..100_u8 {
                disk[1024 + usize::from(nth) * 4] = nth;
                disk[1024 + usize::from(nth) * 4 + 1..][..3].fill(0);
            }
        }),
        "its file system is damaged: a chain of clusters has no end"
    );
    assert_eq!(
        told(|disk| disk[44..48].fill(0xFF)),
        "its file system is damaged: a chain of clusters leaves the file system"
    );
}

proptest! {
    #[test]
    fn no_disk_makes_it_panic(changes in proptest::collection::vec((0_usize..16_000, any::<u8>()), 0..40), cut in 0_usize..16_000) {
        let mut disk = disk(false);
        for (at, value) in changes {
            if let Some(byte) = disk.get_mut(at) {
                *byte = value;
            }
        }
        disk.truncate(disk.len().saturating_sub(cut));
        let _ = read(&disk, LONG);
    }
}
