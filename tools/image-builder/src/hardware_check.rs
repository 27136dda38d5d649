//! `hardware-check`: what a person does to test an image on a real machine, as a list to tick off. Virtual machines show the rest.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::ExitCode;

use serde::Serialize;

use crate::cli::{Global, HardwareCheckArgs};
use crate::profile::{Arch, Desktop, Library, Profile, ProfileError};
use crate::source;

/// One thing to do, and what must be seen then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Item {
    /// What to do.
    pub action: String,
    /// What must be seen.
    pub expected: String,
}

/// Runs `hardware-check`.
pub fn run(args: &HardwareCheckArgs, global: &Global) -> Result<ExitCode, ProfileError> {
    let root = source::find(global.source.as_deref())?;
    let profile = Library::of_source(&root, &global.profiles)?
        .resolve(&args.profile)?
        .profile;
    let items = items(&profile);
    let text = if args.json {
        serde_json::to_string_pretty(&items)? + "\n"
    } else {
        text(&profile, &items)
    };
    std::io::stdout().lock().write_all(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// The list for a profile.
pub fn items(profile: &Profile) -> Vec<Item> {
    let is_pi = profile.is_disk_image();
    let mut items = if is_pi {
        pi_start(profile)
    } else {
        iso_start(profile)
    };
    items.extend(table(&[
        (
            "Unplug each disk but the system's, and start.",
            "The login prompt, and `sigmavault status` says: healthy.",
        ),
        (
            "`sigmavault hardware`",
            "Model, memory as it was bought, processor and disks are right; no warnings.",
        ),
        (
            "Plug a cable into each network port.",
            "`ip address` shows an address for each; `ethtool` shows its full speed.",
        ),
        (
            "Copy 10 GB to a Samba share over the fastest port, and back.",
            "The same checksum; nothing in `journalctl -p warning -k`.",
        ),
        (
            "Put a USB disk into each USB port.",
            "`lsblk` shows it each time.",
        ),
        (
            "Make a pool of all data disks, `zpool scrub -w`.",
            "No errors; `sigmavault status` names the pool.",
        ),
        (
            "`systemctl reboot`, five times.",
            "It comes back each time, with the pool.",
        ),
        (
            "Pull the plug while a copy runs, and start again.",
            "It starts; the pool is imported; what was copied before is whole.",
        ),
        (
            "Leave it alone for a night.",
            "`uptime` says so; `journalctl -p err` has nothing new; temperatures are sound.",
        ),
    ]));
    items.extend(if is_pi { pi_slots() } else { uefi_slots() });
    for id in &profile.hardware.ids {
        items.push(Item {
            action: format!("With a device {id}: use it."),
            expected: "It works; `journalctl -k` has no complaint about its firmware.".to_owned(),
        });
    }
    items
}

fn iso_start(profile: &Profile) -> Vec<Item> {
    let mut items = table(&[
        (
            "`sigmavault-image flash ISO /dev/sdX`, start from the stick by UEFI.",
            "The live session, on screen and serial console.",
        ),
        (
            "Install: every screen, with encryption and a pool.",
            "Done, and the recovery key on paper.",
        ),
        (
            "Start without the stick.",
            "The passphrase is asked for on the keyboard that was chosen; the login prompt.",
        ),
    ]);
    if profile.arch.contains(&Arch::Amd64) {
        items.extend(table(&[(
            "Start the stick by BIOS, if the machine has it.",
            "The live session.",
        )]));
    }
    if profile.system.desktop == Desktop::Gnome {
        items.extend(table(&[(
            "Log in on the screen.",
            "GNOME, at the screen's own resolution; sound and the second screen work.",
        )]));
    }
    items
}

fn pi_start(profile: &Profile) -> Vec<Item> {
    let image = format!("sigmavault-{}-arm64.img.zst", profile.name);
    vec![
        Item {
            action: "`vcgencmd bootloader_version` on Raspberry Pi OS, before.".to_owned(),
            expected: "Write the date down: firmware of before 2023 reads tryboot.txt and not autoboot.txt.".to_owned(),
        },
        Item {
            action: format!("`sigmavault-image flash {image} /dev/sdX` to an SD card, start with screen and keyboard."),
            expected: "The installer sets the card up, with encryption; the Pi restarts and asks for the passphrase.".to_owned(),
        },
        Item {
            action: "The same with --answers and without screen and keyboard, by cable.".to_owned(),
            expected: "It is reachable by SSH under its name within five minutes.".to_owned(),
        },
        Item {
            action: "The same from a USB disk, and from NVMe where the board has it.".to_owned(),
            expected: "It starts from that disk, with the card taken out.".to_owned(),
        },
        Item {
            action: "The same on boards of every revision that is to be had (Pi 5: C1 and D0).".to_owned(),
            expected: "The same. How the firmware of a D0 board finds its device tree is not documented.".to_owned(),
        },
        Item {
            action: "Start with two USB disks that have the same image.".to_owned(),
            expected: "It stops and names both.".to_owned(),
        },
        Item {
            action: "A serial console at the debug port, 115200 baud.".to_owned(),
            expected: "Messages and a login prompt.".to_owned(),
        },
    ]
}

fn pi_slots() -> Vec<Item> {
    table(&[
        (
            "`sigmavault slots switch b`, `systemctl reboot`.",
            "Slot B runs; `sigmavault slots` says that it starts next.",
        ),
        (
            "`sigmavault slots switch a`, then pull the plug.",
            "Slot B again, and slot A at the restart that follows by itself.",
        ),
        (
            "Damage slot A (`dd if=/dev/zero of=/dev/disk/by-partlabel/root-a bs=1M seek=8 count=8`), switch to it, restart.",
            "Slot B comes back by itself; `sigmavault status` says why.",
        ),
        (
            "`sigmavault slots switch a`, and in its start `echo c >/proc/sysrq-trigger`.",
            "Slot B comes back by itself within a minute.",
        ),
        (
            "The same with a system that hangs: in its start `sudo kill -SEGV 1`.",
            "The watchdog restarts the Pi within two minutes, and slot B comes back.",
        ),
        (
            "Rename config.txt of slot B, `sigmavault slots switch b`, restart.",
            "Write down what the firmware does: it is not documented.",
        ),
    ])
}

fn uefi_slots() -> Vec<Item> {
    table(&[
        ("`sigmavault slots switch b`, `systemctl reboot`.", "Slot B runs."),
        (
            "Damage slot A (`dd if=/dev/zero of=/dev/disk/by-partlabel/root-a bs=1M seek=8 count=8`), switch to it, restart.",
            "Slot B runs after three tries; `sigmavault status` says why.",
        ),
    ])
}

fn table(rows: &[(&str, &str)]) -> Vec<Item> {
    let item = |(action, expected): &(&str, &str)| Item {
        action: (*action).to_owned(),
        expected: (*expected).to_owned(),
    };
    rows.iter().map(item).collect()
}

fn text(profile: &Profile, items: &[Item]) -> String {
    let mut text = format!(
        "# {}: {}\n\nMachine:            Firmware:            Image (sigmavault-image inspect):            Tested by, on:\n\n",
        profile.name, profile.description
    );
    for (number, item) in (1..).zip(items) {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{number}. [ ] {}\n   -> {}", item.action, item.expected);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_profile_has_a_list_of_its_own() {
        let source = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let library = Library::of_source(&source, &[]).unwrap();
        let list = |name: &str| {
            let profile = library.resolve(name).unwrap().profile;
            let items = items(&profile);
            (items.len() - profile.hardware.ids.len(), text(&profile, &items))
        };
        let (pi, text) = list("rpi4");
        assert_eq!(pi, 22);
        assert!(
            text.starts_with("# rpi4: Raspberry Pi 4, 400 and Compute Module 4\n"),
            "{text}"
        );
        assert!(
            text.contains("[ ] `sigmavault-image flash sigmavault-rpi4-arm64.img.zst /dev/sdX`"),
            "{text}"
        );
        assert!(
            text.contains("With a device of:brcm,bcm2711-emmc2: use it."),
            "{text}"
        );
        assert_eq!(list("pc-gnome").0, 16);
        assert_eq!(list("arm64-uefi-headless").0, 14);
    }
}
