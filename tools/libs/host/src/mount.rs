//! mount(8) and umount(8).

use std::path::Path;

use crate::run::Invocation;

/// Mounts a device, or what stands for one, such as `tmpfs`.
pub fn device(kind: &str, options: Option<&str>, device: &str, on: &Path) -> Invocation {
    let invocation = Invocation::new("mount").args(["--types", kind]);
    let invocation = match options {
        Some(options) => invocation.args(["--options", options]),
        None => invocation,
    };
    invocation.arg(device).arg(on)
}

/// Mounts a folder at a second place.
pub fn bind(folder: &Path, on: &Path) -> Invocation {
    Invocation::new("mount").arg("--bind").arg(folder).arg(on)
}

/// Unmounts; everything written is on the device afterwards.
pub fn unmount(point: &Path) -> Invocation {
    Invocation::new("umount").arg(point)
}

/// Detaches a file system now, and unmounts it once it is no longer in use.
pub fn unmount_lazily(point: &Path) -> Invocation {
    Invocation::new("umount").arg("--lazy").arg(point)
}
