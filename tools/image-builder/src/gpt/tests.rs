use std::io::Cursor;

use proptest::prelude::*;
use uuid::{Uuid, uuid};

use super::bytes::Header;
use super::*;

/// A damage to a disk of the given length.
type Break = fn(&mut Vec<u8>, usize);

const SECTORS: u64 = 2048;
const ENTRIES: usize = 128;

/// A disk of 1 MiB with two partitions, made from the specification and not by the code under test.
fn disk() -> Vec<u8> {
    let mut disk = vec![0xA5; usize::try_from(SECTORS * SECTOR).unwrap()];
    let mut entries = vec![0; ENTRIES * 128];
    for (nth, (first, last)) in [(64_u64, 127_u64), (128, 1023)].into_iter().enumerate() {
        let entry = &mut entries[nth * 128..][..128];
        entry[..16].fill(0x11);
        entry[16..32].fill(0x22 + u8::try_from(nth).unwrap());
        entry[32..40].copy_from_slice(&first.to_le_bytes());
        entry[40..48].copy_from_slice(&last.to_le_bytes());
        entry[48] = 4;
        entry[56..60].copy_from_slice(b"G\0p\0");
    }
    let backup_entries = SECTORS - 33;
    for (own, other, at) in [(1, SECTORS - 1, 2), (SECTORS - 1, 1, backup_entries)] {
        let mut header = Vec::new();
        header.extend(b"EFI PART\x00\x00\x01\x00\x5c\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00");
        for number in [own, other, 34, SECTORS - 34] {
            header.extend(number.to_le_bytes());
        }
        header.extend([0x33; 16]);
        header.extend(at.to_le_bytes());
        header.extend(128_u32.to_le_bytes());
        header.extend(128_u32.to_le_bytes());
        header.extend(crc32fast::hash(&entries).to_le_bytes());
        assert_eq!(header.len(), 92);
        let crc = crc32fast::hash(&header);
        header[16..20].copy_from_slice(&crc.to_le_bytes());
        header.resize(512, 0);
        disk[usize::try_from(own * SECTOR).unwrap()..][..512].copy_from_slice(&header);
        disk[usize::try_from(at * SECTOR).unwrap()..][..entries.len()].copy_from_slice(&entries);
    }
    disk
}

fn edit(index: u32) -> PartitionEdit {
    PartitionEdit {
        index,
        type_guid: ROOT_X86_64,
        guid: uuid!("00010203-0405-0607-0809-0a0b0c0d0e0f"),
        name: "root-ä".to_owned(),
        attributes: None,
    }
}

const DISK_GUID: Uuid = uuid!("12345678-9abc-def0-1234-56789abcdef0");

#[test]
fn reads_a_table() {
    let table = read_from(&mut Cursor::new(disk())).unwrap();
    assert_eq!(table.disk_guid, uuid!("33333333-3333-3333-3333-333333333333"));
    assert_eq!(
        (table.first_usable, table.last_usable, table.backup),
        (34, 2014, 2047)
    );
    let expected = Partition {
        index: 2,
        type_guid: uuid!("11111111-1111-1111-1111-111111111111"),
        guid: uuid!("23232323-2323-2323-2323-232323232323"),
        first: 128,
        last: 1023,
        attributes: 4,
        name: "Gp".to_owned(),
    };
    assert_eq!(table.partitions.len(), 2);
    assert_eq!(table.partition(2), Some(&expected));
    assert_eq!(expected.size(), 458_752);
}

#[test]
fn rewrites_what_was_asked_and_nothing_else() {
    let before = disk();
    let mut after = Cursor::new(before.clone());
    rewrite_in(&mut after, DISK_GUID, &[edit(2)]).unwrap();
    let table = read_from(&mut after).unwrap();
    assert_eq!(table.disk_guid, DISK_GUID);
    let old = read_from(&mut Cursor::new(before.clone())).unwrap();
    assert_eq!(table.partition(1), old.partition(1));
    let part = table.partition(2).unwrap();
    assert_eq!((part.first, part.last, part.attributes), (128, 1023, 4));
    assert_eq!(
        (part.type_guid, part.guid, part.name.as_str()),
        (ROOT_X86_64, edit(2).guid, "root-ä")
    );

    let after = after.into_inner();
    // Mixed-endian on disk: the first three fields are little-endian.
    assert_eq!(after[1024 + 128 + 16..][..8], [3, 2, 1, 0, 5, 4, 7, 6]);
    let changed: Vec<usize> = (0..before.len()).filter(|at| before[*at] != after[*at]).collect();
    let backup_entries = usize::try_from((SECTORS - 33) * SECTOR).unwrap();
    let backup = usize::try_from((SECTORS - 1) * SECTOR).unwrap();
    for at in changed {
        let in_header = |start: usize| {
            [16..20, 56..72, 88..92]
                .iter()
                .any(|field| field.contains(&(at.wrapping_sub(start))))
        };
        let in_entry = |start: usize| {
            let offset = at.wrapping_sub(start + 128);
            offset < 128 && !(32..56).contains(&offset)
        };
        assert!(
            in_header(512) || in_header(backup) || in_entry(1024) || in_entry(backup_entries),
            "byte {at} was touched"
        );
    }
}

#[test]
fn attributes_are_set_when_given() {
    let mut disk = Cursor::new(disk());
    let read_only = 1 << 60;
    rewrite_in(
        &mut disk,
        DISK_GUID,
        &[PartitionEdit {
            attributes: Some(read_only),
            ..edit(1)
        }],
    )
    .unwrap();
    assert_eq!(
        read_from(&mut disk).unwrap().partition(1).unwrap().attributes,
        0x1000_0000_0000_0000
    );
}

#[test]
fn refuses_edits_that_cannot_be() {
    let cases = [
        (vec![edit(0)], "there is no partition 0 to change"),
        (vec![edit(3)], "there is no partition 3 to change"),
        (vec![edit(129)], "there is no partition 129 to change"),
        (
            vec![edit(1), edit(2)],
            "partitions 1 and 2 would both have the GUID 00010203-0405-0607-0809-0a0b0c0d0e0f",
        ),
        (
            vec![PartitionEdit {
                guid: Uuid::nil(),
                ..edit(1)
            }],
            "partition 1 would have a GUID of zeros, which means an unused entry",
        ),
        (
            vec![PartitionEdit {
                name: "x".repeat(37),
                ..edit(1)
            }],
            "the name `xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx` does not fit a partition: at most 36 UTF-16 units, none of them zero",
        ),
    ];
    for (edits, expected) in cases {
        let mut target = Cursor::new(disk());
        assert_eq!(
            rewrite_in(&mut target, DISK_GUID, &edits)
                .unwrap_err()
                .to_string(),
            expected
        );
        assert_eq!(target.into_inner(), disk(), "a refused edit writes nothing");
    }
}

#[test]
fn damage_is_named() {
    let end = usize::try_from(SECTORS * SECTOR).unwrap();
    let cases: &[(Break, &str)] = &[
        (
            |disk, _| disk[512] = b'X',
            "there is no GPT: sector 1 does not begin with \"EFI PART\"",
        ),
        (
            |disk, _| disk[512 + 40] ^= 1,
            "the primary partition table is damaged: the checksum of its header is wrong",
        ),
        (
            |disk, _| disk[512 + 8] = 2,
            "the primary partition table is damaged: its revision is not 1.0",
        ),
        (
            |disk, _| disk[512 + 12] = 0,
            "the primary partition table is damaged: its header size is impossible",
        ),
        (
            |disk, _| disk[1024] ^= 1,
            "the primary partition table is damaged: the checksum of its entries is wrong",
        ),
        (
            |disk, end| disk[end - 512] = 0,
            "the backup partition table is damaged: it does not begin with \"EFI PART\"",
        ),
        (
            |disk, end| disk[end - 512 + 40] ^= 1,
            "the backup partition table is damaged: the checksum of its header is wrong",
        ),
        (
            |disk, end| disk[end - 33 * 512] ^= 1,
            "the backup partition table is damaged: the checksum of its entries is wrong",
        ),
        (
            |disk, end| disk.truncate(end - 512),
            "the backup partition table reaches to byte 1048576, but the file has 1048064",
        ),
        (
            |disk, _| disk.truncate(600),
            "the primary partition table reaches to byte 1024, but the file has 600",
        ),
    ];
    for (damage, expected) in cases {
        let mut broken = disk();
        damage(&mut broken, end);
        assert_eq!(
            read_from(&mut Cursor::new(broken)).unwrap_err().to_string(),
            *expected
        );
    }
}

#[test]
fn root_hash_gives_two_guids() {
    let hash = "c0e4e57ba6a2c0f2d0f1c6cfa0b2e6e1f3a45b0d1e2f3a4b5c6d7e8f90a1b2c3";
    let (root, verity) = root_hash_guids(hash).unwrap();
    assert_eq!(root.to_string(), "c0e4e57b-a6a2-c0f2-d0f1-c6cfa0b2e6e1");
    assert_eq!(verity.to_string(), "f3a45b0d-1e2f-3a4b-5c6d-7e8f90a1b2c3");
    for bad in [
        "",
        "c0e4",
        &hash[1..],
        &format!("{hash}00"),
        &hash.replace('c', "g"),
        &"ä".repeat(32),
    ] {
        assert!(matches!(root_hash_guids(bad), Err(GptError::BadRootHash(text)) if text == bad));
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..4096)) {
        let _ = read_from(&mut Cursor::new(bytes));
    }

    #[test]
    fn damaged_tables_never_panic(
        changes in proptest::collection::vec((0_usize..1024 + 512, any::<u8>()), 1..8),
        reseal in any::<bool>(),
    ) {
        let mut disk = disk();
        for (at, value) in changes {
            disk[at] = value;
        }
        if reseal {
            let mut header = Header { sector: disk[512..1024].to_vec() };
            let entries = disk[1024..][..ENTRIES * 128].to_vec();
            header.seal(&entries);
            disk[512..1024].copy_from_slice(&header.sector);
        }
        let mut disk = Cursor::new(disk);
        let _ = read_from(&mut disk);
        let _ = rewrite_in(&mut disk, DISK_GUID, &[edit(1)]);
    }

    #[test]
    fn what_is_written_is_read(
        disk_guid in any::<u128>(), guid in 1_u128.., type_guid in 1_u128..,
        name in "[^\\x00]{0,18}", attributes in any::<Option<u64>>(),
    ) {
        prop_assume!(Uuid::from_u128(guid) != uuid!("23232323-2323-2323-2323-232323232323"));
        let edit = PartitionEdit {
            index: 1,
            type_guid: Uuid::from_u128(type_guid),
            guid: Uuid::from_u128(guid),
            name,
            attributes,
        };
        let mut disk = Cursor::new(disk());
        rewrite_in(&mut disk, Uuid::from_u128(disk_guid), std::slice::from_ref(&edit)).unwrap();
        let table = read_from(&mut disk).unwrap();
        prop_assert_eq!(table.disk_guid, Uuid::from_u128(disk_guid));
        let part = table.partition(1).unwrap();
        prop_assert_eq!((part.type_guid, part.guid, &part.name), (edit.type_guid, edit.guid, &edit.name));
        prop_assert_eq!(part.attributes, edit.attributes.unwrap_or(4));
    }
}
