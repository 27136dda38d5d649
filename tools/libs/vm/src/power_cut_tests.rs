use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::write_log::sample;

const DISK: u64 = 16 * SECTOR;

/// Two flushed writes; then one, a discard, one of three sectors, and one past the cache.
const LINES: [sample::Line; 7] = [
    (Kind::Write, 0, &[1]),
    (Kind::Write, 1, &[2, 2]),
    (Kind::Flush, 0, &[]),
    (Kind::Write, 0, &[3]),
    (Kind::Discard, 1, &[0]),
    (Kind::Write, 8, &[4, 5, 6]),
    (Kind::WriteThrough, 15, &[7]),
];

fn log(folder: &Path) -> WriteLog {
    WriteLog::open(&sample::file(folder, &LINES)).unwrap()
}

/// The sectors of the disk that was full of nines, each by its first byte.
fn disk(folder: &Path, log: &WriteLog, cut: &PowerCut) -> Vec<u8> {
    let base = Image::create(folder.join("base"), DISK).unwrap();
    base.write_at(0, &[9; 16 * 512]).unwrap();
    let mut replay = Replay::new(log, base).unwrap();
    let image = replay.cut(cut).unwrap().make(folder.join("cut")).unwrap();
    let bytes = std::fs::read(&image.path).unwrap();
    let sectors = bytes.chunks(512);
    assert!(
        sectors
            .clone()
            .all(|sector| sector.iter().all(|byte| *byte == sector[0]))
    );
    sectors.map(|sector| sector[0]).collect()
}

#[test]
fn what_was_flushed_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let log = log(folder.path());
    let random = &mut || 0;
    for (entries, cache, expected) in [
        (0, Cache::Kept, [9; 16]),
        (1, Cache::Lost, [9; 16]),
        (1, Cache::Kept, [1, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9]),
        (3, Cache::Lost, [1, 2, 2, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9]),
        (6, Cache::Lost, [1, 2, 2, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9]),
        (7, Cache::Lost, [1, 2, 2, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 7]),
        (6, Cache::Last, [1, 2, 2, 9, 9, 9, 9, 9, 4, 5, 6, 9, 9, 9, 9, 9]),
        (7, Cache::Kept, [3, 0, 2, 9, 9, 9, 9, 9, 4, 5, 6, 9, 9, 9, 9, 7]),
    ] {
        let cut = PowerCut::new(&log, entries, cache, random);
        assert_eq!(disk(folder.path(), &log, &cut), expected, "{entries} {cache:?}");
    }
}

#[test]
fn what_was_not_flushed_is_there_or_not_or_torn() {
    let folder = tempfile::tempdir().unwrap();
    let log = log(folder.path());
    let mut cut = PowerCut::new(&log, 7, Cache::Lost, &mut || 0);
    for (fates, expected) in [
        ([Fate::Lost, Fate::Kept, Fate::Lost], [1, 0, 9, 9, 9]),
        ([Fate::Kept, Fate::Lost, Fate::Begun(2)], [3, 2, 4, 5, 9]),
        ([Fate::Kept, Fate::Lost, Fate::Ended(1)], [3, 2, 9, 9, 6]),
    ] {
        cut.fates[..3].copy_from_slice(&fates);
        let sectors = disk(folder.path(), &log, &cut);
        assert_eq!(
            [sectors[0], sectors[1], sectors[8], sectors[9], sectors[10]],
            expected
        );
        assert_eq!(sectors[15], 7);
    }
    // Kept, lost, begun, and past the cache.
    let mut row = [0, 0, 7, 0, 4, 1].into_iter();
    let cut = PowerCut::new(&log, 7, Cache::Mixed, &mut || row.next().unwrap());
    assert_eq!(cut.fates, [Fate::Kept, Fate::Lost, Fate::Begun(2), Fate::Kept]);
    assert_eq!((cut.lost(), cut.unflushed()), (2, 4));
}

#[test]
fn ranges_that_are_whole_or_untouched() {
    let folder = tempfile::tempdir().unwrap();
    let log = log(folder.path());
    let cut = |entries| PowerCut::new(&log, entries, Cache::Kept, &mut || 0);
    let (first, second, eighth) = (0..512, 1024..1536, 8 * 512..9 * 512);
    // The first sector is written once more later, and not flushed.
    assert_eq!(
        [2, 3, 7].map(|entries| cut(entries).has_all(&log, &first)),
        [false; 3]
    );
    let whole = [2, 3, 7].map(|entries| cut(entries).has_all(&log, &second));
    assert_eq!(whole, [false, true, true]);
    assert_eq!(
        [5, 6].map(|entries| cut(entries).has_none(&log, &eighth)),
        [true, false]
    );
}

#[test]
fn equal_states_have_equal_digests() {
    let folder = tempfile::tempdir().unwrap();
    let log = log(folder.path());
    let base = Image::create(folder.path().join("base"), DISK).unwrap();
    let mut replay = Replay::new(&log, base).unwrap();
    let mut digests = |entries, cache| {
        let cut = PowerCut::new(&log, entries, cache, &mut || 0);
        let state = replay.cut(&cut).unwrap();
        (state.digest(0..DISK).unwrap(), state.digest(0..512).unwrap())
    };
    let nothing = digests(0, Cache::Kept);
    assert_eq!(digests(2, Cache::Lost), nothing);
    let flushed = digests(3, Cache::Kept);
    assert_ne!(flushed, nothing);
    assert_eq!(digests(6, Cache::Lost), flushed);
    // Only what lies in the range counts.
    let last = digests(7, Cache::Lost);
    assert_ne!(last.0, flushed.0);
    assert_eq!(last.1, flushed.1);
    let cut = PowerCut::new(&log, 1, Cache::Kept, &mut || 0);
    assert!(replay.cut(&cut).is_err());
}

#[test]
fn a_sector_with_its_old_bytes_has_not_changed() {
    let folder = tempfile::tempdir().unwrap();
    let lines: [sample::Line; 4] = [
        (Kind::Write, 3, &[1]),
        (Kind::Flush, 0, &[]),
        (Kind::Write, 3, &[0]),
        (Kind::Flush, 0, &[]),
    ];
    let log = WriteLog::open(&sample::file(folder.path(), &lines)).unwrap();
    let base = Image::create(folder.path().join("base"), DISK).unwrap();
    let mut replay = Replay::new(&log, base).unwrap();
    let digests = [0, 2, 4].map(|entries| {
        let cut = PowerCut::new(&log, entries, Cache::Kept, &mut || 0);
        replay.cut(&cut).unwrap().digest(0..DISK).unwrap()
    });
    assert_eq!(digests[0], digests[2]);
    assert_ne!(digests[0], digests[1]);
}

#[test]
fn a_large_discard_takes_no_space() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = [
        sample::bytes(&[(Kind::Write, 4096, &[1])], 2),
        sample::header([0, 1 << 22, 4, 0]),
    ]
    .concat();
    let path = folder.path().join("log");
    std::fs::write(&path, bytes).unwrap();
    let log = WriteLog::open(&path).unwrap();
    let base = Image::create(folder.path().join("base"), 1 << 31).unwrap();
    let mut replay = Replay::new(&log, base).unwrap();
    let cut = PowerCut::new(&log, 2, Cache::Kept, &mut || 0);
    let image = replay.cut(&cut).unwrap().make(folder.path().join("cut")).unwrap();
    let mut sector = [1; 512];
    image.read_at(4096 * 512, &mut sector).unwrap();
    assert_eq!(sector, [0; 512]);
    assert!(image.allocated().unwrap() <= 1 << 20);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn any_chance_leaves_old_or_new_sectors(seed: u64, entries in 0..=LINES.len()) {
        let folder = tempfile::tempdir().unwrap();
        let log = log(folder.path());
        let mut next = seed;
        let mut random = || {
            next = next.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            next >> 33
        };
        let cut = PowerCut::new(&log, entries, Cache::Mixed, &mut random);
        let sectors = disk(folder.path(), &log, &cut);
        let possible: [&[u8]; 3] = [&[9, 1, 3], &[9, 2, 0], &[9, 2]];
        for (sector, possible) in sectors.iter().zip(possible) {
            prop_assert!(possible.contains(sector), "{:?}", sectors);
        }
        if entries >= 3 {
            prop_assert!(sectors[0] != 9 && sectors[2] == 2);
        }
    }
}
