//! The initrd: mkosi's user space, the kernel modules that `initramfs-hooks/modules` names with all they
//! depend on and their firmware, our hooks, and CPU microcode in front where the image has it.

use std::fs;
use std::path::{Path, PathBuf};

use super::base::Tree;
use super::tools::Tools;
use crate::drivers::storage;
use crate::drivers::tables;
use crate::drivers::tree::KernelTree;
use crate::pipeline::context::Context;
use crate::pipeline::debs::DebSet;
use crate::pipeline::error::{BuildError, InputError, Problem};
use crate::pipeline::key::Inputs;
use crate::pipeline::sandbox::inside;

/// Packages of the initrd's user space.
pub const PACKAGES: &[&str] = &[
    "systemd",
    "systemd-cryptsetup",
    "udev",
    "bash",
    "kmod",
    "util-linux",
    "dmsetup",
    "e2fsprogs",
    "less",
    // What systemd-cryptsetup opens by itself when the state is bound to a TPM.
    "libtss2-esys-3.0.2-0t64",
    "libtss2-mu-4.0.1-0t64",
    "libtss2-rc0t64",
    "libtss2-tcti-device0t64",
];

/// What the initrd does not need of them.
const CONTENT: &str = "MakeInitrd=yes\nCleanPackageMetadata=yes\nRemovePackages=dpkg\nRemoveFiles=\n    \
    /usr/lib/systemd/catalog\n    /etc/udev/hwdb.d\n    /usr/lib/udev/hwdb.d\n    /etc/services\n    /var/cache\n    /var/log\n    \
    /usr/share/locale\n    /usr/share/doc\n    /usr/share/perl5\n    /usr/share/bash-completion\n    /usr/share/common-licenses\n    \
    /usr/share/zoneinfo\n    /usr/share/keyrings\n    /usr/lib/x86_64-linux-gnu/gconv\n    /usr/lib/aarch64-linux-gnu/gconv\n    \
    /usr/lib/x86_64-linux-gnu/perl-base\n    /usr/lib/aarch64-linux-gnu/perl-base\n    /usr/bin/perl\n    /usr/bin/perl5*\n";

/// The user space, to be made by [`super::base::make`].
pub fn tree(context: &Context, debs: DebSet) -> Tree<'static> {
    Tree {
        stage: "initrd-base",
        variant: context.arch.name().to_owned(),
        wanted: PACKAGES.to_vec(),
        debs,
        content: CONTENT,
    }
}

/// What the initrd is made from.
#[derive(Debug)]
pub struct Source<'a> {
    /// Folder of its user space.
    pub user_space: &'a Path,
    /// Folder of the base tree, which has the kernel.
    pub base: &'a Path,
    /// Kernel release.
    pub kernel: &'a str,
    /// Folder with a .deb of further modules.
    pub modules: Option<&'a Path>,
}

/// Assembles `initrd.img` in the folder returned.
pub fn make(context: &Context, tools: &Tools, source: &Source) -> Result<PathBuf, BuildError> {
    let &Source {
        user_space,
        base,
        kernel,
        modules,
    } = source;
    let key = |path: &Path| {
        path.file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned()
    };
    let inputs = Inputs::recipe(4)
        .with("tools", &tools.key)
        .with("initrd-base", &key(user_space))
        .with("base", &key(base))
        .with("kernel", kernel)
        .with("modules", &modules.map(key).unwrap_or_default())
        .with_path("hooks", &context.source.join("initramfs-hooks"))
        .map_err(BuildError::Setup)?;
    let made = context.stage("initrd", &context.built().key(), &inputs, |runner, folder| {
        let sandbox = context
            .sandbox(&tools.root)
            .show(&user_space.join("tree"), "/tree")
            .show(&base.join("tree"), inside::POOL)
            .give(folder, inside::WORK);
        let sandbox = sandbox.env("KERNEL", kernel).env("ARCH", context.arch.name());
        let sandbox = match modules {
            Some(modules) => sandbox.show(modules, inside::CACHE),
            None => sandbox,
        };
        runner.run(&mut sandbox.script(ASSEMBLE))?;
        runner.bar().message("comparing the drivers");
        check_storage(context, base, kernel, &folder.join("modules.list"))?;
        let image = folder.join("initrd.img");
        let about = image.metadata().map_err(Problem::io("read", &image))?;
        fs::copy(
            base.join("tree/usr/lib/modules").join(kernel).join("vmlinuz"),
            folder.join("vmlinuz"),
        )
        .map_err(Problem::io("copy the kernel to", folder))?;
        Ok(format!("{} MiB", about.len() >> 20))
    })?;
    check_devices(context, base, kernel, &made.join("modules.list")).map_err(BuildError::Setup)?;
    Ok(made)
}

/// Every device of the profile that leads to disks has its driver in the initrd. Outside the stage, whose inputs the devices are
/// not.
fn check_devices(context: &Context, base: &Path, kernel: &str, list: &Path) -> Result<(), Problem> {
    let list = fs::read_to_string(list).map_err(Problem::io("read", list))?;
    let tree = KernelTree::open(&base.join("tree"), kernel)?;
    let lacks = tree.unreachable(
        &context.profile.hardware.ids,
        &list.lines().map(tables::of_path).collect(),
    );
    if lacks.is_empty() {
        Ok(())
    } else {
        Err(InputError::Unreachable(lacks).into())
    }
}

/// Every storage driver of the kernel is in the initrd, or `initramfs-hooks/modules` leaves it out.
fn check_storage(context: &Context, base: &Path, kernel: &str, list: &Path) -> Result<(), Problem> {
    let folder = base.join("tree/usr/lib/modules").join(kernel);
    let read = |path: &Path| fs::read_to_string(path).map_err(Problem::io("read", path));
    let wanted = read(&context.source.join("initramfs-hooks/modules"))?;
    let missing = storage::missing(
        &read(&folder.join("modules.dep"))?,
        &read(&folder.join("modules.alias"))?,
        &read(list)?,
        &storage::left_out(&wanted),
    );
    if missing.is_empty() {
        Ok(())
    } else {
        Err(InputError::InitrdLacks(missing).into())
    }
}

/// Runs in the tools tree: user space in /tree, the base in /pool, the source in /src, further modules in /cache, results to /work.
const ASSEMBLE: &str = r#"
base=/pool; modules=/work/extra/usr/lib/modules/$KERNEL
mkdir -p "$modules"
words=
for word in $(sed 's/#.*//' /src/initramfs-hooks/modules); do
    case $word in *@*) [ "${word#*@}" = "$ARCH" ] || continue ;; esac
    words="$words ${word%@*}"
done
left_out=' '
for word in $words; do
    case $word in -*) left_out="$left_out${word#-} " ;; esac
done
depends() { # NAME: writes the files of a module and of all that it depends on to /tmp/depends
    modprobe --dirname "$base" --set-version "$KERNEL" --show-depends "$1" >/tmp/shown || return 1
    sed -n 's/^insmod \([^ ]*\).*/\1/p' /tmp/shown >/tmp/depends
}
: >/tmp/files
for word in $words; do
    case $word in
        -*) ;;
        */)
            [ -d "$base/usr/lib/modules/$KERNEL/kernel/$word" ] || continue
            find "$base/usr/lib/modules/$KERNEL/kernel/$word" -name '*.ko*' >/tmp/found
            while read -r file; do
                name=${file##*/}; name=${name%%.ko*}
                case $left_out in *" $name "*) continue ;; esac
                depends "$name" </dev/null
                # The system disk is in the machine.
                grep -qE '/kernel/(net|drivers/net|drivers/infiniband|drivers/target)/' /tmp/depends || cat /tmp/depends >>/tmp/files
            done </tmp/found
            ;;
        *)
            if ! depends "${word%+}"; then
                case $word in *+) continue ;; esac
                echo "initramfs-hooks/modules: kernel $KERNEL has no module '$word'" >&2
                exit 1
            fi
            cat /tmp/depends >>/tmp/files
            ;;
    esac
done
sort -u /tmp/files >/tmp/sorted
: >/work/modules.list
while read -r file; do
    file=${file#"$base"}; file=usr/lib/${file#*lib/}
    mkdir -p "/work/extra/${file%/*}"
    cp "$base/$file" "/work/extra/$file"
    echo "${file#usr/lib/modules/"$KERNEL"/}" >>/work/modules.list
    modinfo --field firmware "$base/$file" >/tmp/firmware </dev/null
    while read -r name; do
        for packed in "$name" "$name.xz" "$name.zst"; do
            [ -f "$base/usr/lib/firmware/$packed" ] || continue
            mkdir -p "/work/extra/usr/lib/firmware/$(dirname "$packed")"
            cp --dereference "$base/usr/lib/firmware/$packed" "/work/extra/usr/lib/firmware/$packed"
        done
    done </tmp/firmware
done </tmp/sorted
cp "$base/usr/lib/modules/$KERNEL"/modules.builtin "$base/usr/lib/modules/$KERNEL"/modules.builtin.modinfo \
    "$base/usr/lib/modules/$KERNEL"/modules.order "$modules/"
for deb in /cache/*.deb; do
    [ ! -e "$deb" ] || dpkg-deb -x "$deb" /work/extra
done
ln -s usr/lib /work/extra/lib
depmod --basedir /work/extra "$KERNEL"
rm /work/extra/lib
cp -R /src/initramfs-hooks/tree/. /work/extra/
# Of the package kbd, for the keymap of the unlock prompt.
mkdir -p /work/extra/usr/bin
cp "$base/usr/bin/loadkeys" /work/extra/usr/bin/
find /work/extra -type d -exec chmod 755 {} +
find /work/extra -type f ! -perm -100 -exec chmod 644 {} + -o -type f -exec chmod 755 {} +

archive() { # FOLDER: a cpio of it, the same for the same content
    (cd "$1" && find . -mindepth 1 -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} + && find . -mindepth 1 | LC_ALL=C sort |
        cpio --quiet --reproducible --create --format=newc --owner=0:0)
}
mkdir /work/user && cp -a /tree/. /work/user/
{ archive /work/user; archive /work/extra; } >/work/initrd.cpio
zstd --quiet --rm -10 -T0 /work/initrd.cpio -o /work/initrd.zst

# Microcode must stand in front, uncompressed (Documentation/arch/x86/microcode.rst).
early=/work/early/kernel/x86/microcode
mkdir -p "$early"
[ -d "$base/usr/lib/firmware/intel-ucode" ] && find "$base/usr/lib/firmware/intel-ucode" -type f | LC_ALL=C sort | xargs cat >"$early/GenuineIntel.bin"
[ -d "$base/usr/lib/firmware/amd-ucode" ] && find "$base/usr/lib/firmware/amd-ucode" -name '*.bin' | LC_ALL=C sort | xargs cat >"$early/AuthenticAMD.bin"
if [ -n "$(ls "$early")" ]; then archive /work/early >/work/initrd.img; fi
cat /work/initrd.zst >>/work/initrd.img
rm -rf /work/initrd.zst /work/extra /work/early /work/user
"#;
