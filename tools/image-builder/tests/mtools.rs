//! What mkfs.vfat and mtools really write: needs both, and is skipped with a word where they are not installed.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::fs;
use std::process::Command;

use sigmavault_image_builder::fat32::Fat32;
use sigmavault_verity::source::ReadAt;

#[test]
fn a_kernel_image_on_an_efi_system_partition_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let run = |program: &str, args: &[&str]| {
        let output = Command::new(program)
            .args(args)
            .current_dir(folder.path())
            .output();
        output.is_ok_and(|output| output.status.success())
    };
    let image = fs::File::create(folder.path().join("esp.img")).unwrap();
    image.set_len(40 << 20).unwrap();
    let uki: Vec<u8> = (0..3_000_000_u32).map(|at| (at % 251).to_le_bytes()[0]).collect();
    fs::write(folder.path().join("uki.efi"), &uki).unwrap();
    // As the build makes it.
    if !run(
        "mkfs.vfat",
        &["-F", "32", "-S", "512", "-s", "1", "-n", "ESP", "esp.img"],
    ) {
        println!("skipped: no mkfs.vfat");
        return;
    }
    if !run("mmd", &["-i", "esp.img", "::/EFI", "::/EFI/BOOT", "::/EFI/Linux"]) {
        println!("skipped: no mtools");
        return;
    }
    for target in ["::/EFI/BOOT/BOOTX64.EFI", "::/EFI/Linux/sigmavault_0.1.0.efi"] {
        assert!(run("mcopy", &["-i", "esp.img", "uki.efi", target]), "{target}");
    }
    let disk = fs::File::open(folder.path().join("esp.img")).unwrap();
    let volume = Fat32::open(&disk).unwrap();
    let names = volume.folder("EFI/Linux").unwrap();
    assert_eq!(names.len(), 1);
    assert_eq!(names[0].name, "sigmavault_0.1.0.efi");
    for path in ["EFI/BOOT/BOOTX64.EFI", "EFI/Linux/sigmavault_0.1.0.efi"] {
        let entry = volume.find(path).unwrap().unwrap();
        let content = volume.content(&entry).unwrap();
        let mut bytes = vec![0; usize::try_from(content.size()).unwrap()];
        content.read_exact_at(&mut bytes, 0).unwrap();
        assert!(bytes == uki, "{path}");
    }
}
