//! Packages that the archive, the network or the cache does not provide.

use std::error::Error;
use std::path::PathBuf;

use crate::invocation;
use crate::manifest::Package;
use crate::profile::Arch;

/// Why packages are not available.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// `--offline` without package lists.
    #[error("--offline, but the cache holds no package lists: build once with a network")]
    OfflineWithoutLists,
    /// `--offline` without a tools tree.
    #[error("--offline, but the cache holds no tools tree: build once with a network")]
    OfflineWithoutTools,
    /// `--offline` without some packages.
    #[error("--offline, but the cache lacks {} packages: {}; build once with a network", files.len(), files.iter().take(8).map(String::as_str).collect::<Vec<_>>().join(", "))]
    OfflineWithoutPackages {
        /// File names of all that are missing.
        files: Vec<String>,
    },
    /// Neither `--mirror` nor the host's apt names an archive.
    #[error("no Debian archive is known here; name one with --mirror URL")]
    NoMirror,
    /// A package is not the one that was resolved.
    #[error(
        "{file}: SHA-256 is {found}, not {expected}; clear the cache with `{} clean --cache` and build again",
        invocation::name()
    )]
    WrongDigest {
        /// File name of the package.
        file: String,
        /// SHA-256 of what was fetched.
        found: String,
        /// SHA-256 in the package lists or the lock.
        expected: String,
    },
    /// Packages of the lock that cannot be fetched.
    #[error(
        "packages of the lock that the archive no longer has, or has with other content:{}\n  \
         try: `{} lock --update`, --pool with a pool that was saved from this lock, or --mirror with an archive that keeps old versions\n  {cause}",
        packages.iter().map(|package| format!("\n    - {} {}", package.name, package.version)).collect::<String>(),
        invocation::name()
    )]
    Gone {
        /// Those that are still missing.
        packages: Vec<Package>,
        /// What fetching them said.
        cause: Box<dyn Error + Send + Sync>,
    },
    /// A pool without some packages.
    #[error("{} lacks {} packages: {}\n  try: `{} pool save` with the lock that names them, on a machine that has them", folder.display(), packages.len(), packages.iter().take(8).map(|package| format!("{} {}", package.name, package.version)).collect::<Vec<_>>().join(", "), invocation::name())]
    NotInPool {
        /// The pool's folder.
        folder: PathBuf,
        /// All that are missing.
        packages: Vec<Package>,
    },
    /// A file of a pool is not what its lock says.
    #[error("{} is damaged: its SHA-256 is not the one of the lock\n  try: take the file, or the whole pool, from another copy", file.display())]
    PoolDamaged {
        /// The file.
        file: PathBuf,
    },
    /// The archive has no source of OpenZFS.
    #[error("the archive has no package zfs-dkms; name a complete archive with --mirror URL")]
    NoZfs,
    /// The archive has no kernel that is old enough for its OpenZFS.
    #[error(
        "the archive has no kernel up to {allowed}, the newest that its OpenZFS supports, with headers; use `kernel.source = \"stable\"`"
    )]
    NoKernel {
        /// Newest release allowed.
        allowed: String,
    },
    /// The archive cannot serve the ZFS stage.
    #[error(
        "the archive has no kernel headers for {arch} to compile the ZFS module with; name a complete archive with --mirror URL"
    )]
    NoKernelHeaders {
        /// For which architecture.
        arch: Arch,
    },
}
