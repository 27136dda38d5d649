//! What holds for every boot chain.

use std::fs;

use sigmavault_facts::slots::entry::{FIRST, SECOND};
use sigmavault_host::run::{Invocation, Output, Scripted};
use tempfile::TempDir;

use super::boot_chain::ChainError;
use super::tryboot::simulated::Pi;
use super::*;
use sigmavault_types::slots::{Slot, SlotState};

/// A machine with UEFI and a system in both slots that runs slot A.
fn uefi() -> (TempDir, Files) {
    let folder = tempfile::tempdir().unwrap();
    let files = Files::new(folder.path());
    let write = |path: &str, text: &str| {
        let path = files.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write(
        "/run/sigmavault/boot.json",
        r#"{"slot":"a","disk":"vda","esp":"0011","entry":"sigmavault-a.conf"}"#,
    );
    write("/var/lib/sigmavault/.keep", "");
    for (slot, key) in [("a", FIRST), ("b", SECOND)] {
        let image = format!("/EFI/sigmavault/slot-{slot}.efi");
        write(&format!("/boot{image}"), "MZ");
        write(
            &format!("/boot/loader/entries/sigmavault-{slot}.conf"),
            &format!("version 0.1.0\nsort-key {key}\nefi {image}\n"),
        );
    }
    (folder, files)
}

/// Both chains, each with a machine that runs slot A.
fn each(act: impl Fn(&str, &Files, &dyn BootChain)) {
    let run = Scripted(|_: &Invocation| Output::success(""));
    let (_folder, files) = uefi();
    act("systemd-boot", &files, of(&files, &run).as_ref());
    let pi = Pi::new();
    act("tryboot", &pi.files, of(&pi.files, &run).as_ref());
}

fn shown(chain: &dyn BootChain) -> Vec<(Slot, bool, bool, bool)> {
    let of = |state: &SlotState| (state.slot, state.preferred, state.running, state.bad);
    chain.list().unwrap().slots.iter().map(of).collect()
}

const AT_FIRST: [(Slot, bool, bool, bool); 2] =
    [(Slot::A, true, true, false), (Slot::B, false, false, false)];

#[test]
fn the_record_of_the_boot_names_the_chain() {
    each(|name, files, chain| {
        assert_eq!(slots::chain(files) == Chain::Tryboot, name == "tryboot");
        assert_eq!(shown(chain), AT_FIRST, "{name}");
    });
}

#[test]
fn a_switch_is_seen_and_can_be_taken_back() {
    each(|name, files, chain| {
        let switched = chain.prefer(Slot::B).unwrap();
        assert_eq!(
            (switched.slot, switched.retried, switched.once),
            (Slot::B, false, false),
            "{name}"
        );
        let slots = chain.list().unwrap().slots;
        // systemd-boot starts it at once and for good, the firmware tries it first.
        assert_eq!(
            (slots[1].preferred, slots[1].armed),
            (name == "systemd-boot", name == "tryboot")
        );
        assert_eq!(slots::recorded(files).unwrap().slots, slots, "{name}");
        chain.prefer(Slot::A).unwrap();
        assert_eq!(shown(chain), AT_FIRST, "{name}");
        assert!(!chain.list().unwrap().slots[1].armed);
    });
}

#[test]
fn once_changes_no_preference() {
    each(|name, _, chain| {
        assert!(chain.once(Slot::B).unwrap().once, "{name}");
        assert_eq!(shown(chain), AT_FIRST, "{name}");
    });
}

#[test]
fn a_slot_without_a_kernel_is_refused() {
    each(|name, files, chain| {
        for path in ["/boot/EFI/sigmavault/slot-b.efi", "/dev/sigmavault/boot-b"] {
            let _ = fs::remove_file(files.path(path));
        }
        let error = chain.prefer(Slot::B).unwrap_err();
        assert!(
            matches!(
                error,
                ChainError::NoImage { slot: Slot::B, .. } | ChainError::NotBootable { slot: Slot::B, .. }
            ),
            "{name}: {error}"
        );
        assert!(chain.once(Slot::B).is_err());
        assert_eq!(shown(chain), AT_FIRST, "{name}");
    });
}

#[test]
fn a_slot_that_has_proved_itself_stays() {
    each(|name, _, chain| {
        assert_eq!(chain.bad(), AfterBad::Stay(Staying::Proven), "{name}");
        chain.good().unwrap();
        assert_eq!(chain.earlier_try(&Earlier::default()).unwrap(), None, "{name}");
        assert_eq!(shown(chain), AT_FIRST, "{name}");
    });
}

#[test]
fn a_live_medium_has_no_slots() {
    each(|name, files, chain| {
        fs::create_dir_all(files.path("/proc")).unwrap();
        fs::write(
            files.path("/proc/cmdline"),
            "quiet sigmavault.live sigmavault.setup\n",
        )
        .unwrap();
        assert!(
            chain
                .list()
                .unwrap_err()
                .to_string()
                .starts_with("this system runs from a live medium"),
            "{name}"
        );
        assert!(chain.prefer(Slot::B).is_err());
    });
}
