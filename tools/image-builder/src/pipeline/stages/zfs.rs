//! The ZFS kernel modules as one .deb, compiled once per kernel and ZFS version.
//!
//! Debian ships OpenZFS as source (zfs-dkms). It is compiled here against the headers of the image's
//! kernel, so that neither headers nor compiler are in the image.

use std::fs;
use std::path::{Path, PathBuf};

use super::deb::{self, DebSource};
use super::tools::Tools;
use crate::pipeline::context::Context;
use crate::pipeline::debs::{Deb, DebSet};
use crate::pipeline::error::{ArchiveError, BuildError, InputError, InternalError, Problem};
use crate::pipeline::key::Inputs;
use crate::pipeline::run::Runner;
use crate::pipeline::sandbox::{Sandbox, inside};
use crate::profile::Arch;

/// Packages of the kernel's build programs begin like this.
const KBUILD: &str = "linux-kbuild-";

/// What the modules are made from.
#[derive(Debug)]
pub struct ZfsSource {
    /// Kernel release, as `uname -r` prints it.
    pub kernel: String,
    /// Headers, kbuild and zfs-dkms.
    pub debs: DebSet,
}

impl ZfsSource {
    /// Picks the packages out of what `linux-headers-ARCH` and `zfs-dkms` bring. The kernel's build programs run on the
    /// machine that builds: those of the image's architecture are of use only where it is the same.
    pub fn pick(resolved: &DebSet, arch: Arch) -> Result<Self, ArchiveError> {
        let needed = |deb: &&Deb| {
            let name = deb.package.name.as_str();
            name.starts_with("linux-headers-")
                || name == "zfs-dkms"
                || name.starts_with(KBUILD) && deb.package.arch == Arch::builder().name()
        };
        let debs = resolved.0.iter().filter(needed).cloned().collect::<Vec<_>>();
        let meta = format!("linux-headers-{arch}");
        let release = |deb: &Deb| {
            let name = deb.package.name.strip_prefix("linux-headers-")?;
            (name.ends_with(&format!("-{arch}")) && deb.package.name != meta).then(|| name.to_owned())
        };
        let kernel = debs
            .iter()
            .find_map(release)
            .ok_or(ArchiveError::NoKernelHeaders { arch })?;
        Ok(Self {
            kernel,
            debs: DebSet(debs),
        })
    }

    /// Name of the package of the kernel's build programs.
    pub fn kbuild(&self, arch: Arch) -> String {
        let version = self
            .kernel
            .strip_suffix(&format!("-{arch}"))
            .unwrap_or(&self.kernel);
        format!("{KBUILD}{version}")
    }

    /// A script that unpacks these packages below `/work/t`, those of the names that `wanted` takes.
    pub fn unpack(&self, wanted: impl Fn(&str) -> bool) -> String {
        let debs = self.debs.0.iter().filter(|deb| wanted(&deb.package.name));
        let lines = debs.map(|deb| format!("dpkg-deb -x {}/{} /work/t\n", inside::CACHE, deb.file));
        format!("mkdir -p /work/t\n{}", lines.collect::<String>())
    }

    /// The beginning of a script that compiles modules with the headers below `/work/t`: it sets `kernel` and `src`.
    pub fn prepare(&self) -> String {
        format!(
            "kernel={kernel}; src=/work/t/usr/src
        # The headers name themselves and their common part by the path they are installed under.
        sed -i \"s,/usr/src/,$src/,\" $src/linux-headers-$kernel/Makefile
        # Without debug information, which would be stripped, and without BTF, which only tracing uses. The code is the
        # same: C sees the kernel's settings in autoconf.h.
        sed -i '/^CONFIG_DEBUG_INFO/d' $src/linux-headers-$kernel/include/config/auto.conf",
            kernel = self.kernel
        )
    }

    /// A sandbox that compiles modules in a folder, with what the kernel's makefiles read from the environment.
    pub fn kernel_sandbox(&self, context: &Context, tools: &Tools, work: &Path) -> Sandbox {
        context
            .sandbox(&tools.root)
            .show(&context.cache.join("debs"), inside::CACHE)
            .give(work, inside::WORK)
            .env(
                "KBUILD_BUILD_TIMESTAMP",
                format!("@{}", context.image.source_date_epoch),
            )
            .env("KERNEL_ARCH", kernel_arch(context.arch))
            .env("KERNEL_CROSS_COMPILE", format!("{}-", context.arch.gnu()))
            .env("GNU", context.arch.gnu())
            .env("KBUILD_BUILD_USER", "sigmavault")
            .env("KBUILD_BUILD_HOST", "sigmavault")
    }

    /// Upstream version of OpenZFS.
    pub fn version(&self) -> Option<&str> {
        let version = &self.debs.find("zfs-dkms")?.package.version;
        version.split('-').next()
    }
}

/// The .deb's path.
pub fn make(context: &Context, tools: &Tools, source: &ZfsSource) -> Result<PathBuf, BuildError> {
    let inputs = Inputs::recipe(3)
        .with("tools", &tools.key)
        .with("packages", &source.debs.digest())
        .with("kernel", &source.kernel);
    let folder = context.stage("zfs", context.arch.name(), &inputs, |runner, folder| {
        compile(context, tools, source, runner, folder)?;
        Ok(format!(
            "OpenZFS {} for Linux {}",
            source.version().unwrap_or("?"),
            source.kernel
        ))
    })?;
    Ok(folder)
}

fn compile(
    context: &Context,
    tools: &Tools,
    source: &ZfsSource,
    runner: &Runner,
    folder: &Path,
) -> Result<(), Problem> {
    let work = folder.join("work");
    fs::create_dir(&work).map_err(Problem::io("make the folder", &work))?;
    let sandbox = source.kernel_sandbox(context, tools, &work);
    runner.bar().message("unpacking kernel headers and source");
    runner.run(&mut sandbox.script(&source.unpack(|_| true)))?;
    let version = source.version().unwrap_or_default();
    check_kernel(
        &source.kernel,
        &work.join(format!("t/usr/src/zfs-{version}/META")),
    )?;
    let script = format!(
        "{prepare}
        common=$(ls -d $src/linux-headers-*-common)
        cd $src/zfs-{version}
        ./configure --disable-dependency-tracking --prefix=/usr --with-config=kernel --host=$GNU \\
            --with-linux=\"$common\" --with-linux-obj=$src/linux-headers-$kernel
        make -j$(nproc) -C module
        mkdir -p /work/modules
        for name in spl zfs; do
            $GNU-strip --strip-debug -o /work/modules/$name.ko module/$name.ko
        done
        cp COPYRIGHT LICENSE /work/modules/",
        prepare = source.prepare()
    );
    runner.run(&mut sandbox.confined().script(&script))?;
    let modules = format!("usr/lib/modules/{}/updates", source.kernel);
    let package = DebSource {
        name: "sigmavault-zfs".to_owned(),
        version: format!("{version}+{}", source.kernel.replace('-', "+")),
        arch: context.arch.name().to_owned(),
        fields: vec![
            ("Section", "kernel".to_owned()),
            ("Provides", "zfs-modules".to_owned()),
            (
                "Description",
                format!("OpenZFS kernel modules for Linux {}", source.kernel),
            ),
        ],
        files: ["spl.ko", "zfs.ko"]
            .into_iter()
            .map(|name| {
                (
                    work.join("modules").join(name),
                    format!("{modules}/{name}"),
                    0o644,
                )
            })
            .chain(["COPYRIGHT", "LICENSE"].into_iter().map(|name| {
                (
                    work.join("modules").join(name),
                    format!("usr/share/doc/sigmavault-zfs/{name}"),
                    0o644,
                )
            }))
            .collect(),
    };
    deb::pack(context, tools, runner, &package, folder)?;
    crate::pipeline::store::remove(&work)
}

/// What the kernel's makefiles call an architecture.
const fn kernel_arch(arch: Arch) -> &'static str {
    match arch {
        Arch::Amd64 => "x86_64",
        Arch::Arm64 => "arm64",
    }
}

/// Refuses a kernel newer than the newest that this OpenZFS release says it supports.
fn check_kernel(kernel: &str, meta: &Path) -> Result<(), Problem> {
    let text = fs::read_to_string(meta).map_err(Problem::io("read", meta))?;
    let Some(maximum) = maximum(&text) else {
        return Err(InternalError::NoLinuxMaximum(meta.to_owned()).into());
    };
    if release(kernel) > release(maximum) {
        let (kernel, maximum) = (kernel.to_owned(), maximum.to_owned());
        return Err(InputError::KernelTooNew { kernel, maximum }.into());
    }
    Ok(())
}

/// The newest kernel that the file META of OpenZFS names.
pub fn maximum(meta: &str) -> Option<&str> {
    meta.lines()
        .find_map(|line| line.strip_prefix("Linux-Maximum:"))
        .map(str::trim)
}

/// Major and minor number of a kernel release.
pub fn release(text: &str) -> (u32, u32) {
    let mut numbers = text
        .split(|c: char| !c.is_ascii_digit())
        .map(|word| word.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_past_the_maximum_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let meta = folder.path().join("META");
        fs::write(&meta, "Name: zfs\nLinux-Maximum: 6.15\nLinux-Minimum: 4.18\n").unwrap();
        for (kernel, fits) in [
            ("6.12.117+deb13-amd64", true),
            ("6.15.9-x", true),
            ("6.16.0", false),
            ("7.2.12+deb14-amd64", false),
        ] {
            assert_eq!(check_kernel(kernel, &meta).is_ok(), fits, "{kernel}");
        }
    }
}
