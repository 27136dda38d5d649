//! The boot partitions of a Raspberry Pi: what its firmware reads to start slot A, and the empty ones of slot B.
//!
//! The firmware reads `config.txt` of the slot's partition, which names kernel, initrd and command line. The first start is a live
//! session that sets the disk up; the installer then takes the words for that out of `cmdline.txt`.

use std::fs;
use std::path::{Path, PathBuf};

use sigmavault_facts::slots::tryboot::FIRST_START;

use super::tools::Tools;
use crate::pipeline::context::Context;
use crate::pipeline::debs::DebSet;
use crate::pipeline::error::{BuildError, InputError, Problem};
use crate::pipeline::key::Inputs;
use crate::pipeline::run::Runner;
use crate::pipeline::sandbox::inside;

/// What the command line of the first start adds.
pub fn setup() -> String {
    FIRST_START.join(" ")
}

/// Largest `cmdline.txt`: one sector, so that no power cut leaves half of it.
const SECTOR: usize = 512;

/// What the partitions are made from.
#[derive(Debug)]
pub struct Source<'a> {
    /// Folder with `vmlinuz` and `initrd.img`.
    pub initrd: &'a Path,
    /// Folder of the base tree, which has the device trees.
    pub base: &'a Path,
    /// Kernel release.
    pub kernel: &'a str,
    /// Kernel command line of the installed system.
    pub command_line: &'a str,
    /// Packages with files for the partition.
    pub packages: &'a DebSet,
}

/// Makes `boot-a.img` and `boot-b.img` in the folder returned.
pub fn make(context: &Context, tools: &Tools, source: &Source) -> Result<PathBuf, BuildError> {
    let line = format!("{} {}\n", source.command_line, setup());
    if line.len() > SECTOR {
        let error = InputError::CommandLineTooLong {
            length: line.len(),
            most: SECTOR,
            profile: context.profile.name.clone(),
        };
        return Err(BuildError::setup(error));
    }
    let key = |path: &Path| {
        path.file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned()
    };
    let inputs = Inputs::recipe(2)
        .with("tools", &tools.key)
        .with("initrd", &key(source.initrd))
        .with("base", &key(source.base))
        .with("kernel", source.kernel)
        .with("command line", &line)
        .with("config.txt", &config(context))
        .with("packages", &source.packages.digest())
        .with("profile", &format!("{:?}", context.profile.boot));
    context.stage("boot", &context.built().key(), &inputs, |runner, folder| {
        assemble(context, tools, source, &line, runner, folder)?;
        let image = folder.join("boot-a.img");
        let size = image.metadata().map_err(Problem::io("read", &image))?.len();
        Ok(format!("{} MiB", size >> 20))
    })
}

fn assemble(
    context: &Context,
    tools: &Tools,
    source: &Source,
    line: &str,
    runner: &Runner,
    folder: &Path,
) -> Result<(), Problem> {
    let tree = folder.join("boot");
    fs::create_dir(&tree).map_err(Problem::io("make the folder", &tree))?;
    for (name, text) in [("cmdline.txt", line), ("config.txt", config(context).as_str())] {
        let path = tree.join(name);
        fs::write(&path, text).map_err(Problem::io("write", &path))?;
    }
    let boot = &context.profile.boot;
    let trees = boot.device_trees.iter().map(|tree| {
        let (file, name) = tree.split_once('=').unwrap_or((tree, tree));
        format!("{file} {}", name.rsplit('/').next().unwrap_or(name))
    });
    let sandbox = context
        .sandbox(&tools.root)
        .show(source.initrd, inside::POOL)
        .show(&source.base.join("tree"), inside::TREE)
        .show(&context.cache.join("debs"), inside::CACHE)
        .give(folder, inside::WORK)
        .env("KERNEL", source.kernel)
        .env("DEVICE_TREES", trees.collect::<Vec<_>>().join("\n"))
        .env("FILES", boot.files.join("\n"))
        .env(
            "DEBS",
            source
                .packages
                .0
                .iter()
                .map(|deb| deb.file.as_str())
                .collect::<Vec<_>>()
                .join("\n"),
        );
    runner.run(&mut sandbox.script(ASSEMBLE))
}

/// `config.txt` of a slot.
fn config(context: &Context) -> String {
    format!(
        "# SigmaVault NAS OS {}\n[all]\nkernel=vmlinuz\ninitramfs initrd.img,settings.img followkernel\ncmdline=cmdline.txt\n{}",
        env!("CARGO_PKG_VERSION"),
        context
            .profile
            .boot
            .config
            .iter()
            .map(|line| format!("{line}\n"))
            .collect::<String>()
    )
}

/// Runs in the tools tree: kernel and initrd in /pool, the base in /tree, packages in /cache, results to /work.
const ASSEMBLE: &str = r#"
cd /work/boot
cp /pool/vmlinuz vmlinuz
cp /pool/initrd.img initrd.img
# What follows is found at multiples of four bytes; the kernel skips zeros.
truncate -s %4096 initrd.img
# Settings that are needed before the disk is open, such as the keymap of its passphrase: none yet. They are written in place.
(mkdir /tmp/empty && cd /tmp/empty && : | cpio --quiet --create --format=newc >/work/boot/settings.img)
truncate -s 64K settings.img
echo "$DEVICE_TREES" | while read -r file name; do
    [ -n "$file" ] || continue
    for folder in "/tree/usr/lib/modules/$KERNEL/dtb" "/tree/usr/lib/linux-image-$KERNEL"; do
        [ ! -e "$folder/$file" ] || cp "$folder/$file" "$name"
    done
    [ -e "$name" ] || { echo "kernel $KERNEL has no device tree $file; correct boot.device-trees of the profile" >&2; exit 1; }
done
mkdir /tmp/packages
for deb in $DEBS; do
    dpkg-deb -x "/cache/$deb" /tmp/packages
    # Whoever gets these files gets their licence.
    name=${deb%%_*}
    cp "/tmp/packages/usr/share/doc/$name/copyright" "LICENCE.$name"
done
for file in $FILES; do
    [ -f "/tmp/packages/$file" ] || { echo "no package of boot.packages has the file $file of boot.files" >&2; exit 1; }
    cp "/tmp/packages/$file" .
done
cd /work
# Clusters of 2 KiB: FAT32 needs 65525 of them, and the firmware reads FAT32 on a GPT in all its versions.
for slot in a b; do
    truncate -s 256M "boot-$slot.img"
    mkfs.vfat --invariant -F 32 -S 512 -s 4 -i "5349474$slot" -n BOOT-SLOT "boot-$slot.img" >/dev/null
done
export MTOOLS_SKIP_CHECK=1
find boot -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
for file in $(ls boot | LC_ALL=C sort); do mcopy -m -i boot-a.img "boot/$file" ::/; done
rm -r boot
"#;
