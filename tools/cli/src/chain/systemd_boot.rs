//! Changing which slot the boot loader starts first.
//!
//! The boot partition is FAT, which has no journal, so it must be bootable after every single step. First the wanted
//! slot becomes the preferred one; only then is the other one demoted. Sort keys are equally long, so that each of the two
//! changes one sector. A slot that was bad gets a new name: a new file, which is flushed before the old one goes. In
//! between, the boot loader starts either, and both are intact.

use sigmavault_facts::Files;
use sigmavault_facts::slots::entry::{self, Entry, FIRST, Name, SECOND, with_sort_key};
use sigmavault_facts::slots::{self as facts, ENTRIES, TRIES, efi};
use sigmavault_host::bootctl;
use sigmavault_host::run::Run;
use sigmavault_types::slots::{Slot, SlotState, Slots};

use super::boot_chain::{
    AfterBad, BootChain, ChainError, Earlier, EarlierTry, SlotsError, Staying, Switched,
};
use super::record::record;
use crate::durable;

/// A machine with UEFI. systemd-boot counts starts itself; systemd-bless-boot.service ends that after a good one.
#[allow(missing_debug_implementations, reason = "it has what runs programs")]
pub struct SystemdBoot<'a> {
    /// Its files.
    pub files: &'a Files,
    /// Its programs.
    pub run: &'a dyn Run,
}

impl BootChain for SystemdBoot<'_> {
    fn list(&self) -> Result<Slots, SlotsError> {
        list(self.files)
    }

    fn prefer(&self, slot: Slot) -> Result<Switched, ChainError> {
        switch(self.files, slot)
    }

    fn once(&self, slot: Slot) -> Result<Switched, ChainError> {
        once(self.files, slot, self.run)
    }

    fn earlier_try(&self, _: &Earlier) -> Result<Option<EarlierTry>, ChainError> {
        Ok(None)
    }

    fn settle(&self, _: &EarlierTry) -> Result<(), ChainError> {
        Ok(())
    }

    fn good(&self) -> Result<(), ChainError> {
        Ok(())
    }

    fn bad(&self) -> AfterBad {
        let Some(path) = efi::counted_entry(self.files) else {
            return AfterBad::Stay(Staying::Proven);
        };
        let left = path
            .rsplit('/')
            .next()
            .and_then(entry::Name::parse)
            .and_then(|name| name.tries_left);
        let running = facts::running(self.files);
        let other = || {
            let startable =
                |state: &SlotState| Some(state.slot) != running && !state.bad && state.bytes.is_some();
            facts::current(self.files).is_ok_and(|slots| slots.slots.iter().any(startable))
        };
        // Without another slot, restarts would never end.
        if left == Some(0) && !other() {
            AfterBad::Stay(Staying::Alone)
        } else {
            AfterBad::Restart
        }
    }

    fn tries_next(&self) -> bool {
        false
    }
}

/// The slots as they are on the boot partition.
fn list(files: &Files) -> Result<Slots, SlotsError> {
    if facts::is_live(files) {
        return Err(SlotsError::Live);
    }
    let found = facts::current(files)?;
    if found.slots.is_empty() {
        return Err(SlotsError::None);
    }
    Ok(found)
}

/// Makes the boot loader start a slot first.
fn switch(files: &Files, slot: Slot) -> Result<Switched, ChainError> {
    let found = startable(files, slot)?;
    let of = |slot: Slot| found.iter().filter(move |entry| entry.name.slot == slot);
    let path = |file: &str| files.path(format!("{ENTRIES}/{file}"));
    // The first entry of a slot is the best. An interrupted switch can leave a second one.
    let Some(wanted) = of(slot).next() else {
        return Err(ChainError::Empty(slot));
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
    record(files, &facts::current(files)?.slots)?;
    Ok(Switched {
        slot,
        retried: wanted.name.is_bad(),
        once: false,
        tried: false,
    })
}

/// Makes the boot loader start a slot at the next start only.
fn once(files: &Files, slot: Slot, run: &dyn Run) -> Result<Switched, ChainError> {
    startable(files, slot)?;
    // The boot loader matches a shell pattern against the whole file name, counter included.
    let pattern = format!("sigmavault-{}*.conf", slot.name());
    run.succeed(&bootctl::set_oneshot(&pattern))
        .map_err(ChainError::BootLoader)?;
    Ok(Switched {
        slot,
        retried: false,
        once: true,
        tried: false,
    })
}

/// Every entry, if this slot has one with its kernel image.
fn startable(files: &Files, slot: Slot) -> Result<Vec<Entry>, ChainError> {
    list(files)?;
    let found = facts::entries(files)?;
    let Some(entry) = found.iter().find(|entry| entry.name.slot == slot) else {
        return Err(ChainError::Empty(slot));
    };
    if entry.bytes.is_none() {
        let image = entry
            .image
            .clone()
            .unwrap_or_else(|| "its kernel image".to_owned());
        return Err(ChainError::NoImage { slot, image });
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
        assert!(matches!(switch(&files, Slot::B), Err(ChainError::Empty(Slot::B))));
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
