use std::io::Cursor;

use indicatif::BinaryBytes;
use proptest::prelude::*;
use uuid::Uuid;

use super::show::text;
use super::*;
use crate::iso9660::sample::Sample;
use crate::manifest::{Package, Sizes};

const ROOT_HASH: &str = "c0e4e57ba6a2c0f2d0f1c6cfa0b2e6e1f3a45b0d1e2f3a4b5c6d7e8f90a1b2c3";

fn good() -> Manifest {
    Manifest {
        schema: 1,
        version: "0.1.0".into(),
        profile: "vm-test".into(),
        desktop: "none".into(),
        arch: "amd64".into(),
        volume_id: "SIGMAVAULT".into(),
        root_hash: ROOT_HASH.into(),
        source_date_epoch: 1_763_596_800,
        kernel: "6.12.57+deb13-amd64".into(),
        zfs: "2.3.9".into(),
        sizes: Sizes {
            esp: 4096,
            uki: 2048,
            root: 8192,
            verity: 1024,
        },
        packages: vec![Package {
            name: "samba".into(),
            version: "2:4.22.4".into(),
            arch: "amd64".into(),
            sha256: "0".repeat(64),
        }],
    }
}

fn iso(manifest: &Manifest) -> Vec<u8> {
    let (root, verity) = gpt::root_hash_guids(ROOT_HASH).unwrap();
    let part =
        |kind: Uuid, guid: Uuid, name, sectors| (kind.to_bytes_le(), guid.to_bytes_le(), name, sectors);
    Sample {
        manifest: serde_json::to_vec(manifest).unwrap(),
        volume_id: "SIGMAVAULT",
        rock_ridge: true,
        partitions: vec![
            part(gpt::ESP, Uuid::from_u128(7), "esp", 8),
            part(gpt::ROOT_X86_64, root, "root", 16),
            part(gpt::ROOT_X86_64_VERITY, verity, "root-verity", 4),
        ],
    }
    .bytes()
}

fn look(bytes: Vec<u8>) -> Inspection {
    inspect_in(&mut Cursor::new(bytes), Path::new("x.iso")).unwrap()
}

#[test]
fn a_good_iso() {
    let found = look(iso(&good()));
    assert_eq!(found.problems, [""; 0]);
    assert_eq!(found.manifest, Some(good()));
    assert_eq!(found.bytes, found.expected_bytes);
    let guids: Vec<_> = found
        .table
        .as_ref()
        .unwrap()
        .partitions
        .iter()
        .map(|part| part.guid.to_string())
        .collect();
    assert_eq!(
        guids[1..],
        [
            "c0e4e57b-a6a2-c0f2-d0f1-c6cfa0b2e6e1",
            "f3a45b0d-1e2f-3a4b-5c6d-7e8f90a1b2c3"
        ]
    );
    let expected = format!(
        "File        x.iso, {0} bytes ({1}), complete\n\
         Volume id   SIGMAVAULT\n\
         Version     0.1.0\n\
         Profile     vm-test (amd64, desktop: none)\n\
         Kernel      6.12.57+deb13-amd64\n\
         ZFS         2.3.9\n\
         Root hash   {ROOT_HASH}\n\
         Source date 1763596800 s since 1970\n\
         Sizes       ESP 4.00 KiB, UKI 2.00 KiB, root 8.00 KiB, verity 1.00 KiB\n\
         Packages    1\n\
         Partition   1 esp, 4.00 KiB, 00000000-0000-0000-0000-000000000007\n\
         Partition   2 root, 8.00 KiB, c0e4e57b-a6a2-c0f2-d0f1-c6cfa0b2e6e1\n\
         Partition   3 root-verity, 2.00 KiB, f3a45b0d-1e2f-3a4b-5c6d-7e8f90a1b2c3\n\
         samba 2:4.22.4 amd64\n",
        found.bytes,
        BinaryBytes(found.bytes)
    );
    assert_eq!(text(&found, true), expected);
}

#[test]
fn each_mismatch_is_named() {
    type Change = fn(&mut Manifest);
    let cases: &[(Change, &str)] = &[
        (
            |m| m.volume_id = "OTHER".into(),
            "the volume id is `SIGMAVAULT`, the manifest says `OTHER`",
        ),
        (
            |m| m.root_hash.replace_range(..2, "ff"),
            "the root partition has the GUID c0e4e57b-a6a2-c0f2-d0f1-c6cfa0b2e6e1, the root hash implies ffe4e57b-a6a2-c0f2-d0f1-c6cfa0b2e6e1",
        ),
        (
            |m| m.root_hash.replace_range(62.., "ff"),
            "the verity partition has the GUID f3a45b0d-1e2f-3a4b-5c6d-7e8f90a1b2c3, the root hash implies f3a45b0d-1e2f-3a4b-5c6d-7e8f90a1b2ff",
        ),
        (
            |m| m.root_hash = "abc".into(),
            "in the manifest, `abc` is not a root hash: 64 hexadecimal digits",
        ),
        (
            |m| m.arch = "mips".into(),
            "the manifest names the architecture `mips`, which is unknown",
        ),
        (
            |m| m.sizes.root = 8193,
            "the root partition has 8192 bytes, the manifest says 8193",
        ),
        (
            |m| m.schema = 2,
            "the manifest has schema 2, this program reads 1; use the one of its version",
        ),
    ];
    for (change, expected) in cases {
        let mut manifest = good();
        change(&mut manifest);
        assert_eq!(look(iso(&manifest)).problems, [*expected]);
    }
    let mut arm = good();
    arm.arch = "arm64".into();
    assert_eq!(
        look(iso(&arm)).problems,
        [
            "there is no root partition (type b921b045-1df0-41c3-af44-4c6f280d3fae)",
            "there is no verity partition (type df3300ce-d69f-4c92-978c-9bfb0f38d820)",
        ]
    );
}

#[test]
fn a_truncated_iso_says_how_much_is_there() {
    let whole = iso(&good());
    let full = whole.len();
    for cut in [1, 512, 17_000, 20_000] {
        let found = look(whole[..full - cut].to_vec());
        let there = full - cut;
        assert!(found.is_truncated());
        assert_eq!(
            found.problems,
            [format!(
                "truncated: {there} bytes of {full}; copy or download it again"
            )]
        );
        assert_eq!(
            found.manifest,
            Some(good()),
            "the manifest stands at the beginning"
        );
    }
    let found = look(whole[..23 * 2048].to_vec());
    assert_eq!(
        found.problems[0],
        format!("truncated: 47104 bytes of {full}; copy or download it again")
    );
    assert_eq!(
        found.problems[1],
        "/sigmavault/manifest.json lies beyond the end of the file"
    );
}

#[test]
fn something_appended_is_seen() {
    let mut longer = iso(&good());
    let full = longer.len();
    longer.extend([0; 2048]);
    let there = longer.len();
    let expected = format!("the backup partition table is not at the end: {there} bytes of {full}");
    assert_eq!(look(longer).problems, [expected]);
}

#[test]
fn text_from_an_iso_does_not_steer_the_terminal() {
    let mut manifest = good();
    manifest.version = "\u{1b}[2J1".into();
    let shown = text(&look(iso(&manifest)), false);
    assert!(shown.contains("Version     \\u{1b}[2J1\n"), "{shown}");
}

proptest! {
    #[test]
    fn no_file_makes_it_panic(
        changes in proptest::collection::vec((0_usize..60_000, any::<u8>()), 0..40),
        cut in 0_usize..70_000,
    ) {
        let mut bytes = iso(&good());
        for (at, value) in changes {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = value;
            }
        }
        bytes.truncate(bytes.len().saturating_sub(cut));
        if let Ok(found) = inspect_in(&mut Cursor::new(bytes), Path::new("x.iso")) {
            text(&found, true);
        }
    }
}
