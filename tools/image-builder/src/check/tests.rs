use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};

use super::sample::{ROOT_HASH, TREE, UKI, good_iso, iso, kernel_image, place, root};
use super::*;
use crate::inspect::inspect;
use crate::progress::{Mode, Progress};

/// What is found in an ISO, with this text as `SHA256SUMS` beside it.
fn look(bytes: &[u8], sums: Option<&str>) -> Verdict {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.iso");
    fs::write(&path, bytes).unwrap();
    if let Some(sums) = sums {
        fs::write(folder.path().join("SHA256SUMS"), sums).unwrap();
    }
    let found = inspect(&path, &Progress::new(Mode::Silent)).unwrap();
    assert_eq!(found.problems, [""; 0], "the form is good");
    let furthest = AtomicU64::new(0);
    let total = found.bytes + root().len() as u64;
    let verdict = check(&found, None, &|at, of| {
        assert_eq!(of, total);
        assert!(
            furthest.fetch_max(at, Ordering::Relaxed) <= at,
            "progress goes back"
        );
    });
    let verdict = verdict.unwrap();
    if verdict.checked.root_verified {
        assert_eq!(furthest.into_inner(), total);
    }
    verdict
}

fn flaws(bytes: &[u8], sums: Option<&str>) -> Vec<String> {
    look(bytes, sums).flaws.iter().map(ToString::to_string).collect()
}

#[test]
fn a_good_iso_is_verified() {
    let bytes = good_iso(0);
    let verdict = look(&bytes, None);
    assert!(verdict.flaws.is_empty(), "{:?}", verdict.flaws);
    assert!(verdict.checked.root_verified);
    assert_eq!(verdict.checked.sums, Sums::NoFile);
    let sum = hex(&Sha256::digest(&bytes));
    assert_eq!(verdict.checked.sha256, sum);
    let listed = look(&bytes, Some(&format!("{sum}  x.iso\n"))).checked;
    assert_eq!(listed.sums, Sums::Match);
    let other = look(&bytes, Some(&format!("{sum}  y.iso\n"))).checked;
    assert_eq!(other.sums, Sums::NotListed);
}

#[test]
fn one_flipped_bit_anywhere_differs_from_the_sums() {
    let bytes = good_iso(0);
    let sum = hex(&Sha256::digest(&bytes));
    let esp = place(&bytes, &kernel_image("x")[..]);
    for at in [100, 35_000, esp + 700, bytes.len() - 20_000] {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1;
        let found = hex(&Sha256::digest(&flipped));
        let flaws = flaws(&flipped, Some(&format!("{sum}  x.iso\n")));
        let expected =
            format!("its SHA-256 is {found}, but SHA256SUMS says {sum}; copy or download it again");
        assert_eq!(flaws.first(), Some(&expected), "{at}");
    }
}

#[test]
fn one_flipped_bit_in_the_root_is_found_without_sums() {
    let bytes = good_iso(0);
    let (data, tree) = (place(&bytes, &root()), place(&bytes, &TREE[4096..]));
    for (at, block) in [
        (data + 7 * 4096 + 5, "block 7 of the data"),
        (data + 300 * 4096 - 1, "block 299 of the data"),
        (tree + 5, "block 0 of the hash tree's level 1"),
    ] {
        let mut flipped = bytes.clone();
        flipped[at] ^= 0x80;
        assert_eq!(
            flaws(&flipped, None),
            [format!(
                "its root file system is not the one that its kernel image expects: {block} does not have the hash that \
                 the tree says; copy or download it again"
            )]
        );
    }
}

/// Files of an EFI system partition, and what is wrong with them.
type Case<'a> = (&'a [(&'a str, &'a [u8])], String);

#[test]
fn the_kernel_image_decides_which_root_is_right() {
    let other = "00".repeat(32);
    let image = kernel_image(&format!("roothash={ROOT_HASH}"));
    let cases: [Case<'_>; 5] = [
        (
            &[(UKI, &kernel_image(&format!("roothash={other}")))],
            format!(
                "its kernel image expects the root hash {other}, its manifest says {ROOT_HASH}; build or download it again"
            ),
        ),
        (
            &[(UKI, &kernel_image("quiet"))],
            "the command line of the kernel image sigmavault_0.1.0.efi has no root hash (roothash=); build it again"
                .to_owned(),
        ),
        (
            &[(UKI, b"nonsense")],
            "of the kernel image sigmavault_0.1.0.efi: it is not an EFI program; copy or download it again".to_owned(),
        ),
        (
            &[(UKI, &image), ("EFI/Linux/other.efi", &image)],
            "there are 2 kernel images in /EFI/Linux of its EFI system partition, and one belongs there; build it again"
                .to_owned(),
        ),
        (
            &[("EFI/BOOT/BOOTX64.EFI", b"MZ")],
            "of its EFI system partition: there is no folder EFI/Linux on it; copy or download it again".to_owned(),
        ),
    ];
    for (esp, expected) in cases {
        let verdict = look(&iso(esp, 0), None);
        assert!(!verdict.checked.root_verified, "{expected}");
        assert_eq!(
            verdict.flaws.iter().map(ToString::to_string).collect::<Vec<_>>(),
            [expected]
        );
    }
}
