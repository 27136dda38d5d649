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
use super::resolve::{LockedPart, fetch_locked, locked_packages, resolve, resolve_locked};
use super::results::{record, write_results};
use super::save::take_from;
use super::saved::SavedPool;
use super::setup::open;
use super::stages::tools;
use crate::cli::{BuildArgs, Global};
use crate::{invocation, source};

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
    context.sign_key.clone_from(&args.sign_key);
    if let Some(lock) = &args.lock_file {
        context.lock.clone_from(lock);
    }
    let pool = args.pool.as_deref().map(SavedPool::new);
    // A pool has all that it takes: what would come from the network is an error.
    context.offline |= pool.is_some();
    let out = args.out.clone().unwrap_or_else(|| source::out(&context.source));
    fs::create_dir_all(&out)
        .map_err(Problem::io("make the folder", &out))
        .map_err(BuildError::Setup)?;
    let out = out
        .canonicalize()
        .map_err(Problem::io("find", &out))
        .map_err(BuildError::Setup)?;
    let report = build_image(&context, pool.as_ref(), &out, began)?;
    if args.json {
        print_json(&report)?;
    } else {
        context.progress.note(&format!(
            "{} ({} MiB) in {:.0} s\n{}",
            report.iso,
            report.iso_bytes >> 20,
            report.seconds,
            next_steps(
                invocation::name(),
                Path::new(&report.iso),
                context.profile.is_disk_image()
            )
        ));
    }
    Ok(ExitCode::SUCCESS)
}

/// What to do with a finished image, as commands to paste. `smoke` starts ISOs.
fn next_steps(program: &str, iso: &Path, is_disk: bool) -> String {
    let iso = invocation::quoted(iso);
    if is_disk {
        return format!("write it to a card: {program} flash {iso} /dev/sdX");
    }
    format!("boot it: {program} smoke {iso}\nwrite it to a stick: {program} flash {iso} /dev/sdX")
}

fn build_image(
    context: &Context,
    pool: Option<&SavedPool>,
    out: &Path,
    began: Instant,
) -> Result<BuildReport, BuildError> {
    let lock = Lock::read(&context.lock).map_err(BuildError::Setup)?;
    let locked = if context.locked {
        Some(locked_packages(context, &lock).map_err(BuildError::setup)?)
    } else {
        None
    };
    let (tools, resolved) = if let Some((tools, image)) = &locked {
        if let Some(pool) = pool {
            take_from(context, pool, tools, image)?;
        }
        let parts = [
            LockedPart {
                packages: tools,
                written: lock.tools_written(context.arch),
            },
            LockedPart {
                packages: image,
                written: lock.image_written(context.built()),
            },
        ];
        fetch_locked(context, &parts)?;
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
        record(context, &tools, &resolved, lock, out).map_err(BuildError::Setup)?;
    }
    Ok(report)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_commands_to_paste() {
        assert_eq!(
            next_steps("ci/sigmavault-image", Path::new("/home/a b/out/x.iso"), false),
            "boot it: ci/sigmavault-image smoke '/home/a b/out/x.iso'\n\
             write it to a stick: ci/sigmavault-image flash '/home/a b/out/x.iso' /dev/sdX"
        );
    }
}
