use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::*;

fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn entry(slot: &str, key: u8, version: &str) -> String {
    format!(
        "title SigmaVault NAS OS {version} (slot {slot})\nversion {version}\nsort-key sigmavault-{key}\n\
         efi /EFI/sigmavault/slot-{slot}.efi\n"
    )
}

/// A machine that runs `running` and has these entries: file, sort key, version.
fn machine(running: &str, entries: &[(&str, u8, &str)]) -> (TempDir, Files) {
    let folder = tempfile::tempdir().unwrap();
    write(
        folder.path(),
        "run/sigmavault/boot.json",
        &format!(
            r#"{{"slot":"{running}","disk":"vda","esp":"0011","state":"ext4","entry":"sigmavault-{running}.conf"}}"#
        ),
    );
    for (file, key, version) in entries {
        let slot = &file["sigmavault-".len()..=("sigmavault-".len())];
        write(
            folder.path(),
            &format!("boot/loader/entries/{file}"),
            &entry(slot, *key, version),
        );
        write(
            folder.path(),
            &format!("boot/EFI/sigmavault/slot-{slot}.efi"),
            "MZ..",
        );
    }
    let files = Files::new(folder.path());
    (folder, files)
}

#[test]
fn a_fresh_installation() {
    let (_folder, files) = machine("a", &[("sigmavault-a+2-1.conf", 1, "0.1.0")]);
    fs::write(
        files.path("/boot/loader/entries/memtest.conf"),
        "title Memory test",
    )
    .unwrap();
    fs::write(
        files.path("/boot/loader/entries/sigmavault-a+2-1.conf.new"),
        "torn",
    )
    .unwrap();
    let slots = current(&files).unwrap();
    assert_eq!(
        slots,
        Slots {
            running: Some(Slot::A),
            slots: vec![SlotState {
                slot: Slot::A,
                version: Some("0.1.0".into()),
                preferred: true,
                running: true,
                tries_left: Some(2),
                tries_done: Some(1),
                bad: false,
                bytes: Some(4),
                armed: false,
            }],
            fell_back: None,
            failures: Vec::new(),
        }
    );
}

#[test]
fn the_preferred_slot_was_given_up() {
    let (folder, files) = machine(
        "a",
        &[
            ("sigmavault-a.conf", 2, "0.1.0"),
            ("sigmavault-b+0-3.conf", 1, "0.2.0"),
        ],
    );
    write(
        folder.path(),
        "var/lib/sigmavault/boot/failures.tsv",
        "t1\tb\tfirst\nt2\ta\tother\n",
    );
    write(
        folder.path(),
        "boot/sigmavault/failures.tsv",
        "t3\tb\troot hash does not match\n",
    );
    let slots = current(&files).unwrap();
    assert_eq!(
        slots.fell_back,
        Some(FallBack {
            from: Slot::B,
            time: Some("t3".into()),
            reason: "root hash does not match".into()
        })
    );
    let shown: Vec<_> = slots
        .slots
        .iter()
        .map(|s| (s.slot, s.preferred, s.running, s.bad))
        .collect();
    assert_eq!(
        shown,
        [(Slot::A, false, true, false), (Slot::B, true, false, true)]
    );
}

#[test]
fn another_slot_by_choice_is_no_fall_back() {
    let (_folder, files) = machine(
        "a",
        &[
            ("sigmavault-a.conf", 2, "0.1.0"),
            ("sigmavault-b+3.conf", 1, "0.2.0"),
        ],
    );
    assert_eq!(current(&files).unwrap().fell_back, None);
}

#[test]
fn a_switch_that_was_cut_short_leaves_two_entries_of_a_slot() {
    let (_folder, files) = machine(
        "a",
        &[
            ("sigmavault-a.conf", 1, "0.1.0"),
            ("sigmavault-b+0-3.conf", 2, "0.2.0"),
            ("sigmavault-b+3.conf", 1, "0.2.0"),
        ],
    );
    let slots = current(&files).unwrap();
    assert_eq!(slots.slots.len(), 2);
    assert_eq!((slots.slots[1].bad, slots.slots[1].tries_left), (false, Some(3)));
    // With equal keys the boot loader takes the larger version.
    assert!(slots.slots[1].preferred);
}

#[test]
fn a_missing_image_has_no_size() {
    let (_folder, files) = machine("a", &[("sigmavault-a.conf", 1, "0.1.0")]);
    fs::write(files.path("/boot/EFI/sigmavault/slot-a.efi"), "").unwrap();
    assert_eq!(current(&files).unwrap().slots[0].bytes, None);
    assert_eq!(image_bytes(&files, "/../run/sigmavault/boot.json"), None);
}

#[test]
fn a_service_reads_the_copy_and_not_the_boot_partition() {
    let (folder, files) = machine(
        "a",
        &[
            ("sigmavault-a.conf", 2, "0.1.0"),
            ("sigmavault-b+0-3.conf", 1, "0.2.0"),
        ],
    );
    let at_boot = current(&files).unwrap();
    write(
        folder.path(),
        "var/lib/sigmavault/boot/slots.json",
        &serde_json::to_string(&at_boot.slots).unwrap(),
    );
    fs::remove_dir_all(folder.path().join("boot")).unwrap();
    assert_eq!(recorded(&files), Some(at_boot));
    fs::write(files.path(record("slots.json")), "{").unwrap();
    let known = recorded(&files).unwrap();
    assert_eq!((known.running, known.slots), (Some(Slot::A), Vec::new()));
}

#[test]
fn a_live_medium_has_no_slots() {
    let (folder, files) = machine("a", &[("sigmavault-a.conf", 1, "0.1.0")]);
    assert!(recorded(&files).is_some());
    write(folder.path(), "proc/cmdline", "quiet sigmavault.live\n");
    assert!(is_live(&files));
    assert_eq!(recorded(&files), None);
    assert_eq!(recorded(&Files::new(folder.path().join("nowhere"))), None);
}

#[test]
fn without_the_initrds_word_the_boot_loader_tells_what_runs() {
    let folder = tempfile::tempdir().unwrap();
    let files = Files::new(folder.path());
    assert_eq!(running(&files), None);
    let path =
        files.path("/sys/firmware/efi/efivars/LoaderEntrySelected-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let name: Vec<u8> = "sigmavault-b.conf\0"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    fs::write(path, [vec![6, 0, 0, 0], name].concat()).unwrap();
    assert_eq!(running(&files), Some(Slot::B));
}

#[test]
fn only_the_last_failures_are_told() {
    let (folder, files) = machine("a", &[("sigmavault-a.conf", 1, "0.1.0")]);
    let many: String = (0..30).map(|n| format!("t{n}\ta\tr\n")).collect();
    write(folder.path(), "var/lib/sigmavault/boot/failures.tsv", &many);
    let failures = recorded(&files).unwrap().failures;
    assert_eq!((failures.len(), failures[0].time.as_str()), (20, "t10"));
}
