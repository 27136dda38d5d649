//! Changing which slot the boot loader starts first.
//!
//! The boot partition is FAT, which has no journal, so it must be bootable after every single step. First the wanted
//! slot becomes the preferred one; only then is the other one demoted. Sort keys are equally long, so that each of the two
//! changes one sector. A slot that was bad gets a new name: a new file, which is flushed before the old one goes. In
//! between, the boot loader starts either, and both are intact.

use serde::Serialize;
use sigmavault_facts::slots::entry::{Entry, FIRST, Name, SECOND, with_sort_key};
use sigmavault_facts::slots::{self as facts, ENTRIES};
use sigmavault_facts::{FactError, Files};
use sigmavault_host::bootctl;
use sigmavault_host::run::{Run, RunError};
use sigmavault_types::slots::Slot;

use super::entries::{self, SlotsError};
use crate::durable::{self, WriteError};

/// Number of starts in which a slot must prove itself.
const TRIES: u32 = 3;

/// Why the slot was not switched.
#[derive(Debug, thiserror::Error)]
pub enum SwitchError {
    /// The slots are unknown.
    #[error(transparent)]
    Slots(#[from] SlotsError),
    /// The boot partition cannot be read.
    #[error("{0}; try: systemctl status boot.mount")]
    Read(#[from] FactError),
    /// The slot has no entry.
    #[error("slot {} holds no system; try: sigmavault slots, which shows those that do", .0.letter())]
    Empty(Slot),
    /// The kernel image of the slot is missing.
    #[error(
        "slot {} cannot start: {image} is not on the boot partition; try: reinstall from the stick, which keeps the data",
        slot.letter()
    )]
    NoImage {
        /// The slot.
        slot: Slot,
        /// The path in its entry.
        image: String,
    },
    /// An entry could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The boot loader's variable could not be set.
    #[error("the boot loader could not be informed ({0}); try: sigmavault slots switch without --once")]
    BootLoader(RunError),
}

/// The result of a switch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Switched {
    /// The slot that starts first now.
    pub slot: Slot,
    /// Whether it was bad and got new tries.
    pub retried: bool,
    /// Whether this applies to the next start only.
    pub once: bool,
}

impl Switched {
    /// The result, for a person.
    pub fn show(&self) -> String {
        let slot = self.slot.letter();
        let tries = if self.retried {
            format!("It was bad and has {TRIES} new tries.\n")
        } else {
            String::new()
        };
        if self.once {
            format!("Slot {slot} runs at the next start only. Restart with: systemctl reboot\n")
        } else {
            format!("Slot {slot} starts from the next start on. Restart with: systemctl reboot\n{tries}")
        }
    }
}

/// Makes the boot loader start a slot first.
pub fn switch(files: &Files, slot: Slot) -> Result<Switched, SwitchError> {
    let found = startable(files, slot)?;
    let of = |slot: Slot| found.iter().filter(move |entry| entry.name.slot == slot);
    let path = |file: &str| files.path(format!("{ENTRIES}/{file}"));
    // The first entry of a slot is the best. An interrupted switch can leave a second one.
    let Some(wanted) = of(slot).next() else {
        return Err(SwitchError::Empty(slot));
    };
    let name = if wanted.name.is_bad() {
        Name::new(slot, Some(TRIES)).file()
    } else {
        wanted.file.clone()
    };
    if name != wanted.file || wanted.sort_key.as_deref() != Some(FIRST) {
        durable::overwrite(&path(&name), with_sort_key(&wanted.text, FIRST).as_bytes())?;
    }
    for entry in of(slot).filter(|entry| entry.file != name) {
        durable::remove(&path(&entry.file))?;
    }
    for entry in of(slot.other()).filter(|entry| entry.sort_key.as_deref() != Some(SECOND)) {
        let text = with_sort_key(&entry.text, SECOND);
        durable::overwrite(&path(&entry.file), text.as_bytes())?;
    }
    entries::record(files, &facts::current(files)?.slots)?;
    Ok(Switched {
        slot,
        retried: wanted.name.is_bad(),
        once: false,
    })
}

/// Makes the boot loader start a slot at the next start only.
pub fn once(files: &Files, slot: Slot, run: &dyn Run) -> Result<Switched, SwitchError> {
    startable(files, slot)?;
    // The boot loader matches a shell pattern against the whole file name, counter included.
    let pattern = format!("sigmavault-{}*.conf", slot.name());
    run.succeed(&bootctl::set_oneshot(&pattern))
        .map_err(SwitchError::BootLoader)?;
    Ok(Switched {
        slot,
        retried: false,
        once: true,
    })
}

/// Every entry, if this slot has one with its kernel image.
fn startable(files: &Files, slot: Slot) -> Result<Vec<Entry>, SwitchError> {
    entries::get(files)?;
    let found = facts::entries(files)?;
    let Some(entry) = found.iter().find(|entry| entry.name.slot == slot) else {
        return Err(SwitchError::Empty(slot));
    };
    if entry.bytes.is_none() {
        let image = entry
            .image
            .clone()
            .unwrap_or_else(|| "its kernel image".to_owned());
        return Err(SwitchError::NoImage { slot, image });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::Mutex;

    use sigmavault_host::run::{Invocation, Output, Scripted};
    use tempfile::TempDir;

    use super::*;

    fn machine(entries: &[(&str, Slot, &str)]) -> (TempDir, Files) {
        let folder = tempfile::tempdir().unwrap();
        for path in ["boot/loader/entries", "boot/EFI/sigmavault", "var/lib"] {
            fs::create_dir_all(folder.path().join(path)).unwrap();
        }
        let files = Files::new(folder.path());
        for (file, slot, key) in entries {
            let image = format!("/EFI/sigmavault/slot-{}.efi", slot.name());
            fs::write(files.path(format!("/boot{image}")), "MZ").unwrap();
            let text = format!("title x\nversion 0.1.0\nsort-key {key}\nefi {image}\n");
            fs::write(files.path(format!("{ENTRIES}/{file}")), text).unwrap();
        }
        (folder, files)
    }

    fn keys(files: &Files) -> Vec<(String, String)> {
        let entries = facts::entries(files).unwrap();
        entries
            .into_iter()
            .map(|entry| (entry.file, entry.sort_key.unwrap()))
            .collect()
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        expected
            .iter()
            .map(|(file, key)| ((*file).to_owned(), (*key).to_owned()))
            .collect()
    }

    #[test]
    fn a_good_slot_keeps_its_name() {
        let (_folder, files) = machine(&[
            ("sigmavault-a.conf", Slot::A, FIRST),
            ("sigmavault-b+2-1.conf", Slot::B, SECOND),
        ]);
        let done = switch(&files, Slot::B).unwrap();
        assert_eq!((done.slot, done.retried, done.once), (Slot::B, false, false));
        assert_eq!(
            keys(&files),
            pairs(&[("sigmavault-a.conf", SECOND), ("sigmavault-b+2-1.conf", FIRST)])
        );
        let text = files.text(format!("{ENTRIES}/sigmavault-a.conf")).unwrap();
        assert_eq!(
            text,
            "title x\nversion 0.1.0\nsort-key sigmavault-2\nefi /EFI/sigmavault/slot-a.efi\n"
        );
        let recorded: Vec<sigmavault_types::slots::SlotState> =
            serde_json::from_slice(&files.bytes(facts::record("slots.json")).unwrap()).unwrap();
        assert!(recorded[1].preferred);
    }

    #[test]
    fn a_bad_slot_gets_new_tries() {
        let (_folder, files) = machine(&[
            ("sigmavault-a+0-3.conf", Slot::A, SECOND),
            ("sigmavault-b.conf", Slot::B, FIRST),
        ]);
        assert!(switch(&files, Slot::A).unwrap().retried);
        assert_eq!(
            keys(&files),
            pairs(&[("sigmavault-a+3.conf", FIRST), ("sigmavault-b.conf", SECOND)])
        );
        // A second time there is nothing left to do.
        let written = fs::metadata(files.path(format!("{ENTRIES}/sigmavault-a+3.conf"))).unwrap();
        assert!(!switch(&files, Slot::A).unwrap().retried);
        let now = fs::metadata(files.path(format!("{ENTRIES}/sigmavault-a+3.conf"))).unwrap();
        assert_eq!(now.modified().unwrap(), written.modified().unwrap());
    }

    #[test]
    fn what_a_cut_switch_left_is_tidied() {
        let (_folder, files) = machine(&[
            ("sigmavault-a+3.conf", Slot::A, FIRST),
            ("sigmavault-a+0-3.conf", Slot::A, SECOND),
            ("sigmavault-b.conf", Slot::B, FIRST),
        ]);
        switch(&files, Slot::A).unwrap();
        assert_eq!(
            keys(&files),
            pairs(&[("sigmavault-a+3.conf", FIRST), ("sigmavault-b.conf", SECOND)])
        );
    }

    #[test]
    fn a_slot_that_cannot_start_is_refused() {
        let (_folder, files) = machine(&[("sigmavault-a.conf", Slot::A, FIRST)]);
        assert!(matches!(
            switch(&files, Slot::B),
            Err(SwitchError::Empty(Slot::B))
        ));
        fs::remove_file(files.path("/boot/EFI/sigmavault/slot-a.efi")).unwrap();
        assert_eq!(
            switch(&files, Slot::A).unwrap_err().to_string(),
            "slot A cannot start: /EFI/sigmavault/slot-a.efi is not on the boot partition; \
             try: reinstall from the stick, which keeps the data"
        );
    }

    #[test]
    fn once_is_left_to_the_boot_loader() {
        let (_folder, files) = machine(&[
            ("sigmavault-a.conf", Slot::A, FIRST),
            ("sigmavault-b+2-1.conf", Slot::B, SECOND),
        ]);
        let before = keys(&files);
        let asked = Mutex::new(Vec::new());
        let run = Scripted(|invocation: &Invocation| {
            asked.lock().unwrap().push(invocation.to_string());
            Output::success("")
        });
        assert!(once(&files, Slot::B, &run).unwrap().once);
        assert_eq!(*asked.lock().unwrap(), ["bootctl set-oneshot sigmavault-b*.conf"]);
        assert_eq!(keys(&files), before);
        let refused = once(
            &files,
            Slot::B,
            &Scripted(|_: &Invocation| Output::failure(1, "no")),
        );
        let error = refused.unwrap_err().to_string();
        assert!(
            error.starts_with(
                "the boot loader could not be informed (bootctl set-oneshot sigmavault-b*.conf ended with exit status: 1: no); try: "
            ),
            "{error}"
        );
    }
}
