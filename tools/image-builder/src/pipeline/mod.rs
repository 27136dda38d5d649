//! From the source tree to an ISO. [`build`] runs the stages of [`stages`]; each is kept under a key
//! made from all its inputs ([`key`], [`store`]); tools run in the tools tree ([`sandbox`], [`run`]).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use crate::cli::{BuildArgs, CleanArgs, Global, LockArgs};
use crate::manifest::{Manifest, Package, Sizes};
use crate::profile::{Arch, Library};
use crate::progress::{Mode, Progress};
use crate::source;

pub mod archive;
pub mod checks;
pub mod context;
pub mod error;
pub mod key;
pub mod lock;
pub mod report;
pub mod run;
pub mod sandbox;
pub mod stages;
pub mod store;

use archive::{Archive, Deb, DebSet};
use context::{Context, ImageConfig};
use error::{BuildError, Problem};
use key::{digest, digest_file};
use lock::{Lock, moved, write_whole};
use report::BuildReport;
use run::Interrupt;
use stages::root::RootSource;
use stages::tools::Tools;
use stages::zfs::ZfsSource;
use stages::{base, boot, initrd, iso, packages, root, tools, zfs};
use store::{Store, remove};

/// Debian packages that depend on ours and are therefore installed after them.
const LATE: [&str; 1] = ["zfs-zed"];
/// Roots of the crates that go into an image.
const IMAGE_CRATES: [&str; 3] = ["sigmavault-detector", "sigmavault-api", "sigmavault-cli"];

/// Every package of one build, resolved.
#[derive(Debug)]
struct Resolved {
    base: DebSet,
    initrd: DebSet,
    zfs: ZfsSource,
    late: Vec<Deb>,
    all: DebSet,
}

/// `build`: the ISO and its reports.
pub fn build(args: &BuildArgs, global: &Global) -> Result<ExitCode, BuildError> {
    let began = Instant::now();
    let mut context = open(
        global,
        &args.profile,
        args.arch,
        args.cache.folder(),
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
    let (tools, resolved) = match &locked {
        Some((tools, image)) => {
            // The tools of the lock need packages of the lock; fetching them needs tools. Any tree can fetch.
            let fetcher = tools::ensure(context, None)?;
            fetch_locked(context, &fetcher, tools, image)?;
            let exact = tools::ensure(context, Some(tools))?;
            let resolved = resolve_locked(context, &exact, image)?;
            (exact, resolved)
        }
        None => {
            let tools = tools::ensure(context, None)?;
            let resolved = resolve(context, &tools)?;
            (tools, resolved)
        }
    };
    let parts = make_parts(context, &tools, &resolved)?;
    let report = write_results(context, &tools, &resolved, &parts, out, began)?;
    if locked.is_none() {
        record(context, &tools, &resolved, lock, &lock_path, out).map_err(BuildError::Setup)?;
    }
    Ok(report)
}

fn open(
    global: &Global,
    profile: &str,
    arch: Arch,
    cache: PathBuf,
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
        .map_err(Problem::io("find", &cache))
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
        timings: report::Timings::default(),
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

/// Packages to ask for: the base without the late ones, and the late ones.
fn wanted(context: &Context) -> (Vec<&str>, Vec<&str>) {
    let kernel: &[&str] = match context.arch {
        Arch::Amd64 => &["linux-image-amd64"],
        Arch::Arm64 => &["linux-image-arm64"],
    };
    let names = context
        .profile
        .packages()
        .into_iter()
        .chain(kernel.iter().copied());
    names.partition(|name| !LATE.contains(name))
}

fn resolve(context: &Context, tools: &Tools) -> Result<Resolved, BuildError> {
    let began = Instant::now();
    let runner = context.runner("resolve")?;
    let wrap = |problem| context.failed(&runner, "resolve", problem);
    let archive = Archive::network(context, &tools.root, &runner).map_err(wrap)?;
    archive.update(&runner).map_err(wrap)?;
    let resolved = resolve_in(context, &archive, &runner).map_err(wrap)?;
    let fetched = archive
        .fetch(&runner, &resolved.all.0, &context.cache.join("debs"))
        .map_err(wrap)?;
    runner.bar().done(&format!(
        "{} packages, {} MiB fetched",
        resolved.all.0.len(),
        fetched >> 20
    ));
    context
        .timings
        .add("resolve", began.elapsed(), fetched == 0, fetched);
    Ok(resolved)
}

fn resolve_in(context: &Context, archive: &Archive, runner: &run::Runner) -> Result<Resolved, Problem> {
    runner.bar().message("resolving packages");
    let (base, late) = wanted(context);
    let with = |names: &[&'static str]| {
        ["?essential", "base-files"]
            .into_iter()
            .chain(names.iter().copied())
            .collect::<Vec<_>>()
    };
    let everything = with(&[]).into_iter().chain(base.iter().copied());
    let base_set = archive.resolve(runner, &everything.clone().collect::<Vec<_>>())?;
    let late_set = archive.resolve(
        runner,
        &everything
            .chain(late)
            .chain(["sigmavault-zfs"])
            .collect::<Vec<_>>(),
    )?;
    let late = late_set
        .0
        .iter()
        .filter(|deb| !base_set.0.contains(deb))
        .cloned()
        .collect::<Vec<_>>();
    let initrd_set = archive.resolve(runner, &with(initrd::PACKAGES))?;
    let headers: &str = match context.arch {
        Arch::Amd64 => "linux-headers-amd64",
        Arch::Arm64 => "linux-headers-arm64",
    };
    let zfs = ZfsSource::pick(
        &archive.resolve(runner, &[headers, "zfs-dkms"])?,
        context.arch.name(),
    )?;
    let mut all = [&base_set.0, &late, &initrd_set.0, &zfs.debs.0]
        .into_iter()
        .flatten()
        .cloned()
        .collect::<Vec<_>>();
    all.sort();
    all.dedup();
    Ok(Resolved {
        base: base_set,
        initrd: initrd_set,
        zfs,
        late,
        all: DebSet(all),
    })
}

/// Tools and image of the lock.
fn locked_packages(context: &Context, lock: &Lock) -> Result<(Vec<Package>, Vec<Package>), Problem> {
    let image = lock.image(&context.profile.name)?.ok_or_else(|| {
        Problem::Unmet(format!(
            "image/image.lock has no entry for profile {name}: run `sigmavault-image lock --update --profile {name}`",
            name = context.profile.name
        ))
    })?;
    Ok((lock.tools()?, image))
}

/// Brings every package of the lock into the cache, checked; names those that are no longer to be had.
fn fetch_locked(
    context: &Context,
    tools: &Tools,
    tools_lock: &[Package],
    image: &[Package],
) -> Result<(), BuildError> {
    let runner = context.runner("lock")?;
    let wrap = |problem| context.failed(&runner, "lock", problem);
    runner.bar().message("checking packages of the lock");
    let store = context.cache.join("debs");
    let mut missing = Vec::new();
    for package in tools_lock.iter().chain(image) {
        runner.check().map_err(wrap)?;
        let deb = Deb::from(package);
        let path = store.join(&deb.file);
        let sound = path.exists() && digest_file(&path).map_err(wrap)? == package.sha256;
        if !sound && !missing.contains(&deb) {
            remove(&path).map_err(wrap)?;
            missing.push(deb);
        }
    }
    if !missing.is_empty() {
        let archive = Archive::network(context, &tools.root, &runner).map_err(wrap)?;
        archive.update(&runner).map_err(wrap)?;
        if let Err(problem) = archive.fetch(&runner, &missing, &store) {
            let names = missing.iter().filter(|deb| !store.join(&deb.file).exists());
            let names = names
                .map(|deb| format!("\n    - {} {}", deb.package.name, deb.package.version))
                .collect::<String>();
            return Err(wrap(Problem::Unmet(format!(
                "packages of image/image.lock that the archive no longer has, or has with other content:{names}\n  \
                 try: `sigmavault-image lock --update`, or --mirror with an archive that keeps old versions\n  {problem}"
            ))));
        }
    }
    runner
        .bar()
        .done(&format!("{} packages as locked", tools_lock.len() + image.len()));
    Ok(())
}

fn resolve_locked(context: &Context, tools: &Tools, image: &[Package]) -> Result<Resolved, BuildError> {
    let runner = context.runner("resolve")?;
    let wrap = |problem| context.failed(&runner, "resolve", problem);
    let debs = image.iter().map(Deb::from).collect::<Vec<_>>();
    let pool = context.cache.join("locked").join(&context.profile.name);
    remove(&pool).map_err(wrap)?;
    archive::write_pool(
        context,
        &runner,
        &tools.root,
        &debs,
        &context.cache.join("debs"),
        &pool,
    )
    .map_err(wrap)?;
    let archive = Archive::pool(context, &tools.root, &pool).map_err(wrap)?;
    archive.update(&runner).map_err(wrap)?;
    let resolved = resolve_in(context, &archive, &runner).map_err(wrap)?;
    let differs = moved(image, &resolved.all.packages());
    if !differs.is_empty() {
        let lines = differs
            .iter()
            .map(|line| format!("\n    {line}"))
            .collect::<String>();
        return Err(wrap(Problem::Unmet(format!(
            "the image would differ from image/image.lock:{lines}\n  try: `sigmavault-image lock --update --profile {}`",
            context.profile.name
        ))));
    }
    runner.bar().done("as locked");
    Ok(resolved)
}

/// Results of the stages before the ISO.
#[derive(Debug)]
struct Parts {
    ours: PathBuf,
    zfs: PathBuf,
    root: PathBuf,
    initrd: PathBuf,
    boot: PathBuf,
    root_hash: String,
    volume_id: String,
    command_line: String,
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
    let (ours, zfs, trees) = match first_cause(ours, zfs, trees) {
        Ok(results) => results,
        Err(error) => return Err(error),
    };
    let (base, user_space) = trees;
    let kernel = resolved.zfs.kernel.as_str();
    let source = RootSource {
        base: &base,
        ours: vec![&zfs, &ours],
        late: resolved.late.clone(),
        kernel,
        zfs: resolved.zfs.version().unwrap_or_default(),
    };
    let (root, initrd) = std::thread::scope(|scope| {
        let initrd = scope.spawn(|| initrd::make(context, tools, &user_space, &base, kernel));
        let root = root::make(context, tools, &source);
        (root, join(initrd))
    });
    let (root, initrd, ()) = first_cause(root, initrd, Ok(()))?;
    let root_hash = root::root_hash(&root).map_err(BuildError::Setup)?;
    let volume_id = boot::volume_id(env!("CARGO_PKG_VERSION"), &root_hash);
    let command_line = boot::command_line(context, &root_hash, &volume_id);
    let boot = boot::make(context, tools, &initrd, kernel, &command_line)?;
    Ok(Parts {
        ours,
        zfs,
        root,
        initrd,
        boot,
        root_hash,
        volume_id,
        command_line,
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

fn write_results(
    context: &Context,
    tools: &Tools,
    resolved: &Resolved,
    parts: &Parts,
    out: &Path,
    began: Instant,
) -> Result<BuildReport, BuildError> {
    let manifest = manifest(context, resolved, parts).map_err(BuildError::Setup)?;
    let cargo_lock = context.source.join("Cargo.lock");
    let text = fs::read_to_string(&cargo_lock)
        .map_err(Problem::io("read", &cargo_lock))
        .map_err(BuildError::Setup)?;
    let crates = report::crates(&text, &IMAGE_CRATES).map_err(BuildError::Setup)?;
    let sbom = report::sbom(context, &manifest, &crates).map_err(BuildError::Setup)?;
    let target = iso::path(context, out);
    let json = serde_json::to_string_pretty(&manifest)
        .map_err(|error| BuildError::Setup(Problem::Unmet(error.to_string())))?;
    let read_me = digest_file(&context.image_path("medium/README.txt")).map_err(BuildError::Setup)?;
    let key = digest(&format!(
        "1 {} {json} {sbom} {read_me} {}",
        tools.key,
        parts.boot.display()
    ));
    let name = context.name();
    let report_path = out.join(format!("{name}.build.json"));
    let sha256 = match unchanged(&report_path, &target, &key) {
        Some(sha256) => {
            context.runner("iso")?.bar().cached("");
            sha256
        }
        None => {
            let source = iso::Parts {
                root: &parts.root,
                boot: &parts.boot,
                initrd: &parts.initrd,
                manifest: &manifest,
                sbom: &sbom,
                command_line: &parts.command_line,
            };
            iso::write(context, tools, &source, &target)?;
            digest_file(&target).map_err(BuildError::Setup)?
        }
    };
    let report = BuildReport {
        iso: target.display().to_string(),
        iso_bytes: target.metadata().map_or(0, |about| about.len()),
        iso_sha256: sha256.clone(),
        iso_key: key,
        root_hash: parts.root_hash.clone(),
        seconds: (began.elapsed().as_secs_f64() * 10.0).round() / 10.0,
        stages: context.timings.all(),
    };
    let reports = || -> Result<(), Problem> {
        write_whole(
            &out.join(format!("{name}.manifest.json")),
            format!("{json}\n").as_bytes(),
        )?;
        write_whole(&out.join(format!("{name}.spdx.json")), sbom.as_bytes())?;
        let text =
            serde_json::to_string_pretty(&report).map_err(|error| Problem::Unmet(error.to_string()))?;
        write_whole(&report_path, format!("{text}\n").as_bytes())?;
        report::checksums(
            out,
            &format!("{name}.iso"),
            &sha256,
            &["manifest.json", "spdx.json"].map(|end| format!("{name}.{end}")),
        )
    };
    reports().map_err(BuildError::Setup)?;
    Ok(report)
}

/// The SHA-256 of an ISO that was made from the same and has not been touched since.
fn unchanged(report: &Path, iso: &Path, key: &str) -> Option<String> {
    let report_age = report.metadata().and_then(|about| about.modified()).ok()?;
    let report: BuildReport = serde_json::from_str(&fs::read_to_string(report).ok()?).ok()?;
    let about = iso.metadata().ok()?;
    let untouched = about.len() == report.iso_bytes && about.modified().ok()? <= report_age;
    (report.iso_key == key && untouched).then_some(report.iso_sha256)
}

fn manifest(context: &Context, resolved: &Resolved, parts: &Parts) -> Result<Manifest, Problem> {
    let size = |path: PathBuf| {
        path.metadata()
            .map(|about| about.len())
            .map_err(Problem::io("read", &path))
    };
    let debian = resolved.all.packages();
    Ok(Manifest {
        schema: 1,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        profile: context.profile.name.clone(),
        desktop: context.profile.system.desktop.name().to_owned(),
        arch: context.arch.name().to_owned(),
        volume_id: parts.volume_id.clone(),
        root_hash: parts.root_hash.clone(),
        source_date_epoch: context.image.source_date_epoch,
        kernel: resolved.zfs.kernel.clone(),
        zfs: resolved.zfs.version().unwrap_or_default().to_owned(),
        sizes: Sizes {
            esp: size(parts.boot.join("esp.img"))?,
            uki: size(parts.boot.join("uki.efi"))?,
            root: size(parts.root.join("root.erofs"))?,
            verity: size(parts.root.join("root.verity"))?,
        },
        packages: root::packages(context, &parts.root, &[&parts.zfs, &parts.ours], &debian)?,
    })
}

/// Writes the lock of this build beside the ISO, and into the source tree where that has none yet.
fn record(
    context: &Context,
    tools: &Tools,
    resolved: &Resolved,
    mut lock: Lock,
    path: &Path,
    out: &Path,
) -> Result<(), Problem> {
    let name = &context.profile.name;
    let used = resolved.all.packages();
    let mut own = Lock::default();
    own.set_tools(&tools.packages);
    own.set_image(name, &used);
    own.write(&out.join(format!("{}.lock", context.name())))?;
    match lock.image(name)? {
        Some(old) => {
            let count = moved(&old, &used).len();
            if count > 0 {
                context.progress.note(&format!(
                    "{count} packages have moved since image/image.lock was written; `sigmavault-image lock --update` renews it"
                ));
            }
            Ok(())
        }
        None => {
            lock.set_tools(&tools.packages);
            lock.set_image(name, &used);
            lock.write(path)
        }
    }
}

/// `lock --update`: the newest packages of the archive, written to `image/image.lock`.
pub fn lock(args: &LockArgs, global: &Global) -> Result<ExitCode, BuildError> {
    let names = if args.profile.is_empty() {
        let source = source::find(global.source.as_deref())?;
        let library = Library::open(&source.join("profiles"))?;
        let names = library.names().map(str::to_owned).collect::<Vec<_>>();
        names
            .into_iter()
            .filter(|name| library.buildable(name, Arch::Amd64).is_ok())
            .collect()
    } else {
        args.profile.clone()
    };
    let mut changes = serde_json::Map::new();
    for name in names {
        let context = open(
            global,
            &name,
            Arch::Amd64,
            args.cache.folder(),
            args.mirror.clone(),
            args.json,
        )?;
        let path = context.image_path("image.lock");
        let mut lock = Lock::read(&path).map_err(BuildError::Setup)?;
        let tools = tools::ensure(&context, None)?;
        let resolved = resolve(&context, &tools)?;
        let used = resolved.all.packages();
        let before = lock.image(&name).map_err(BuildError::Setup)?.unwrap_or_default();
        let differs = moved(&before, &used);
        lock.set_tools(&tools.packages);
        lock.set_image(&name, &used);
        lock.write(&path).map_err(BuildError::Setup)?;
        if !args.json {
            println!("{name}: {} packages, {} changes", used.len(), differs.len());
            differs.iter().for_each(|line| println!("  {line}"));
        }
        changes.insert(name, serde_json::to_value(differs).unwrap_or_default());
    }
    if args.json {
        print_json(&changes)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// `clean`: results of builds and, when asked, the cache.
pub fn clean(args: &CleanArgs) -> Result<ExitCode, BuildError> {
    let mut gone = 0;
    if args.out.is_dir() {
        for entry in args
            .out
            .read_dir()
            .map_err(Problem::io("list", &args.out))
            .map_err(BuildError::Setup)?
        {
            let path = entry
                .map_err(Problem::io("list", &args.out))
                .map_err(BuildError::Setup)?
                .path();
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            if name.starts_with("sigmavault-") || name.starts_with(".sigmavault-") || name == "SHA256SUMS" {
                remove(&path).map_err(BuildError::Setup)?;
                gone += 1;
            }
        }
    }
    println!("{}: {gone} results removed", args.out.display());
    if let Some(cache) = args.cache_folder() {
        // Only what a build has made: a folder named by mistake keeps everything else.
        for name in [
            "stages",
            "tools",
            "debs",
            "apt",
            "locked",
            "tools-pool",
            "cargo-target",
            "cargo-home",
            "log",
            "host",
        ] {
            remove(&cache.join(name)).map_err(BuildError::Setup)?;
        }
        println!("{}: cache removed", cache.display());
    }
    Ok(ExitCode::SUCCESS)
}

fn print_json<T: serde::Serialize>(value: &T) -> Result<(), BuildError> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| BuildError::Setup(Problem::Unmet(error.to_string())))?;
    println!("{text}");
    Ok(())
}
