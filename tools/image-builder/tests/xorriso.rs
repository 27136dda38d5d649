//! What xorriso really writes: needs xorriso, and is skipped with a word where it is not installed.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use sigmavault_image_builder::gpt::{self, ESP, PartitionEdit, ROOT_X86_64, ROOT_X86_64_VERITY};
use uuid::uuid;

const ROOT_HASH: &str = "c0e4e57ba6a2c0f2d0f1c6cfa0b2e6e1f3a45b0d1e2f3a4b5c6d7e8f90a1b2c3";

fn installed(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok()
}

/// A hybrid ISO laid out like the product's: ESP, root and verity as appended GPT partitions.
fn hybrid(folder: &Path) -> PathBuf {
    fs::create_dir_all(folder.join("tree/sigmavault")).unwrap();
    fs::write(folder.join("tree/sigmavault/manifest.json"), "{}").unwrap();
    for (name, size) in [("esp", 1 << 20), ("root", 3 << 20), ("verity", 1 << 18)] {
        fs::write(folder.join(name), vec![0x5A; size]).unwrap();
    }
    let mut xorriso = Command::new("xorriso");
    xorriso
        .current_dir(folder)
        .args(["-as", "mkisofs", "-o", "hybrid.iso", "-V", "SIGMAVAULT", "-R"]);
    xorriso.args(["-partition_offset", "16", "-appended_part_as_gpt"]);
    for (number, kind, file) in [
        ("2", ESP, "esp"),
        ("3", ROOT_X86_64, "root"),
        ("4", ROOT_X86_64_VERITY, "verity"),
    ] {
        xorriso.args(["-append_partition", number, &kind.to_string(), file]);
    }
    xorriso.args([
        "-e",
        "--interval:appended_partition_2:all::",
        "-no-emul-boot",
        "tree",
    ]);
    let output = xorriso.output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    folder.join("hybrid.iso")
}

#[test]
fn a_hybrid_iso_gets_the_guids_of_its_root_hash() {
    if !installed("xorriso") {
        println!("skipped: xorriso is not installed");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let iso = hybrid(folder.path());
    let before = fs::read(&iso).unwrap();
    let table = gpt::read(&iso).unwrap();
    assert_eq!(table.partition(3).unwrap().name, "Appended3");
    assert_eq!(table.partition(3).unwrap().size(), 3 << 20);

    let (root, verity) = gpt::root_hash_guids(ROOT_HASH).unwrap();
    let edits = [
        (2, ESP, uuid!("00000000-0000-4000-8000-000000000002"), "esp"),
        (3, ROOT_X86_64, root, "root"),
        (4, ROOT_X86_64_VERITY, verity, "root-verity"),
    ];
    let edits = edits.map(|(index, type_guid, guid, name)| PartitionEdit {
        index,
        type_guid,
        guid,
        name: name.to_owned(),
        attributes: None,
    });
    gpt::rewrite(&iso, uuid!("00000000-0000-4000-8000-000000000001"), &edits).unwrap();

    let after = fs::read(&iso).unwrap();
    assert_eq!(after.len(), before.len());
    assert_eq!(after[..512], before[..512], "the MBR stays");
    let backup = usize::try_from(table.backup * gpt::SECTOR).unwrap();
    assert_eq!(
        after[64 * 512..backup - 62 * 512],
        before[64 * 512..backup - 62 * 512],
        "the data stays"
    );
    let rewritten = gpt::read(&iso).unwrap();
    let part = rewritten.partition(4).unwrap();
    assert_eq!(part.guid.to_string(), "f3a45b0d-1e2f-3a4b-5c6d-7e8f90a1b2c3");
    assert_eq!(
        (part.name.as_str(), part.first),
        ("root-verity", table.partition(4).unwrap().first)
    );

    if !installed("sgdisk") {
        println!("not compared with sgdisk, which is not installed");
        return;
    }
    let verified = Command::new("sgdisk").arg("-v").arg(&iso).output().unwrap();
    let verified = String::from_utf8_lossy(&verified.stdout).into_owned();
    assert!(verified.contains("No problems found"), "{verified}");
    let shown = Command::new("sgdisk")
        .args(["-i", "3"])
        .arg(&iso)
        .output()
        .unwrap();
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(
        shown.contains("Partition unique GUID: C0E4E57B-A6A2-C0F2-D0F1-C6CFA0B2E6E1"),
        "{shown}"
    );
    assert!(shown.contains("Partition name: 'root'"), "{shown}");
}
