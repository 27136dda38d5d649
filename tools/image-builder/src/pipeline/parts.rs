//! The stages before the ISO, in their order and side by side where they can.

use std::path::{Path, PathBuf};

use super::context::Context;
use super::error::{BuildError, Problem};
use super::resolve::{Resolved, wanted};
use super::stages::root::RootSource;
use super::stages::tools::Tools;
use super::stages::{base, boot, boot_partitions, initrd, packages, root, tryboot, zfs};

/// Results of the stages before the ISO.
#[derive(Debug)]
pub struct Parts {
    /// Folder of our .debs.
    pub ours: PathBuf,
    /// Kernel modules that Debian does not have.
    pub modules: Modules,
    /// Folder of the root.
    pub root: PathBuf,
    /// Folder of the initrd.
    pub initrd: PathBuf,
    /// Folder of the ESP, or of a Raspberry Pi's boot partitions.
    pub boot: PathBuf,
    /// dm-verity root hash.
    pub root_hash: String,
    /// ISO 9660 volume id.
    pub volume_id: String,
    /// Kernel command line.
    pub command_line: String,
}

/// Folders of .debs with kernel modules that Debian does not have.
#[derive(Debug)]
pub struct Modules {
    /// OpenZFS.
    pub zfs: PathBuf,
    /// What asks a Raspberry Pi for a try; for those only.
    pub tryboot: Option<PathBuf>,
}

impl Modules {
    /// All of them.
    pub fn folders(&self) -> impl Iterator<Item = &Path> {
        [&self.zfs].into_iter().chain(&self.tryboot).map(PathBuf::as_path)
    }
}

/// Runs every stage before the ISO.
pub fn make_parts(context: &Context, tools: &Tools, resolved: &Resolved) -> Result<Parts, BuildError> {
    let (base_wanted, _) = wanted(context, &resolved.kernel);
    let base_tree = base::Tree {
        stage: "base",
        variant: context.built().key(),
        wanted: base_wanted,
        debs: resolved.base.clone(),
        content: "CleanPackageMetadata=no\n",
    };
    let initrd_tree = initrd::tree(context, resolved.initrd.clone());
    // Compilers and package installation use different resources: side by side they take less time.
    let (ours, modules, trees) = std::thread::scope(|scope| {
        let ours = scope.spawn(|| packages::make(context, tools));
        let trees = scope.spawn(|| {
            Ok::<_, BuildError>((
                base::make(context, tools, &base_tree)?,
                base::make(context, tools, &initrd_tree)?,
            ))
        });
        let modules = modules(context, tools, resolved);
        (join(ours), modules, join(trees))
    });
    // The first failure interrupts the others: report the failure, not the interruptions.
    let (ours, modules, trees) = first_cause(ours, modules, trees)?;
    let (base, user_space) = trees;
    let kernel = resolved.zfs.kernel.as_str();
    let source = RootSource {
        base: &base,
        ours: modules.folders().chain([ours.as_path()]).collect(),
        late: resolved.late.clone(),
        kernel,
    };
    let initrd_source = initrd::Source {
        user_space: &user_space,
        base: &base,
        kernel,
        modules: modules.tryboot.as_deref(),
    };
    let (root, initrd) = std::thread::scope(|scope| {
        let initrd = scope.spawn(|| initrd::make(context, tools, &initrd_source));
        let root = root::make(context, tools, &source);
        (root, join(initrd))
    });
    let (root, initrd, ()) = first_cause(root, initrd, Ok(()))?;
    let root_hash = root::root_hash(&root).map_err(BuildError::Setup)?;
    let volume_id = boot::volume_id(env!("CARGO_PKG_VERSION"), &root_hash);
    let command_line = boot::command_line(context, &root_hash);
    let (boot, live) = if context.profile.is_disk_image() {
        let source = boot_partitions::Source {
            initrd: &initrd,
            base: &base,
            kernel,
            command_line: &command_line,
            packages: &resolved.boot,
        };
        let boot = boot_partitions::make(context, tools, &source)?;
        (boot, boot_partitions::setup())
    } else {
        let live = boot::live_command_line(&volume_id);
        let boot = boot::make(context, tools, &initrd, kernel, &command_line, &live)?;
        (boot, live)
    };
    Ok(Parts {
        ours,
        modules,
        root,
        initrd,
        boot,
        root_hash,
        volume_id,
        command_line: format!("{command_line} {live}"),
    })
}

fn modules(context: &Context, tools: &Tools, resolved: &Resolved) -> Result<Modules, BuildError> {
    let is_pi = context.profile.is_disk_image();
    let tryboot = || tryboot::make(context, tools, &resolved.zfs);
    Ok(Modules {
        zfs: zfs::make(context, tools, &resolved.zfs)?,
        tryboot: is_pi.then(tryboot).transpose()?,
    })
}

fn join<T>(handle: std::thread::ScopedJoinHandle<'_, T>) -> T {
    handle
        .join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// All three results, or the error that stopped the others.
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
