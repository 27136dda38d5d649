//! The machine for a board, and what its kernel is given besides what the firmware would give.

use std::path::Path;

use sigmavault_pi_firmware::tree::{self, Told};
use sigmavault_pi_firmware::{Boot, Family, qemu};
use sigmavault_vm::{Accelerator, Board, Bus, DirectKernel, Drive, Logs, Machine, Memory, OnReset};

use crate::card::Card;
use crate::error::Error;

/// Serial number of the drive on the machine that has drives with one.
const SERIAL: &str = "SV-CARD";

/// Memory of the machines: what a Pi 4 of QEMU has.
const MEMORY: Memory = Memory::gib(2);

/// Words that are added to the kernel's command line. The last console is the one that the system talks on.
pub const fn words(family: Family) -> &'static str {
    match family {
        // The driver of the serial port comes late; until then the kernel writes to it by itself. QEMU restarts the machine as soon
        // as the watchdog is started. Emulated devices take their time on a busy machine.
        Family::Pi4 => {
            "earlycon=pl011,mmio32,0xfe201000 console=ttyAMA0,115200 systemd.watchdog_sec=0 sigmavault.wait=600"
        }
        // Nobody answers the module's mailbox.
        Family::Pi5 => {
            "earlycon=pl011,0x9000000 console=ttyAMA0,115200 sigmavault.wait=600 sigmavault_tryboot.emulate=1"
        }
    }
}

/// The machine on which a kernel for these boards runs.
pub fn machine(family: Family, kernel: DirectKernel, card: &Card, sockets: &Path, logs: Logs) -> Machine {
    // The processor of the board: Linux 7.2 does not start on QEMU's `max`.
    let (board, bus, cpu) = match family {
        Family::Pi4 => (Board::RaspberryPi4, Bus::Card, "cortex-a72"),
        Family::Pi5 => (Board::Virt, Bus::Nvme, "cortex-a76"),
    };
    Machine {
        board,
        accelerator: Accelerator::Tcg,
        cpu: cpu.to_owned(),
        memory: MEMORY,
        uefi: None,
        direct: Some(kernel),
        medium: None,
        drives: vec![Drive::new(&card.image.path, SERIAL, bus)],
        pluggable: None,
        tpm_socket: None,
        on_reset: OnReset::End,
        oem_strings: Vec::new(),
        sockets: sockets.to_owned(),
        serial_input: true,
        logs,
    }
}

/// The kernel's command line in the machine. A port that the machine lacks is left out: the kernel tries only the first of several with
/// one driver.
pub fn command_line(boot: &Boot, family: Family) -> String {
    let board = boot.command_line.split_whitespace();
    let kept = board.filter(|word| !word.starts_with("console=ttyAMA"));
    kept.chain(words(family).split_whitespace())
        .collect::<Vec<_>>()
        .join(" ")
}

/// The device tree for the machine: on a Pi 4 the one that the firmware gives, without what QEMU lacks; for a Pi 5 the
/// machine's own, `virt`, with what the firmware adds.
pub fn device_tree(boot: &Boot, command_line: &str, virt: Option<&[u8]>) -> Result<Vec<u8>, Error> {
    let told = Told {
        command_line,
        ..boot.told()
    };
    Ok(match virt {
        Some(virt) => tree::tell(virt, &told)?,
        None => qemu::fit(&tree::tell(&boot.tree.bytes, &told)?, MEMORY.mib() << 20)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use sigmavault_pi_firmware::sample::{AUTOBOOT, Disk, gpt, kernel, tree};
    use sigmavault_pi_firmware::{BootMode, Firmware, Reset};
    use std::io::Cursor;

    fn boot(board: sigmavault_pi_firmware::Board, mode: BootMode) -> Boot {
        let slot = Disk::with(&[
            ("config.txt", b"kernel=vmlinuz\n"),
            ("cmdline.txt", b"root=x console=ttyS1 console=ttyAMA10,115200n8\n"),
            ("start4.elf", b""),
            ("fixup4.dat", b""),
            ("vmlinuz", &kernel("k")),
            (
                "bcm2711-rpi-4-b.dtb",
                &tree("brcm,bcm2711", &[&qemu::ABSENT[..], &[qemu::CARD]].concat()),
            ),
            ("bcm2712-rpi-5-b.dtb", &tree("brcm,bcm2712", &[])),
        ]);
        let disk = gpt(&[
            Disk::with(&[("autoboot.txt", AUTOBOOT.as_bytes())]),
            slot.clone(),
            slot,
        ]);
        let reset = Reset {
            partition: 0,
            tryboot: true,
        };
        Firmware::new(board, mode)
            .start(&mut Cursor::new(disk), reset)
            .unwrap()
    }

    #[test]
    fn a_pi_4_gets_its_own_tree() {
        let boot = boot(sigmavault_pi_firmware::Board::Pi4B, BootMode::SdCard);
        let line = command_line(&boot, Family::Pi4);
        assert_eq!(
            line,
            "root=x console=ttyS1 earlycon=pl011,mmio32,0xfe201000 console=ttyAMA0,115200 systemd.watchdog_sec=0 sigmavault.wait=600"
        );
        let made = device_tree(&boot, &line, None).unwrap();
        assert_eq!(tree_says(&made), (3, true, 1, line));
        tree::check(&made, "brcm,bcm2711").unwrap();
    }

    #[test]
    fn a_pi_5_gets_the_tree_of_the_virtual_machine() {
        let boot = boot(sigmavault_pi_firmware::Board::Pi5C1, BootMode::Nvme);
        let line = command_line(&boot, Family::Pi5);
        assert!(line.ends_with(" sigmavault_tryboot.emulate=1"), "{line}");
        let virt = sigmavault_pi_firmware::sample::tree("linux,dummy-virt", &[]);
        let made = device_tree(&boot, &line, Some(&virt)).unwrap();
        assert_eq!(tree_says(&made), (3, true, 6, line));
        tree::check(&made, "linux,dummy-virt").unwrap();
    }

    fn tree_says(tree: &[u8]) -> (u32, bool, u32, String) {
        tree::told(tree).unwrap()
    }

    #[test]
    fn a_drive_of_the_right_kind() {
        let card = Card {
            image: sigmavault_vm::Image {
                path: "/w/card".into(),
            },
        };
        let kernel = DirectKernel {
            kernel: "/w/kernel".into(),
            initrd: None,
            tree: None,
            command_line: String::new(),
        };
        for (family, board, bus) in [
            (Family::Pi4, Board::RaspberryPi4, Bus::Card),
            (Family::Pi5, Board::Virt, Bus::Nvme),
        ] {
            let machine = machine(family, kernel.clone(), &card, Path::new("/w"), Logs::new("/a"));
            assert_eq!((machine.board, machine.drives[0].bus), (board, bus));
        }
    }
}
