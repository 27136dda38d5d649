//! `pool save`, and the other way: what a locked build takes from a pool.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use serde::Serialize;

use super::context::Context;
use super::debs::Deb;
use super::error::{BuildError, InputError, Problem};
use super::lock::{Built, Lock, write_whole};
use super::report::print_json;
use super::resolve::{LockedPart, fetch_locked, locked_packages};
use super::run::Runner;
use super::saved::SavedPool;
use super::setup::open;
use super::stages::{crates, tools};
use super::store::remove;
use crate::cli::{Global, PoolSaveArgs};
use crate::manifest::Package;
use crate::profile::Arch;
use crate::source;

/// What `--json` prints.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Report<'a> {
    folder: &'a Path,
    images: Vec<String>,
    packages: usize,
    new_packages: usize,
    new_crates: usize,
}

/// `pool save`: everything that the lock names, tools and crates included, in a folder.
pub fn save(args: &PoolSaveArgs, global: &Global) -> Result<ExitCode, BuildError> {
    let tree = source::find(global.source.as_deref())?;
    let path = args
        .lock_file
        .clone()
        .unwrap_or_else(|| tree.join("image/image.lock"));
    let lock = Lock::read(&path).map_err(BuildError::Setup)?;
    let mut saved = None;
    for built in lock.images() {
        let mut context = open(
            global,
            built.profile,
            built.arch,
            &args.cache.folder(),
            args.mirror.clone(),
            args.json,
        )?;
        context.lock.clone_from(&path);
        let (tools, image) = locked_packages(&context, &lock).map_err(BuildError::setup)?;
        let parts = [
            LockedPart {
                packages: &tools,
                written: lock.tools_written(built.arch),
            },
            LockedPart {
                packages: &image,
                written: lock.image_written(built),
            },
        ];
        fetch_locked(&context, &parts)?;
        saved = Some(context);
    }
    let context = saved.ok_or_else(|| BuildError::setup(InputError::EmptyLock { path: path.clone() }))?;
    fs::create_dir_all(&args.folder)
        .map_err(Problem::io("make the folder", &args.folder))
        .map_err(BuildError::Setup)?;
    let folder = args
        .folder
        .canonicalize()
        .map_err(Problem::io("find", &args.folder))
        .map_err(BuildError::Setup)?;
    let runner = context.runner("pool")?;
    let report = fill(&context, &runner, &lock, &folder)?;
    runner
        .bar()
        .done(&format!("{} packages in {}", report.packages, folder.display()));
    if args.json {
        print_json(&report)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn fill<'a>(
    context: &Context,
    runner: &Runner,
    lock: &'a Lock,
    folder: &'a Path,
) -> Result<Report<'a>, BuildError> {
    let wrap = |problem| context.failed(runner, "pool", problem);
    let pool = SavedPool::new(folder);
    runner.bar().message("copying packages");
    let all = lock.all().map_err(BuildError::setup)?;
    let debs = all.iter().map(Deb::from).collect::<Vec<_>>();
    let store = context.cache.join("debs");
    let go_on = || runner.check();
    let new_packages = pool.keep(&debs, &store, &go_on).map_err(wrap)?;
    runner.bar().message("indexing the tools");
    let locked_tools = lock.tools(Arch::builder()).map_err(BuildError::setup)?;
    remove(&pool.tools()).map_err(wrap)?;
    tools::write_bare_pool(context, runner, &locked_tools, &pool.debs(), &pool.tools()).map_err(wrap)?;
    let tools = tools::ensure(context, None)?;
    let home = context.cache.join("cargo-home");
    let locked = crates::locked(&context.source).map_err(wrap)?;
    crates::check(&context.source, &home).map_err(wrap)?;
    crates::fetch(context, &tools, runner, &home).map_err(wrap)?;
    runner.bar().message("copying crates");
    let new_crates = pool.keep_crates(&home.join("registry"), &locked).map_err(wrap)?;
    let text = fs::read(&context.lock).map_err(Problem::io("read", &context.lock));
    // Last: a pool that has its lock is complete.
    text.and_then(|text| write_whole(&pool.lock(), &text))
        .map_err(wrap)?;
    Ok(Report {
        folder,
        images: lock.images().map(Built::key).collect(),
        packages: debs.len(),
        new_packages,
        new_crates,
    })
}

/// Copies what a locked build takes from a pool into the cache, each file compared with its checksum.
pub fn take_from(
    context: &Context,
    pool: &SavedPool,
    tools: &[Package],
    image: &[Package],
) -> Result<(), BuildError> {
    let runner = context.runner("pool")?;
    let wrap = |problem| context.failed(&runner, "pool", problem);
    runner.bar().message("copying packages and crates from the pool");
    let mut debs = tools.iter().chain(image).map(Deb::from).collect::<Vec<_>>();
    debs.sort();
    debs.dedup();
    let store = context.cache.join("debs");
    let packages = pool.give(&debs, &store, &|| runner.check()).map_err(wrap)?;
    let locked = crates::locked(&context.source).map_err(wrap)?;
    let registry = context.cache.join("cargo-home/registry");
    let crates = pool.give_crates(&registry, &locked).map_err(wrap)?;
    runner
        .bar()
        .done(&format!("{packages} packages and {crates} crates taken"));
    Ok(())
}
