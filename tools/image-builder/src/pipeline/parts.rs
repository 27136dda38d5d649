//! The stages before the ISO, in their order and side by side where they can.

use std::path::PathBuf;

use super::context::Context;
use super::error::{BuildError, Problem};
use super::resolve::{Resolved, wanted};
use super::stages::root::RootSource;
use super::stages::tools::Tools;
use super::stages::{base, boot, initrd, packages, root, zfs};

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

/// Runs every stage before the ISO.
pub fn make_parts(context: &Context, tools: &Tools, resolved: &Resolved) -> Result<Parts, BuildError> {
    let (base_wanted, _) = wanted(context);
    let base_tree = base::Tree {
        stage: "base",
        variant: context.built().key(),
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
    // The first failure interrupts the others: report the failure, not the interruptions.
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
