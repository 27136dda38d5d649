//! bootctl(1): systemd-boot.

use std::path::Path;

use crate::run::Invocation;

/// Whether the firmware's list of boot options is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variables {
    /// An option is added.
    Write,
    /// The list stays as it is; the firmware finds the loader at its fallback place.
    Keep,
}

/// Installs the loader on a mounted EFI system partition.
pub fn install(partition: &Path, description: &str, variables: Variables) -> Invocation {
    let invocation = Invocation::new("bootctl");
    let invocation = match variables {
        Variables::Write => invocation,
        Variables::Keep => invocation.arg("--no-variables"),
    };
    invocation
        .arg(format!("--esp-path={}", partition.display()))
        .arg("--make-entry-directory=no")
        .arg(format!("--efi-boot-option-description={description}"))
        .arg("install")
}

/// Has the loader take the entry that matches a shell pattern at the next start, and only then. The pattern is compared
/// with the whole name of the entry's file, counter of tries included.
pub fn set_oneshot(pattern: &str) -> Invocation {
    Invocation::new("bootctl").args(["set-oneshot", pattern])
}
