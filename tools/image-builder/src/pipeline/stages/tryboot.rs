//! The kernel module that asks the firmware of a Raspberry Pi to try the other slot at the next start, as a .deb.

use std::fs;
use std::path::{Path, PathBuf};

use super::deb::{self, DebSource};
use super::tools::Tools;
use super::zfs::ZfsSource;
use crate::pipeline::context::Context;
use crate::pipeline::error::{BuildError, Problem};
use crate::pipeline::key::Inputs;
use crate::pipeline::run::Runner;
use crate::pipeline::sandbox::inside;

/// Its source, below the source tree.
const SOURCE: &str = "drivers/tryboot";
/// Its name.
const MODULE: &str = "sigmavault_tryboot";

/// The .deb's folder. `source` has the kernel's headers.
pub fn make(context: &Context, tools: &Tools, source: &ZfsSource) -> Result<PathBuf, BuildError> {
    let inputs = Inputs::recipe(1)
        .with("tools", &tools.key)
        .with("packages", &source.debs.digest())
        .with("kernel", &source.kernel)
        .with_path("source", &context.source.join(SOURCE))
        .map_err(BuildError::Setup)?;
    context.stage("tryboot", context.arch.name(), &inputs, |runner, folder| {
        compile(context, tools, source, runner, folder)?;
        Ok(format!("for Linux {}", source.kernel))
    })
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
    runner.bar().message("unpacking kernel headers");
    runner.run(&mut sandbox.script(&source.unpack(|name| name != "zfs-dkms")))?;
    let script = format!(
        "{prepare}
        cp -R {inside}/{SOURCE} /work/module
        make -C $src/linux-headers-$kernel M=/work/module ARCH=$KERNEL_ARCH CROSS_COMPILE=$KERNEL_CROSS_COMPILE modules
        $GNU-strip --strip-debug /work/module/{MODULE}.ko",
        prepare = source.prepare(),
        inside = inside::SOURCE,
    );
    runner.run(&mut sandbox.confined().script(&script))?;
    let package = DebSource {
        name: "sigmavault-tryboot".to_owned(),
        version: format!(
            "{}+{}",
            env!("CARGO_PKG_VERSION"),
            source.kernel.replace('-', "+")
        ),
        arch: context.arch.name().to_owned(),
        fields: vec![
            ("Section", "kernel".to_owned()),
            (
                "Description",
                format!(
                    "Kernel module to try the other slot of a Raspberry Pi, for Linux {}",
                    source.kernel
                ),
            ),
        ],
        files: vec![(
            work.join("module").join(format!("{MODULE}.ko")),
            format!("usr/lib/modules/{}/updates/{MODULE}.ko", source.kernel),
            0o644,
        )],
    };
    deb::pack(context, tools, runner, &package, folder)?;
    crate::pipeline::store::remove(&work)
}
