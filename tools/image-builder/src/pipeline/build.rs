//! `build`: the order of the stages.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use super::context::{Context, ImageConfig};
use super::error::{BuildError, Problem};
use super::lock::Lock;
use super::report::{BuildReport, Timings};
use super::resolve::{Resolved, fetch_locked, locked_packages, resolve, resolve_locked, wanted};
use super::results::{record, write_results};
use super::run::Interrupt;
use super::stages::root::RootSource;
use super::stages::tools::{self, Tools};
use super::stages::{base, boot, initrd, packages, root, zfs};
use super::store::Store;
use crate::cli::{BuildArgs, Global};
use crate::profile::{Arch, Library};
use crate::progress::{Mode, Progress};
use crate::source;

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
        Some(locked_packages(context, &lock).map_err(BuildError::Setup)?)
    } else {
        None
    };
    let (tools, resolved) = if let Some((tools, image)) = &locked {
        // The tools of the lock need packages of the lock; fetching them needs tools. Any tree can fetch.
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

pub fn open(
    global: &Global,
    profile: &str,
    arch: Arch,
    cache: &Path,
    mirror: Option<String>,
    json: bool,
) -> Result<Context, BuildError> {
    let source = source::find(global.source.as_deref())?;
    let source = source
        .canonicalize()
        .map_err(Problem::io("find", &source))
        .map_err(BuildError::Setup)?;
    let profile = Library::open(&source.join("profiles"))?.buildable(profile, arch)?;
    if arch == Arch::Arm64 {
        return Err(BuildError::Setup(Problem::Unmet(
            "images for arm64 cannot be built yet; build --arch amd64".to_owned(),
        )));
    }
    if !nix::unistd::geteuid().is_root() {
        return Err(BuildError::Setup(Problem::Unmet(
            "an image holds files of many owners, and only root can make those: run with sudo".to_owned(),
        )));
    }
    let path = source.join("image/image.toml");
    let text = fs::read_to_string(&path)
        .map_err(Problem::io("read", &path))
        .map_err(BuildError::Setup)?;
    let image: ImageConfig = toml::from_str(&text)
        .map_err(|error| BuildError::Setup(Problem::Unmet(format!("{}: {error}", path.display()))))?;
    let debs = cache.join("debs");
    fs::create_dir_all(&debs)
        .map_err(Problem::io("make the folder", &debs))
        .map_err(BuildError::Setup)?;
    let cache = cache
        .canonicalize()
        .map_err(Problem::io("find", cache))
        .map_err(BuildError::Setup)?;
    private_mounts().map_err(BuildError::Setup)?;
    let interrupt = Interrupt::listen()
        .map_err(|error| BuildError::Setup(Problem::Unmet(format!("cannot listen for Ctrl-C: {error}"))))?;
    Ok(Context {
        store: Store::new(&cache),
        source,
        cache,
        profile,
        arch,
        image,
        mirror,
        offline: false,
        locked: false,
        explain: false,
        progress: Progress::new(Mode::detect(json)),
        interrupt,
        timings: Timings::default(),
    })
}

/// Mounts made from here on are seen by this process only and end with it, however it ends.
fn private_mounts() -> Result<(), Problem> {
    use nix::mount::{MsFlags, mount};
    let failed = |error| {
        Problem::Unmet(format!(
            "cannot make a mount namespace: {error}\n  try: run as root, outside of an unprivileged container"
        ))
    };
    nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNS).map_err(failed)?;
    mount(
        None::<&str>,
        "/",
        None::<&str>,
        MsFlags::MS_REC | MsFlags::MS_PRIVATE,
        None::<&str>,
    )
    .map_err(failed)
}

/// Results of the stages before the ISO.
#[derive(Debug)]
pub struct Parts {
    /// Folder of our .debs.
    pub ours: PathBuf,
    /// Folder of the ZFS .deb.
    pub zfs: PathBuf,
    /// Folder of the root.
    pub root: PathBuf,
    /// Folder of the initrd.
    pub initrd: PathBuf,
    /// Folder of the ESP.
    pub boot: PathBuf,
    /// dm-verity root hash.
    pub root_hash: String,
    /// ISO 9660 volume id.
    pub volume_id: String,
    /// Kernel command line.
    pub command_line: String,
}

fn make_parts(context: &Context, tools: &Tools, resolved: &Resolved) -> Result<Parts, BuildError> {
    let (base_wanted, _) = wanted(context);
    let base_tree = base::Tree {
        stage: "base",
        variant: context.profile.name.clone(),
        wanted: base_wanted,
        debs: resolved.base.clone(),
        content: "CleanPackageMetadata=no\n",
    };
    let initrd_tree = initrd::tree(context, resolved.initrd.clone());
    // Compilers and package installation use different resources: side by side they take less time.
    let (ours, zfs, trees) = std::thread::scope(|scope| {
        let ours = scope.spawn(|| packages::make(context, tools));
        let trees = scope.spawn(|| {
            Ok::<_, BuildError>((
                base::make(context, tools, &base_tree)?,
                base::make(context, tools, &initrd_tree)?,
            ))
        });
        let zfs = zfs::make(context, tools, &resolved.zfs);
        (join(ours), zfs, join(trees))
    });
    // The first failure asks the others to stop; report it and not the stopping.
    let (ours, zfs, trees) = first_cause(ours, zfs, trees)?;
    let (base, user_space) = trees;
    let kernel = resolved.zfs.kernel.as_str();
    let source = RootSource {
        base: &base,
        ours: vec![&zfs, &ours],
        late: resolved.late.clone(),
        kernel,
    };
    let (root, initrd) = std::thread::scope(|scope| {
        let initrd = scope.spawn(|| initrd::make(context, tools, &user_space, &base, kernel));
        let root = root::make(context, tools, &source);
        (root, join(initrd))
    });
    let (root, initrd, ()) = first_cause(root, initrd, Ok(()))?;
    let root_hash = root::root_hash(&root).map_err(BuildError::Setup)?;
    let volume_id = boot::volume_id(env!("CARGO_PKG_VERSION"), &root_hash);
    let command_line = boot::command_line(context, &root_hash);
    let live = boot::live_command_line(&volume_id);
    let boot = boot::make(context, tools, &initrd, kernel, &command_line, &live)?;
    Ok(Parts {
        ours,
        zfs,
        root,
        initrd,
        boot,
        root_hash,
        volume_id,
        command_line: format!("{command_line} {live}"),
    })
}

fn join<T>(handle: std::thread::ScopedJoinHandle<'_, T>) -> T {
    handle
        .join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// All three, or the error that came first: one that is not the stopping of a neighbour.
fn first_cause<A, B, C>(
    a: Result<A, BuildError>,
    b: Result<B, BuildError>,
    c: Result<C, BuildError>,
) -> Result<(A, B, C), BuildError> {
    let stopped = |error: &BuildError| {
        matches!(
            error,
            BuildError::Stage {
                problem: Problem::Interrupted,
                ..
            }
        )
    };
    match (a, b, c) {
        (Ok(a), Ok(b), Ok(c)) => Ok((a, b, c)),
        (a, b, c) => {
            let mut errors = [a.err(), b.err(), c.err()]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>();
            errors.sort_by_key(stopped);
            Err(errors.swap_remove(0))
        }
    }
}

pub fn print_json<T: serde::Serialize>(value: &T) -> Result<(), BuildError> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| BuildError::Setup(Problem::Unmet(error.to_string())))?;
    println!("{text}");
    Ok(())
}
