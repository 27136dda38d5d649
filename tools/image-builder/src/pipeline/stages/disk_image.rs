//! The image of a whole disk for machines whose firmware starts no ISO: a GPT with the boot partitions first and slot A behind them,
//! compressed. Slot B and the state are made when it starts for the first time, in the rest of the disk.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use sigmavault_facts::slots::tryboot::autoboot;
use uuid::{Uuid, uuid};

use super::image_file;
use super::iso::Parts;
use super::tools::Tools;
use crate::gpt;
use crate::pipeline::context::Context;
use crate::pipeline::error::{BuildError, InternalError, Problem};
use crate::pipeline::run::Runner;
use crate::pipeline::sandbox::inside;

/// GUIDs of the disk and of its boot partitions: fixed, so that the same input makes the same bytes. The first start gives each disk
/// its own.
const GUIDS: [Uuid; 4] = [
    uuid!("5369676d-6156-4175-8c74-6469736b0000"),
    uuid!("5369676d-6156-4175-8c74-626f6f740000"),
    uuid!("5369676d-6156-4175-8c74-626f6f740001"),
    uuid!("5369676d-6156-4175-8c74-626f6f740002"),
];
/// Type of the boot partitions, "basic data": every firmware of a Raspberry Pi that reads a GPT starts from it.
const BASIC_DATA: Uuid = uuid!("ebd0a0a2-b9e5-4433-87c0-68b6b72699c7");
/// MiB of the partition that says which slot starts.
const BOOT_MIB: u64 = 64;
/// MiB of each slot's boot partition.
const SLOT_BOOT_MIB: u64 = 256;
/// File system and partition alignment.
const MIB: u64 = 1 << 20;

/// Writes the image to `target`.
pub fn write(context: &Context, tools: &Tools, parts: &Parts, target: &Path) -> Result<(), BuildError> {
    image_file::write(context, "disk-image", target, |runner, folder| {
        assemble(context, tools, parts, runner, folder)
    })
}

fn assemble(
    context: &Context,
    tools: &Tools,
    parts: &Parts,
    runner: &Runner,
    folder: &Path,
) -> Result<PathBuf, Problem> {
    let tree = folder.join("tree");
    fs::create_dir_all(&tree).map_err(Problem::io("make the folder", &tree))?;
    write_tree(context, parts, &tree)?;
    let sizes = &parts.manifest.sizes;
    // Room for a later system of twice the size, as on an installed PC.
    let root_mib = slot_mib(sizes.root);
    let verity_mib = slot_mib(sizes.verity);
    let (root_guid, verity_guid) = gpt::root_hash_guids(&parts.manifest.root_hash)?;
    let mut at = 1;
    let mut table = String::new();
    let mut copies = String::new();
    let rows = [
        ("boot", BOOT_MIB, BASIC_DATA, GUIDS[1], "/work/boot.img"),
        ("boot-a", SLOT_BOOT_MIB, BASIC_DATA, GUIDS[2], "/tree/boot-a.img"),
        ("boot-b", SLOT_BOOT_MIB, BASIC_DATA, GUIDS[3], "/tree/boot-b.img"),
        ("root-a", root_mib, gpt::ROOT_ARM64, root_guid, "/pool/root.erofs"),
        (
            "root-a-verity",
            verity_mib,
            gpt::ROOT_ARM64_VERITY,
            verity_guid,
            "/pool/root.verity",
        ),
    ];
    for (number, (name, mib, kind, guid, file)) in (1..).zip(rows) {
        // Writing to a String cannot fail.
        let _ = write!(
            table,
            " -n {number}:{at}M:+{mib}M -t {number}:{kind} -u {number}:{guid} -c {number}:{name}"
        );
        if number > 3 {
            // Read-only (Discoverable Partitions Specification).
            let _ = write!(table, " -A {number}:set:60");
        }
        let _ = writeln!(
            copies,
            "dd if={file} of=/work/disk.img bs=1M seek={at} conv=notrunc,sparse status=none"
        );
        at += mib;
    }
    let script = format!(
        "find /work/tree -exec touch --no-dereference --date=\"@$SOURCE_DATE_EPOCH\" {{}} +
        truncate -s {BOOT_MIB}M /work/boot.img
        mkfs.vfat --invariant -F 32 -S 512 -s 1 -i 53494740 -n BOOT /work/boot.img >/dev/null
        export MTOOLS_SKIP_CHECK=1
        cd /work/tree
        for path in $(find . -mindepth 1 | LC_ALL=C sort); do
            if [ -d \"$path\" ]; then mmd -i /work/boot.img \"::/$path\"; else mcopy -m -i /work/boot.img \"$path\" \"::/$path\"; fi
        done
        truncate -s {size}M /work/disk.img
        sgdisk --clear --disk-guid={disk} {table} /work/disk.img >/dev/null
        {copies}",
        size = at + 1,
        disk = GUIDS[0],
    );
    let sandbox = context
        .sandbox(&tools.root)
        .show(parts.root, inside::POOL)
        .show(parts.boot, inside::TREE)
        .give(folder, inside::WORK);
    runner.run(&mut sandbox.script(&script))?;
    runner.bar().message("compressing");
    // What is large in it is compressed already.
    runner.run(&mut sandbox.script("zstd --quiet -9 -T0 /work/disk.img -o /work/image.img.zst"))?;
    Ok(folder.join("image.img.zst"))
}

/// MiB of a slot's partition for something of this size: twice as much, and no less than a MiB.
fn slot_mib(bytes: u64) -> u64 {
    (2 * bytes).div_ceil(MIB).max(1)
}

/// What a person sees who opens the first partition.
fn write_tree(context: &Context, parts: &Parts, tree: &Path) -> Result<(), Problem> {
    let json = serde_json::to_string_pretty(parts.manifest).map_err(InternalError::Json)?;
    let mut files = vec![
        ("autoboot.txt", autoboot::TEXT.as_bytes().to_vec()),
        ("sigmavault/manifest.json", format!("{json}\n").into_bytes()),
        ("sigmavault/sbom.spdx.json", parts.sbom.as_bytes().to_vec()),
        (
            "sigmavault/slot-a.version",
            format!("{}\n", parts.manifest.version).into_bytes(),
        ),
    ];
    for (name, path) in texts(context) {
        files.push((name, fs::read(&path).map_err(Problem::io("read", &path))?));
    }
    for (name, bytes) in files {
        let path = tree.join(name);
        let parent = path.parent().unwrap_or(tree);
        fs::create_dir_all(parent).map_err(Problem::io("make the folder", parent))?;
        fs::write(&path, bytes).map_err(Problem::io("write", &path))?;
    }
    Ok(())
}

/// Texts for people on the first partition, and where they are from.
pub fn texts(context: &Context) -> [(&'static str, PathBuf); 2] {
    [
        ("README.txt", context.image_path("medium/README-disk.txt")),
        (
            "answers.example.toml",
            context.source.join("firstboot/installer/answers.example.toml"),
        ),
    ]
}

/// The path of the image in the output folder.
pub fn path(context: &Context, out: &Path) -> PathBuf {
    out.join(format!("{}.img.zst", context.name()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_has_room_for_twice_its_content() {
        for (bytes, mib) in [(0, 1), (1, 1), (MIB / 2, 1), (MIB / 2 + 1, 2), (100 * MIB, 200)] {
            assert_eq!(slot_mib(bytes), mib, "{bytes}");
        }
    }
}
