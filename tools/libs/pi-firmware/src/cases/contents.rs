//! What is started from it.

use super::*;
use crate::{Note, tree as told_tree};

#[test]
fn all_that_a_kernel_is_started_with() {
    let boot = five().start(&mut Cursor::new(usual(AUTOBOOT)), TRY).unwrap();
    assert_eq!(
        (boot.partition, boot.tryboot, boot.boot_mode),
        (3, true, BootMode::Nvme)
    );
    assert_eq!(
        (boot.kernel.name.as_str(), boot.kernel.bytes),
        ("vmlinuz", kernel("b"))
    );
    assert_eq!(boot.initrd.as_deref(), Some(&[INITRD, b"070701"].concat()[..]));
    assert_eq!(boot.command_line, "root=b quiet");
    assert_eq!(boot.tree.name, "bcm2712-rpi-5-b.dtb");
    assert_eq!((boot.notes, boot.passed_over), (vec![], vec![]));
    let finished = boot_told(&usual(AUTOBOOT));
    assert_eq!(finished, (2, false, 1, "root=a quiet".to_owned()));
}

fn boot_told(disk: &[u8]) -> (u32, bool, u32, String) {
    told_tree::told(&boot(four(), disk).finished_tree().unwrap()).unwrap()
}

#[test]
fn the_tree_of_each_board() {
    let disk = usual(AUTOBOOT);
    for (board, file, assumed) in [
        (Board::Pi4B, "bcm2711-rpi-4-b.dtb", false),
        (Board::Pi400, "bcm2711-rpi-400.dtb", false),
        (Board::Cm4, "bcm2711-rpi-cm4-io.dtb", true),
        (Board::Pi5C1, "bcm2712-rpi-5-b.dtb", false),
        (Board::Pi5D0, "bcm2712-d-rpi-5-b.dtb", true),
        (Board::Pi500, "bcm2712-rpi-500.dtb", false),
        (Board::Cm5, "bcm2712-rpi-cm5-cm5io.dtb", false),
    ] {
        let boot = boot(Firmware::new(board, BootMode::SdCard), &disk);
        let notes = if assumed {
            vec![Note::TreeNameAssumed(file.to_owned())]
        } else {
            vec![]
        };
        assert_eq!((boot.tree.name.as_str(), boot.notes), (file, notes), "{board:?}");
    }
}

/// What a board says about a disk whose slots were both changed so.
fn changed(board: Board, change: impl Fn(&mut Slot)) -> Result<Boot, Failure> {
    let (mut a, mut b) = (Slot::new("a"), Slot::new("b"));
    change(&mut a);
    change(&mut b);
    let disk = disk(Some(AUTOBOOT.as_bytes()), &a, &b);
    Firmware::new(board, BootMode::SdCard).start(&mut Cursor::new(disk), NORMAL)
}

fn says(board: Board, expected: &str, led: Option<(u8, u8)>, change: impl Fn(&mut Slot)) {
    let failure = changed(board, change).unwrap_err();
    let said = failure.to_string();
    assert!(said.contains(expected), "{said}");
    assert_eq!(failure.led(), led, "{said}");
}

#[test]
fn a_second_stepping_without_its_tree() {
    let without = |slot: &mut Slot| {
        slot.remove("bcm2712-d-rpi-5-b.dtb");
    };
    says(
        Board::Pi5D0,
        "partition 2 has only bcm2712-rpi-5-b.dtb for this board, whose processor is of stepping D0",
        None,
        without,
    );
    assert_eq!(changed(Board::Pi5C1, without).unwrap().partition, 2);
    // Neither the name of the other kernel's tree nor an older name is looked for without upstream_kernel=1.
    says(
        Board::Pi5D0,
        "partition 2 has only bcm2712-rpi-5-b.dtb",
        None,
        |slot| {
            slot.put("config.txt", CONFIG.replace("upstream_kernel=1", ""))
                .put("bcm2712d0-rpi-5-b.dtb", tree("brcm,bcm2712", &[]));
        },
    );
    // The boot loader looks for the first stepping's tree before it takes a partition.
    says(
        Board::Pi5D0,
        "partition 2: it has no device tree",
        Some((0, 4)),
        |slot| {
            slot.remove("bcm2712-rpi-5-b.dtb");
        },
    );
    let named = changed(Board::Pi5D0, |slot| {
        slot.put(
            "config.txt",
            format!("{CONFIG}device_tree=bcm2712-d-rpi-5-b.dtb\n"),
        )
        .remove("bcm2712-rpi-5-b.dtb");
    });
    assert_eq!(named.unwrap().notes, []);
    // Raspberry Pi's own kernel has an overlay for it.
    let own = changed(Board::Pi5D0, |slot| {
        slot.put("config.txt", CONFIG.replace("upstream_kernel=1", ""))
            .put("overlays/bcm2712d0.dtbo", "overlay");
    });
    let own = own.unwrap();
    assert_eq!(own.tree.name, "bcm2712-rpi-5-b.dtb");
    assert_eq!(
        own.notes,
        [Note::OverlayNotApplied("overlays/bcm2712d0.dtbo".into())]
    );
}

#[test]
fn what_is_missing() {
    let without = |name: &'static str| {
        move |slot: &mut Slot| {
            slot.remove(name);
        }
    };
    says(
        Board::Pi4B,
        "partition 2: it has no start4.elf",
        Some((0, 4)),
        without("start4.elf"),
    );
    assert_eq!(changed(Board::Pi5C1, without("start4.elf")).unwrap().partition, 2);
    says(
        Board::Pi4B,
        "partition 2 has no fixup4.dat",
        Some((0, 4)),
        without("fixup4.dat"),
    );
    assert_eq!(changed(Board::Pi5C1, without("fixup4.dat")).unwrap().partition, 2);
    says(
        Board::Pi5C1,
        "partition 2: it has no config.txt",
        Some((0, 4)),
        without("config.txt"),
    );
    // A Pi 4 starts without it, and looks for its usual kernel.
    says(
        Board::Pi4B,
        "partition 2 has no kernel kernel8.img",
        Some((0, 7)),
        without("config.txt"),
    );
    says(
        Board::Pi5C1,
        "partition 2 has no kernel vmlinuz",
        Some((0, 7)),
        without("vmlinuz"),
    );
    says(
        Board::Pi5C1,
        "partition 2 has no initrd settings.img",
        None,
        without("settings.img"),
    );
    says(
        Board::Pi4B,
        "partition 2 has no device tree for this board (looked for bcm2711-rpi-4-b.dtb)",
        None,
        without("bcm2711-rpi-4-b.dtb"),
    );
    let boot = changed(Board::Pi4B, without("cmdline.txt")).unwrap();
    assert_eq!(
        (boot.command_line.as_str(), boot.notes),
        ("", vec![Note::NoCommandLine("cmdline.txt".into())])
    );
}

#[test]
fn what_is_wrong() {
    says(
        Board::Pi5C1,
        "vmlinuz on partition 2 cannot be started: it is no ARM64 kernel image",
        None,
        |slot| {
            slot.put("vmlinuz", "text");
        },
    );
    says(
        Board::Pi4B,
        "asks for a 32-bit kernel; remove arm_64bit=0",
        None,
        |slot| {
            slot.put("config.txt", "arm_64bit=0\n");
        },
    );
    says(
        Board::Pi4B,
        "is no device tree for this board: it is a tree for raspberrypi,board, brcm,bcm2712",
        None,
        |slot| {
            slot.put("bcm2711-rpi-4-b.dtb", tree("brcm,bcm2712", &[]));
        },
    );
    says(
        Board::Pi4B,
        "is no device tree for this board: it is no flattened device tree",
        None,
        |slot| {
            slot.put("bcm2711-rpi-4-b.dtb", "");
        },
    );
    let lines = changed(Board::Pi4B, |slot| {
        slot.put("cmdline.txt", "one two\nthree\n");
    });
    let lines = lines.unwrap();
    assert_eq!(
        (lines.command_line.as_str(), lines.notes),
        ("one two", vec![Note::CommandLineHasMoreLines])
    );
}

#[test]
fn initrds_one_behind_the_other() {
    let odd = changed(Board::Pi4B, |slot| {
        slot.put("initrd.img", "odd");
    });
    let odd = odd.unwrap();
    assert_eq!(odd.initrd.as_deref(), Some(&b"odd070701"[..]));
    assert_eq!(odd.notes, [Note::InitrdNotAligned("settings.img".into())]);
    // A compressed one may begin anywhere.
    let compressed = changed(Board::Pi4B, |slot| {
        slot.put("initrd.img", "odd")
            .put("settings.img", "\u{1f}compressed");
    });
    assert_eq!(compressed.unwrap().notes, []);
    let none = changed(Board::Pi4B, |slot| {
        slot.put("config.txt", "kernel=vmlinuz\n");
    });
    assert_eq!(none.unwrap().initrd, None);
}

#[test]
fn prefixes() {
    let config = format!("{CONFIG}os_prefix=new/\n");
    let ignored = changed(Board::Pi5C1, |slot| {
        slot.put("config.txt", &config);
    });
    let ignored = ignored.unwrap();
    assert_eq!(ignored.kernel.name, "vmlinuz");
    assert_eq!(ignored.notes, [Note::PrefixIgnored("new/".into())]);
    let config = format!("{config}cmdline=/cmdline.txt\n");
    let taken = changed(Board::Pi5C1, |slot| {
        slot.put("config.txt", &config)
            .put("new/vmlinuz", kernel("new"))
            .put("new/bcm2712-rpi-5-b.dtb", tree("brcm,bcm2712", &[]))
            .put("new/initrd.img", INITRD)
            .put("new/settings.img", "");
    });
    let taken = taken.unwrap();
    assert_eq!(
        (taken.kernel.name.as_str(), taken.command_line.as_str()),
        ("new/vmlinuz", "root=a quiet")
    );
}

#[test]
fn filters_by_board_slot_and_try() {
    let config = format!(
        "{CONFIG}[pi400]\ncmdline=keyboard\n[all]\n[boot_partition=3]\ncmdline=second\n[tryboot]\ncmdline=try\n"
    );
    let mut slot = Slot::new("x");
    slot.put("config.txt", &config)
        .put("keyboard", "k")
        .put("second", "s")
        .put("try", "t");
    let disk = disk(Some(AUTOBOOT.as_bytes()), &slot, &slot);
    let line = |board, reset| {
        let boot = Firmware::new(board, BootMode::SdCard).start(&mut Cursor::new(&disk), reset);
        boot.unwrap().command_line
    };
    assert_eq!(line(Board::Pi4B, NORMAL), "root=x quiet");
    assert_eq!(line(Board::Pi400, NORMAL), "k");
    assert_eq!(
        line(
            Board::Pi4B,
            Reset {
                partition: 3,
                ..NORMAL
            }
        ),
        "s"
    );
    assert_eq!(line(Board::Pi4B, TRY), "t");
}

#[test]
fn included_files_are_read_from_the_partition() {
    let included = changed(Board::Pi4B, |slot| {
        slot.put("config.txt", "include sigmavault/main.txt\n")
            .put("sigmavault/main.txt", CONFIG);
    });
    assert_eq!(included.unwrap().kernel.name, "vmlinuz");
}
