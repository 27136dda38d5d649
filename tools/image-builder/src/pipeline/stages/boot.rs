//! The unified kernel image that carries the root hash, and the EFI system partition that starts it.

use std::path::{Path, PathBuf};

use super::tools::Tools;
use crate::pipeline::context::Context;
use crate::pipeline::error::{BuildError, Problem};
use crate::pipeline::key::Inputs;
use crate::pipeline::sandbox::inside;
use crate::profile::Arch;

/// Kernel command line of this image, the same on the medium and on an installed disk. The initrd decides which
/// partitions `/dev/sigmavault/` names.
pub fn command_line(context: &Context, root_hash: &str) -> String {
    format!(
        "roothash={root_hash} systemd.verity_root_data=/dev/sigmavault/root \
         systemd.verity_root_hash=/dev/sigmavault/root-verity systemd.gpt_auto=no {}",
        context.profile.command_line(context.arch)
    )
}

/// What the medium adds to the kernel command line: changes stay in memory. An array of another system that is assembled
/// by itself is neither written nor synchronised until something writes to it (md(4), `start_ro`).
pub fn live_command_line(volume_id: &str) -> String {
    format!("systemd.volatile=overlay md_mod.start_ro=1 sigmavault.live sigmavault.medium={volume_id}")
}

/// ISO 9660 volume id: 32 characters at most of A-Z, 0-9 and `_`. It names the root too, so that two media
/// in one machine are told apart.
pub fn volume_id(version: &str, root_hash: &str) -> String {
    let text = format!("SIGMAVAULT_{version}_{}", root_hash.get(..8).unwrap_or(root_hash));
    text.chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_uppercase()
            } else {
                '_'
            }
        })
        .take(32)
        .collect()
}

/// Makes `uki.efi` and `esp.img` in the folder returned.
pub fn make(
    context: &Context,
    tools: &Tools,
    initrd: &Path,
    kernel: &str,
    command_line: &str,
    live: &str,
) -> Result<PathBuf, BuildError> {
    let os_release = super::root::os_release(context);
    let inputs = Inputs::recipe(2)
        .with("tools", &tools.key)
        .with(
            "initrd",
            &initrd.file_name().unwrap_or_default().to_string_lossy(),
        )
        .with("command line", command_line)
        .with("live command line", live)
        .with("os-release", &os_release);
    context.stage("boot", &context.built().key(), &inputs, |runner, folder| {
        let path = folder.join("os-release");
        std::fs::write(&path, &os_release).map_err(Problem::io("write", &path))?;
        let (suffix, removable) = match context.arch {
            Arch::Amd64 => ("x64", "BOOTX64.EFI"),
            Arch::Arm64 => ("aa64", "BOOTAA64.EFI"),
        };
        let sandbox = context
            .sandbox(&tools.root)
            .show(initrd, inside::POOL)
            .give(folder, inside::WORK)
            .env("COMMAND_LINE", command_line)
            .env("KERNEL", kernel)
            .env("LIVE_COMMAND_LINE", live)
            .env("SUFFIX", suffix)
            .env("REMOVABLE", removable)
            .env("UKI", format!("sigmavault_{}.efi", env!("CARGO_PKG_VERSION")));
        runner.run(&mut sandbox.script(ASSEMBLE))?;
        let uki = folder.join("uki.efi");
        let size = uki.metadata().map_err(Problem::io("read", &uki))?.len();
        Ok(format!("{} MiB", size >> 20))
    })
}

/// Runs in the tools tree: kernel and initrd in /pool, results to /work.
const ASSEMBLE: &str = r#"
ukify build --linux=/pool/vmlinuz --initrd=/pool/initrd.img --cmdline="$COMMAND_LINE" \
    --os-release=@/work/os-release --uname="$KERNEL" --stub="/usr/lib/systemd/boot/efi/linux$SUFFIX.efi.stub" --output=/work/uki.efi
ukify build --cmdline="$LIVE_COMMAND_LINE" --stub="/usr/lib/systemd/boot/efi/addon$SUFFIX.efi.stub" --output=/tmp/live.addon.efi
printf 'timeout 0\n' >/tmp/loader.conf

# FAT32 needs 65525 clusters; sectors must be 512 bytes, or the firmware does not find it inside the ISO.
mib=$(( $(stat -c %s /work/uki.efi) / 1048576 + 8 ))
[ "$mib" -ge 40 ] || mib=40
truncate -s "${mib}M" /work/esp.img
mkfs.vfat --invariant -F 32 -S 512 -s 1 -i 53494d41 -n ESP /work/esp.img >/dev/null
export MTOOLS_SKIP_CHECK=1
cp "/usr/lib/systemd/boot/efi/systemd-boot$SUFFIX.efi" /tmp/loader.efi
touch --date="@$SOURCE_DATE_EPOCH" /tmp/loader.conf /tmp/loader.efi /tmp/live.addon.efi /work/uki.efi
mmd -i /work/esp.img ::/EFI ::/EFI/BOOT ::/EFI/Linux "::/EFI/Linux/$UKI.extra.d" ::/loader
mcopy -m -i /work/esp.img /tmp/loader.efi "::/EFI/BOOT/$REMOVABLE"
mcopy -m -i /work/esp.img /work/uki.efi "::/EFI/Linux/$UKI"
# Lies beside the kernel image and adds to its command line: the image itself is the one that is installed.
mcopy -m -i /work/esp.img /tmp/live.addon.efi "::/EFI/Linux/$UKI.extra.d/live.addon.efi"
mcopy -m -i /work/esp.img /tmp/loader.conf ::/loader/loader.conf
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_volume_id_fits_iso_9660() {
        let id = volume_id("0.1.0", &"ab".repeat(32));
        assert_eq!(id, "SIGMAVAULT_0_1_0_ABABABAB");
        assert_eq!(volume_id("10.20.30-rc.1.long.name", "0").len(), 32);
    }
}
