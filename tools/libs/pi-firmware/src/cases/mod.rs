//! The table of cases: disks, and what each board starts from them.

use std::io::Cursor;

use crate::sample::{AUTOBOOT, Disk, gpt, kernel, tree};
use crate::{Board, Boot, BootMode, Failure, Firmware, Reset};

mod choice;
mod contents;

const CONFIG: &str =
    "arm_64bit=1\nkernel=vmlinuz\ninitramfs initrd.img,settings.img followkernel\nupstream_kernel=1\n";
const SWAPPED: &str = "[all]\ntryboot_a_b=1\nboot_partition=3\n[tryboot]\nboot_partition=2\n";
/// Bytes that are a multiple of four, as those of our initrds are.
const INITRD: &[u8] = b"the initrd, whole.\n\n";

/// The files of a slot, which tests change.
#[derive(Clone)]
struct Slot(Vec<(String, Vec<u8>)>);

impl Slot {
    fn new(name: &str) -> Self {
        let mut slot = Self(Vec::new());
        slot.put("config.txt", CONFIG);
        slot.put("cmdline.txt", format!("root={name} quiet\n"));
        slot.put("initrd.img", INITRD);
        slot.put("settings.img", "070701");
        slot.put("start4.elf", "firmware");
        slot.put("fixup4.dat", "fixup");
        slot.put("vmlinuz", kernel(name));
        for file in [
            "bcm2711-rpi-4-b.dtb",
            "bcm2711-rpi-400.dtb",
            "bcm2711-rpi-cm4-io.dtb",
        ] {
            slot.put(file, tree("brcm,bcm2711", &[]));
        }
        for file in [
            "bcm2712-rpi-5-b.dtb",
            "bcm2712-d-rpi-5-b.dtb",
            "bcm2712-rpi-500.dtb",
            "bcm2712-rpi-cm5-cm5io.dtb",
        ] {
            slot.put(file, tree("brcm,bcm2712", &[]));
        }
        slot
    }

    fn put(&mut self, name: &str, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.remove(name);
        self.0.push((name.to_owned(), bytes.as_ref().to_vec()));
        self
    }

    fn remove(&mut self, name: &str) -> &mut Self {
        self.0.retain(|(file, _)| file != name);
        self
    }

    fn disk(&self) -> Disk {
        let files: Vec<(&str, &[u8])> = self
            .0
            .iter()
            .map(|(name, bytes)| (name.as_str(), &bytes[..]))
            .collect();
        Disk::with(&files)
    }
}

/// A disk as ours, with this `autoboot.txt` and these slots.
fn disk(autoboot: Option<&[u8]>, a: &Slot, b: &Slot) -> Vec<u8> {
    let files: Vec<(&str, &[u8])> = autoboot.iter().map(|bytes| ("autoboot.txt", *bytes)).collect();
    gpt(&[Disk::with(&files), a.disk(), b.disk(), Disk::other(1 << 20)])
}

fn usual(autoboot: &str) -> Vec<u8> {
    disk(Some(autoboot.as_bytes()), &Slot::new("a"), &Slot::new("b"))
}

fn four() -> Firmware {
    Firmware::new(Board::Pi4B, BootMode::SdCard)
}

fn five() -> Firmware {
    Firmware::new(Board::Pi5C1, BootMode::Nvme)
}

const NORMAL: Reset = Reset {
    partition: 0,
    tryboot: false,
};
const TRY: Reset = Reset {
    partition: 0,
    tryboot: true,
};

/// The partition that is started, or what the failure says.
fn started(firmware: Firmware, disk: &[u8], reset: Reset) -> Result<u32, String> {
    let boot = firmware.start(&mut Cursor::new(disk), reset);
    boot.map(|boot| boot.partition)
        .map_err(|failure| failure.to_string())
}

fn boot(firmware: Firmware, disk: &[u8]) -> Boot {
    firmware.start(&mut Cursor::new(disk), NORMAL).unwrap()
}
