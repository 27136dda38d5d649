//! Which partition is started.

use super::*;
use crate::flag::{Flag, Kept};
use crate::{Bootloader, sample};

fn failure(firmware: Firmware, disk: &[u8]) -> Failure {
    firmware.start(&mut Cursor::new(disk), NORMAL).unwrap_err()
}

#[test]
fn which_partition_is_started() {
    let (whole, empty) = (Slot::new("x"), Slot(Vec::new()));
    let long = format!("{AUTOBOOT}{}", "#".repeat(600 - AUTOBOOT.len()));
    let seven = "boot_partition=7\ntryboot_a_b=1\n";
    for (case, autoboot, a, b, reset, on_four, on_five) in [
        ("A preferred", Some(AUTOBOOT), &whole, &whole, NORMAL, 2, 2),
        ("A preferred, flag set", Some(AUTOBOOT), &whole, &whole, TRY, 3, 3),
        ("B preferred", Some(SWAPPED), &whole, &whole, NORMAL, 3, 3),
        ("B preferred, flag set", Some(SWAPPED), &whole, &whole, TRY, 2, 2),
        (
            "no autoboot.txt: the next that is bootable",
            None,
            &whole,
            &whole,
            NORMAL,
            2,
            2,
        ),
        ("no autoboot.txt, A empty", None, &empty, &whole, NORMAL, 3, 3),
        (
            "600 bytes, of which the first 512 count",
            Some(&long),
            &whole,
            &whole,
            NORMAL,
            2,
            2,
        ),
        ("600 bytes, flag set", Some(&long), &whole, &whole, TRY, 3, 3),
        (
            "garbage",
            Some("\0\u{1}\u{2}garbage"),
            &whole,
            &whole,
            NORMAL,
            2,
            2,
        ),
        (
            "partition 7, which is not there",
            Some(seven),
            &whole,
            &whole,
            NORMAL,
            2,
            2,
        ),
        ("A empty", Some(AUTOBOOT), &empty, &whole, NORMAL, 3, 3),
        ("a try of an empty B", Some(AUTOBOOT), &whole, &empty, TRY, 2, 2),
        (
            "reboot 3",
            Some(AUTOBOOT),
            &whole,
            &whole,
            Reset {
                partition: 3,
                tryboot: false,
            },
            3,
            3,
        ),
    ] {
        let disk = disk(autoboot.map(str::as_bytes), a, b);
        assert_eq!(started(four(), &disk, reset), Ok(on_four), "Pi 4: {case}");
        assert_eq!(started(five(), &disk, reset), Ok(on_five), "Pi 5: {case}");
    }
}

#[test]
fn boot_loaders_of_other_ages() {
    let (whole, empty) = (Slot::new("x"), Slot(Vec::new()));
    let with = |bootloader| Firmware { bootloader, ..four() };
    let a_empty = disk(Some(AUTOBOOT.as_bytes()), &empty, &whole);
    let nothing = Err(
        "no partition is bootable (partition 2: it has no start4.elf; partition 1: it has no start4.elf)"
            .to_owned(),
    );
    assert_eq!(started(with(Bootloader::SINCE_2022), &a_empty, NORMAL), nothing);
    let nothing = Err("no partition is bootable (partition 2: it has no start4.elf)".to_owned());
    assert_eq!(started(with(Bootloader::OLD), &a_empty, NORMAL), nothing);
    // A rescue system on partition 1 is what it goes to then.
    let mut rescue = Slot::new("rescue");
    rescue.put("autoboot.txt", AUTOBOOT);
    let rescued = gpt(&[rescue.disk(), empty.disk(), whole.disk()]);
    assert_eq!(started(with(Bootloader::SINCE_2022), &rescued, NORMAL), Ok(1));
    assert_eq!(started(with(Bootloader::NEW), &rescued, NORMAL), Ok(3));
    // An old one takes no notice of [tryboot], and wants tryboot.txt.
    let usual = usual(AUTOBOOT);
    assert_eq!(started(with(Bootloader::OLD), &usual, NORMAL), Ok(2));
    let said = started(with(Bootloader::OLD), &usual, TRY).unwrap_err();
    assert!(said.contains("partition 2: it has no tryboot.txt"), "{said}");
}

#[test]
fn a_try_without_tryboot_a_b() {
    let autoboot = "boot_partition=2\n[tryboot]\nboot_partition=3\n";
    let (a, mut b) = (Slot::new("a"), Slot::new("b"));
    let without = disk(Some(autoboot.as_bytes()), &a, &b);
    let said = started(five(), &without, TRY).unwrap_err();
    assert!(
        said.contains("partition 3: it has no tryboot.txt, which a try needs"),
        "{said}"
    );
    b.put("tryboot.txt", CONFIG.replace("vmlinuz", "other"))
        .put("other", kernel("other"));
    let with = disk(Some(autoboot.as_bytes()), &a, &b);
    let boot = five().start(&mut Cursor::new(&with), TRY).unwrap();
    assert_eq!((boot.partition, boot.kernel.name.as_str()), (3, "other"));
}

#[test]
fn the_flag_counts_for_one_start_of_a_sequence() {
    let disk = usual(AUTOBOOT);
    let start = |flag: &mut Flag| started(five(), &disk, flag.take()).unwrap();
    let mut flag = Flag::default();
    assert_eq!(start(&mut flag), 2);
    flag.set(true);
    assert_eq!([start(&mut flag), start(&mut flag), start(&mut flag)], [3, 2, 2]);
    // The system that was tried arms itself once more.
    flag.set(true);
    assert_eq!(start(&mut flag), 3);
    flag.set(true);
    assert_eq!([start(&mut flag), start(&mut flag)], [3, 2]);
    // The power goes before the try, and during it.
    flag.set(true);
    flag.power_cut();
    assert_eq!(start(&mut flag), 2);
    flag.set(true);
    assert_eq!(start(&mut flag), 3);
    flag.power_cut();
    assert_eq!(start(&mut flag), 2);
    // The first boards keep it where a power cut does not reach it.
    let mut first = Flag::new(Kept::Eeprom);
    first.set(true);
    first.power_cut();
    assert_eq!([start(&mut first), start(&mut first)], [3, 2]);
}

#[test]
fn a_power_cut_in_the_write_of_autoboot_leaves_old_or_new() {
    let padded = |text: &str| format!("{text}{}", "\n".repeat(512 - text.len()));
    let before = usual(&padded(AUTOBOOT));
    let after = usual(&padded(SWAPPED));
    let changed: Vec<usize> = (0..before.len() / 512)
        .filter(|nth| before[nth * 512..][..512] != after[nth * 512..][..512])
        .collect();
    assert_eq!(
        changed.len(),
        1,
        "one sector, so that a disk writes all of it or nothing"
    );
    for (disk, partition) in [(&before, 2), (&after, 3)] {
        assert_eq!(started(four(), disk, NORMAL), Ok(partition));
    }
}

#[test]
fn a_try_that_went_elsewhere_still_says_that_it_is_one() {
    let disk = disk(Some(AUTOBOOT.as_bytes()), &Slot::new("a"), &Slot(Vec::new()));
    let boot = five().start(&mut Cursor::new(disk), TRY).unwrap();
    assert_eq!(
        (boot.partition, boot.tryboot, boot.passed_over),
        (2, true, vec![3, 4, 5, 6, 7, 8, 1])
    );
}

#[test]
fn disks_without_anything() {
    assert!(matches!(failure(four(), &vec![0; 1 << 20]), Failure::Table(_)));
    let other = gpt(&[Disk::other(1 << 20)]);
    assert!(matches!(failure(five(), &other), Failure::NoFat));
    let unformatted = gpt(&[Disk::fat(1 << 20)]);
    let said = failure(five(), &unformatted).to_string();
    assert!(said.contains("partition 1: the partition is not FAT"), "{said}");
    // The root in front of the slots: a number that counts in two ways.
    let slot = Slot::new("a").disk();
    let first = Disk::with(&[("autoboot.txt", AUTOBOOT.as_bytes())]);
    let mixed = gpt(&[first, Disk::other(1 << 20), slot.clone(), slot]);
    assert!(matches!(failure(five(), &mixed), Failure::Ambiguous(2)));
}

#[test]
fn an_mbr_does_too() {
    let first = Disk::with(&[("autoboot.txt", AUTOBOOT.as_bytes())]);
    let disk = sample::mbr(&[first, Slot::new("a").disk(), Slot::new("b").disk()]);
    assert_eq!(started(four(), &disk, NORMAL), Ok(2));
    assert_eq!(started(four(), &disk, TRY), Ok(3));
}
