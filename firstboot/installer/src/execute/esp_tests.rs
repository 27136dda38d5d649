use sigmavault_facts::slots::entry::SECOND;

use super::*;

#[path = "../../tests/fake/kernel_image.rs"]
mod fake;
use fake::kernel_image;

fn esp(folder: &Path) -> Esp {
    Esp {
        site: Site::this_machine(),
        folder: folder.to_owned(),
        mounted: false,
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder.join("loader/entries")).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn an_entry_replaces_the_one_before() {
    let folder = tempfile::tempdir().unwrap();
    let esp = esp(folder.path());
    for old in [
        "sigmavault-a+1-2.conf",
        "sigmavault-a.conf",
        "sigmavault-b.conf",
        "sigmavault-apple.conf",
    ] {
        esp.put(&format!("loader/entries/{old}"), b"old").unwrap();
    }
    esp.write_entry(Slot::A, "0.1.0", FIRST).unwrap();
    assert_eq!(
        names(folder.path()),
        [
            "sigmavault-a+3.conf",
            "sigmavault-apple.conf",
            "sigmavault-b.conf"
        ]
    );
    let text = fs::read_to_string(folder.path().join("loader/entries/sigmavault-a+3.conf")).unwrap();
    assert_eq!(
        text,
        "title SigmaVault NAS OS 0.1.0 (slot A)\nversion 0.1.0\nsort-key sigmavault-1\nefi /EFI/sigmavault/slot-a.efi\n"
    );
    esp.remove_entry(Slot::A).unwrap();
    assert_eq!(
        names(folder.path()),
        ["sigmavault-apple.conf", "sigmavault-b.conf"]
    );
}

#[test]
fn the_slot_that_boots_is_written_last() {
    let table: [(&[(&str, &str)], Slot); 6] = [
        (&[], Slot::B),
        (
            &[("sigmavault-a.conf", FIRST), ("sigmavault-b+3.conf", SECOND)],
            Slot::B,
        ),
        (
            &[("sigmavault-a.conf", SECOND), ("sigmavault-b.conf", FIRST)],
            Slot::A,
        ),
        (
            &[("sigmavault-a+0-3.conf", FIRST), ("sigmavault-b.conf", SECOND)],
            Slot::A,
        ),
        (&[("sigmavault-b.conf", SECOND)], Slot::A),
        (
            &[("sigmavault-a.conf", FIRST), ("sigmavault-b+3.conf", NEWEST)],
            Slot::B,
        ),
    ];
    for (entries, first) in table {
        let folder = tempfile::tempdir().unwrap();
        let esp = esp(folder.path());
        for (name, key) in entries {
            esp.put(
                &format!("loader/entries/{name}"),
                format!("sort-key {key}\n").as_bytes(),
            )
            .unwrap();
        }
        assert_eq!(esp.less_wanted(), first, "{entries:?}");
    }
}

/// A medium with these files beside each other, and what a slot gets from it when the running root has the hash `ab`.
fn copied(files: &[(&str, &[u8])]) -> Result<Vec<u8>, String> {
    let (folder, medium) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let kernels = medium.path().join(MEDIUM_KERNELS);
    // The addon of the medium lies in a folder beside its image.
    fs::create_dir_all(kernels.join("sigmavault_0.1.0.efi.extra.d")).unwrap();
    for (name, bytes) in files {
        fs::write(kernels.join(name), bytes).unwrap();
    }
    let written = esp(folder.path())
        .copy_kernel(Slot::B, medium.path(), "ab")
        .map_err(|error| error.to_string());
    let file = folder.path().join("EFI/sigmavault/slot-b.efi");
    assert_eq!(file.exists(), written.is_ok());
    written.map(|()| fs::read(file).unwrap())
}

#[test]
fn a_slot_gets_the_kernel_that_starts_the_running_root() {
    let right = kernel_image("roothash=ab quiet", b"kernel");
    let wrong = kernel_image("roothash=cd quiet", b"kernel");
    let copied_from = |files: &[(&str, &[u8])]| copied(files).unwrap();
    assert_eq!(copied_from(&[("sigmavault_0.1.0.efi", &right)]), right);
    // Whatever lies before it in the folder, and twice the same.
    assert_eq!(
        copied_from(&[
            ("a.efi", &wrong),
            ("b.efi", b"MZ"),
            ("c.efi", &right),
            ("d.efi", &right),
            ("e.txt", b"text")
        ]),
        right
    );
}

#[test]
fn a_kernel_that_starts_another_root_is_not_installed() {
    let wrong = kernel_image("roothash=cd quiet", b"kernel");
    let without = kernel_image("quiet", b"kernel");
    let text = copied(&[("a.efi", &wrong), ("b.efi", b"text"), ("c.efi", &without)]).unwrap_err();
    let after =
        |name: &str, rest: &str| assert!(text.contains(&format!("{MEDIUM_KERNELS}/{name}{rest}")), "{text}");
    assert!(
        text.starts_with(
            "the medium has no kernel image in EFI/Linux that starts the root hash ab of the running system: "
        ),
        "{text}"
    );
    after("a.efi", " starts root hash cd; ");
    after("b.efi", ": it is not an EFI program; ");
    after("c.efi", ": its kernel command line names no root hash\n");
    let text = copied(&[]).unwrap_err();
    assert!(text.contains("of the running system\n  try: "), "{text}");
}

#[test]
fn of_two_kernels_for_one_root_none_is_installed() {
    let (one, other) = (
        kernel_image("roothash=ab", b"one"),
        kernel_image("roothash=ab", b"other"),
    );
    let text = copied(&[("a.efi", &one), ("b.efi", &other)]).unwrap_err();
    assert!(
        text.starts_with("the medium has several different kernel images"),
        "{text}"
    );
}

#[test]
fn what_is_read_back_is_compared() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("slot-a.efi");
    fs::write(&file, b"kernel").unwrap();
    let site = Site::this_machine();
    let compared = |written: &[u8]| {
        files::read_back(&site, &file, written)
            .map_err(|error| error.to_string().lines().next().unwrap().to_owned())
    };
    assert_eq!(compared(b"kernel"), Ok(()));
    let differs = |what: &str| {
        Err(format!(
            "{} does not hold what was written to it: {what}",
            file.display()
        ))
    };
    assert_eq!(compared(b"kermel"), differs("byte 3 differs"));
    assert_eq!(compared(b"kernels"), differs("it has 6 bytes instead of 7"));
}
