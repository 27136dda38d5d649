//! A small ISO for tests of the program.

#[path = "../../src/iso9660/sample.rs"]
mod sample;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use sigmavault_image_builder::gpt;
use uuid::Uuid;

pub const ROOT_HASH: &str = "c0e4e57ba6a2c0f2d0f1c6cfa0b2e6e1f3a45b0d1e2f3a4b5c6d7e8f90a1b2c3";

/// Runs the program.
pub fn program(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sigmavault-image"))
        .args(args)
        .output()
        .unwrap()
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Writes an ISO whose root partition has this many sectors.
pub fn iso(folder: &Path, root_sectors: u64) -> PathBuf {
    let (root, verity) = gpt::root_hash_guids(ROOT_HASH).unwrap();
    let manifest = serde_json::json!({
        "schema": 1, "version": "0.1.0", "profile": "vm-test", "desktop": "none", "arch": "amd64",
        "volume-id": "SIGMAVAULT", "root-hash": ROOT_HASH, "source-date-epoch": 1, "kernel": "6.12", "zfs": "2.3.9",
        "sizes": { "esp": 512, "uki": 512, "root": root_sectors * 512, "verity": 512 },
        "packages": [{ "name": "samba", "version": "4.22", "arch": "amd64", "sha256": "00" }],
    });
    let part =
        |kind: Uuid, guid: Uuid, name, sectors| (kind.to_bytes_le(), guid.to_bytes_le(), name, sectors);
    let sample = sample::Sample {
        manifest: manifest.to_string().into_bytes(),
        volume_id: "SIGMAVAULT",
        rock_ridge: true,
        partitions: vec![
            part(gpt::ESP, Uuid::from_u128(7), "esp", 1),
            part(gpt::ROOT_X86_64, root, "root", root_sectors),
            part(gpt::ROOT_X86_64_VERITY, verity, "root-verity", 1),
        ],
    };
    let path = folder.join("test.iso");
    let mut bytes = sample.bytes();
    // Something to compare where the partitions are.
    for (at, byte) in bytes
        .iter_mut()
        .enumerate()
        .skip(60_000)
        .filter(|(_, byte)| **byte == 0)
    {
        *byte = u8::try_from(at % 253).unwrap();
    }
    // Except in the table's end, which has been written.
    let clean = sample.bytes();
    let end = bytes.len() - 33 * 512;
    bytes[end..].copy_from_slice(&clean[end..]);
    std::fs::write(&path, bytes).unwrap();
    path
}
