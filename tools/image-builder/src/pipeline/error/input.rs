//! Errors in the command line, the profile, the lock or the rest of the source tree.

use std::path::PathBuf;

use crate::drivers::proof::Lack;
use crate::invocation;
use crate::pipeline::moved::Moved;
use crate::profile::Arch;

/// Why what was asked for cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    /// `image/image.toml` cannot be used.
    #[error("{} is not valid: {reason}\n  try: correct the line, or restore the file from version control", path.display())]
    ImageConfig {
        /// The file.
        path: PathBuf,
        /// Line and mistake.
        reason: toml::de::Error,
    },
    /// A crate's manifest cannot be used.
    #[error("{} is not valid: {reason}\n  try: correct the line, or restore the file from version control", path.display())]
    Manifest {
        /// The crate's Cargo.toml.
        path: PathBuf,
        /// Line and mistake.
        reason: toml::de::Error,
    },
    /// The lock cannot be parsed.
    #[error(
        "{} is not a lock file: {reason}\n  try: restore it from version control, or remove it and run `{} lock --update`",
        path.display(),
        invocation::name()
    )]
    LockFile {
        /// The file.
        path: PathBuf,
        /// Line and mistake.
        reason: toml::de::Error,
    },
    /// A lock without images.
    #[error("{} names no image: run `{} lock --update`, or name another with --lock-file", path.display(), invocation::name())]
    EmptyLock {
        /// The file.
        path: PathBuf,
    },
    /// A damaged line of the lock.
    #[error(
        "{fault}\n  try: restore image/image.lock from version control, or run `{} lock --update`",
        invocation::name()
    )]
    LockEntry {
        /// What is wrong with it.
        fault: EntryFault,
    },
    /// `--locked` for an image that was never locked.
    #[error(
        "the lock has no entry for profile {profile} on {arch}: run `{} lock --update --profile {profile} --arch {arch}`",
        invocation::name()
    )]
    NotLocked {
        /// The profile.
        profile: String,
        /// For which machines.
        arch: Arch,
    },
    /// `--locked`, and the tools tree needs more than the lock has.
    #[error("the lock lacks tools that image/tools-tree/packages asks for: {}\n  try: `{} lock --update`", names.join(", "), invocation::name())]
    ToolsNotLocked {
        /// The tools.
        names: Vec<String>,
    },
    /// `--locked`, and the packages of the lock resolve to others.
    #[error(
        "the image would differ from the lock:{}\n  try: `{} lock --update --profile {profile}`",
        changes.iter().map(|change| format!("\n    {change}")).collect::<String>(),
        invocation::name()
    )]
    LockDiffers {
        /// The profile.
        profile: String,
        /// What would differ.
        changes: Vec<Moved>,
    },
    /// `Cargo.lock` cannot be read for the bill of materials.
    #[error(
        "Cargo.lock is not valid: {0}\n  try: restore it from version control, or run `cargo generate-lockfile`"
    )]
    CargoLock(toml::de::Error),
    /// A crate's list of installed files has an invalid mode.
    #[error("{}: `{mode}` is not a file mode; write it in octal, like \"755\"", manifest.display())]
    AssetMode {
        /// The crate's Cargo.toml.
        manifest: PathBuf,
        /// What it says.
        mode: String,
    },
    /// The kernel is newer than OpenZFS allows.
    #[error(
        "this OpenZFS supports Linux up to {maximum}, the kernel is {kernel}: choose `kernel.source = \"stable\"` in the profile"
    )]
    KernelTooNew {
        /// Kernel release.
        kernel: String,
        /// The newest that OpenZFS names.
        maximum: String,
    },
    /// `cmdline.txt` of a Raspberry Pi is larger than a sector.
    #[error(
        "the kernel command line of profile {profile} has {length} characters, and {most} fit: take some out of `kernel.command-line`"
    )]
    CommandLineTooLong {
        /// Characters.
        length: usize,
        /// How many fit.
        most: usize,
        /// The profile.
        profile: String,
    },
    /// The finished root tree breaks its rules.
    #[error(
        "the root tree has {} faults:{}\n  try: change the packages or `system.remove-files` of the profile; the log names every fault",
        .0.len(),
        .0.iter().take(20).map(|fault| format!("\n    - {fault}")).collect::<String>()
    )]
    TreeFaults(Vec<String>),
    /// The initrd could not read a disk that the live system can.
    #[error(
        "the initrd lacks {} storage drivers of the kernel:{}\n  try: name their folders in initramfs-hooks/modules",
        .0.len(),
        .0.iter().map(|module| format!("\n    - {module}")).collect::<String>()
    )]
    InitrdLacks(Vec<String>),
    /// The initrd could not reach a disk behind a device of the profile.
    #[error(
        "the initrd lacks drivers for {} devices of the profile:{}\n  try: take `-NAME` out of initramfs-hooks/modules, or the device \
         out of `hardware.ids`",
        .0.len(),
        .0.iter().map(|lack| format!("\n    - {lack}")).collect::<String>()
    )]
    Unreachable(Vec<Lack>),
    /// A result is larger than the profile allows.
    #[error(
        "the {} has {} MiB, its budget ({} of profile {profile}) is {} MiB\n  try: leave packages out, or raise the budget",
        what.name(),
        size >> 20,
        what.key(),
        budget >> 20
    )]
    OverBudget {
        /// Which result.
        what: Budgeted,
        /// Its bytes.
        size: u64,
        /// Bytes allowed.
        budget: u64,
        /// The profile.
        profile: String,
    },
}

/// A line of the lock that is not `name version arch sha256`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntryFault {
    /// Not four words.
    #[error("not a lock entry: `{0}`; it is `name version arch sha256`")]
    Words(String),
    /// The last word is no SHA-256.
    #[error("lock entry of {name}: `{found}` is not a SHA-256")]
    Digest {
        /// The package.
        name: String,
        /// The last word.
        found: String,
    },
}

/// A result with a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Budgeted {
    /// The root file system.
    Root,
    /// The ISO.
    Iso,
}

impl Budgeted {
    fn name(self) -> &'static str {
        match self {
            Self::Root => "root file system",
            Self::Iso => "ISO",
        }
    }

    fn key(self) -> &'static str {
        match self {
            Self::Root => "budget.root-mib",
            Self::Iso => "budget.iso-mib",
        }
    }
}
