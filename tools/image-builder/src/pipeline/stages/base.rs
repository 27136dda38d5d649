//! Trees made of Debian packages alone, by mkosi: the base of the root and the initrd's user space.
//!
//! Nothing of ours is in them, so that a change in one of our programs never makes them again.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use super::tools::Tools;
use crate::pipeline::context::Context;
use crate::pipeline::debs::DebSet;
use crate::pipeline::emulation::run_for;
use crate::pipeline::error::{BuildError, Problem};
use crate::pipeline::key::Inputs;
use crate::pipeline::pool;
use crate::pipeline::run::Runner;
use crate::pipeline::sandbox::inside;
use crate::pipeline::store::remove;
use crate::profile::Arch;

/// One tree.
#[derive(Debug)]
pub struct Tree<'a> {
    /// Name of the stage.
    pub stage: &'static str,
    /// What the cache keeps it under.
    pub variant: String,
    /// Packages to ask for.
    pub wanted: Vec<&'a str>,
    /// Those and all they need.
    pub debs: DebSet,
    /// Further lines of mkosi's `[Content]` section.
    pub content: &'static str,
}

/// The tree's folder is `tree` in the folder returned.
pub fn make(context: &Context, tools: &Tools, tree: &Tree) -> Result<std::path::PathBuf, BuildError> {
    let configuration = configuration(context, tree);
    let inputs = Inputs::recipe(1)
        .with("tools", &tools.key)
        .with("packages", &tree.debs.digest())
        .with("mkosi.conf", &configuration);
    context.stage(tree.stage, &tree.variant, &inputs, |runner, folder| {
        run_mkosi(context, tools, tree, &configuration, runner, folder)?;
        Ok(format!("{} packages", tree.debs.0.len()))
    })
}

fn run_mkosi(
    context: &Context,
    tools: &Tools,
    tree: &Tree,
    configuration: &str,
    runner: &Runner,
    folder: &Path,
) -> Result<(), Problem> {
    let packages = folder.join("pool");
    pool::write(
        context,
        runner,
        &tools.root,
        &tree.debs.0,
        &context.cache.join("debs"),
        &packages,
    )?;
    let work = folder.join("work");
    for name in ["mkosi", "cache", "workspace"] {
        let path = work.join(name);
        fs::create_dir_all(&path).map_err(Problem::io("make the folder", &path))?;
    }
    let path = work.join("mkosi/mkosi.conf");
    fs::write(&path, configuration).map_err(Problem::io("write", &path))?;
    let out = folder.join("out");
    fs::create_dir_all(&out).map_err(Problem::io("make the folder", &out))?;
    let sandbox = context
        .sandbox(&tools.root)
        .devices()
        .show(&packages, inside::POOL)
        .give(folder, inside::WORK)
        .chdir("/work/work/mkosi");
    let command = sandbox.command("mkosi", ["--directory", "/work/work/mkosi", "build"]);
    runner.run(&mut run_for(context, tools, command)?)?;
    let made = out.join("tree");
    let target = folder.join("tree");
    fs::rename(&made, &target).map_err(Problem::io("rename to", &target))?;
    for leftover in [&packages, &work, &out] {
        remove(leftover)?;
    }
    Ok(())
}

/// mkosi's configuration, generated from the profile. `INITRD=No` keeps Debian's kernel package from making an initrd (twice) that no
/// image has.
fn configuration(context: &Context, tree: &Tree) -> String {
    // systemd's names.
    let architecture = match context.arch {
        Arch::Amd64 => "x86-64",
        Arch::Arm64 => "arm64",
    };
    let mut text = format!(
        "[Distribution]\nDistribution=debian\nRelease={}\nArchitecture={architecture}\nLocalMirror=file://{}\n\
         RepositoryKeyCheck=no\n\n\
         [Output]\nFormat=directory\nOutput=tree\nOutputDirectory=/work/out\nManifestFormat=\n\n\
         [Build]\nEnvironment=INITRD=No\nWorkspaceDirectory=/work/work/workspace\nPackageCacheDirectory=/work/work/cache\n\n\
         [Content]\nBootable=no\nWithDocs=no\nLocale=C.UTF-8\nSourceDateEpoch={}\n{}Packages=\n",
        context.image.suite,
        inside::POOL,
        context.image.source_date_epoch,
        tree.content
    );
    for package in &tree.wanted {
        let _ = writeln!(text, "    {package}");
    }
    text
}
