//! The first start of a Raspberry Pi from a disk that the image was written to.

use serde::Deserialize;
use sigmavault_facts::Files;
use sigmavault_host::lsblk::{self, Column};
use sigmavault_types::slots::BOOT_INFO_PATH;

use super::error::InventoryError;
use crate::machine::{Firmware, Present, Setup};
use crate::site::Site;

/// Word on the kernel command line of a disk that was written from the image.
const WORD: &str = "sigmavault.setup";
/// The boot chain of a Raspberry Pi.
const TRYBOOT: &str = "tryboot";
/// Sectors in which lsblk counts where partitions start.
const SECTOR: u64 = 512;
/// What is asked about its partitions.
const COLUMNS: [Column; 7] = [
    Column::Name,
    Column::Type,
    Column::Size,
    Column::Start,
    Column::Partn,
    Column::Partlabel,
    Column::Parttype,
];

/// How this machine was started.
pub(super) fn firmware(files: &Files) -> Firmware {
    if chain(files).as_deref() == Some(TRYBOOT) {
        Firmware::RaspberryPi
    } else if files.exists("/sys/firmware/efi") {
        Firmware::Uefi
    } else {
        Firmware::Bios
    }
}

/// The boot chain, as the initrd tells it.
fn chain(files: &Files) -> Option<String> {
    #[derive(Deserialize)]
    struct Boot {
        chain: Option<String>,
    }
    let boot: Boot = serde_json::from_slice(&files.bytes(BOOT_INFO_PATH).ok()?).ok()?;
    boot.chain
}

/// What is on the disk that this system runs from, with this kernel name, if it is to be set up; nothing on an installation
/// medium.
pub(super) fn read(site: &Site, disk: &str) -> Result<Option<Setup>, InventoryError> {
    let files = site.files();
    let cmdline = files.text("/proc/cmdline").unwrap_or_default();
    if !asks(&cmdline) || firmware(files) != Firmware::RaspberryPi {
        return Ok(None);
    }
    let text = site
        .run()
        .text(&lsblk::tree(&COLUMNS, Some(&format!("/dev/{disk}"))))?;
    let devices = lsblk::parse(&text)?;
    let parts = devices.into_iter().flat_map(|device| device.children);
    let mut partitions: Vec<Present> = parts
        .filter(|part| part.kind == "part")
        .map(|part| Present {
            number: u32::try_from(part.number).unwrap_or_default(),
            label: part.partlabel.unwrap_or_default(),
            kind: part.parttype.unwrap_or_default(),
            start: part.start.saturating_mul(SECTOR),
            bytes: part.size,
        })
        .collect();
    partitions.sort_by_key(|part| part.number);
    let model = files.text("/proc/device-tree/model").unwrap_or_default();
    Ok(Some(Setup {
        disk: disk.to_owned(),
        model: Some(model.trim_end_matches('\0').trim().to_owned())
            .filter(|model| !model.is_empty())
            .unwrap_or_else(|| "Raspberry Pi".to_owned()),
        partitions,
    }))
}

/// Whether a kernel command line asks for a setup.
fn asks(cmdline: &str) -> bool {
    cmdline.split_whitespace().any(|word| word == WORD)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_is_a_whole_one() {
        for (cmdline, expected) in [
            ("quiet sigmavault.live sigmavault.setup\n", true),
            ("sigmavault.setup", true),
            ("sigmavault.setups quiet", false),
            ("quiet sigmavault.live", false),
            ("", false),
        ] {
            assert_eq!(asks(cmdline), expected, "{cmdline}");
        }
    }

    #[test]
    fn the_boot_chain_tells_the_firmware() {
        for (boot, efi, expected) in [
            (
                Some(r#"{"slot":"a","chain":"tryboot","trying":false}"#),
                false,
                Firmware::RaspberryPi,
            ),
            (
                Some(r#"{"slot":"a","chain":"systemd-boot"}"#),
                true,
                Firmware::Uefi,
            ),
            (Some(r#"{"slot":"a"}"#), true, Firmware::Uefi),
            (Some("{"), false, Firmware::Bios),
            (None, false, Firmware::Bios),
        ] {
            let root = tempfile::tempdir().unwrap();
            if let Some(boot) = boot {
                std::fs::create_dir_all(root.path().join("run/sigmavault")).unwrap();
                std::fs::write(root.path().join("run/sigmavault/boot.json"), boot).unwrap();
            }
            if efi {
                std::fs::create_dir_all(root.path().join("sys/firmware/efi")).unwrap();
            }
            assert_eq!(firmware(&Files::new(root.path())), expected, "{boot:?}");
        }
    }
}
