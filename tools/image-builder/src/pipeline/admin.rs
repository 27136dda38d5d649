//! `lock` and `clean`.

use std::path::Path;
use std::process::ExitCode;
use std::time::SystemTime;

use super::error::{BuildError, Problem};
use super::lock::{Built, Lock};
use super::moved::moved;
use super::report::print_json;
use super::resolve::resolve;
use super::setup::open;
use super::stages::tools;
use super::store::remove;
use crate::cli::{CleanArgs, Global, LockArgs};
use crate::profile::{Arch, Library};
use crate::source;

/// `lock --update`: the newest packages of the archive, written to `image/image.lock`.
pub fn lock(args: &LockArgs, global: &Global) -> Result<ExitCode, BuildError> {
    let source = source::find(global.source.as_deref())?;
    let library = Library::of_source(&source, &global.profiles)?;
    let every = library.names().map(str::to_owned).collect::<Vec<_>>();
    let names = if args.profile.is_empty() {
        &every
    } else {
        &args.profile
    };
    let archs = if args.arch.is_empty() {
        Arch::ALL
    } else {
        &args.arch
    };
    let mut wanted = Vec::new();
    for profile in names {
        let possible = archs
            .iter()
            .filter(|arch| library.buildable(profile, **arch).is_ok());
        let before = wanted.len();
        wanted.extend(possible.map(|arch| Built { profile, arch: *arch }));
        if wanted.len() == before && !args.profile.is_empty() {
            // Says why not.
            library.buildable(profile, archs[0])?;
        }
    }
    let mut changes = serde_json::Map::new();
    for built in wanted {
        let context = open(
            global,
            built.profile,
            built.arch,
            &args.cache.folder(),
            args.mirror.clone(),
            args.json,
        )?;
        let path = args.lock_file.clone().unwrap_or_else(|| context.lock.clone());
        let mut lock = Lock::read(&path).map_err(BuildError::Setup)?;
        let tools = tools::ensure(&context, None)?;
        let resolved = resolve(&context, &tools)?;
        let used = resolved.all.packages();
        let before = lock.image(built).map_err(BuildError::setup)?.unwrap_or_default();
        let differs = moved(&before, &used);
        let now = SystemTime::now();
        lock.set_tools(built.arch, &tools.packages, now);
        lock.set_image(built, &used, now);
        lock.write(&path).map_err(BuildError::Setup)?;
        if !args.json {
            println!(
                "{}: {} packages, {} changes",
                built.key(),
                used.len(),
                differs.len()
            );
            for line in &differs {
                println!("  {line}");
            }
        }
        changes.insert(built.key(), serde_json::to_value(differs).unwrap_or_default());
    }
    if args.json {
        print_json(&changes)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// `clean`: results of builds and, when asked, the cache. Without a source tree, only the folders named.
pub fn clean(args: &CleanArgs, source: Option<&Path>) -> Result<ExitCode, BuildError> {
    let out = args.out.clone().or_else(|| source.map(source::out));
    if let Some(out) = &out {
        let gone = clean_results(out).map_err(BuildError::Setup)?;
        println!("{}: {gone} results removed", out.display());
    }
    if let Some(cache) = args.cache_folder() {
        // Only what a build has made: a folder named by mistake keeps everything else.
        for name in [
            "stages",
            "tools",
            "debs",
            "apt",
            "pool",
            "tools-pool",
            "cargo-target",
            "cargo-home",
            "log",
            "host",
            "host-cargo",
        ] {
            remove(&cache.join(name)).map_err(BuildError::Setup)?;
        }
        println!("{}: cache removed", cache.display());
    }
    Ok(ExitCode::SUCCESS)
}

/// Removes what builds have left in this folder; gives their number.
fn clean_results(out: &Path) -> Result<usize, Problem> {
    let mut gone = 0;
    if !out.is_dir() {
        return Ok(gone);
    }
    for entry in out.read_dir().map_err(Problem::io("list", out))? {
        let path = entry.map_err(Problem::io("list", out))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with("sigmavault-") || name.starts_with(".sigmavault-") || name == "SHA256SUMS" {
            remove(&path)?;
            gone += 1;
        }
    }
    Ok(gone)
}
