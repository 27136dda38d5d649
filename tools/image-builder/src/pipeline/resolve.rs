//! Which Debian packages a build uses: the newest of the archive, or exactly those of the lock.

use std::time::{Instant, SystemTime};

use sigmavault_facts::time::timestamp;

use super::archive::Archive;
use super::context::Context;
use super::debs::{Deb, DebSet};
use super::error::{ArchiveError, BuildError, InputError, Problem};
use super::held;
use super::kernel::{self, KernelPackages};
use super::lock::Lock;
use super::moved::moved;
use super::pool;
use super::run;
use super::stages::initrd;
use super::stages::tools::{self, Tools};
use super::stages::zfs::ZfsSource;
use super::store::remove;
use crate::manifest::Package;
use crate::profile::{Arch, KernelSource};

/// Debian packages that depend on ours and are therefore installed after them.
const LATE: [&str; 1] = ["zfs-zed"];

/// Every package of one build, resolved.
#[derive(Debug)]
pub struct Resolved {
    /// Of the base tree.
    pub base: DebSet,
    /// Of the initrd's user space.
    pub initrd: DebSet,
    /// What the ZFS module is made from.
    pub zfs: ZfsSource,
    /// The packages of the kernel.
    pub kernel: KernelPackages,
    /// Of the files on the boot partition; not installed.
    pub boot: DebSet,
    /// Installed after ours.
    pub late: Vec<Deb>,
    /// All of them.
    pub all: DebSet,
}

/// Packages to ask for: the base without the late ones, and the late ones. `kernel` ends the name of the kernel's package.
pub fn wanted<'a>(context: &'a Context, kernel: &'a KernelPackages) -> (Vec<&'a str>, Vec<&'a str>) {
    let names = context.profile.packages().into_iter();
    names
        .chain([kernel.image.as_str()])
        .partition(|name| !LATE.contains(name))
}

/// The newest packages of the archive that the profile needs, fetched into the cache.
pub fn resolve(context: &Context, tools: &Tools) -> Result<Resolved, BuildError> {
    let began = Instant::now();
    let runner = context.runner("resolve")?;
    let wrap = |problem| context.failed(&runner, "resolve", problem);
    let archive = Archive::network(context, context.arch, &tools.root, &runner).map_err(wrap)?;
    archive.update(&runner).map_err(wrap)?;
    let kernel = match context.profile.kernel.source {
        KernelSource::Stable => KernelPackages::newest(context.arch),
        KernelSource::Backports => kernel::choose(context, &archive, &runner).map_err(wrap)?,
    };
    let mut resolved = resolve_in(context, &archive, &runner, kernel, None).map_err(wrap)?;
    let store = context.cache.join("debs");
    let mut fetched = 0;
    if context.arch.is_foreign() {
        let name = resolved.zfs.kbuild(context.arch);
        let own = Archive::network(context, Arch::builder(), &tools.root, &runner).map_err(wrap)?;
        own.update(&runner).map_err(wrap)?;
        let mut programs = own.resolve(&runner, &[&name]).map_err(wrap)?.0;
        programs.retain(|deb| deb.package.name == name);
        fetched += own.fetch(&runner, &programs, &store).map_err(wrap)?;
        resolved.all.0.extend(programs);
    }
    // What is of another architecture is in the cache already.
    fetched += archive.fetch(&runner, &resolved.all.0, &store).map_err(wrap)?;
    // apt chooses between alternatives among all packages that it sees. Its choice among these packages alone is the
    // one that counts, because a locked build sees no others.
    let newest = resolved.kernel.newest;
    let mut resolved = resolve_alone(context, tools, &runner, resolved.all.0).map_err(wrap)?;
    if let Some(newest) = &newest {
        context.progress.note(&format!(
            "warning: Linux {} is the newest that this OpenZFS supports; the archive has {newest}, and older kernels get no security fixes",
            resolved.zfs.kernel
        ));
    }
    resolved.kernel.newest = newest;
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

fn resolve_in(
    context: &Context,
    archive: &Archive,
    runner: &run::Runner,
    kernel: KernelPackages,
    locked: Option<&DebSet>,
) -> Result<Resolved, Problem> {
    runner.bar().message("resolving packages");
    let (base, late) = wanted(context, &kernel);
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
    // What the ZFS module is compiled from is unpacked, not installed: its own dependencies are in no lock.
    let zfs = match locked {
        Some(locked) => ZfsSource::pick(locked, context.arch)?,
        None => ZfsSource::pick(
            &archive.resolve(runner, &[kernel.headers.as_str(), "zfs-dkms"])?,
            context.arch,
        )?,
    };
    // So are the files of the boot partition.
    let names = &context.profile.boot.packages;
    let boot = match locked {
        Some(locked) => locked.clone(),
        None if names.is_empty() => DebSet::default(),
        None => archive.resolve(runner, &names.iter().map(String::as_str).collect::<Vec<_>>())?,
    };
    let is_named = |deb: &&Deb| {
        names
            .iter()
            .any(|name| name.split('/').next() == Some(deb.package.name.as_str()))
    };
    let boot = DebSet(boot.0.iter().filter(is_named).cloned().collect());
    let mut all = [&base_set.0, &late, &initrd_set.0, &zfs.debs.0, &boot.0]
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
        kernel,
        boot,
        late,
        all: DebSet(all),
    })
}

/// Packages of the tools and of the image of the lock.
pub fn locked_packages(context: &Context, lock: &Lock) -> Result<(Vec<Package>, Vec<Package>), InputError> {
    let image = lock.image(context.built())?.ok_or_else(|| {
        let (profile, arch) = (context.profile.name.clone(), context.arch);
        InputError::NotLocked { profile, arch }
    })?;
    Ok((lock.tools(context.arch)?, image))
}

/// One part of a lock, to be fetched.
#[derive(Debug)]
pub struct LockedPart<'a> {
    /// Its packages.
    pub packages: &'a [Package],
    /// When they were the newest of the archive.
    pub written: Option<SystemTime>,
}

/// Fetches every package of these parts into the cache and checks it; names those that are no longer available.
pub fn fetch_locked(context: &Context, parts: &[LockedPart<'_>]) -> Result<(), BuildError> {
    let runner = context.runner("lock")?;
    let wrap = |problem| context.failed(&runner, "lock", problem);
    runner.bar().message("checking packages of the lock");
    let store = context.cache.join("debs");
    let mut count = 0;
    for part in parts {
        let debs = part.packages.iter().map(Deb::from).collect::<Vec<_>>();
        let missing = held::missing(&debs, &store, &|| runner.check()).map_err(wrap)?;
        if !missing.is_empty() {
            let missing = missing.into_iter().cloned().collect::<Vec<_>>();
            fetch_missing(context, &runner, &missing, part.written)?;
        }
        count += debs.len();
    }
    runner.bar().done(&format!("{count} packages as locked"));
    Ok(())
}

/// Fetches packages of the lock that the cache lacks: from the archive or, when that no longer has them, from the
/// snapshot archive.
fn fetch_missing(
    context: &Context,
    runner: &run::Runner,
    missing: &[Deb],
    written: Option<SystemTime>,
) -> Result<(), BuildError> {
    let wrap = |problem| context.failed(runner, "lock", problem);
    // The locked tools are made from locked packages, and fetching those takes tools: any tools tree can fetch.
    let tools = tools::ensure(context, None)?;
    let store = context.cache.join("debs");
    let Err(mut problem) = fetch_by_arch(context, runner, missing, &|arch| {
        Archive::network(context, arch, &tools.root, runner)
    }) else {
        return Ok(());
    };
    if matches!(problem, Problem::Interrupted) {
        return Err(wrap(problem));
    }
    if let (Some(address), Some(written), false) = (&context.image.archive.snapshot, written, context.offline)
    {
        context.progress.note(&format!(
            "the archive does not have {} packages of the lock; trying {address} as of {}",
            missing.len(),
            timestamp(written)
        ));
        let snapshot = |arch| Archive::snapshot(context, arch, &tools.root, address, written);
        match fetch_by_arch(context, runner, missing, &snapshot) {
            Ok(()) => return Ok(()),
            Err(later) => problem = later,
        }
    }
    let gone = missing.iter().filter(|deb| !store.join(&deb.file).exists());
    let error = ArchiveError::Gone {
        packages: gone.map(|deb| deb.package.clone()).collect(),
        cause: Box::new(problem),
    };
    Err(wrap(error.into()))
}

/// Fetches packages, each from the archive of its architecture.
fn fetch_by_arch<'a>(
    context: &Context,
    runner: &run::Runner,
    debs: &[Deb],
    open: &dyn Fn(Arch) -> Result<Archive<'a>, Problem>,
) -> Result<(), Problem> {
    for arch in Arch::ALL {
        // Those for all are in each archive.
        let of = |deb: &Deb| Arch::named(&deb.package.arch).unwrap_or(context.arch);
        let own = debs
            .iter()
            .filter(|deb| of(deb) == *arch)
            .cloned()
            .collect::<Vec<_>>();
        if !own.is_empty() {
            let archive = open(*arch)?;
            archive.update(runner)?;
            archive.fetch(runner, &own, &context.cache.join("debs"))?;
        }
    }
    Ok(())
}

/// Resolves among these packages, all of them in the cache.
fn resolve_alone(
    context: &Context,
    tools: &Tools,
    runner: &run::Runner,
    debs: Vec<Deb>,
) -> Result<Resolved, Problem> {
    let set = DebSet(debs);
    let folder = context.cache.join("pool").join(context.built().key());
    let mark = folder.join("digest");
    let digest = format!("{} {}", tools.key, set.digest());
    if std::fs::read_to_string(&mark).ok().as_deref() != Some(&digest) {
        remove(&folder)?;
        let store = context.cache.join("debs");
        pool::write(context, runner, &tools.root, &set.0, &store, &folder)?;
        std::fs::write(&mark, &digest).map_err(Problem::io("write", &mark))?;
    }
    let archive = Archive::pool(context, &tools.root, &folder, &digest)?;
    archive.update(runner)?;
    let kernel = match context.profile.kernel.source {
        KernelSource::Stable => KernelPackages::newest(context.arch),
        KernelSource::Backports => KernelPackages::of(&ZfsSource::pick(&set, context.arch)?.kernel),
    };
    resolve_in(context, &archive, runner, kernel, Some(&set))
}

/// Resolves from the packages of the lock alone; an error names what would differ.
pub fn resolve_locked(context: &Context, tools: &Tools, image: &[Package]) -> Result<Resolved, BuildError> {
    let runner = context.runner("resolve")?;
    let wrap = |problem| context.failed(&runner, "resolve", problem);
    let debs = image.iter().map(Deb::from).collect::<Vec<_>>();
    let resolved = resolve_alone(context, tools, &runner, debs).map_err(wrap)?;
    let changes = moved(image, &resolved.all.packages());
    if !changes.is_empty() {
        let profile = context.profile.name.clone();
        return Err(wrap(InputError::LockDiffers { profile, changes }.into()));
    }
    runner.bar().done("as locked");
    Ok(resolved)
}
