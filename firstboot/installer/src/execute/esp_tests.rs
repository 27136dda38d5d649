use sigmavault_facts::slots::entry::SECOND;

use super::*;

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

#[test]
fn a_slot_gets_the_mediums_kernel() {
    let (folder, medium) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let esp = esp(folder.path());
    assert!(esp.copy_kernel(Slot::B, medium.path()).is_err());
    let kernels = medium.path().join(MEDIUM_KERNELS);
    fs::create_dir_all(kernels.join("sigmavault_0.1.0.efi.extra.d")).unwrap();
    fs::write(kernels.join("sigmavault_0.1.0.efi"), "kernel").unwrap();
    esp.copy_kernel(Slot::B, medium.path()).unwrap();
    assert_eq!(
        fs::read_to_string(folder.path().join("EFI/sigmavault/slot-b.efi")).unwrap(),
        "kernel"
    );
}
