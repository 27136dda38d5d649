use super::*;
use crate::sample::Disk;
use fatfs::FatType;
use proptest::prelude::*;
use std::io::Cursor;

const LONG: &str = "bcm2712-rpi-5-b.dtb";

fn files(large: &[u8]) -> [(&str, &[u8]); 5] {
    [
        ("config.txt", b"kernel=vmlinuz\n"),
        ("EMPTY", b""),
        (LONG, b"tree"),
        ("sigmavault/slot-a.version", b"1.2.3\n"),
        ("vmlinuz", large),
    ]
}

#[test]
fn files_of_all_kinds() {
    let large: Vec<u8> = (0..200_000_u32).map(|n| n.to_le_bytes()[nth(n)]).collect();
    for (kind, size, expected) in [
        (FatType::Fat12, 1 << 20, Kind::Fat12),
        (FatType::Fat16, 4 << 20, Kind::Fat16),
        (FatType::Fat32, 40 << 20, Kind::Fat32),
    ] {
        let made = Disk::formatted(size, kind, &files(&large));
        let mut disk = Cursor::new([vec![7; 100], made.bytes].concat());
        let mut fat = Fat::open(&mut disk, 100, size as u64).unwrap();
        assert_eq!(fat.kind(), expected);
        assert_eq!(fat.read("config.txt").unwrap().unwrap(), b"kernel=vmlinuz\n");
        assert_eq!(fat.read("Config.TXT").unwrap().unwrap(), b"kernel=vmlinuz\n");
        assert_eq!(fat.read("empty").unwrap().unwrap(), b"");
        assert_eq!(fat.read(LONG).unwrap().unwrap(), b"tree");
        assert_eq!(
            fat.read("sigmavault/slot-a.version").unwrap().unwrap(),
            b"1.2.3\n"
        );
        assert!(fat.read("vmlinuz").unwrap().unwrap() == large);
        assert_eq!(fat.size("vmlinuz").unwrap(), Some(200_000));
        for absent in ["sigmavault", "none", "config.txt/none", "", "none/none"] {
            assert_eq!(fat.read(absent).unwrap(), None, "{absent}");
        }
    }
}

fn nth(n: u32) -> usize {
    (n % 3) as usize
}

#[test]
fn other_partitions() {
    let open = |bytes: Vec<u8>| {
        let length = bytes.len() as u64;
        Fat::open(&mut Cursor::new(bytes), 0, length).map(|fat| fat.kind())
    };
    assert!(matches!(open(vec![0; 4096]), Err(FatError::NotFat)));
    assert!(matches!(open(vec![0; 100]), Err(FatError::NotFat)));
    let small = Disk::formatted(40 << 20, FatType::Fat32, &[]).bytes;
    let cut = small[..1 << 20].to_vec();
    assert!(matches!(
        open(cut),
        Err(FatError::Damaged("it is larger than its partition"))
    ));
}

#[test]
fn a_fat32_that_is_too_small() {
    let mut bytes = Disk::formatted(40 << 20, FatType::Fat32, &[("autoboot.txt", b"x")]).bytes;
    // Half as many sectors, and so clusters, as FAT32 needs.
    bytes[32..36].copy_from_slice(&40_000_u32.to_le_bytes());
    let error = Fat::open(&mut Cursor::new(bytes), 0, 40 << 20).unwrap_err();
    assert!(error.to_string().contains("takes it for FAT16"), "{error}");
}

#[test]
fn chains_that_never_end() {
    let mut bytes = Disk::with(&[("a", &[1; 5000])]).bytes;
    // Every cluster is followed by cluster 2.
    let table = usize::from(u16_at(&bytes, 14)) * 512;
    bytes[table + 3..table + 600]
        .iter_mut()
        .enumerate()
        .for_each(|(at, byte)| {
            *byte = [0x02, 0x20, 0x00][at % 3];
        });
    let mut disk = Cursor::new(bytes);
    let mut fat = Fat::open(&mut disk, 0, 1 << 20).unwrap();
    // A file ends by its size; the bytes are those of the wrong clusters.
    assert_eq!(fat.size("a").unwrap(), Some(5000));
    assert_eq!(fat.read("a").unwrap().unwrap().len(), 5000);
}

proptest! {
    /// What a power cut or a bad card makes of a file system is read, or is an error.
    #[test]
    fn damage_never_panics(changes in proptest::collection::vec((0_usize..40_000, any::<u8>()), 1..20)) {
        let mut bytes = Disk::with(&files(&[3; 9000])).bytes;
        for (at, byte) in changes {
            bytes[at] = byte;
        }
        let mut disk = Cursor::new(bytes);
        if let Ok(mut fat) = Fat::open(&mut disk, 0, 1 << 20) {
            for path in ["config.txt", LONG, "sigmavault/slot-a.version", "vmlinuz"] {
                let _ = fat.read(path);
            }
        }
    }

    #[test]
    fn noise_never_panics(mut bytes in proptest::collection::vec(any::<u8>(), 512..3000)) {
        bytes[510..512].copy_from_slice(&[0x55, 0xAA]);
        bytes[11..14].copy_from_slice(&[0, 2, 1]);
        let length = bytes.len() as u64;
        let mut disk = Cursor::new(bytes);
        if let Ok(mut fat) = Fat::open(&mut disk, 0, length) {
            let _ = fat.read("config.txt");
        }
    }
}
