use std::io::Cursor;

use proptest::prelude::*;

use super::sample::Sample;
use super::*;

fn sample(rock_ridge: bool) -> Vec<u8> {
    let manifest = b"{\"a\": 1}".to_vec();
    Sample {
        manifest,
        volume_id: "SIGMAVAULT_1",
        rock_ridge,
        partitions: Vec::new(),
    }
    .bytes()
}

#[test]
fn reads_a_file_by_either_kind_of_name() {
    for rock_ridge in [true, false] {
        let mut disk = Cursor::new(sample(rock_ridge));
        let volume = Volume::read(&mut disk).unwrap();
        assert_eq!(volume.id, "SIGMAVAULT_1");
        assert_eq!(volume.size, disk.get_ref().len() as u64);
        let text = volume.file(&mut disk, "/sigmavault/manifest.json", 100).unwrap();
        assert_eq!(text, b"{\"a\": 1}");
        let root = volume.find(&mut disk, "/").unwrap();
        let names: Vec<_> = volume
            .list(&mut disk, &root)
            .unwrap()
            .into_iter()
            .map(|entry| entry.name)
            .collect();
        assert_eq!(names, ["sigmavault"]);
    }
}

#[test]
fn what_cannot_be_read_is_named() {
    let mut disk = Cursor::new(sample(true));
    let volume = Volume::read(&mut disk).unwrap();
    let mut error = |path: &str, limit| volume.file(&mut disk, path, limit).unwrap_err().to_string();
    assert_eq!(
        error("/sigmavault/other", 9),
        "there is no /sigmavault/other in the ISO"
    );
    assert_eq!(
        error("/sigmavault/manifest.json/x", 9),
        "there is no /sigmavault/manifest.json/x in the ISO"
    );
    assert_eq!(
        error("/sigmavault", 9),
        "there is no file /sigmavault (it is a folder) in the ISO"
    );
    assert_eq!(
        error("/sigmavault/manifest.json", 7),
        "/sigmavault/manifest.json has 8 bytes, more than the 7 expected"
    );
    disk.get_mut().truncate(23 * 2048);
    assert_eq!(
        volume
            .file(&mut disk, "/sigmavault/manifest.json", 9)
            .unwrap_err()
            .to_string(),
        "/sigmavault/manifest.json lies beyond the end of the file"
    );
}

#[test]
fn other_files_are_not_isos() {
    for length in [0, 1000, 16 * 2048, 17 * 2048, 100_000] {
        let error = Volume::read(&mut Cursor::new(vec![0; length])).unwrap_err();
        assert!(matches!(error, IsoError::NotIso), "{length}: {error}");
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..6000)) {
        let mut disk = vec![0; 16 * 2048];
        disk.extend(b"\x01CD001\x01");
        disk.extend(bytes);
        let mut disk = Cursor::new(disk);
        if let Ok(volume) = Volume::read(&mut disk) {
            let _ = volume.file(&mut disk, "/sigmavault/manifest.json", 1 << 20);
        }
    }

    #[test]
    fn damaged_isos_never_panic(
        rock_ridge in any::<bool>(),
        changes in proptest::collection::vec((prop_oneof![0_usize..200, 4 * 2048_usize..8 * 2048], any::<u8>()), 1..30),
    ) {
        let mut disk = sample(rock_ridge);
        for (at, value) in changes {
            disk[16 * 2048 + at] = value;
        }
        let mut disk = Cursor::new(disk);
        if let Ok(volume) = Volume::read(&mut disk) {
            let _ = volume.file(&mut disk, "/sigmavault/manifest.json", 1 << 20);
        }
    }
}
