//! `build`: from the command line to the ISO and its reports.

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use super::context::Context;
use super::error::{BuildError, Problem};
use super::lock::Lock;
use super::parts::make_parts;
use super::report::{BuildReport, print_json};
use super::resolve::{fetch_locked, locked_packages, resolve, resolve_locked};
use super::results::{record, write_results};
use super::setup::open;
use super::stages::tools;
use crate::cli::{BuildArgs, Global};

/// `build`: the ISO and its reports.
pub fn build(args: &BuildArgs, global: &Global) -> Result<ExitCode, BuildError> {
    let began = Instant::now();
    let mut context = open(
        global,
        &args.profile,
        args.arch,
        &args.cache.folder(),
        args.mirror.clone(),
        args.json,
    )?;
    context.offline = args.offline;
    context.locked = args.locked;
    context.explain = args.explain;
    let out = args.out.clone();
    fs::create_dir_all(&out)
        .map_err(Problem::io("make the folder", &out))
        .map_err(BuildError::Setup)?;
    let out = out
        .canonicalize()
        .map_err(Problem::io("find", &out))
        .map_err(BuildError::Setup)?;
    let report = build_image(&context, &out, began)?;
    if args.json {
        print_json(&report)?;
    } else {
        context.progress.note(&format!(
            "{} ({} MiB) in {:.0} s\nboot it: sigmavault-image smoke {}   write it to a stick: sigmavault-image flash {} /dev/sdX",
            report.iso,
            report.iso_bytes >> 20,
            report.seconds,
            report.iso,
            report.iso
        ));
    }
    Ok(ExitCode::SUCCESS)
}

fn build_image(context: &Context, out: &Path, began: Instant) -> Result<BuildReport, BuildError> {
    let lock_path = context.image_path("image.lock");
    let lock = Lock::read(&lock_path).map_err(BuildError::Setup)?;
    let locked = if context.locked {
        Some(locked_packages(context, &lock).map_err(BuildError::setup)?)
    } else {
        None
    };
    let (tools, resolved) = if let Some((tools, image)) = &locked {
        // The locked tools are made from locked packages, and fetching those takes tools: any tools tree can fetch.
        let fetcher = tools::ensure(context, None)?;
        fetch_locked(context, &fetcher, tools, image)?;
        let exact = tools::ensure(context, Some(tools))?;
        let resolved = resolve_locked(context, &exact, image)?;
        (exact, resolved)
    } else {
        let tools = tools::ensure(context, None)?;
        let resolved = resolve(context, &tools)?;
        (tools, resolved)
    };
    let parts = make_parts(context, &tools, &resolved)?;
    let report = write_results(context, &tools, &resolved, &parts, out, began)?;
    if locked.is_none() {
        record(context, &tools, &resolved, lock, &lock_path, out).map_err(BuildError::Setup)?;
    }
    Ok(report)
}
