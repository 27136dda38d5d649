//! The hybrid ISO: El Torito for CDs (UEFI and, on amd64, BIOS), a GPT for sticks, and a tree for people.

use std::fs;
use std::path::{Path, PathBuf};

use uuid::{Uuid, uuid};

use super::image_file;
use super::tools::Tools;
use crate::gpt::{self, PartitionEdit};
use crate::manifest::Manifest;
use crate::pipeline::context::Context;
use crate::pipeline::error::{BuildError, InternalError, Problem};
use crate::pipeline::run::Runner;
use crate::pipeline::sandbox::inside;
use crate::profile::{Arch, BootFirmware};

/// The disk's GUID: fixed, so that the same input makes the same bytes.
const DISK: Uuid = uuid!("5369676d-6156-4175-8c74-6d656469756d");
/// The ESP's partition GUID.
const ESP: Uuid = uuid!("5369676d-6156-4175-8c74-65737061727d");

/// What goes on the medium.
#[derive(Debug)]
pub struct Parts<'a> {
    /// Folder with `root.erofs` and `root.verity`.
    pub root: &'a Path,
    /// Folder with `esp.img`.
    pub boot: &'a Path,
    /// Folder with `vmlinuz` and `initrd.img`, for BIOS.
    pub initrd: &'a Path,
    /// The image's manifest.
    pub manifest: &'a Manifest,
    /// SPDX document.
    pub sbom: &'a str,
    /// Kernel command line, for BIOS.
    pub command_line: &'a str,
}

/// Writes the ISO to `target`.
pub fn write(context: &Context, tools: &Tools, parts: &Parts, target: &Path) -> Result<(), BuildError> {
    image_file::write(context, "iso", target, |runner, folder| {
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
    let bios = context
        .profile
        .boot_firmware(context.arch)
        .contains(&BootFirmware::Bios);
    write_tree(context, parts, bios, &folder.join("tree"))?;
    let (root_type, verity_type) = match context.arch {
        Arch::Amd64 => (gpt::ROOT_X86_64, gpt::ROOT_X86_64_VERITY),
        Arch::Arm64 => (gpt::ROOT_ARM64, gpt::ROOT_ARM64_VERITY),
    };
    let sandbox = context
        .sandbox(&tools.root)
        .show(parts.root, inside::POOL)
        .show(parts.boot, inside::TREE)
        .give(folder, inside::WORK)
        .env("VOLUME", &parts.manifest.volume_id)
        .env("ESP_TYPE", gpt::ESP.to_string())
        .env("ROOT_TYPE", root_type.to_string())
        .env("VERITY_TYPE", verity_type.to_string());
    if bios {
        runner.run(&mut sandbox.script(GRUB))?;
    }
    runner.run(&mut sandbox.script(&xorriso(bios)))?;
    runner.bar().message("writing the partition table");
    let image = folder.join("image.iso");
    let (root_guid, verity_guid) = gpt::root_hash_guids(&parts.manifest.root_hash)?;
    let edit = |index, type_guid, guid, name: &str, attributes| PartitionEdit {
        index,
        type_guid,
        guid,
        name: name.to_owned(),
        attributes,
    };
    gpt::rewrite(
        &image,
        DISK,
        &[
            edit(2, gpt::ESP, ESP, "esp", None),
            edit(3, root_type, root_guid, "root-a", Some(READ_ONLY)),
            edit(4, verity_type, verity_guid, "root-a-verity", Some(READ_ONLY)),
        ],
    )?;
    Ok(image)
}

/// Attribute bit 60 of the Discoverable Partitions Specification: read-only.
const READ_ONLY: u64 = 1 << 60;

/// The ISO 9660 tree: what a person sees who opens the medium, and what BIOS boots.
fn write_tree(context: &Context, parts: &Parts, bios: bool, tree: &Path) -> Result<(), Problem> {
    let put = |name: &str, bytes: &[u8]| {
        let path = tree.join(name);
        let parent = path.parent().unwrap_or(tree);
        fs::create_dir_all(parent).map_err(Problem::io("make the folder", parent))?;
        fs::write(&path, bytes).map_err(Problem::io("write", &path))
    };
    let json = serde_json::to_string_pretty(parts.manifest).map_err(InternalError::Json)?;
    put("sigmavault/manifest.json", format!("{json}\n").as_bytes())?;
    put("sigmavault/sbom.spdx.json", parts.sbom.as_bytes())?;
    for (name, path) in texts(context) {
        let text = fs::read(&path).map_err(Problem::io("read", &path))?;
        put(name, &text)?;
    }
    if bios {
        for name in ["vmlinuz", "initrd.img"] {
            let (from, to) = (parts.initrd.join(name), tree.join("boot").join(name));
            fs::create_dir_all(tree.join("boot")).map_err(Problem::io("make the folder", tree))?;
            fs::copy(&from, &to).map_err(Problem::io("copy to", &to))?;
        }
        let entry = |title: &str, more: &str| {
            let line = parts.command_line;
            format!(
                "menuentry '{title}' {{\n    linux /boot/vmlinuz {line}{more}\n    initrd /boot/initrd.img\n}}\n"
            )
        };
        let menu = format!(
            "set timeout=2\n{}{}",
            entry("SigmaVault NAS OS, live", ""),
            entry("SigmaVault NAS OS, live, copied to memory", " sigmavault.toram")
        );
        put("boot/grub/grub.cfg", menu.as_bytes())?;
    }
    Ok(())
}

/// Texts for people on the medium, and where they are from.
pub fn texts(context: &Context) -> [(&'static str, PathBuf); 2] {
    [
        ("README.txt", context.image_path("medium/README.txt")),
        (
            "sigmavault/answers.example.toml",
            context.source.join("firstboot/installer/answers.example.toml"),
        ),
    ]
}

/// GRUB for BIOS: one image for CDs and, behind the hybrid boot sector, for sticks.
const GRUB: &str = r#"
printf 'search --no-floppy --set=root --label %s\nset prefix=($root)/boot/grub\n' "$VOLUME" >/tmp/load.cfg
mkdir -p /work/tree/boot/grub/i386-pc
grub-mkimage --format=i386-pc-eltorito --prefix=/boot/grub --config=/tmp/load.cfg --output=/work/tree/boot/grub/i386-pc/eltorito.img \
    biosdisk iso9660 part_gpt part_msdos search search_label linux normal configfile boot echo sleep minicmd test
"#;

fn xorriso(bios: bool) -> String {
    let (bios_boot, next) = if bios {
        (
            "-b boot/grub/i386-pc/eltorito.img -no-emul-boot -boot-load-size 4 -boot-info-table --grub2-boot-info \
             --grub2-mbr /usr/lib/grub/i386-pc/boot_hybrid.img",
            "-eltorito-alt-boot",
        )
    } else {
        ("", "")
    };
    format!(
        "find /work/tree -type f -exec chmod 644 {{}} +; find /work/tree -type d -exec chmod 755 {{}} +
        find /work/tree -exec touch --no-dereference --date=\"@$SOURCE_DATE_EPOCH\" {{}} +
        xorriso -as mkisofs -r -J -V \"$VOLUME\" -o /work/image.iso {bios_boot} \\
            -partition_offset 16 -appended_part_as_gpt -append_partition 2 \"$ESP_TYPE\" /tree/esp.img \\
            -append_partition 3 \"$ROOT_TYPE\" /pool/root.erofs -append_partition 4 \"$VERITY_TYPE\" /pool/root.verity \\
            {next} -e --interval:appended_partition_2:all:: -no-emul-boot /work/tree"
    )
}

/// The path of the ISO in the output folder.
pub fn path(context: &Context, out: &Path) -> PathBuf {
    out.join(format!("{}.iso", context.name()))
}
