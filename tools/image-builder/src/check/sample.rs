//! A whole ISO, small, for tests: a verified root and the kernel image that expects it.

use uuid::Uuid;

use super::{fat_sample, gpt, iso_sample};

/// Written by `veritysetup format --salt=5369676d61` (cryptsetup 2.7) over [`root`].
pub const TREE: &[u8] = include_bytes!("../../../libs/verity/tests/tree-of-300-blocks");
/// The root hash that it printed.
pub const ROOT_HASH: &str = "1a72fe1a8c71a2686adc1852194081f70eb888af054641ed9c8c4c16671fd230";

/// Where the kernel image is.
pub const UKI: &str = "EFI/Linux/sigmavault_0.1.0.efi";

/// 300 blocks of 4096 bytes with a pattern.
pub fn root() -> Vec<u8> {
    (0..300_u32)
        .flat_map(|block| (0..4096_u32).map(move |at| (block * 7 + at * 13 + (block >> 3)).to_le_bytes()[0]))
        .collect()
}

/// A PE file with a section `.cmdline`, written from Microsoft's specification.
pub fn kernel_image(command_line: &str) -> Vec<u8> {
    let length = u32::try_from(command_line.len()).unwrap_or(0);
    let mut file = vec![0; 0x80];
    file[..2].copy_from_slice(b"MZ");
    file[60] = 0x80;
    // One section, and no optional header.
    file.extend(b"PE\0\0\x64\x86\x01\0");
    file.extend([0; 16]);
    file.extend(b".cmdline");
    for number in [length, 0x1000, 512, 512] {
        file.extend(number.to_le_bytes());
    }
    file.resize(512, 0);
    file.extend(command_line.as_bytes());
    file.resize(1024, 0);
    file
}

/// The kernel image that expects [`root`].
pub fn good_kernel_image() -> Vec<u8> {
    kernel_image(&format!("quiet roothash={ROOT_HASH}"))
}

/// An ISO that is good from end to end. `padding` is how much larger than its file system the root partition is.
pub fn good_iso(padding: usize) -> Vec<u8> {
    iso(&[(UKI, &good_kernel_image())], padding)
}

/// An ISO with these files on its EFI system partition.
pub fn iso(esp: &[(&str, &[u8])], padding: usize) -> Vec<u8> {
    let (root_guid, verity_guid) = gpt::root_hash_guids(ROOT_HASH).unwrap_or_default();
    let mut contents = [fat_sample::fat32(esp, false), root(), TREE.to_vec()];
    let manifest = serde_json::json!({
        "schema": 1, "version": "0.1.0", "profile": "vm-test", "desktop": "none", "arch": "amd64",
        "volume-id": "SIGMAVAULT", "root-hash": ROOT_HASH, "source-date-epoch": 1, "kernel": "6.12", "zfs": "2.3.9",
        "sizes": { "esp": 512, "uki": 512, "root": contents[1].len(), "verity": contents[2].len() },
        "packages": [{ "name": "samba", "version": "4.22", "arch": "amd64", "sha256": "00" }],
    });
    // Something to compare, not zeros.
    contents[1].extend((0..padding).map(|at| (at % 251).to_le_bytes()[0]));
    let part = |kind: Uuid, guid: Uuid, name, content: &Vec<u8>| {
        let sectors = content.len().div_ceil(512) as u64;
        (kind.to_bytes_le(), guid.to_bytes_le(), name, sectors)
    };
    let sample = iso_sample::Sample {
        manifest: manifest.to_string().into_bytes(),
        volume_id: "SIGMAVAULT",
        rock_ridge: true,
        partitions: vec![
            part(gpt::ESP, Uuid::from_u128(7), "esp", &contents[0]),
            part(gpt::ROOT_X86_64, root_guid, "root", &contents[1]),
            part(gpt::ROOT_X86_64_VERITY, verity_guid, "root-verity", &contents[2]),
        ],
    };
    sample.with_contents(&contents)
}

/// Where these bytes begin in an ISO.
pub fn place(iso: &[u8], bytes: &[u8]) -> usize {
    let start = &bytes[..64];
    iso.windows(64).position(|window| window == start).unwrap_or(0)
}
