//! A Raspberry Pi that runs from a card with the image.

use std::fs;
use std::os::unix::fs::symlink;

use super::{Machine, Part, ROOT_HASH, TREE, part};

/// Where a boot partition is mounted.
pub const POINT: &str = "/run/sigmavault/boot-slot";
/// The card.
pub const CARD: &str = "mmcblk0";
/// Its kernel command line.
const WORDS: &str = "systemd.volatile=overlay sigmavault.live sigmavault.setup";

/// GPT partition types of the image.
pub fn kind(label: &str) -> &'static str {
    match label {
        "boot" => "c12a7328-f81f-11d2-ba4b-00a0c93ec93b",
        "boot-a" | "boot-b" => "ebd0a0a2-b9e5-4433-87c0-68b6b72699c7",
        "root-a" | "root-b" => "b921b045-1df0-41c3-af44-4c6f280d3fae",
        "root-a-verity" | "root-b-verity" => "df3300ce-d69f-4c92-978c-9bfb0f38d820",
        _ => "0fc63daf-8483-4772-8e79-3d69d8477de4",
    }
}

impl Machine {
    /// A Raspberry Pi at its first start, with an empty disk beside its card.
    pub fn raspberry_pi() -> Self {
        let machine = Self::new();
        for disk in ["vda", "vdc", "vdz"] {
            machine.0.disks.lock().unwrap().remove(disk);
        }
        for path in ["sys/firmware/efi", "sys/class/tpm"] {
            fs::remove_dir_all(machine.path(path)).unwrap();
        }
        machine.write("/proc/cmdline", &command_line(WORDS));
        machine.write(
            "/run/sigmavault/boot.json",
            r#"{"slot":"a","chain":"tryboot","trying":false}"#,
        );
        machine.write("/proc/device-tree/model", "Raspberry Pi 5 Model B Rev 1.0\0");
        machine.write(&format!("/dev/{CARD}"), "");
        let image = [
            part("boot", 64 << 20, "vfat"),
            part("boot-a", 1 << 20, "vfat"),
            part("boot-b", 1 << 20, "vfat"),
            part("root-a", 4 << 20, "erofs"),
            part("root-a-verity", 1 << 20, ""),
        ];
        machine.lay_out(CARD, image.to_vec());
        fs::write(machine.path("/dev/mmcblk0p5"), TREE).unwrap();
        for (link, target) in [("esp", "../mmcblk0p1"), ("root-verity", "../mmcblk0p5")] {
            let link = machine.path(format!("/dev/sigmavault/{link}"));
            fs::remove_file(&link).unwrap();
            symlink(target, link).unwrap();
        }
        for part in ["mmcblk0p1", "mmcblk0p5"] {
            fs::create_dir_all(machine.path(format!("/sys/devices/{CARD}/{part}"))).unwrap();
            let link = machine.path(format!("/sys/class/block/{part}"));
            symlink(format!("../../devices/{CARD}/{part}"), link).unwrap();
        }
        machine.write("/boot-partitions/a/cmdline.txt", &command_line(WORDS));
        machine.write("/boot-partitions/a/settings.img", &"\0".repeat(64 << 10));
        machine
    }

    /// The kernel command line of a slot.
    pub fn command_line(&self, slot: &str) -> String {
        fs::read_to_string(self.path(format!("/boot-partitions/{slot}/cmdline.txt"))).unwrap()
    }

    /// Has slot A's boot partition hold another kernel command line.
    pub fn change_command_line(&self, line: &str) {
        self.write("/boot-partitions/a/cmdline.txt", line);
    }

    /// The names of the card's partitions.
    pub fn card(&self) -> Vec<&'static str> {
        let disks = self.0.disks.lock().unwrap();
        disks[CARD].iter().map(|part| part.label).collect()
    }

    pub(super) fn mount_boot(&self, device: &str) {
        let files = |slot: &str| self.path(format!("/boot-partitions/{slot}"));
        let point = self.path(POINT);
        fs::remove_dir_all(&point).unwrap();
        fs::create_dir_all(&point).unwrap();
        let slot = match device {
            "/dev/mmcblk0p2" => "a",
            "/dev/mmcblk0p3" => "b",
            other => panic!("{other} is no boot partition"),
        };
        if slot == "b" {
            // It was copied as a whole.
            fs::create_dir_all(files("b")).unwrap();
            for name in ["cmdline.txt", "settings.img"] {
                fs::copy(files("a").join(name), files("b").join(name)).unwrap();
            }
        }
        fs::remove_dir(&point).unwrap();
        fs::rename(files(slot), &point).unwrap();
        self.write("/boot-partitions/mounted", slot);
    }

    pub(super) fn unmount_boot(&self) {
        let slot = fs::read_to_string(self.path("/boot-partitions/mounted")).unwrap();
        let files = self.path(format!("/boot-partitions/{slot}"));
        fs::rename(self.path(POINT), &files).unwrap();
        fs::create_dir(self.path(POINT)).unwrap();
    }

    pub(super) fn forget(&self, disk: &str, number: u64) {
        let mut disks = self.0.disks.lock().unwrap();
        let parts = disks.get_mut(disk.trim_start_matches("/dev/")).unwrap();
        parts.retain(|part| part.number != number);
    }

    pub(super) fn add(&self, disk: &str, parts: Vec<Part>) {
        let mut disks = self.0.disks.lock().unwrap();
        let there = disks.get_mut(disk).unwrap();
        for mut part in parts {
            part.number = there.last().map_or(0, |last| last.number) + 1;
            self.make_device(disk, &part);
            there.push(part);
        }
    }
}

/// A kernel command line with these words.
pub fn command_line(words: &str) -> String {
    format!("console=tty1 roothash={ROOT_HASH} {words} quiet\n")
}
